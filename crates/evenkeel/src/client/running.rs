//! The file that a running balancer runs.

use std::time::Duration;

use serde::Deserialize;

use super::{AdminAddress, Connection};
use crate::output::Refusal;

/// Asked again so often while a reload is just being finished.
const TRIES: usize = 20;
const AGAIN_AFTER: Duration = Duration::from_millis(50);

/// What `GET /config` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Document {
    generation: u64,
    file: Option<Running>,
}

/// What runs.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Running {
    /// The file, as the balancer was given it; `None` when it was started without.
    pub(crate) path: Option<String>,
    /// What stood in it when it was applied.
    pub(crate) text: String,
    /// What it became.
    pub(crate) generation: u64,
    /// When, in seconds since 1970.
    pub(crate) applied_at: f64,
}

impl Running {
    /// Asks over `connection`.
    ///
    /// # Errors
    /// Why there is no answer.
    pub(crate) fn ask(admin: &AdminAddress, connection: &mut Connection) -> Result<Self, Refusal> {
        for _ in 0..TRIES {
            match connection.get_json::<Document>("/config")? {
                Document { file: None, .. } => {
                    let hint = "it is a demo, or another version: compare two files instead";
                    return Err(Refusal::no(
                        format!("{} does not tell its configuration file", admin.0),
                        hint,
                    ));
                }
                Document { generation, file: Some(file) } if file.generation == generation => {
                    return Ok(file);
                }
                Document { .. } => std::thread::sleep(AGAIN_AFTER),
            }
        }
        Err(Refusal::no(format!("{} is being reloaded all the time", admin.0), "try again"))
    }
}
