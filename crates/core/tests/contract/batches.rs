//! Events that are applied together come to what they come to one by one, in one snapshot.

use std::sync::Arc;

use evenkeel_core::{Nanos, Phase, PoolEvent, PoolState, StrategyKind};
use proptest::prelude::*;

use crate::pools::{IntoId, address, health, pool, spec};

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

proptest! {
    #[test]
    fn together_or_one_by_one_comes_to_the_same(
        events in proptest::collection::vec(event(), 0..40),
        rise in 1..3_u32,
        fall in 1..3_u32,
    ) {
        let mut spec = spec(StrategyKind::RoundRobin, &[1; MEMBERS as usize]);
        spec.health = health(rise, fall);
        let (mut together, mut one_by_one) = (pool(&spec, 1), pool(&spec, 1));
        let before = together.snapshot().epoch();
        for event in events.clone() {
            one_by_one.apply(event, NOW);
        }
        together.apply_all(events, NOW);
        prop_assert_eq!(stories(&together), stories(&one_by_one));
        prop_assert!(together.snapshot().epoch() <= before + 1);
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
