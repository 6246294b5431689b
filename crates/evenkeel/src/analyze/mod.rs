//! `evenkeel analyze`.

mod text;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use evenkeel_analyze::{Format, Options, analyze as read_log};

use crate::cli::AnalyzeArgs;
use crate::output::{self, Answer};

/// Reads a log and says how traffic was spread. The answer is no when something is wrong with that.
pub(crate) fn analyze(arguments: &AnalyzeArgs) -> Answer {
    if !arguments.expect.is_empty() && arguments.expect.iter().all(|(_, part)| *part <= 0.0) {
        output::complain("--expect gives nobody a part", "give at least one backend more than 0");
        return Answer::Misused;
    }
    let twice =
        |index: usize| arguments.expect[..index].iter().any(|known| known.0 == arguments.expect[index].0);
    if let Some(index) = (0..arguments.expect.len()).find(|index| twice(*index)) {
        let name = &arguments.expect[index].0;
        output::complain(format_args!("--expect names {name} twice"), "give each backend one part");
        return Answer::Misused;
    }
    if let (Some(since), Some(until)) = (arguments.since, arguments.until)
        && since >= until
    {
        output::complain("--until is not after --since", "no time is left between them");
        return Answer::Misused;
    }
    let options = Options {
        format: arguments.field_map.clone().map(Format::Fields).or_else(|| arguments.format.clone()),
        expected: arguments.expect.clone(),
        pools: arguments.pool.clone(),
        since: arguments.since,
        until: arguments.until,
        show_clients: arguments.show_clients,
    };
    let name = arguments.log.display().to_string();
    let report = match open(&arguments.log).map_err(Into::into).and_then(|log| read_log(log, &options)) {
        Ok(report) => report,
        Err(error) => {
            output::complain(format_args!("{name}: {error}"), "");
            return Answer::Misused;
        }
    };
    let told = if arguments.json {
        serde_json::to_value(&report).map_or(Answer::No, |value| output::json(&value))
    } else {
        output::out(text::render(&name, &report))
    };
    if report.is_clean() { told } else { told.and(Answer::No) }
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path)?))
}
