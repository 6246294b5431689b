//! The pool's own objects decide in the simulation.

use evenkeel_core::sim::{Arrivals, Change, Keys, Scenario, run};
use evenkeel_core::{Nanos, PoolEvent, REGISTRY, Reason, StrategyKind};
use std::time::Duration;

use super::pools::{pool, scenario, services};

/// Every request is accounted for, and shares follow the weights, whatever the strategy.
#[test]
fn every_strategy_serves_everybody() {
    for known in REGISTRY {
        let mut scenario = scenario(known.kind, 6, 4, 0.3, 20_000);
        scenario.proxies = 3;
        scenario.keys = if known.keyed { Keys::Uniform { n: 10_000 } } else { Keys::None };
        let report = run(&scenario);
        assert_eq!(report.requests, 18_000, "{}", known.name);
        assert_eq!(report.latency.count(), 18_000, "{}", known.name);
        assert_eq!(report.servers.iter().map(|server| server.attempts).sum::<u64>(), 18_000);
        let shares: Vec<f64> = report.servers.iter().map(|server| server.share).collect();
        assert!(shares.iter().all(|share| (share - 1.0 / 6.0).abs() < 0.04), "{}: {shares:?}", known.name);
        assert!(report.servers.iter().all(|server| (server.plan - 1.0 / 6.0).abs() < 1e-9));
    }
}

#[test]
fn each_proxy_takes_turns_for_itself() {
    let with = |proxies| {
        let scenario = Scenario { proxies, ..scenario(StrategyKind::RoundRobin, 5, 4, 0.5, 20_000) };
        run(&scenario).servers.iter().map(|server| server.attempts.abs_diff(3_600)).max()
    };
    assert!(with(1) <= Some(1), "{:?}", with(1));
    assert!(with(8) <= Some(8), "{:?}", with(8));
    assert!(run(&scenario(StrategyKind::Random, 5, 4, 0.5, 20_000)).peak() > 1.001);
}

/// Wrong weights do not cost least-request what they cost round robin.
#[test]
fn least_request_forgives_wrong_weights() {
    let late = |strategy| {
        let mut scenario = scenario(strategy, 3, 4, 0.7, 30_000);
        scenario.pool = pool(strategy, &[5, 1, 1]);
        services(run(&scenario).late)
    };
    assert!(late(StrategyKind::RoundRobin) > 50.0, "one of three gets five sevenths");
    assert!(late(StrategyKind::LeastRequest) < 3.0);
}

#[test]
fn a_reload_changes_whom_traffic_goes_to_from_then_on() {
    let mut scenario = scenario(StrategyKind::RoundRobin, 5, 4, 0.5, 10_000);
    let whole = scenario.pool.clone();
    scenario.pool.members.pop();
    scenario.arrivals = Arrivals::Constant { rate: 1_000.0 };
    scenario.changes = vec![Change { at: Nanos::from_secs(4), event: PoolEvent::Configured(whole) }];
    scenario.window = Some(Duration::from_secs(2));
    let report = run(&scenario);
    let fifth: Vec<u64> = report.timeline.iter().map(|window| window[4]).collect();
    assert_eq!(fifth[..2], [0, 0]);
    assert!(fifth[2..5].iter().all(|attempts| attempts.abs_diff(400) <= 1), "{fifth:?}");
    assert!((report.servers[4].plan - 0.2).abs() < 1e-9);
    assert_eq!(report.attempts(Reason::Algorithm), 9_000);
    let told = |(_, _, transition): &(Nanos, u32, evenkeel_core::Transition)| matches!(transition, evenkeel_core::Transition::Added { id } if id.as_str() == "4");
    assert!(report.transitions.iter().any(told), "{:?}", report.transitions);
}

/// Twenty proxies before as many servers: what one has in flight says little, what the servers say does not.
#[test]
fn probes_tell_what_a_proxy_cannot_see() {
    let p99 = |strategy, probing| {
        let mut scenario = Scenario { proxies: 20, probing, ..scenario(strategy, 20, 4, 0.9, 20_000) };
        scenario.servers.iter_mut().take(5).for_each(|server| server.speed = 0.3);
        scenario.arrivals = Arrivals::Poisson { rate: 0.9 * scenario.capacity() };
        services(run(&scenario).latency.percentile(0.99))
    };
    let soon = p99(StrategyKind::Prequal, Duration::from_millis(1));
    let late = p99(StrategyKind::Prequal, Duration::from_secs(3_600));
    assert!(soon < 0.6 * p99(StrategyKind::P2c, Duration::ZERO), "{soon}");
    assert!(soon < 0.8 * late, "answers that never come help nobody: {soon} {late}");
}
