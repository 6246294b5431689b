//! Latency at a rate that everybody can serve.

use std::time::Instant;

use crate::Failure;

use super::contender::Contender;
use super::figures::Figures;
use super::measure::{PORT, Setup, WARM_UP, check_answer};
use super::paced::{self, Offer};
use super::process::{cpu_seconds, resident_kib};
use super::scenario::{CONNECTIONS, Scenario};

/// A core that is used so much is what limits a run.
const FULL: f64 = 0.9;

/// Offers the rate to a fresh instance of the contender. Nothing when it cannot keep up and no bar is about it.
pub(crate) fn measure(
    setup: &Setup,
    contender: Contender,
    scenario: &Scenario,
    rate: f64,
) -> Result<Option<Figures>, Failure> {
    let running = contender.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    check_answer(scenario)?;
    let (cpu_before, started) = (cpu_seconds(pid)?, Instant::now());
    let load = paced::start(&Offer {
        port: PORT,
        path: scenario.path(),
        bytes: scenario.response_bytes(),
        connections: CONNECTIONS,
        rate,
        warm_up: WARM_UP,
        duration: setup.duration,
    })?
    .finish()?;
    let (cpu, wall) = (cpu_seconds(pid)? - cpu_before, started.elapsed().as_secs_f64());
    let busy = cpu / wall;
    if !load.kept_up(rate) {
        return overloaded(contender, rate, busy);
    }
    load.check()?;
    let seconds = (WARM_UP + setup.duration).as_secs_f64();
    Ok(Some(Figures {
        cpu_micros: cpu * 1e6 / (rate * seconds),
        per_second: load.requests / setup.duration.as_secs_f64(),
        p50_ms: load.p50_ms,
        p99_ms: load.p99_ms,
        p999_ms: load.p999_ms,
        max_ms: load.max_ms,
        busy,
        resident_kib: resident_kib(pid)?,
        ..Figures::default()
    }))
}

fn overloaded(contender: Contender, rate: f64, busy: f64) -> Result<Option<Figures>, Failure> {
    if busy < FULL {
        return Err(format!(
            "requests piled up at {rate:.0}/s while it used {:.0} % of its core: the load's core limited the run, no \
             figure",
            busy * 100.0
        ));
    }
    if contender == Contender::Evenkeel || Contender::PEERS.contains(&contender) {
        return Err(format!("cannot keep up with {rate:.0}/s, no figure"));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_that_no_bar_is_about_may_be_overloaded() {
        assert!(matches!(overloaded(Contender::Envoy, 1e4, 0.99), Ok(None)));
        assert!(overloaded(Contender::Nginx, 1e4, 0.99).unwrap_err().contains("cannot keep up"));
        assert!(overloaded(Contender::Evenkeel, 1e4, 0.99).unwrap_err().contains("cannot keep up"));
        assert!(overloaded(Contender::Envoy, 1e4, 0.5).unwrap_err().contains("load's core"));
    }
}
