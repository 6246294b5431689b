//! `evenkeel reload`: SIGHUP that waits for the outcome and tells it.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cli::ReloadArgs;
use crate::client::{AdminAddress, GetError, Session, process};
use crate::output::{self, Answer};
use crate::status::report::LastReload;

/// Between two looks at whether it has happened.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What `GET /generation` says, as far as it is needed here.
#[derive(Debug, Deserialize)]
struct Generation {
    generation: u64,
    pid: u32,
    process_start_ticks: Option<u64>,
    reloads_begun: u64,
    last_reload: Option<LastReload>,
}

impl Generation {
    fn same_process(&self, other: &Self) -> bool {
        (self.pid, self.process_start_ticks) == (other.pid, other.process_start_ticks)
    }
}

/// Why there is no outcome to tell.
enum Failure {
    /// The balancer cannot be asked.
    Get(GetError),
    /// It cannot be told to reload, or takes too long; and what to try.
    Other(String, &'static str),
    /// The process with this id answers, and is none of those here.
    Elsewhere(u32),
}

/// Sends SIGHUP to the running balancer and waits until it has reloaded or refused to.
pub(crate) fn reload(arguments: &ReloadArgs) -> Answer {
    let admin = AdminAddress(arguments.admin.clone());
    match carry_out(&admin.0, arguments.timeout) {
        Ok(last) => tell(&last, arguments.json),
        Err(Failure::Get(error)) => {
            admin.complain(&error);
            Answer::No
        }
        Err(Failure::Other(what, hint)) => {
            output::complain(what, hint);
            Answer::No
        }
        Err(Failure::Elsewhere(pid)) => {
            let what =
                format!("process {pid}, which answers at {}, runs elsewhere; a signal stays here", admin.0);
            let hint = "run `evenkeel reload` on its machine; if it is in a container, inside that";
            output::complain(what, hint);
            Answer::Misused
        }
    }
}

/// A connection is open from before the signal until the outcome: a reload may move the admin listener.
fn carry_out(admin: &str, timeout: Duration) -> Result<LastReload, Failure> {
    let mut session = Session::open(admin).map_err(Failure::Get)?;
    let before: Generation = session.get_json("/generation").map_err(Failure::Get)?;
    signal(&before)?;
    let deadline = Instant::now() + timeout;
    loop {
        let now: Generation = session.get_json("/generation").map_err(Failure::Get)?;
        if !now.same_process(&before) {
            let what = format!("process {} has ended; {} answers now", before.pid, now.pid);
            return Err(Failure::Other(what, "its log says why; `evenkeel status` shows the one that runs"));
        }
        // Another reload may run already, or be asked for at the same time. One that began after `before` was read has
        // read the file after this command was given; of an earlier one the outcome says nothing.
        if let Some(last) = now.last_reload.filter(|last| last.attempt > before.reloads_begun) {
            return Ok(last);
        }
        if Instant::now() > deadline {
            let what = format!("no outcome after {timeout:?}; still at generation {}", now.generation);
            return Err(Failure::Other(what, "it may still happen: `evenkeel status` tells"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// SIGHUP to exactly the process that answered. On another machine or in a container its id would be another process's
/// here, and SIGHUP ends most programs.
fn signal(target: &Generation) -> Result<(), Failure> {
    let here = process::start_ticks(target.pid);
    if here.is_none() || here != target.process_start_ticks {
        return Err(Failure::Elsewhere(target.pid));
    }
    let pid = i32::try_from(target.pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::Other(format!("{} is not a process id", target.pid), ""))?;
    kill_process(pid, Signal::HUP).map_err(|error| {
        let what = format!("cannot signal process {}: {error}", target.pid);
        Failure::Other(what, "run it as the user that runs the balancer, or as root")
    })
}

fn tell(last: &LastReload, as_json: bool) -> Answer {
    let told = if as_json {
        output::json(&json!({
            "schema": 1, "ok": last.ok, "generation": last.generation, "changes": last.changes,
            "error": last.error, "diagnostics": last.diagnostics,
        }))
    } else if last.ok {
        output::out(applied(last))
    } else {
        output::err(refused(last));
        Answer::No
    };
    if last.ok { told } else { Answer::No }
}

fn applied(last: &LastReload) -> String {
    let mut text: String = last.changes.iter().map(|change| format!("{change}\n")).collect();
    let what = if last.changes.is_empty() { "nothing changed" } else { "applied" };
    text.push_str(&format!("{what}; generation {}\n", last.generation));
    text
}

fn refused(last: &LastReload) -> String {
    let mut text = String::new();
    if let Some(error) = &last.error {
        text.push_str(&format!("error: {error}\n"));
        if error.contains("in use") {
            text.push_str("  hint: the balancer's log says whether it is in its own way\n");
        }
    }
    if let Some(document) = &last.diagnostics {
        let file = document["file"].as_str().unwrap_or("?");
        let diagnostics = document["diagnostics"].as_array().map_or(&[][..], Vec::as_slice);
        diagnostics.iter().for_each(|one| text.push_str(&diagnostic(file, one)));
    }
    text.push_str(&format!("reload refused; still at generation {}\n", last.generation));
    text
}

/// `FILE:3:1: error: MESSAGE`, and under it what it does and what to write.
fn diagnostic(file: &str, one: &Value) -> String {
    let text = |key: &str| one[key].as_str();
    let place = match (one["line"].as_u64(), one["column"].as_u64()) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column}"),
        _ => file.to_owned(),
    };
    let severity = text("severity").unwrap_or("error");
    let mut lines = format!("{place}: {severity}: {}\n", text("message").unwrap_or("?"));
    for key in ["effect", "help"] {
        if let Some(more) = text(key) {
            lines.push_str(&format!("  {key}: {more}\n"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last(ok: bool, changes: &[&str]) -> LastReload {
        let changes = changes.iter().map(|change| (*change).to_owned()).collect();
        LastReload { attempt: 1, ok, generation: 4, changes, error: None, diagnostics: None }
    }

    #[test]
    fn what_changed() {
        assert_eq!(
            applied(&last(true, &["pool web: backend c: added"])),
            "pool web: backend c: added\napplied; generation 4\n"
        );
        assert_eq!(applied(&last(true, &[])), "nothing changed; generation 4\n");
    }

    #[test]
    fn why_not() {
        let mut refusal = last(false, &[]);
        refusal.diagnostics = Some(json!({"file": "e.toml", "diagnostics": [
            {"severity": "error", "message": "unknown key", "line": 3, "column": 1, "effect": null, "help": "write x"},
            {"severity": "error", "message": "cannot read it", "line": null},
        ]}));
        let expected = "e.toml:3:1: error: unknown key\n  help: write x\ne.toml: error: cannot read it\n\
                        reload refused; still at generation 4\n";
        assert_eq!(refused(&refusal), expected);
        let mut refusal = last(false, &[]);
        refusal.error = Some("cannot bind".to_owned());
        assert_eq!(refused(&refusal), "error: cannot bind\nreload refused; still at generation 4\n");
    }

    #[test]
    fn only_the_process_that_answered_is_signalled() {
        let pid = std::process::id();
        // SIGHUP would end this test.
        for process_start_ticks in [None, Some(1)] {
            let target =
                Generation { generation: 1, pid, process_start_ticks, reloads_begun: 0, last_reload: None };
            assert!(matches!(signal(&target), Err(Failure::Elsewhere(_))));
        }
    }
}
