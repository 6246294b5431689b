//! `evenkeel analyze`.

mod text;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use evenkeel_analyze::{Format, Options, Report, analyze as read_log};

use crate::cli::AnalyzeArgs;
use crate::output::{self, Answer, Refusal};

/// Reads a log and says how traffic was spread. The answer is no when something is wrong with that.
pub(crate) fn analyze(arguments: &AnalyzeArgs) -> Answer {
    let (name, report) = match report(arguments) {
        Ok(found) => found,
        Err(refusal) => return refusal.tell(arguments.json),
    };
    let told = if arguments.json {
        serde_json::to_value(&report).map_or(Answer::No, |value| output::json(&value))
    } else {
        output::out(text::render(&name, &report))
    };
    if report.is_clean() { told } else { told.and(Answer::No) }
}

/// What was read, by its name.
fn report(arguments: &AnalyzeArgs) -> Result<(String, Report), Refusal> {
    sensible(arguments)?;
    let options = Options {
        format: arguments.field_map.clone().map(Format::Fields).or_else(|| arguments.format.clone()),
        expected: arguments.expect.clone(),
        pools: arguments.pool.clone(),
        since: arguments.since,
        until: arguments.until,
        show_clients: arguments.show_clients,
    };
    let name = arguments.log.display().to_string();
    match open(&arguments.log).map_err(Into::into).and_then(|log| read_log(log, &options)) {
        Ok(report) => Ok((name, report)),
        Err(error) => Err(Refusal::misused(format!("{name}: {error}"), "")),
    }
}

fn sensible(arguments: &AnalyzeArgs) -> Result<(), Refusal> {
    let AnalyzeArgs { expect, since, until, .. } = arguments;
    if !expect.is_empty() && expect.iter().all(|(_, part)| *part <= 0.0) {
        return Err(Refusal::misused(
            "--expect gives nobody a part",
            "give at least one backend more than 0",
        ));
    }
    let twice = |index: usize| expect[..index].iter().any(|known| known.0 == expect[index].0);
    if let Some(index) = (0..expect.len()).find(|index| twice(*index)) {
        let what = format!("--expect names {} twice", expect[index].0);
        return Err(Refusal::misused(what, "give each backend one part"));
    }
    if since.zip(*until).is_some_and(|(since, until)| since >= until) {
        return Err(Refusal::misused("--until is not after --since", "no time is left between them"));
    }
    Ok(())
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path)?))
}
