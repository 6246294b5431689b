//! Servers that fail, and what the pool makes of it.

use std::time::Duration;

use evenkeel_core::sim::{Arrivals, Failing, Law, Scenario, run};
use evenkeel_core::{HealthSpec, Nanos, PassiveSpec, Phase, Ratio, Reason, StrategyKind, Transition};

use super::pools::{SERVICE, scenario};

fn down(from: u64, until: u64) -> Vec<(Nanos, Nanos)> {
    vec![(Nanos::from_secs(from), Nanos::from_secs(until))]
}

/// 1,000 requests a second over 10 s; the first of four servers is down from 3 s to 6 s.
fn outage() -> Scenario {
    let mut scenario = scenario(StrategyKind::RoundRobin, 4, 8, 0.5, 10_000);
    scenario.arrivals = Arrivals::Constant { rate: 1_000.0 };
    scenario.servers[0].down = down(3, 6);
    scenario.warm_up = 0;
    scenario
}

#[test]
fn unseen_an_outage_costs_the_servers_share() {
    let report = run(&outage());
    // A quarter of 3 s, and what it had at the time.
    assert!((750..=760).contains(&report.failed), "{}", report.failed);
    assert_eq!(report.servers[0].failures, report.failed);
    assert_eq!(report.latency.count() as u64 + report.failed, 10_000);
}

#[test]
fn retries_go_to_somebody_else() {
    let report = run(&Scenario { retries: 1, ..outage() });
    assert!(report.failed < 10, "{}", report.failed);
    // A retry takes a turn, too: of four turns three serve, so one request in three meets the server that is down.
    assert!(report.attempts(Reason::Retry).abs_diff(1_000) <= 5, "{}", report.attempts(Reason::Retry));
    assert_eq!(report.servers[0].attempts_for(Reason::Retry), 0);
}

#[test]
fn health_checks_take_it_out_and_bring_it_back() {
    let mut scenario = outage();
    scenario.pool.health = Some(HealthSpec { rise: 2, fall: 3 });
    scenario.check_every = Duration::from_millis(100);
    let report = run(&scenario);
    // Three checks: 0.2 to 0.3 s of a quarter of the traffic.
    assert!((50..=90).contains(&report.failed), "{}", report.failed);
    let out_and_back = report.transitions.iter().filter_map(|(at, _, transition)| match transition {
        Transition::Phase { from: Phase::Serving, to: Phase::Unhealthy, .. } => {
            Some(('-', at.0 / 100_000_000))
        }
        Transition::Phase { from: Phase::Unhealthy, to: Phase::Serving, .. } => {
            Some(('+', at.0 / 100_000_000))
        }
        _ => None,
    });
    assert_eq!(out_and_back.collect::<Vec<_>>(), [('-', 32), ('+', 61)]);
}

#[test]
fn failures_eject_for_their_time() {
    let mut scenario = outage();
    scenario.pool.passive = Some(PassiveSpec {
        consecutive: 5,
        base: Duration::from_secs(1),
        max: Duration::from_secs(10),
        max_ejected: Ratio::new(0.5).expect("a ratio"),
        error_share: None,
    });
    let report = run(&scenario);
    // Ejected at 3.0, back at 4.0, at once out again for 2 s; each costs five, and what was there is lost.
    assert!((5..=25).contains(&report.failed), "{}", report.failed);
    let ejected =
        |transition: &Transition| matches!(transition, Transition::Phase { to: Phase::Ejected, .. });
    let count = report.transitions.iter().filter(|(_, _, transition)| ejected(transition)).count();
    assert!((2..=3).contains(&count), "{count}");
    let back = report.transitions.iter().find(|(_, _, transition)| {
        matches!(transition, Transition::Phase { from: Phase::Ejected, to: Phase::Serving, .. })
    });
    let (ejected_at, back_at) = (report.transitions.iter().find(|(_, _, it)| ejected(it)), back);
    let lasted = back_at.zip(ejected_at).map(|(back, ejected)| back.0.since(ejected.0));
    assert_eq!(
        lasted,
        Some(Duration::from_secs(1)),
        "it comes back when its time is over, not at the next pick"
    );
}

#[test]
fn nobody_eligible_is_refused_not_failed() {
    let mut scenario = outage();
    scenario.servers.iter_mut().for_each(|server| server.down = down(3, 20));
    scenario.pool.health = Some(HealthSpec { rise: 1, fall: 1 });
    scenario.check_every = Duration::from_millis(100);
    let report = run(&scenario);
    assert!(report.refused > 6_800, "{}", report.refused);
    assert_eq!(report.requests, report.refused + report.failed + report.latency.count() as u64);
}

#[test]
fn a_part_fails_fast_and_a_full_queue_refuses() {
    let mut scenario = scenario(StrategyKind::RoundRobin, 2, 1, 0.9, 20_000);
    let takes = Law::Constant(Duration::from_micros(50));
    scenario.servers[0].failing = Some(Failing { probability: 0.25, takes });
    scenario.servers[1].queue_max = Some(0);
    let report = run(&scenario);
    let part = |at: usize| report.servers[at].failures as f64 / report.servers[at].attempts as f64;
    assert!((part(0) - 0.25).abs() < 0.02, "{}", part(0));
    // Erlang's loss formula for one worker would be 0.9 / 1.9 with Poisson arrivals; turns are a little more even.
    assert!((0.38..0.48).contains(&part(1)), "{}", part(1));
    assert!(report.servers[1].in_flight_max <= 2 && SERVICE > report.waited);
}
