//! `evenkeel postmortem`: the timeline and evidence of an incident, from the journal.

mod markdown;
mod spells;

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use evenkeel_proxy::journal::{Dead, Event, Filter, Query};
use serde::Deserialize;

use crate::cli::PostmortemArgs;
use crate::client::AdminAddress;
use crate::output::{self, Answer};

/// As many as the admin interface gives.
const LIMIT: usize = 10_000;

/// What `GET /events?format=document` answers, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Event>,
}

/// What is told.
#[derive(Debug)]
struct Incident {
    /// Seconds since 1970, both included.
    from: u64,
    to: u64,
    /// In order.
    events: Vec<Arc<Event>>,
}

/// Writes down what happened in a time, as Markdown.
pub(crate) fn postmortem(arguments: &PostmortemArgs) -> Answer {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let seconds = |time: i64| u64::try_from(time).unwrap_or_default();
    let (from, to) = (seconds(arguments.from), arguments.to.map_or(now, seconds));
    if from > to {
        output::complain("--from is later than --to", "");
        return Answer::Misused;
    }
    let events = match &arguments.file {
        Some(file) => of_file(file, from, to),
        None => of_balancer(&AdminAddress(arguments.admin.clone()), from, to),
    };
    let Some(events) = events else { return Answer::No };
    output::out(markdown::render(&Incident { from, to, events }))
}

fn of_file(file: &std::path::Path, from: u64, to: u64) -> Option<Vec<Arc<Event>>> {
    let (since_ms, until_ms) =
        (Some(from.saturating_mul(1_000)), Some(to.saturating_mul(1_000).saturating_add(999)));
    let query = Query { since_ms, until_ms, filter: Filter::default(), limit: LIMIT, after: None };
    let hint = "while the process runs, ask it: leave --file out";
    let dead = Dead::open(file).inspect_err(|error| output::complain(error, hint)).ok()?;
    let page = dead.read(&query);
    let complain =
        |trouble: &_| output::complain(format_args!("cannot read {}: {trouble}", file.display()), "");
    Some(page.inspect_err(complain).ok()?.events)
}

fn of_balancer(admin: &AdminAddress, from: u64, to: u64) -> Option<Vec<Arc<Event>>> {
    let path = format!("/events?format=document&limit={LIMIT}&since={from}&until={to}");
    let page = admin.connect()?.get_json::<Page>(&path);
    let page = page.inspect_err(|error| admin.complain(error)).ok()?;
    Some(page.events.into_iter().map(Arc::new).collect())
}
