//! Nobody has more leases than it may have, and a pick says whether that is all that stands in its way.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};

use evenkeel_core::{
    Lease, Nanos, Outcome, PickKey, PoolSnapshot, PoolSpec, REGISTRY, Reason, Refusal, Rng, StrategyKind,
    Tried,
};

use crate::pools::{pool, spec};

/// Threads that come and go, many more than there is room for: each looks at the count while it is among those counted.
#[test]
fn holds_under_any_number_of_threads() {
    for known in REGISTRY {
        let snapshot = pool(&limited(known.kind, &[3, 1, 2]), 1).snapshot();
        let (full, most) = (AtomicU32::new(0), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for seed in 0..6 {
                let (snapshot, full, most) = (&snapshot, &full, &most);
                scope.spawn(move || {
                    let mut rng = Rng::from_seed(seed);
                    for _ in 0..1_000 {
                        let held: Vec<Lease> = (0..2).filter_map(|_| take(snapshot, &mut rng).ok()).collect();
                        full.fetch_add(2 - held.len() as u32, Ordering::Relaxed);
                        std::thread::yield_now();
                        for lease in held {
                            let member = lease.member();
                            let (limit, seen) = (member.placement.max_in_flight, member.load.in_flight());
                            assert!(limit.is_some_and(|limit| seen <= limit.get()), "{}: {seen}", known.name);
                            most.fetch_max(seen, Ordering::Relaxed);
                            lease.end(Outcome::Ok, NOW);
                        }
                    }
                });
            }
        });
        for view in snapshot.members() {
            let load = &view.member.load;
            assert_eq!(load.in_flight(), 0, "{}", known.name);
            assert_eq!(load.outcomes(Outcome::Ok), load.attempts_total(), "{}", known.name);
        }
        assert!(full.into_inner() > 0 && most.into_inner() > 0, "{}: never full", known.name);
        let held: Vec<Lease> = std::iter::from_fn(|| take(&snapshot, &mut Rng::from_seed(1)).ok()).collect();
        assert_eq!(in_flight(&snapshot), [3, 1, 2], "{}", known.name);
        for view in snapshot.members() {
            let (load, second) = (&view.member.load, 1_000_000_000);
            let busy = load.busy(Nanos(NOW.0 + second)).as_nanos() as u64;
            assert_eq!(
                busy,
                u64::from(load.in_flight()) * second,
                "{}: refused ones leave no trace",
                known.name
            );
        }
        drop(held);
    }
}

/// The last place is what threads race for: between looking and taking another may come first.
#[test]
fn one_place_is_never_taken_twice() {
    let snapshot = pool(&limited(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let load = &snapshot.members()[0].member.load;
    let inside = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for seed in 0..4 {
            let (snapshot, inside) = (&snapshot, &inside);
            scope.spawn(move || {
                let mut rng = Rng::from_seed(seed);
                for _ in 0..500_000 {
                    let Ok(lease) = take(snapshot, &mut rng) else { continue };
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "somebody else is inside");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    lease.end(Outcome::Ok, NOW);
                }
            });
        }
    });
    let lease = take(&snapshot, &mut Rng::from_seed(1)).expect("all have left");
    assert_eq!(load.busy(Nanos(NOW.0 + 7)).as_nanos(), 7, "those refused leave no trace");
    drop(lease);
    assert_eq!(load.outcomes(Outcome::Ok) + 1, load.attempts_total());
}

#[test]
fn a_full_pool_is_told_from_an_empty_one() {
    for known in REGISTRY {
        let spec = limited(known.kind, &[2, 1]);
        let (snapshot, mut rng) = (pool(&spec, 1).snapshot(), Rng::from_seed(1));
        let mut held: Vec<Lease> = (0..3).map(|_| take(&snapshot, &mut rng).expect("three fit")).collect();
        assert_eq!(in_flight(&snapshot), [2, 1], "{}", known.name);
        assert_eq!(take(&snapshot, &mut rng).unwrap_err(), Refusal::Full, "{}", known.name);
        held.pop().expect("three").end(Outcome::Ok, Nanos::ZERO);
        drop(take(&snapshot, &mut rng).expect("room again"));

        let mut tried = Tried::default();
        snapshot.members().iter().for_each(|view| assert!(tried.push(view.member.serial)));
        let refused = snapshot.pick_keyed(&tried, PickKey::NONE, &mut rng, Nanos::ZERO);
        assert_eq!(refused.unwrap_err(), Refusal::Nobody, "all were tried");
        let nobody = PoolSpec { members: Vec::new(), ..spec };
        assert_eq!(take(&pool(&nobody, 1).snapshot(), &mut rng).unwrap_err(), Refusal::Nobody);
    }
}

/// The choice is full: whoever has least to do for its weight takes it, and the reason says so.
#[test]
fn what_does_not_fit_spills_to_the_least_loaded() {
    let mut spec = spec(StrategyKind::RoundRobin, &[8, 2, 4]);
    spec.members[0].placement.max_in_flight = NonZeroU32::new(1);
    let (snapshot, mut rng) = (pool(&spec, 1).snapshot(), Rng::from_seed(1));
    let held: Vec<Lease> = (0..140).map(|_| take(&snapshot, &mut rng).expect("two have no limit")).collect();
    let [first, second, third] = in_flight(&snapshot)[..] else { panic!("three") };
    assert_eq!(first, 1);
    assert!((f64::from(third) / f64::from(second) - 2.0).abs() < 0.1, "{second} and {third}");
    let spilled = held.iter().filter(|lease| lease.reason() == Reason::Spill).count();
    assert!((78..=80).contains(&spilled), "every turn of the first but one: {spilled}, not 79");
    let mut tried = Tried::default();
    assert!(tried.push(snapshot.members()[1].member.serial));
    let retry = snapshot.pick(&tried, &mut rng, Nanos::ZERO).expect("the third is left");
    assert_eq!((retry.reason(), &retry.member().id), (Reason::Retry, &snapshot.members()[2].member.id));
}

#[test]
fn a_full_tier_spills_into_the_next() {
    let mut spec = limited(StrategyKind::RoundRobin, &[1, 1, 1]);
    spec.members[1].placement.tier = 2;
    spec.members[2].placement.tier = 1;
    let (snapshot, mut rng) = (pool(&spec, 1).snapshot(), Rng::from_seed(1));
    let held: Vec<Lease> = (0..3).map(|_| take(&snapshot, &mut rng).expect("three fit")).collect();
    let went: Vec<_> = held.iter().map(|lease| (lease.member().placement.tier, lease.reason())).collect();
    assert_eq!(went, [(0, Reason::OnlyChoice), (1, Reason::Spill), (2, Reason::Spill)]);
    assert_eq!(take(&snapshot, &mut rng).unwrap_err(), Refusal::Full);
}

/// Members with these limits, and weights the other way round, so that the strategy's choice is often full.
fn limited(strategy: StrategyKind, limits: &[u32]) -> PoolSpec {
    let weights: Vec<u32> = limits.iter().map(|limit| 4 - limit).collect();
    let mut spec = spec(strategy, &weights);
    for (member, limit) in spec.members.iter_mut().zip(limits) {
        member.placement.max_in_flight = NonZeroU32::new(*limit);
    }
    spec
}

fn take(snapshot: &PoolSnapshot, rng: &mut Rng) -> Result<Lease, Refusal> {
    snapshot.pick_keyed(&Tried::default(), PickKey::NONE, rng, NOW)
}

const NOW: Nanos = Nanos(1_000_000);

fn in_flight(snapshot: &PoolSnapshot) -> Vec<u32> {
    snapshot.members().iter().map(|view| view.member.load.in_flight()).collect()
}
