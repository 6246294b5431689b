//! `evenkeel diagnose`: is it the balancer?

mod text;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::cli::DiagnoseArgs;
use crate::client::{AdminAddress, Connection, GetError};
use crate::output::{self, Answer};

/// Between two looks with `--watch`.
const EVERY: Duration = Duration::from_secs(2);
/// The page that is asked for.
const PAGE: &str = "/diagnose";
/// Verdicts with which somebody should do something.
const WRONG: [&str; 4] = ["skewed", "down", "shared_dependency", "contract_broken"];

/// What the running balancer says of its pools.
#[derive(Debug, Deserialize)]
struct Diagnosis {
    verdict: String,
    answer: String,
    pools: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
struct Pool {
    pool: String,
    strategy: String,
    answer: String,
    requests: u64,
    latency_ms: f64,
    usual_latency_ms: Option<f64>,
    shared_since: Option<u64>,
    symptoms: Vec<Symptom>,
    #[serde(default)]
    contract: Vec<Breach>,
}

#[derive(Debug, Deserialize)]
struct Breach {
    since: u64,
    sentence: String,
    advice: String,
}

#[derive(Debug, Deserialize)]
struct Symptom {
    dimension: String,
    backend: String,
    share: f64,
    expected: f64,
    counted: f64,
    since: u64,
    level: String,
    cause: String,
    sentence: String,
    advice: String,
    #[serde(default)]
    changes: Vec<Change>,
    /// The line of the file that makes it so.
    config: Option<AtFault>,
    command: Option<String>,
    terms: Vec<(String, f64)>,
}

/// What changed when it began.
#[derive(Debug, Deserialize)]
struct Change {
    text: String,
    seconds: f64,
}

/// A place in the file that was applied; without a line when another one has been put there since.
#[derive(Debug, Deserialize)]
struct AtFault {
    file: String,
    line: Option<u64>,
    column: Option<u64>,
    text: Option<String>,
}

impl Diagnosis {
    /// Whether somebody should do something.
    fn is_bad(&self) -> bool {
        WRONG.contains(&self.verdict.as_str())
    }
}

/// Asks the running balancer, and shows its answer.
pub(crate) fn diagnose(arguments: &DiagnoseArgs) -> Answer {
    let admin = AdminAddress(arguments.admin.clone());
    loop {
        let Some(mut connection) = admin.connect() else { return Answer::No };
        let answer = match once(&mut connection, arguments.json) {
            Ok(answer) => answer,
            Err(error) => {
                admin.complain(&error);
                return Answer::No;
            }
        };
        if !arguments.watch {
            return answer;
        }
        std::thread::sleep(EVERY);
    }
}

/// What is shown of an answer of [`PAGE`]; `None` if it is none.
pub(crate) fn text_of(document: &Value) -> Option<String> {
    let diagnosis = Diagnosis::deserialize(document).ok()?;
    Some(text::render(&diagnosis, std::time::SystemTime::now()))
}

fn once(connection: &mut Connection, as_json: bool) -> Result<Answer, GetError> {
    if as_json {
        let document: Value = connection.get_json(PAGE)?;
        let bad = document["verdict"].as_str().is_some_and(|verdict| WRONG.contains(&verdict));
        return Ok(verdict(bad, output::json(&document)));
    }
    let diagnosis: Diagnosis = connection.get_json(PAGE)?;
    Ok(verdict(diagnosis.is_bad(), output::out(text::render(&diagnosis, std::time::SystemTime::now()))))
}

fn verdict(bad: bool, told: Answer) -> Answer {
    if bad { told.and(Answer::No) } else { told }
}
