//! Asking the backends: whom, how often, and what their answers decide.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::{
    Nanos, Outcome, PoolEvent, PoolSnapshot, PoolSpec, PrequalSettings, REGISTRY, Rng, StrategyKind,
};

use crate::adaptive::pick;
use crate::bounds::{Bound, check};
use crate::pools::{IntoId, attempts, pool, pool_with_down, spec};
use crate::queues::Queues;

const NOW: Nanos = Nanos(1_000_000_000);

/// Fifty proxies before a hundred servers: what one has in flight says nothing, and what the servers say does.
#[test]
fn many_proxies_wait_far_less_than_with_two_choices() {
    let p99 = |strategy| Queues::new(strategy, 50, Queues::mixed(100)).run(1).p99;
    let (prequal, p2c) = (p99(StrategyKind::Prequal), p99(StrategyKind::P2c));
    assert!(prequal < 0.3 * p2c, "{prequal} against {p2c} ms");
}

/// A single proxy sees only what it did itself; the rule of the paper alone overloads the servers there.
#[test]
fn a_single_proxy_is_as_well_off_as_with_least_request() {
    for speeds in [vec![1.0; 20], Queues::mixed(20), [vec![0.2], vec![1.0; 19]].concat(), vec![1.0; 3]] {
        let queues = |strategy| Queues { requests: 20_000, ..Queues::new(strategy, 1, speeds.clone()) };
        let p99 = |strategy| queues(strategy).run(1).p99;
        let (prequal, least) = (p99(StrategyKind::Prequal), p99(StrategyKind::LeastRequest));
        assert!(prequal < 1.15 * least, "{prequal} against {least} ms, {speeds:?}");
    }
}

/// One probe in ten requests: what the servers said is old by then, and is not believed for long.
#[test]
fn few_probes_do_no_harm() {
    let mut queues = Queues { requests: 20_000, ..Queues::new(StrategyKind::Prequal, 1, Queues::mixed(20)) };
    queues.settings.prequal.probes_per_request = 0.1;
    let least = Queues { strategy: StrategyKind::LeastRequest, ..queues.clone() }.run(1).p99;
    let prequal = queues.run(1).p99;
    assert!(prequal < 2.0 * least, "{prequal} against {least} ms");
}

/// A hundred like servers with weights 1, 2, 3 and 4: by groups of the same weight, shares follow the weights.
#[test]
fn answers_of_an_idle_pool_leave_the_weights_alone() {
    for load in [0.02, 0.3] {
        let weights: Vec<u32> = (0..100).map(|i| 1 + i % 4).collect();
        let requests = 20_000;
        let queues =
            Queues { load, weights, requests, ..Queues::new(StrategyKind::Prequal, 1, vec![1.0; 100]) };
        let shares = queues.run(1).shares;
        for group in 0..4 {
            let share: f64 = shares.iter().skip(group).step_by(4).sum();
            let fair = (group + 1) as f64 / 10.0;
            assert!((share / fair - 1.0).abs() < 0.15, "{share} of {fair} at {load}");
        }
    }
}

/// Of three that were asked, one has little in flight and one is fast; whoever did not answer is not picked, and
/// answers survive a reload.
#[test]
fn the_fastest_that_is_not_busy_is_picked() {
    let mut spec = spec(StrategyKind::Prequal, &[1, 1, 1, 1]);
    let mut pool = pool(&spec, 1);
    let snapshot = pool.snapshot();
    // What was asked last is forgotten last.
    answer(&snapshot, "m2", 20, 30, NOW.saturating_add(Duration::from_nanos(1)));
    let mut rng = Rng::from_seed(1);
    for _ in 0..5 {
        answer(&snapshot, "m0", 50, 1, NOW);
        answer(&snapshot, "m1", 5, 90, NOW);
        assert_eq!(pick(&snapshot, &mut rng, NOW).member().id, "m2".into_id());
    }
    spec.members[3].weight = evenkeel_core::Weight::new(2).unwrap();
    pool.apply(PoolEvent::Configured(spec), NOW);
    answer(&snapshot, "m0", 50, 1, NOW);
    answer(&snapshot, "m1", 5, 90, NOW);
    assert_eq!(pick(&pool.snapshot(), &mut rng, NOW).member().id, "m2".into_id());
}

/// Old answers are not believed: turns are taken.
#[test]
fn answers_are_forgotten_with_age() {
    let snapshot = pool(&spec(StrategyKind::Prequal, &[1, 1, 1]), 1).snapshot();
    for (name, in_flight, millis) in [("m0", 5, 1), ("m1", 5, 90), ("m2", 5, 90)] {
        answer(&snapshot, name, in_flight, millis, NOW);
    }
    let (mut rng, later) = (Rng::from_seed(1), NOW.saturating_add(Duration::from_millis(1_001)));
    for _ in 0..300 {
        pick(&snapshot, &mut rng, later).end(Outcome::Ok, later);
    }
    assert_eq!(check(Bound::Requests(2.0), &attempts(&snapshot)), Ok(()));
}

#[test]
fn those_that_may_be_picked_are_asked_all_alike() {
    let spec = spec(StrategyKind::Prequal, &[1, 9, 1, 9, 1, 9]);
    let down = [false, false, false, true, false, false];
    let (snapshot, mut rng) = (pool_with_down(spec, &down, 1).snapshot(), Rng::from_seed(1));
    let mut counted = BTreeMap::new();
    for view in snapshot.members() {
        counted.insert(view.member.id.clone(), (0, if view.plan > 0.0 { 0.2 } else { 0.0 }));
    }
    for _ in 0..10_000 {
        let asked: Vec<u64> = snapshot.probe_targets(2, &mut rng).map(|member| member.serial).collect();
        assert!(asked.len() == 2 && asked[0] != asked[1]);
        for member in snapshot.probe_targets(2, &mut rng) {
            counted.get_mut(&member.id).expect("a member").0 += 1;
        }
    }
    assert_eq!(check(Bound::Chance, &counted), Ok(()));
    assert_eq!(snapshot.probe_targets(100, &mut rng).count(), 5);
}

#[test]
fn as_many_are_asked_as_the_settings_say_and_only_where_it_is_of_use() {
    for known in REGISTRY {
        let probed = |weights: &[u32], probes_per_request: f64| {
            let mut spec: PoolSpec = spec(known.kind, weights);
            spec.settings.prequal = PrequalSettings { probes_per_request, ..PrequalSettings::default() };
            let snapshot = pool(&spec, 1).snapshot();
            assert_eq!(snapshot.probes().is_some(), known.probed);
            (0..100).map(|_| snapshot.probes_due()).sum::<usize>()
        };
        let expected = if known.probed { [300, 25, 0] } else { [0; 3] };
        assert_eq!(
            [probed(&[1, 1], 3.0), probed(&[1, 1], 0.25), probed(&[1], 3.0)],
            expected,
            "{}",
            known.name
        );
    }
}

fn answer(snapshot: &PoolSnapshot, name: &str, in_flight: u32, millis: u64, now: Nanos) {
    let member = snapshot.members().iter().find(|view| view.member.id == name.into_id()).expect("a member");
    let probes = snapshot.probes().expect("a probed strategy");
    probes.add(member.member.serial, in_flight, Duration::from_millis(millis), now);
}
