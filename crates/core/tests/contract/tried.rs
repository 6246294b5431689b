//! Who must not be picked is not picked, and a retry is as fair as a first attempt.

use std::collections::BTreeMap;

use evenkeel_core::{Nanos, Outcome, REGISTRY, Rng, Tried};
use proptest::prelude::*;

use crate::bounds::{Bound, bound, check};
use crate::pools::{attempts, pool, pool_with_down, serve, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Trying one after the other visits every eligible member once, and nobody else, and then there is
    /// nobody.
    #[test]
    fn nobody_is_tried_twice_and_nobody_who_is_down_at_all(
        weights in prop::collection::vec(1_u32..=65_535, 1..=8),
        down in prop::collection::vec(any::<bool>(), 8),
        seed in any::<u64>(),
    ) {
        for known in REGISTRY {
            let pool = pool_with_down(spec(known.kind, &weights), &down[..weights.len()], seed);
            let (snapshot, mut rng) = (pool.snapshot(), Rng::from_seed(seed));
            let mut tried = Tried::default();
            while let Some(lease) = snapshot.pick(&tried, &mut rng, Nanos::ZERO) {
                prop_assert!(!tried.contains(lease.member().serial), "{}: again", known.name);
                prop_assert!(tried.push(lease.member().serial));
            }
            for view in snapshot.members() {
                prop_assert_eq!(view.phase.is_eligible(), tried.contains(view.member.serial), "{}", known.name);
            }
        }
    }

    /// The weights of those left decide, though the one tried may have nearly all the weight.
    #[test]
    fn retries_follow_the_weights_of_those_left(
        weights in prop::collection::vec(1_u32..=50, 3..=6),
        heavy in 1_u32..=2_000,
        seed in any::<u64>(),
    ) {
        for known in REGISTRY {
            let mut weights = weights.clone();
            weights[0] = heavy;
            let snapshot = pool(&spec(known.kind, &weights), seed).snapshot();
            let mut tried = Tried::default();
            tried.push(snapshot.members()[0].member.serial);
            serve(&snapshot, &tried, &mut Rng::from_seed(seed), 1_500);
            let mut counted = attempts(&snapshot);
            let (_, excluded) = counted.pop_first().expect("m0");
            prop_assert_eq!(excluded.0, 0);
            let rest: f64 = counted.values().map(|(_, plan)| plan).sum();
            let counted: BTreeMap<_, _> = counted.into_iter().map(|(id, (n, plan))| (id, (n, plan / rest))).collect();
            // The turns of those left are two turns off at most, and so are those of the one left out.
            let bound = match bound(known.kind) {
                Bound::Requests(turns) => Bound::Requests(2.0 * turns),
                other => other,
            };
            prop_assert_eq!(check(bound, &counted), Ok(()), "{}", known.name);
        }
    }
}

/// Eight are tried and more are left: also where the strategy looks at a sample only.
#[test]
fn a_full_list_of_tries_is_respected_in_a_large_pool() {
    for known in REGISTRY {
        let weights: Vec<u32> = (0..200).map(|i| if i < 8 { 5_000 } else { 1 }).collect();
        let (snapshot, mut rng) = (pool(&spec(known.kind, &weights), 1).snapshot(), Rng::from_seed(1));
        let mut tried = Tried::default();
        for view in &snapshot.members()[..8] {
            assert!(tried.push(view.member.serial));
        }
        let mut held = Vec::new();
        for _ in 0..300 {
            let lease = snapshot.pick(&tried, &mut rng, Nanos::ZERO).expect("192 are left");
            assert!(!tried.contains(lease.member().serial), "{}", known.name);
            held.push(lease);
        }
        held.into_iter().for_each(|lease| lease.end(Outcome::Ok, Nanos::ZERO));
    }
}
