//! Shares follow the weights: whoever is down, in whatever order, from however many threads.

use std::sync::{Barrier, Mutex};

use evenkeel_core::{PoolSnapshot, REGISTRY, Rng, StrategyKind, Tried};
use proptest::prelude::*;

use crate::bounds::{bound, check};
use crate::pools::{IntoId, attempts, pick_id, pool, pool_with_down, serve, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn follow_the_weights(
        weights in prop::collection::vec(1_u32..=100, 1..=12),
        down in prop::collection::vec(prop::bool::weighted(0.4), 12),
        order in any::<u64>(),
        threads in 1_usize..=4,
        seed in any::<u64>(),
    ) {
        // Not everybody can be down.
        let up = seed as usize % weights.len();
        let down: Vec<bool> = (0..weights.len()).map(|i| down[i] && i != up).collect();
        for known in REGISTRY {
            let mut spec = spec(known.kind, &weights);
            shuffle(&mut spec.members, order);
            let pool = pool_with_down(spec, &down, seed);
            let snapshot = pool.snapshot();
            serve_from_threads(&snapshot, threads, seed, 6_000);
            let checked = check(bound(known.kind), &attempts(&snapshot));
            prop_assert_eq!(checked, Ok(()), "{}", known.name);
        }
    }
}

/// To strategies that look at what is in flight a thread that is suspended in mid-request is a slow backend. Their
/// threads take turns with whole requests; those of all others run free.
pub(crate) fn serve_from_threads(snapshot: &PoolSnapshot, threads: usize, seed: u64, requests: u32) {
    let blind = [StrategyKind::RoundRobin, StrategyKind::Random].contains(&snapshot.strategy());
    let one_at_a_time = (!blind).then(|| Mutex::new(()));
    let worker = |thread: u64| {
        let mut rng = Rng::from_seed(seed ^ thread);
        for _ in 0..requests / threads as u32 {
            let _turn = one_at_a_time.as_ref().map(|turn| turn.lock().expect("nobody panics"));
            serve(snapshot, &Tried::default(), &mut rng, 1);
        }
    };
    std::thread::scope(|scope| {
        for thread in 0..threads as u64 {
            scope.spawn(move || worker(thread));
        }
    });
}

fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut rng = Rng::from_seed(seed);
    for last in (1..items.len()).rev() {
        items.swap(last, rng.below(last as u32 + 1) as usize);
    }
}

/// A turn is taken once, whoever takes it: whole cycles from threads that race are exact to the request.
#[test]
fn racing_threads_share_one_schedule() {
    let pool = pool(&spec(StrategyKind::RoundRobin, &[5, 1, 1]), 1);
    let (snapshot, start) = (pool.snapshot(), Barrier::new(16));
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let (snapshot, start) = (&snapshot, &start);
            scope.spawn(move || {
                start.wait();
                serve(snapshot, &Tried::default(), &mut Rng::from_seed(thread), 8_750);
            });
        }
    });
    let counts: Vec<u64> = attempts(&snapshot).values().map(|(count, _)| *count).collect();
    assert_eq!(counts, [100_000, 20_000, 20_000]);
}

/// Peers make this 70/30 and 86/14.
#[test]
fn with_the_heaviest_down_the_others_are_even() {
    for known in REGISTRY {
        let pool = pool_with_down(spec(known.kind, &[5, 1, 1]), &[true, false, false], 1);
        let snapshot = pool.snapshot();
        assert_eq!(snapshot.members().iter().map(|view| view.plan).collect::<Vec<_>>(), [0.0, 0.5, 0.5]);
        serve(&snapshot, &Tried::default(), &mut Rng::from_seed(2), 10_000);
        assert_eq!(check(bound(known.kind), &attempts(&snapshot)), Ok(()), "{}", known.name);
    }
}

/// Above 128 members least-request compares a sample; idle, it must still take turns exactly.
#[test]
fn follow_the_weights_in_a_large_pool() {
    let weights: Vec<u32> = (0..300).map(|i| 1 + i % 5).collect();
    for known in REGISTRY {
        let pool = pool(&spec(known.kind, &weights), 3);
        serve(&pool.snapshot(), &Tried::default(), &mut Rng::from_seed(4), 30_000);
        assert_eq!(check(bound(known.kind), &attempts(&pool.snapshot())), Ok(()), "{}", known.name);
    }
}

/// A fleet that restarts often must not live on its first picks: over many young pools, the first, second and
/// third request each follow the weights.
#[test]
fn the_first_picks_are_not_biased() {
    for known in REGISTRY {
        let spec = spec(known.kind, &[5, 1, 1]);
        let shares = attempts(&pool(&spec, 0).snapshot());
        let mut counted = vec![shares; 3];
        for seed in 0..10_000 {
            let (snapshot, mut rng) = (pool(&spec, seed).snapshot(), Rng::from_seed(!seed));
            for counted in &mut counted {
                counted.get_mut(&pick_id(&snapshot, &mut rng)).expect("a member").0 += 1;
            }
        }
        for (nth, counted) in counted.iter().enumerate() {
            let by_chance = crate::bounds::Bound::Chance;
            assert_eq!(check(by_chance, counted), Ok(()), "{}: pick {nth} of every pool", known.name);
        }
    }
}

/// The published sequence of smooth weighted round robin, entered anywhere.
#[test]
fn five_one_one_takes_turns_smoothly() {
    let cycle = ["m0", "m0", "m1", "m0", "m2", "m0", "m0"].map(IntoId::into_id);
    for strategy in [StrategyKind::RoundRobin, StrategyKind::LeastRequest] {
        for seed in 0..20 {
            let (snapshot, mut rng) = (pool(&spec(strategy, &[5, 1, 1]), seed).snapshot(), Rng::from_seed(0));
            let picked: Vec<_> = (0..7).map(|_| pick_id(&snapshot, &mut rng)).collect();
            let turned = |by: usize| cycle.iter().cycle().skip(by).take(7).eq(&picked);
            assert!((0..7).any(turned), "{strategy}: {picked:?}");
        }
    }
}
