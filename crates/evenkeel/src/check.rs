//! `evenkeel check` and `evenkeel schema`.

use std::path::Path;

use evenkeel_config::{Allowed, Config, Diagnostic, Loaded, Severity, Source};

use crate::certificates;
use crate::cli::CheckArgs;
use crate::output::{self, Answer};

/// Most different reasons told for one rule.
const REASONS: usize = 3;

/// Reads the file, shows what is wrong with it, and says whether `run` would take it.
pub(crate) fn check(arguments: &CheckArgs) -> Answer {
    let source = match read(&arguments.file) {
        Ok(source) => source,
        Err(message) => return unreadable(arguments, &message),
    };
    let loaded = certificates::add(&source, evenkeel_config::load(&source));
    let refused = loaded.config.is_none() || (arguments.strict && !loaded.diagnostics.is_empty());
    let told = if arguments.json {
        let mut document = loaded.to_json(&source);
        // With --strict a warning is a no, too.
        document["ok"] = (!refused).into();
        output::json(&document)
    } else if arguments.sarif {
        output::json(&evenkeel_config::to_sarif(&source, &loaded))
    } else {
        show(&source, &loaded.diagnostics);
        output::line(summary(source.name(), &loaded, refused))
    };
    if refused { Answer::No } else { told }
}

/// Prints the JSON Schema of configuration files.
pub(crate) fn schema() -> Answer {
    output::json(&evenkeel_config::json_schema())
}

/// Reads a file, or says in a sentence why not.
pub(crate) fn read(path: &Path) -> Result<Source, String> {
    Source::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Shows diagnostics on standard error.
pub(crate) fn show(source: &Source, diagnostics: &[Diagnostic]) {
    if !diagnostics.is_empty() {
        output::err(evenkeel_config::render(source, diagnostics, output::diagnostics_style()));
    }
}

/// The diagnostics of a file that cannot be read, in the form of [`evenkeel_config::to_json`].
pub(crate) fn unreadable_json(file: &str, code: &str, message: &str) -> serde_json::Value {
    let diagnostic = serde_json::json!({
        "code": code, "severity": "error", "message": message, "line": null, "column": null,
        "end_line": null, "end_column": null, "effect": null, "help": null,
    });
    serde_json::json!({
        "schema": 1, "file": file, "ok": false, "errors": 1, "warnings": 0, "diagnostics": [diagnostic],
        "allowed": [],
    })
}

fn unreadable(arguments: &CheckArgs, message: &str) -> Answer {
    if arguments.json {
        let file = arguments.file.display().to_string();
        return output::json(&unreadable_json(&file, "unreadable-file", message)).and(Answer::No);
    }
    if arguments.sarif {
        return output::json(&evenkeel_config::unreadable_sarif(message)).and(Answer::No);
    }
    output::complain(message, "give the path of a configuration file, or try `evenkeel schema`");
    Answer::No
}

fn summary(name: &str, loaded: &Loaded, refused: bool) -> String {
    let of = |severity| loaded.diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let warned = match warnings {
        0 => String::new(),
        _ => format!("; {}", output::count(warnings, "warning")),
    };
    let first = match &loaded.config {
        Some(_) if refused => format!("{name}: refused by --strict{warned}"),
        Some(config) => format!("{name}: ok, {}{warned}", extent(config)),
        None => format!("{name}: refused, {}{warned}", output::count(errors, "error")),
    };
    match loaded.allowed.is_empty() {
        true => first,
        false => format!("{first}\n{}", allowed(loaded)),
    }
}

/// How many warnings are meant, and why: each rule with the reasons that are given for it.
fn allowed(loaded: &Loaded) -> String {
    let mut rules: Vec<(&str, usize, Vec<&str>)> = Vec::new();
    for Allowed { found, reason } in &loaded.allowed {
        let at = rules.iter().position(|(rule, ..)| *rule == found.code);
        let at = at.unwrap_or_else(|| {
            rules.push((found.code, 0, Vec::new()));
            rules.len() - 1
        });
        let (_, count, reasons) = &mut rules[at];
        *count += 1;
        if !reasons.contains(&reason.as_str()) && reasons.len() < REASONS {
            reasons.push(reason);
        }
    }
    let mut text = format!("  allowed: {}", loaded.allowed.len());
    for (rule, count, reasons) in rules {
        let times = if count == 1 { String::new() } else { format!(" ({count} times)") };
        text.push_str(&format!("\n    {rule}{times}: {}", reasons.join("; ")));
    }
    text
}

fn extent(config: &Config) -> String {
    let backends = config.pools.iter().map(|pool| pool.backends.len()).sum();
    [(config.listeners.len(), "listener"), (config.pools.len(), "pool"), (backends, "backend")]
        .map(|(number, noun)| output::count(number, noun))
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = "[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\nhealth = false\n";

    fn said(backends: &str, more: &str, strict: bool) -> String {
        let loaded =
            evenkeel_config::load(&Source::new("f", format!("{SOUND}backends = {backends}\n{more}")));
        let refused = loaded.config.is_none() || strict && !loaded.diagnostics.is_empty();
        summary("f", &loaded, refused)
    }

    #[test]
    fn one_line_says_it() {
        let (two, one) = ("[\"10.0.0.1:80\", \"10.0.0.2:80\"]", "[\"10.0.0.1:80\"]");
        assert_eq!(said(two, "", true), "f: ok, 1 listener, 1 pool, 2 backends");
        assert_eq!(said(one, "", false), "f: ok, 1 listener, 1 pool, 1 backend; 1 warning");
        assert_eq!(said(one, "", true), "f: refused by --strict; 1 warning");
        assert_eq!(said(two, "strateggy = 1", false), "f: refused, 1 error");
    }

    #[test]
    fn what_is_allowed_is_told_with_its_reasons() {
        let allow = "allow = [{ rule = \"pool-of-one\", reason = \"a licence\" }]";
        let one = "f: ok, 1 listener, 1 pool, 1 backend\n  allowed: 1\n    pool-of-one: a licence";
        assert_eq!(said("[\"10.0.0.1:80\"]", allow, true), one);
        let backends = "[{ name = \"a\", address = \"10.0.0.1:80\" }, { name = \"b\", address = \"10.0.0.1:80\" }, \
                        { name = \"c\", address = \"10.0.0.1:80\" }]";
        let allow = "allow = [{ rule = \"duplicate-address\", reason = \"threads\" }]";
        let two =
            "f: ok, 1 listener, 1 pool, 3 backends\n  allowed: 2\n    duplicate-address (2 times): threads";
        assert_eq!(said(backends, allow, true), two);
    }

    #[test]
    fn a_file_that_cannot_be_read_looks_like_one_that_is_wrong() {
        let source = Source::new("f", "x = ");
        let wrong = evenkeel_config::to_json(&source, &evenkeel_config::load(&source).diagnostics);
        let unreadable = unreadable_json("f", "unreadable-file", "cannot read f");
        let keys = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys(&wrong), keys(&unreadable));
        assert_eq!(keys(&wrong["diagnostics"][0]), keys(&unreadable["diagnostics"][0]));
    }
}
