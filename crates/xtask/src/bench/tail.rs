//! Latency at a rate that everybody can serve.

use crate::Failure;

use super::answer;
use super::contender::Contender;
use super::figures::Figures;
use super::measure::{LOAD_CORE, PORT, Setup, WARM_UP};
use super::paced::{self, Offer};
use super::process::{Core, Usage, Used, resident_kib};
use super::scenario::{CONNECTIONS, Scenario};

/// A core that is used so much is what limits a run.
const FULL: f64 = 0.9;

/// Beyond, requests wait for the load's core rather than for the proxy.
const SATURATED: f64 = 0.95;

/// Offers the rate to a fresh instance of the contender. Nothing when it cannot keep up and no bar is about it.
pub(crate) fn measure(
    setup: &Setup,
    contender: Contender,
    scenario: &Scenario,
    rate: f64,
) -> Result<Option<Figures>, Failure> {
    let running = contender.start(setup, scenario, PORT)?;
    let pid = running.0.id();
    answer::check(setup, scenario)?;
    // Seldom pauses are seen, too.
    let duration = setup.duration * 2;
    let (before, core) = (Usage::of(pid)?, Core::of(LOAD_CORE)?);
    let load = paced::start(&Offer {
        port: PORT,
        path: scenario.path(),
        bytes: scenario.response_bytes(),
        connections: CONNECTIONS,
        rate,
        warm_up: WARM_UP,
        duration,
    })?
    .finish()?;
    let (used, load_busy) = (before.until_now(pid)?, core.busy_since(LOAD_CORE)?);
    if !load.kept_up(rate) {
        return overloaded(contender, rate, &used);
    }
    if load_busy > SATURATED {
        return Err(format!(
            "backend and load generator used {:.0} % of their core at {rate:.0}/s: the latencies are theirs, no figure",
            load_busy * 100.0
        ));
    }
    // Beyond half of what was measured, the generator measures itself.
    load.check(load.p99_ms / 2.0)?;
    let seconds = (WARM_UP + duration).as_secs_f64();
    Ok(Some(Figures {
        cpu_micros: used.cpu * 1e6 / (rate * seconds),
        per_second: load.requests / duration.as_secs_f64(),
        p50_ms: load.p50_ms,
        p99_ms: load.p99_ms,
        p999_ms: load.p999_ms,
        max_ms: load.max_ms,
        busy: used.busy(),
        disturbed: used.disturbed(),
        load_busy,
        resident_kib: resident_kib(pid)?,
        ..Figures::default()
    }))
}

fn overloaded(contender: Contender, rate: f64, used: &Used) -> Result<Option<Figures>, Failure> {
    if used.busy() < FULL {
        return Err(format!(
            "requests piled up at {rate:.0}/s while it used {:.0} % of its core and others {:.0} %: it was not what \
             limited the run, no figure",
            used.busy() * 100.0,
            used.disturbed() * 100.0
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
        let full = Used { cpu: 3.96, waited: 0.0, wall: 4.0 };
        let failure = |contender, used| overloaded(contender, 1e4, used).unwrap_err();
        assert!(matches!(overloaded(Contender::Envoy, 1e4, &full), Ok(None)));
        assert!(failure(Contender::Nginx, &full).contains("cannot keep up"));
        assert!(failure(Contender::Evenkeel, &full).contains("cannot keep up"));
        let half = Used { cpu: 2.0, waited: 1.0, wall: 4.0 };
        assert!(failure(Contender::Envoy, &half).contains("50 % of its core and others 25 %"));
    }
}
