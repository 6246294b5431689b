//! Reloads.

use evenkeel_journal::What;
use serde_json::Value;

use crate::proxy::{Inner, ReloadReport, StartError, describe};

impl Inner {
    /// Tells how a reload went.
    pub(crate) fn tell_reload(&self, outcome: &Result<ReloadReport, StartError>) {
        let what = match outcome {
            Ok(report) => What::ReloadApplied {
                changes: report.changes.clone(),
                more: 0,
                took_ms: u64::try_from(report.took.as_millis()).unwrap_or(u64::MAX),
            },
            Err(error) => What::ReloadFailed { why: describe(error) },
        };
        self.journal.record(None, None, what);
    }

    /// Tells of one whose file is at fault.
    pub(crate) fn tell_refused_file(&self, diagnostics: &Value) {
        self.journal.record(None, None, What::ReloadFailed { why: first_error(diagnostics) });
    }
}

/// The first of what is wrong, where it stands, and how many others there are.
fn first_error(diagnostics: &Value) -> String {
    let all = diagnostics["diagnostics"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut errors = all.iter().filter(|one| one["severity"] == "error");
    let Some(first) = errors.next() else { return "the file is at fault".to_owned() };
    let file = diagnostics["file"].as_str().unwrap_or_default();
    let place = first["line"].as_u64().map_or(file.to_owned(), |line| format!("{file}:{line}"));
    let message = first["message"].as_str().unwrap_or_default();
    match errors.count() {
        0 => format!("{place}: {message}"),
        more => format!("{place}: {message}; and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_is_told_and_warnings_are_not() {
        let one = |severity: &str, line: Option<u64>| serde_json::json!({ "severity": severity, "line": line, "message": "no" });
        let of = |all: &[Value]| first_error(&serde_json::json!({ "file": "e.toml", "diagnostics": all }));
        assert_eq!(of(&[one("warning", Some(1)), one("error", Some(7))]), "e.toml:7: no");
        assert_eq!(of(&[one("error", None), one("error", Some(9))]), "e.toml: no; and 1 more");
        assert_eq!(first_error(&Value::Null), "the file is at fault");
    }
}
