//! What somebody has to be told of each cause to mend it.

use std::time::Duration;

use evenkeel_core::skew::{Dimension, Finding, Latched, Level, Severity, Why};
use evenkeel_core::{
    HealthSpec, MemberSpec, Nanos, Placement, PoolEvent, PoolSpec, PoolState, StrategyKind, Weight,
};

use super::super::words::sentence;
use super::*;

/// Three backends: weights 5:1:1, b takes 7 at a time, c is down.
fn pool() -> PoolState {
    let member = |(name, weight, limit): (&str, u32, Option<u32>)| {
        let max_in_flight = limit.map(|limit| limit.try_into().unwrap());
        let placement = Placement { max_in_flight, ..Placement::default() };
        let weight = Weight::new(weight).unwrap();
        MemberSpec { weight, placement, ..MemberSpec::new(name, "10.0.0.1:80".parse().unwrap()) }
    };
    let members = [("a", 5, None), ("b", 1, Some(7)), ("c", 1, None)].map(member).to_vec();
    let health = Some(HealthSpec { rise: 1, fall: 1 });
    let spec = PoolSpec { strategy: StrategyKind::Ring, health, ..PoolSpec::new("web", members) };
    let mut pool = PoolState::new(spec, 7, Nanos::ZERO);
    for (name, result) in [("a", Ok(())), ("b", Ok(())), ("c", Err("GET /healthz: 503".into()))] {
        pool.apply(PoolEvent::Probed { id: evenkeel_core::BackendId::new(name), result }, Nanos::ZERO);
    }
    pool
}

fn symptom(backend: u64, cause: Cause, side: Side, why: Why) -> Symptom {
    let finding = Finding {
        backend,
        side,
        since: Nanos::ZERO,
        ratio: 2.0,
        share: 0.66,
        expected: 0.33,
        total: 100.0,
        severity: Severity::Critical,
    };
    let latched = Latched { finding, confirmed: Nanos::ZERO, hold: Duration::ZERO };
    Symptom {
        dimension: Dimension::Requests,
        latched,
        cause,
        level: Level::Critical,
        split: None,
        why,
        group: None,
    }
}

#[test]
fn every_cause_is_told_with_its_names_and_figures() {
    let pool = pool();
    let snapshot = pool.snapshot();
    let [a, b, c] = [0, 1, 2].map(|at: usize| snapshot.members()[at].member.serial);
    let key = |key, share| HotKey { key, backend: a, share };
    let spread = Some(Spread { design_effect: 255.0, effective: 12.2, top_share: 0.09 });
    let text = |key: u64| (key == 7).then(|| "ann".to_owned());
    let told = Told { snapshot: &snapshot, text: &text };
    let say = |backend, cause, side, why| told.because(&symptom(backend, cause, side, why));
    let none = Why::default;
    for (said, expected) in [
        (
            say(a, Cause::Weights, Side::Above, none()),
            "the configured weights are not what is intended: 5:1:1 makes 71 %, 14 %, 14 %",
        ),
        (say(c, Cause::Health, Side::Below, none()), "it is out of balancing (unhealthy: GET /healthz: 503)"),
        (
            say(a, Cause::Health, Side::Above, none()),
            "it does the work of others that are out of balancing: c (unhealthy: GET /healthz: 503)",
        ),
        (
            say(a, Cause::HotKey, Side::Above, Why { keys: vec![key(255, 0.41)], ..none() }),
            "key #00000000000000ff alone makes 41 % of the requests, and a key stays at its backend",
        ),
        (
            say(a, Cause::HotKey, Side::Above, Why { keys: vec![key(7, 0.3), key(8, 0.2)], ..none() }),
            "2 keys make 50 % of the requests (\"ann\" 30 %, #0000000000000008 20 %), and a key stays at its backend",
        ),
        (
            say(a, Cause::HotKey, Side::Above, none()),
            "its keys are asked for more often than others', though no few of them alone",
        ),
        (
            say(a, Cause::Ring, Side::Above, Why { owned: Some(0.44), ..none() }),
            "the table of `ring` gives it 44 % of the keys",
        ),
        (
            say(a, Cause::HashKeyMissing, Side::Above, Why { keys_missing: Some(0.6), ..none() }),
            "60 % of the requests lack the hash key, and go to whoever has least to do",
        ),
        (
            say(a, Cause::Stickiness, Side::Above, Why { spread, ..none() }),
            "sessions stay where they are: as uneven as 12 clients of one size (design effect 255), the largest makes 9 %",
        ),
        (
            say(a, Cause::Retries, Side::Above, Why { failing: Some(b), amplification: Some(1.5), ..none() }),
            "attempts that failed at b come here: 1.50 attempts for each request",
        ),
        (
            say(a, Cause::Capacity, Side::Above, Why { full: vec![b], ..none() }),
            "b is at its `max_in_flight` of 7, and what it cannot take comes here",
        ),
    ] {
        assert_eq!(said, expected);
    }
}

#[test]
fn further_causes_end_the_sentence() {
    let pool = pool();
    let snapshot = pool.snapshot();
    let told = Told { snapshot: &snapshot, text: &|_| None };
    let why = Why { further: vec![Cause::Weights, Cause::Stickiness], ..Why::default() };
    let a = snapshot.members()[0].member.serial;
    assert_eq!(
        sentence(&told, &symptom(a, Cause::Ring, Side::Above, why)),
        "a gets 66 % of the requests, 33 % would be its share: the table of `ring` is uneven; also: weights, stickiness"
    );
}
