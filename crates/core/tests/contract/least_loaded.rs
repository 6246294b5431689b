//! Least-request looks at everybody where it says so, and at enough of them where it does not.

use std::collections::BTreeMap;

use evenkeel_core::{Lease, Nanos, PoolEvent, PoolSnapshot, Rng, StrategyKind, Tried};
use proptest::prelude::*;

use crate::pools::{pool, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// With nobody idle the one with the fewest requests for its weight is picked, wherever the next in turn is.
    #[test]
    fn is_picked_of_all_in_a_small_pool(
        weights in prop::collection::vec(1_u32..=9, 1..=128),
        drops in prop::collection::vec(any::<prop::sample::Index>(), 60),
        seed in any::<u64>(),
    ) {
        let (snapshot, mut rng) =
            (pool(&spec(StrategyKind::LeastRequest, &weights), seed).snapshot(), Rng::from_seed(seed));
        let mut held = Vec::new();
        // Two on everybody, so that nobody is idle when one has ended.
        while loads(&snapshot).values().any(|(live, _)| *live < 2) {
            held.push(pick(&snapshot, &mut rng));
        }
        for which in drops {
            let ended = which.index(held.len());
            if held[ended].member().load.in_flight() > 1 {
                drop(held.swap_remove(ended));
            }
            let before = loads(&snapshot);
            let picked = pick(&snapshot, &mut rng);
            let (live, weight) = before[&picked.member().serial];
            for (other_live, other_weight) in before.values() {
                prop_assert!((live + 1) * other_weight <= (other_live + 1) * weight, "{before:?}");
            }
            held.push(picked);
        }
    }
}

/// Half of them carry five times what the others do: all of five drawn by lot and the next in turn are among
/// those for one pick in 64.
#[test]
fn are_mostly_found_in_a_large_pool() {
    // Round robin puts them there, since least-request would not.
    let mut pool = pool(&spec(StrategyKind::RoundRobin, &[1; 400]), 1);
    let (filling, mut rng) = (pool.snapshot(), Rng::from_seed(2));
    let position = |serial| filling.members().iter().position(|view| view.member.serial == serial);
    let heavy = |lease: &Lease| position(lease.member().serial).expect("a member").is_multiple_of(2);
    let mut held: Vec<Lease> = (0..400).map(|_| pick(&filling, &mut rng)).collect();
    held.extend((0..1_600).map(|_| pick(&filling, &mut rng)).filter(heavy));
    pool.apply(PoolEvent::Configured(spec(StrategyKind::LeastRequest, &[1; 400])), Nanos::ZERO);
    let snapshot = pool.snapshot();
    let heavies = (0..6_400).filter(|_| heavy(&pick(&snapshot, &mut rng))).count();
    assert!((60..=140).contains(&heavies), "{heavies}, expected 100");
}

/// Live leases and weight by serial.
fn loads(snapshot: &PoolSnapshot) -> BTreeMap<u64, (u32, u32)> {
    let load = |view: &evenkeel_core::MemberView| {
        (view.member.serial, (view.member.load.in_flight(), view.member.weight.get()))
    };
    snapshot.members().iter().map(load).collect()
}

fn pick(snapshot: &PoolSnapshot, rng: &mut Rng) -> Lease {
    snapshot.pick(&Tried::default(), rng, Nanos::ZERO).expect("somebody is eligible")
}
