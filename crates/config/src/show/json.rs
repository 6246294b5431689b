//! Diagnostics for scripts.

use serde_json::{Value, json};

use crate::allow::Allowed;
use crate::diagnostic::{Diagnostic, Severity};
use crate::load::Loaded;
use crate::source::Source;

/// Diagnostics as JSON. `"schema": 1` is raised when a field changes its meaning or goes, not when one is added.
///
/// Lines and columns begin at 1; columns count characters; the end is exclusive. `effect` and `help` may be null.
/// `allowed` is empty: see [`Loaded::to_json`].
pub fn to_json(source: &Source, diagnostics: &[Diagnostic]) -> Value {
    document(source, diagnostics, &[])
}

impl Loaded {
    /// What is wrong with the file as JSON, see [`to_json`]; in `allowed` are the warnings that it says are meant, each
    /// with its `reason`.
    pub fn to_json(&self, source: &Source) -> Value {
        document(source, &self.diagnostics, &self.allowed)
    }
}

fn document(source: &Source, diagnostics: &[Diagnostic], allowed: &[Allowed]) -> Value {
    let with_reason = |allowed: &Allowed| {
        let mut found = one(source, &allowed.found);
        found["reason"] = json!(allowed.reason);
        found
    };
    let count = |severity| diagnostics.iter().filter(|found| found.severity == severity).count();
    let errors = count(Severity::Error);
    json!({
        "schema": 1,
        "file": source.name(),
        "ok": errors == 0,
        "errors": errors,
        "warnings": count(Severity::Warning),
        "diagnostics": diagnostics.iter().map(|found| one(source, found)).collect::<Vec<_>>(),
        "allowed": allowed.iter().map(with_reason).collect::<Vec<_>>(),
    })
}

fn one(source: &Source, found: &Diagnostic) -> Value {
    let (line, column) = source.position(found.span.start);
    let (end_line, end_column) = source.position(found.span.end);
    json!({
        "code": found.code,
        "severity": found.severity.as_str(),
        "message": found.message,
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
        "effect": found.effect,
        "help": found.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load;

    #[test]
    fn places_are_lines_and_columns() {
        let source = Source::new("web.toml", "# é\n[listener.web]\nbind = \"é\"\npool = \"x\"\n");
        let json = to_json(&source, &load(&source).diagnostics);
        assert_eq!(
            (&json["schema"], &json["ok"], &json["file"]),
            (&json!(1), &json!(false), &json!("web.toml"))
        );
        let bind = json["diagnostics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["code"] == "bad-address")
            .unwrap();
        let place = ["line", "column", "end_line", "end_column"].map(|key| bind[key].as_u64().unwrap());
        assert_eq!(place, [3, 8, 3, 11]);
        assert_eq!(json["errors"].as_u64().unwrap() as usize, json["diagnostics"].as_array().unwrap().len());
    }
}
