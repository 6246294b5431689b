//! Diagnostics for code review tools: SARIF 2.1.0 (OASIS, "Static Analysis Results Interchange Format").

use std::ops::Range;

use serde_json::{Value, json};

use crate::diagnostic::{Diagnostic, Severity};
use crate::load::Loaded;
use crate::rules::{Rule, rules};
use crate::source::Source;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A SARIF log of one run over one file: every rule with its help, a result for each diagnostic, and one that is
/// suppressed in source for each warning that the file allows.
///
/// Lines and columns begin at 1; columns count characters; the end is exclusive (sections 3.30.5 to 3.30.8).
pub fn to_sarif(source: &Source, loaded: &Loaded) -> Value {
    let mut ids: Vec<&str> = rules().map(|rule| rule.id).collect();
    let known = ids.len();
    let told = loaded.diagnostics.iter().map(|found| (found, None));
    let allowed = loaded.allowed.iter().map(|allowed| (&allowed.found, Some(allowed.reason.as_str())));
    let mut results = Vec::new();
    for (found, reason) in told.chain(allowed) {
        let index = ids.iter().position(|id| *id == found.code).unwrap_or_else(|| {
            ids.push(found.code);
            ids.len() - 1
        });
        results.push(result(source, found, index, reason));
    }
    let others = ids[known..].iter().map(|id| json!({ "id": id }));
    log(rules().map(rule).chain(others).collect(), results, &json!({ "executionSuccessful": true }))
}

/// The same for a file that cannot be read, with the reason in a sentence.
pub fn unreadable_sarif(message: &str) -> Value {
    let invocation = json!({
        "executionSuccessful": false,
        "toolExecutionNotifications": [{ "level": "error", "message": { "text": message } }],
    });
    log(rules().map(rule).collect(), Vec::new(), &invocation)
}

fn log(rules: Vec<Value>, results: Vec<Value>, invocation: &Value) -> Value {
    let driver = json!({ "name": "evenkeel", "version": env!("CARGO_PKG_VERSION"), "rules": rules });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    })
}

fn rule(rule: &'static Rule) -> Value {
    let sound = format!("{}\n\nPut right, a file looks like this:\n\n{}", rule.reason, rule.sound);
    let markdown =
        format!("{}\n\nPut right, a file looks like this:\n\n```toml\n{}```\n", rule.reason, rule.sound);
    json!({
        "id": rule.id,
        "shortDescription": { "text": sentence(rule.title) },
        "fullDescription": { "text": rule.reason },
        "help": { "text": sound, "markdown": markdown },
        "defaultConfiguration": { "level": rule.severity.as_str() },
    })
}

fn result(source: &Source, found: &Diagnostic, rule: usize, allowed: Option<&str>) -> Value {
    let level = match found.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    let mut result = json!({
        "ruleId": found.code,
        "ruleIndex": rule,
        "level": level,
        "message": { "text": message(found) },
        "locations": [{ "physicalLocation": place(source, &found.span) }],
    });
    if !found.related.is_empty() {
        let related = found.related.iter().enumerate().map(|(index, (span, text))| {
            json!({ "id": index, "message": { "text": text }, "physicalLocation": place(source, span) })
        });
        result["relatedLocations"] = related.collect();
    }
    if let Some(reason) = allowed {
        result["suppressions"] = json!([{ "kind": "inSource", "justification": reason }]);
    }
    result
}

fn message(found: &Diagnostic) -> String {
    let mut text = sentence(&found.message);
    if let Some(effect) = &found.effect {
        text.push_str(&format!("\nEffect: {effect}"));
    }
    if let Some(help) = &found.help {
        text.push_str(&format!("\nHelp: {help}"));
    }
    text
}

/// What is told without a full stop, as a sentence.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}

fn place(source: &Source, span: &Range<usize>) -> Value {
    let (line, column) = source.position(span.start);
    let (end_line, end_column) = source.position(span.end);
    json!({
        "artifactLocation": { "uri": uri(source.name()) },
        "region": {
            "startLine": line,
            "startColumn": column,
            "endLine": end_line,
            "endColumn": end_column,
        },
    })
}

/// A file name as a URI reference (RFC 3986): relative as it is, absolute with its scheme.
fn uri(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let mut uri = String::from(if name.starts_with('/') { "file://" } else { "" });
    for byte in name.bytes() {
        match plain(byte) {
            true => uri.push(char::from(byte)),
            false => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_are_uris() {
        assert_eq!(uri("config/web.toml"), "config/web.toml");
        assert_eq!(uri("/etc/evenkeel/my web.toml"), "file:///etc/evenkeel/my%20web.toml");
        assert_eq!(uri("c:é%.toml"), "c%3A%C3%A9%25.toml");
    }

    #[test]
    fn messages_are_sentences() {
        assert_eq!(sentence("pool `web` has one backend"), "Pool `web` has one backend.");
        assert_eq!(sentence("`web1` is down"), "`web1` is down.");
        assert_eq!(sentence(""), ".");
    }
}
