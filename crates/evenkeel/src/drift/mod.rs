//! `evenkeel drift`: the file, what runs, and what is out there, as one report.

mod file;
mod members;
mod names;
mod text;

use std::path::{Path, PathBuf};

use evenkeel_config::{Config, Source, load};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cli::DriftArgs;
use crate::client::{AdminAddress, Running, process};
use crate::output::{self, Answer, Refusal};
use crate::status::report::LastReload;
use members::Status;

/// One way in which things have come apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Difference {
    /// Stable name of the kind, in kebab case.
    kind: &'static str,
    /// `file`, `reload`, `pool web`.
    about: String,
    /// What differs, in a few words.
    text: String,
    /// What that means and what to do, a sentence each.
    more: Vec<String>,
}

/// What `GET /generation` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Process {
    pid: u32,
    process_start_ticks: Option<u64>,
    last_reload: Option<LastReload>,
}

/// All of it.
struct Report {
    running: Running,
    /// That the balancer is compared with; `None` when it was started without one and none was named.
    file: Option<String>,
    differences: Vec<Difference>,
    comparison: Option<evenkeel_diff::Comparison>,
}

impl Difference {
    fn new(kind: &'static str, about: impl Into<String>, text: impl Into<String>) -> Self {
        Self { kind, about: about.into(), text: text.into(), more: Vec::new() }
    }

    fn more(mut self, sentence: impl Into<String>) -> Self {
        self.more.push(sentence.into());
        self
    }
}

/// Asks the balancer, reads the file, looks names up, and says what does not fit.
pub(crate) fn drift(arguments: &DriftArgs) -> Answer {
    let admin = AdminAddress(arguments.admin.clone());
    let report = match report(&admin, arguments.file.as_deref()) {
        Ok(report) => report,
        Err(refusal) => return refusal.tell(arguments.json),
    };
    let told =
        if arguments.json { output::json(&document(&report)) } else { output::out(text::render(&report)) };
    if report.differences.is_empty() { told } else { told.and(Answer::No) }
}

fn report(admin: &AdminAddress, named: Option<&Path>) -> Result<Report, Refusal> {
    let mut connection = admin.open()?;
    let running = Running::ask(admin, &mut connection)?;
    let process: Process = connection.get_json("/generation")?;
    let status: Status = connection.get_json("/pools")?;
    let path = named.map(PathBuf::from).or_else(|| started_with(&running, &process));
    let (mut differences, comparison) = match &path {
        Some(path) => file::compare(path, named.is_none(), &running),
        None => (Vec::new(), None),
    };
    differences.extend(file::refused(process.last_reload.as_ref()));
    if let Some(config) = config_of(&running) {
        let lookups = names::look_up(&config);
        differences.extend(members::compare(&config, &status, &lookups));
    }
    let file = path.map(|path| path.display().to_string());
    Ok(Report { running, file, differences, comparison })
}

/// The file that the process was started with, seen from here: a relative name is relative to where the process is, if
/// it is on this machine.
fn started_with(running: &Running, process: &Process) -> Option<PathBuf> {
    let path = PathBuf::from(running.path.as_deref()?);
    let here = process::start_ticks(process.pid);
    if path.is_absolute() || here.is_none() || here != process.process_start_ticks {
        return Some(path);
    }
    let folder = std::fs::read_link(format!("/proc/{}/cwd", process.pid));
    Some(folder.map_or(path.clone(), |folder| folder.join(path)))
}

/// What runs has been taken, so its text is sound, unless it was for another version.
fn config_of(running: &Running) -> Option<Config> {
    let name = running.path.clone().unwrap_or_default();
    load(&Source::new(name, &*running.text)).config
}

fn document(report: &Report) -> serde_json::Value {
    json!({
        "schema": 1,
        "ok": report.differences.is_empty(),
        "file": report.file,
        "generation": report.running.generation,
        "applied_at": report.running.applied_at,
        "differences": report.differences,
        "comparison": report.comparison,
    })
}
