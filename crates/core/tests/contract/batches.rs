//! Events that are applied together come to what they come to one by one, in one snapshot.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{Nanos, Phase, PoolEvent, PoolSpec, PoolState, Ratio, StrategyKind};
use proptest::prelude::*;

use crate::pools::{IntoId, address, fail_attempts, health, passive, pool, spec};

const MEMBERS: u8 = 4;
const NOW: Nanos = Nanos(5_000_000_000);

fn event() -> impl Strategy<Value = PoolEvent> {
    let who = (0..MEMBERS).prop_map(|index| format!("m{index}"));
    prop_oneof![
        8 => (who.clone(), any::<bool>()).prop_map(|(who, passed)| PoolEvent::Probed {
            id: who.into_id(),
            result: if passed { Ok(()) } else { Err("refused".into()) },
        }),
        1 => (who, any::<bool>(), 1..5_u8).prop_map(|(who, found, host)| PoolEvent::Resolved {
            id: who.into_id(),
            result: if found { Ok(address(host)) } else { Err("no such name".into()) },
        }),
        1 => Just(PoolEvent::Tick),
    ]
}

/// Phases, and why.
fn stories(pool: &PoolState) -> Vec<(Phase, Option<Arc<str>>)> {
    pool.snapshot().members().iter().map(|view| (view.phase, view.detail.clone())).collect()
}

fn phases(pool: &PoolState) -> Vec<Phase> {
    pool.snapshot().members().iter().map(|view| view.phase).collect()
}

/// Everybody serves, but for those that have been ejected.
fn started(spec: &PoolSpec, ejected: &[u8]) -> PoolState {
    let mut pool = pool(spec, 1);
    for index in 0..MEMBERS {
        pool.apply(PoolEvent::Probed { id: format!("m{index}").into_id(), result: Ok(()) }, NOW);
    }
    for index in ejected {
        if phases(&pool)[usize::from(*index)] == Phase::Serving {
            fail_attempts(&mut pool, &format!("m{index}"), 1, NOW);
        }
    }
    pool
}

proptest! {
    #[test]
    fn together_or_one_by_one_comes_to_the_same(
        ejected in proptest::collection::vec(0..MEMBERS, 0..3),
        events in proptest::collection::vec(event(), 1..40),
        rise in 1..3_u32,
        fall in 1..3_u32,
        seconds in 0..12_u64,
    ) {
        let mut spec = spec(StrategyKind::RoundRobin, &[1; MEMBERS as usize]);
        spec.health = health(rise, fall);
        spec.passive = passive(1, 10, 0.5);
        let (mut together, mut one_by_one) = (started(&spec, &ejected), started(&spec, &ejected));
        let before = together.snapshot().epoch();
        let now = NOW.saturating_add(Duration::from_secs(seconds));
        for event in events.clone() {
            one_by_one.apply(event, now);
        }
        together.apply_all(events, now);
        prop_assert_eq!(stories(&together), stories(&one_by_one));
        prop_assert!(together.snapshot().epoch() <= before + 1);
    }

    /// What is planned is the same whether anybody can be picked or not.
    #[test]
    fn a_pool_that_only_plans_comes_to_the_same(
        weights in proptest::collection::vec(1..200_u32, MEMBERS as usize),
        events in proptest::collection::vec(event(), 1..40),
        tier in 0..3_u8,
        panic in 0..3_u8,
    ) {
        let mut spec = spec(StrategyKind::RoundRobin, &weights);
        spec.health = health(1, 1);
        spec.panic_threshold = Ratio::new(f64::from(panic) / 2.0).unwrap();
        spec.members[3].placement.tier = tier;
        let (mut picking, mut planning) = (pool(&spec, 1), PoolState::planning(spec, Nanos::ZERO));
        for event in events {
            picking.apply(event.clone(), NOW);
            planning.apply(event, NOW);
            let told = |pool: &PoolState| {
                let snapshot = pool.snapshot();
                let views = snapshot.members().iter().map(|view| (view.phase, view.intent, view.plan));
                (snapshot.mode(), views.collect::<Vec<_>>())
            };
            prop_assert_eq!(told(&picking), told(&planning));
        }
    }
}

#[test]
fn checks_of_a_whole_pool_are_one_snapshot() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; MEMBERS as usize]);
    spec.health = health(1, 1);
    let mut pool = pool(&spec, 1);
    let before = pool.snapshot().epoch();
    let passed = |index| PoolEvent::Probed { id: format!("m{index}").into_id(), result: Ok(()) };
    let applied = pool.apply_all((0..MEMBERS).map(passed), NOW);
    assert_eq!(phases(&pool), [Phase::Serving; MEMBERS as usize]);
    assert_eq!(applied.snapshot.unwrap().epoch(), before + 1);
    let phases = applied.transitions.len();
    assert!(phases >= usize::from(MEMBERS), "{phases}");
}
