//! `evenkeel status`: the running balancer at a glance.

pub(crate) mod report;
mod table;

use serde_json::Value;

use crate::cli::StatusArgs;
use crate::client::AdminAddress;
use crate::output::{self, Answer};
use report::Report;

/// Asks the running balancer and shows what it says.
pub(crate) fn status(arguments: &StatusArgs) -> Answer {
    let admin = AdminAddress(arguments.admin.clone());
    let Some(mut connection) = admin.connect() else {
        return Answer::No;
    };
    let shown = if arguments.json {
        connection.get_json::<Value>("/pools").map(|document| output::json(&document))
    } else {
        connection.get_json::<Report>("/pools").map(|report| output::out(table::render(&report)))
    };
    match shown {
        Ok(answer) => answer,
        Err(error) => {
            admin.complain(&error);
            Answer::No
        }
    }
}
