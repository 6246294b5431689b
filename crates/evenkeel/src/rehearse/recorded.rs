//! What an access log says of the load.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::Duration;

use evenkeel_analyze::{Options, PoolReport, analyze};
use evenkeel_rehearse::Recorded;

use crate::cli::RehearseArgs;

/// A log that says more is not about requests.
const DAY: f64 = 86_400.0;

/// Reads the log that the command was given, if it was.
pub(super) fn read(arguments: &RehearseArgs) -> Result<Vec<Recorded>, String> {
    let Some(path) = &arguments.log else { return Ok(Vec::new()) };
    let options = Options { format: arguments.format.clone(), ..Options::default() };
    let report = open(path).map_err(Into::into).and_then(|log| analyze(log, &options));
    let report = report.map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(report.pools.iter().map(recorded).collect())
}

fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    Ok(Box::new(File::open(path)?))
}

/// Rates are means over the time from the first line to the last, as far as that is any.
fn recorded(pool: &PoolReport) -> Recorded {
    let seconds = (pool.last - pool.first + 1).max(1) as f64;
    let timed = || pool.backends.iter().filter_map(|one| Some((one.attempts as f64, one.mean_ms?)));
    let attempts: f64 = timed().map(|(attempts, _)| attempts).sum();
    let millis: f64 = timed().map(|(attempts, mean)| attempts * mean).sum();
    let latency = Some(millis / attempts / 1000.0).filter(|seconds| *seconds > 0.0 && *seconds < DAY);
    let latency = latency.map(Duration::from_secs_f64);
    Recorded {
        pool: pool.pool.clone(),
        rate: (pool.last > pool.first).then_some(pool.requests as f64 / seconds),
        latency,
        top_client: pool.top_clients.first().map(|(_, share)| *share),
        backends: pool.backends.iter().map(|one| (one.backend.clone(), one.attempts)).collect(),
    }
}
