//! `evenkeel rehearse`.

mod html;
mod recorded;
mod resolve;
mod text;

use evenkeel_config::{Config, Diagnostic, Loaded, Severity, Source};
use evenkeel_rehearse::{Addresses, Load, Options, Report};
use serde::Serialize;
use serde_json::Value;

use crate::check;
use crate::cli::RehearseArgs;
use crate::output::{self, Answer};

/// The report, and what `check` warns of in the file.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    report: &'a Report,
    warnings: Value,
}

/// Plays a configuration and tells what would come of it. The answer is no when it should not be deployed.
pub(crate) fn rehearse(arguments: &RehearseArgs) -> Answer {
    let source = match check::read(&arguments.file) {
        Ok(source) => source,
        Err(message) => return unreadable(arguments, &message),
    };
    let loaded = evenkeel_config::load(&source);
    let Some(config) = &loaded.config else {
        return refused(arguments, &source, &loaded);
    };
    let warnings: Vec<_> =
        loaded.diagnostics.iter().filter(|one| one.severity == Severity::Warning).collect();
    let options = match options(arguments, config) {
        Ok(options) => options,
        Err(message) => {
            output::complain(message, "");
            return Answer::Misused;
        }
    };
    let report = evenkeel_rehearse::rehearse(config, &options);
    let told = tell(arguments, &source, &report, &warnings);
    if report.is_sound() { told } else { told.and(Answer::No) }
}

fn tell(arguments: &RehearseArgs, source: &Source, report: &Report, warnings: &[&Diagnostic]) -> Answer {
    if let Some(path) = &arguments.html
        && let Err(error) = std::fs::write(path, html::render(source.name(), report, warnings))
    {
        output::complain(format_args!("cannot write {}: {error}", path.display()), "");
        return Answer::No;
    }
    if arguments.json {
        return output::json_of(&Document { report, warnings: for_scripts(source, warnings) });
    }
    output::out(text::render(source.name(), report, warnings, &arguments.pool))
}

/// As `check --json` tells them.
fn for_scripts(source: &Source, warnings: &[&Diagnostic]) -> Value {
    let warnings: Vec<Diagnostic> = warnings.iter().map(|one| (*one).clone()).collect();
    evenkeel_config::to_json(source, &warnings)["diagnostics"].take()
}

fn options(arguments: &RehearseArgs, config: &Config) -> Result<Options, String> {
    let pools = || config.pools.iter().map(|pool| pool.id.as_str());
    let named = arguments.rate.iter().filter_map(|(name, _)| name.as_ref()).chain(&arguments.pool);
    for name in named {
        if !pools().any(|pool| pool == name) {
            let known: Vec<&str> = pools().take(8).collect();
            return Err(format!("there is no pool {name:?}; pools are {}", known.join(", ")));
        }
    }
    let rates = arguments.rate.iter().filter_map(|(name, rate)| Some((name.clone()?, *rate))).collect();
    let load = Load {
        rate: arguments.rate.iter().rev().find(|(name, _)| name.is_none()).map(|(_, rate)| *rate),
        rates,
        backend_rate: arguments.backend_rate,
        latency: arguments.latency,
        keys: arguments.keys,
        zipf: arguments.zipf,
        session_length: arguments.session_length,
        connection_length: arguments.connection_length,
    };
    Ok(Options {
        load,
        pools: arguments.pool.clone(),
        pairs: arguments.pairs,
        requests: arguments.requests,
        seed: arguments.seed,
        recorded: recorded::read(arguments)?,
        addresses: if arguments.resolve { resolve::all(config) } else { Addresses::new() },
        ..Options::default()
    })
}

/// What `run` would not take either.
fn refused(arguments: &RehearseArgs, source: &Source, loaded: &Loaded) -> Answer {
    if arguments.json {
        return output::json(&loaded.to_json(source)).and(Answer::No);
    }
    check::show(source, &loaded.diagnostics);
    let errors = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Error).count();
    let summary =
        format!("{}: refused, {}; nothing was played", source.name(), output::count(errors, "error"));
    output::line(summary).and(Answer::No)
}

fn unreadable(arguments: &RehearseArgs, message: &str) -> Answer {
    if arguments.json {
        let file = arguments.file.display().to_string();
        return output::json(&check::unreadable_json(&file, "unreadable-file", message)).and(Answer::No);
    }
    output::complain(message, "give the path of a configuration file");
    Answer::No
}
