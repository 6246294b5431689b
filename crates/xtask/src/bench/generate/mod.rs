//! The load of a scenario: whichever generator can make it, on the load's core.

pub(crate) mod datagrams;
mod h2load;
pub(crate) mod handshakes;
mod wrk;

use std::time::Duration;

use crate::Failure;

use super::measure::{Setup, WARM_UP};
use super::scenario::{Load, Scenario};

pub(crate) use wrk::{Parsed, load, lua};

/// Fewer requests say nothing about one.
const REQUESTS_MIN: f64 = 100.0;

/// What a generator counted, after it was checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Generated {
    pub(crate) requests: f64,
    /// 0 where the generator tells no latencies, as the next.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// Load before the measurement, for connections and caches. What goes wrong here goes wrong in the measurement, too.
pub(crate) fn warm_up(setup: &Setup, scenario: &Scenario) {
    run(setup, scenario, WARM_UP).ok();
}

/// An error unless every request was answered, as it was to be.
pub(crate) fn run(setup: &Setup, scenario: &Scenario, duration: Duration) -> Result<Generated, Failure> {
    let generated = match scenario.load {
        Load::Streams { .. } | Load::Calls { .. } => h2load::run(setup, scenario, duration)?,
        Load::Handshakes { .. } => handshakes::run(scenario, duration)?,
        Load::Datagrams { .. } => datagrams::run(scenario, duration)?,
        _ => wrk::run(setup, scenario, duration)?,
    };
    if generated.requests < REQUESTS_MIN {
        return Err(format!("{} requests say nothing about one, no figure", generated.requests));
    }
    Ok(generated)
}
