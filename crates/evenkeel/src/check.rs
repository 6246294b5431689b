//! `evenkeel check` and `evenkeel schema`.

use std::path::Path;

use evenkeel_config::{Config, Diagnostic, Loaded, Severity, Source};

use crate::cli::CheckArgs;
use crate::output::{self, Answer};

/// Reads the file, shows what is wrong with it, and says whether `run` would take it.
pub(crate) fn check(arguments: &CheckArgs) -> Answer {
    let source = match read(&arguments.file) {
        Ok(source) => source,
        Err(message) => return unreadable(arguments, &message),
    };
    let loaded = evenkeel_config::load(&source);
    let refused = loaded.config.is_none() || (arguments.strict && !loaded.diagnostics.is_empty());
    if arguments.json {
        output::json(&evenkeel_config::to_json(&source, &loaded.diagnostics));
    } else {
        show(&source, &loaded.diagnostics);
        output::line(summary(source.name(), &loaded, refused));
    }
    if refused { Answer::No } else { Answer::Yes }
}

/// Prints the JSON Schema of configuration files.
pub(crate) fn schema() -> Answer {
    output::json(&evenkeel_config::json_schema());
    Answer::Yes
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
    })
}

fn unreadable(arguments: &CheckArgs, message: &str) -> Answer {
    if arguments.json {
        let file = arguments.file.display().to_string();
        output::json(&unreadable_json(&file, "unreadable-file", message));
    } else {
        output::complain(message, "give the path of a configuration file, or try `evenkeel schema`");
    }
    Answer::No
}

fn summary(name: &str, loaded: &Loaded, refused: bool) -> String {
    let of = |severity| loaded.diagnostics.iter().filter(|one| one.severity == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let warned = match warnings {
        0 => String::new(),
        _ => format!("; {}", output::count(warnings, "warning")),
    };
    match &loaded.config {
        Some(_) if refused => format!("{name}: refused by --strict{warned}"),
        Some(config) => format!("{name}: ok, {}{warned}", extent(config)),
        None => format!("{name}: refused, {}{warned}", output::count(errors, "error")),
    }
}

fn extent(config: &Config) -> String {
    let backends = config.pools.iter().map(|pool| pool.backends.len()).sum();
    [(config.listeners.len(), "listener"), (config.pools.len(), "pool"), (backends, "backend")]
        .map(|(number, noun)| output::count(number, noun))
        .join(", ")
}
