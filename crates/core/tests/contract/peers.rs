//! What went wrong elsewhere, as the name of the peer and of its report says, must not here: for every strategy in
//! the registry to which it can apply.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use evenkeel_core::{
    BackendId, Lease, Nanos, PoolEvent, PoolSnapshot, PoolState, REGISTRY, Rng, StrategyKind,
    StrategySettings, Tried, Weight,
};

use crate::bounds::{Bound, bound, bound_with, check};
use crate::hashing::{full_size, homes, keyed, moved};
use crate::pools::{
    IntoId, Keys, attempts, health, member, pick_id, pool, pool_with_down, serve_with, spec, traffic,
};
use crate::reloads::{ACROSS_SCHEDULES, Ledger};
use crate::shares::serve_from_threads;

/// A reload makes new balancers there: what is in flight is forgotten, and the busiest look idle.
#[test]
fn traefik_13913_a_reload_forgets_what_is_in_flight() {
    for known in REGISTRY {
        let before = spec(known.kind, &[1, 1, 1]);
        let (mut pool, mut rng) = (pool(&before, 1), Rng::from_seed(1));
        let held: Vec<Lease> = (0..30).map(|_| take(&pool.snapshot(), Keys::Without, &mut rng)).collect();
        let loads = in_flight(&pool.snapshot());
        let mut after = before;
        after.members[1].weight = Weight::new(7).expect("a weight");
        after.members.push(member("new", 1));
        pool.apply(PoolEvent::Configured(after), Nanos::ZERO);
        let mut kept = in_flight(&pool.snapshot());
        assert_eq!(kept.remove(&"new".into_id()), Some(0));
        assert_eq!(kept, loads, "{}", known.name);
        drop(held);
        assert!(in_flight(&pool.snapshot()).values().all(|live| *live == 0), "{}", known.name);
    }
}

/// There, weights are wrong after a member has been down.
#[test]
fn traefik_2986_weights_are_lost_in_a_recovery() {
    for (strategy, keys) in traffic() {
        let mut spec = full_size(strategy, &[3, 1, 2]);
        spec.health = health(1, 1);
        let (mut pool, mut rng) = (pool(&spec, 1), Rng::from_seed(1));
        let probe = |pool: &mut PoolState, id: &str, passed: bool| {
            let result = if passed { Ok(()) } else { Err("down".into()) };
            pool.apply(PoolEvent::Probed { id: id.into_id(), result }, Nanos::ZERO);
        };
        ["m0", "m1", "m2"].iter().for_each(|id| probe(&mut pool, id, true));
        for down in ["m0", "m2", "m1"] {
            probe(&mut pool, down, false);
            serve_with(keys, &pool.snapshot(), &Tried::default(), &mut rng, 50);
            probe(&mut pool, down, true);
            let counted = served(&pool.snapshot(), keys, &mut rng, 3_000);
            assert_eq!(check(after_a_change(keys, strategy), &counted), Ok(()), "{strategy}, {keys:?}");
        }
    }
}

/// There, weights are hit only if they are multiples of one another.
#[test]
fn traefik_5232_weights_that_are_no_multiples_are_off() {
    for (strategy, keys) in traffic() {
        for weights in [&[7, 3][..], &[11, 3], &[67, 33], &[97, 2, 1], &[13, 11, 7, 5, 3]] {
            let snapshot = pool(&full_size(strategy, weights), 1).snapshot();
            let counted = served(&snapshot, keys, &mut Rng::from_seed(1), 5_000);
            assert_eq!(
                check(bound_with(keys, strategy), &counted),
                Ok(()),
                "{strategy}, {keys:?}: {weights:?}"
            );
        }
    }
}

/// Every fresh pool there starts with the same server, which gets all of a fleet that restarts, or of many small pools.
#[test]
fn traefik_9326_fresh_pools_start_with_the_same_member() {
    for (strategy, keys) in traffic() {
        let mut spec = spec(strategy, &[1, 1, 1, 1]);
        spec.settings.ring_points = StrategySettings::default().ring_points;
        let mut counted = attempts(&pool(&spec, 0).snapshot());
        for seed in 0..1_000 {
            let first = take(&pool(&spec, seed).snapshot(), keys, &mut Rng::from_seed(!seed));
            counted.get_mut(&first.member().id).expect("a member").0 += 1;
        }
        let bound = match bound_with(keys, strategy) {
            Bound::Requests(_) => Bound::Chance,
            other => other,
        };
        assert_eq!(check(bound, &counted), Ok(()), "{strategy}, {keys:?}");
    }
}

/// A member of weight n gets n requests in a row there.
#[test]
fn pingora_144_and_195_weights_come_in_bursts() {
    for known in REGISTRY {
        let snapshot = pool(&spec(known.kind, &[9, 8, 8, 4]), 1).snapshot();
        let mut rng = Rng::from_seed(1);
        let picked: Vec<BackendId> = (0..2_000).map(|_| pick_id(&snapshot, &mut rng)).collect();
        let most = match bound(known.kind) {
            // Shares below a third: no two in a row but where cycles meet.
            Bound::Requests(_) => 2,
            // (9/29)^16 is one in 100 million.
            Bound::Chance | Bound::Near(_) => 16,
        };
        assert!(longest_run(&picked) <= most, "{}: {}", known.name, longest_run(&picked));
    }
}

/// When the first choice is down, that one takes the next of a list without weights.
#[test]
fn pingora_weights_are_ignored_when_the_first_choice_is_down() {
    for (strategy, keys) in traffic() {
        for weights in [&[5, 1, 1][..], &[4, 4, 1], &[10, 1, 1, 1]] {
            let mut down = vec![false; weights.len()];
            down[0] = true;
            shares_are_those_of_the_weights_left(strategy, keys, weights, &down);
        }
    }
}

/// That one counts an index into all members modulo the number of those that are up: 86 to 14 where 50 to 50 is right.
#[test]
fn caddy_indexes_all_by_the_number_of_those_up() {
    for (strategy, keys) in traffic() {
        for down in [[true, false, false], [false, true, false], [false, false, true]] {
            shares_are_those_of_the_weights_left(strategy, keys, &[5, 1, 1], &down);
        }
    }
}

/// Its power of two choices took the busier: 0, 0, 3,930 and 4,070 of 8,000 long-lived connections.
#[test]
fn sozu_1411_long_lived_connections_pile_up() {
    for (strategy, keys) in traffic() {
        let snapshot = pool(&full_size(strategy, &[1, 1, 1, 1]), 1).snapshot();
        let mut rng = Rng::from_seed(1);
        let held: Vec<Lease> = (0..8_000).map(|_| take(&snapshot, keys, &mut rng)).collect();
        assert_eq!(check(bound_with(keys, strategy), &attempts(&snapshot)), Ok(()), "{strategy}, {keys:?}");
        drop(held);
    }
}

/// Its schedules begin with the heaviest, and one that is updated often never gets beyond.
#[test]
fn envoy_31378_and_10064_frequent_updates_starve_the_light() {
    for known in REGISTRY {
        for period in [1, 2, 5, 20] {
            let one = spec(known.kind, &[99, 1, 20]);
            let mut other = one.clone();
            other.members[2].weight = Weight::new(19).expect("a weight");
            let (mut pool, mut ledger) = (pool(&one, 1), Ledger::new(1));
            for round in 0..300 {
                let spec = if round % 2 == 0 { &other } else { &one };
                pool.apply(PoolEvent::Configured(spec.clone()), Nanos::ZERO);
                ledger.serve(&pool, period);
            }
            let bound = after_a_change(Keys::Without, known.kind);
            assert_eq!(check(bound, &ledger.counted()), Ok(()), "{}, every {period}", known.name);
        }
    }
}

/// There, a host of weight 50 was given 50 in a row while it was busy.
#[test]
fn envoy_3284_a_heavy_member_gets_its_weight_in_a_row() {
    for (strategy, keys) in traffic() {
        let snapshot = pool(&full_size(strategy, &[50, 25, 25]), 1).snapshot();
        let (mut rng, mut held, mut picked) = (Rng::from_seed(1), VecDeque::new(), Vec::new());
        for _ in 0..4_000 {
            let lease = take(&snapshot, keys, &mut rng);
            picked.push(lease.member().id.clone());
            held.push_back(lease);
            if held.len() > 40 {
                held.pop_front();
            }
        }
        // By lot, 2^-26 of 4,000 runs are longer.
        assert!(longest_run(&picked) <= 26, "{strategy}, {keys:?}: {}", longest_run(&picked));
    }
}

/// It has a rule for equal weights and one for others, and may keep the wrong one when weights change.
#[test]
fn envoy_14360_equal_weights_become_unequal() {
    for (strategy, keys) in traffic() {
        let (mut pool, mut rng) = (pool(&full_size(strategy, &[1, 1, 1]), 1), Rng::from_seed(1));
        for weights in [[4, 2, 1], [1, 1, 1], [1, 1, 9], [3, 3, 3]] {
            pool.apply(PoolEvent::Configured(full_size(strategy, &weights)), Nanos::ZERO);
            let counted = served(&pool.snapshot(), keys, &mut rng, 4_000);
            assert_eq!(
                check(after_a_change(keys, strategy), &counted),
                Ok(()),
                "{strategy}, {keys:?}: {weights:?}"
            );
        }
    }
}

/// A reload starts its round robin over: with one between any two requests, the first server gets all.
#[test]
fn haproxy_1282_a_reload_starts_the_turns_over() {
    for known in REGISTRY {
        let mut spec = spec(known.kind, &[1; 12]);
        let (mut pool, mut rng) = (pool(&spec, 1), Rng::from_seed(1));
        for _ in 0..600 {
            pick_id(&pool.snapshot(), &mut rng);
            // Another picker over the same members.
            spec.settings.decay += std::time::Duration::from_secs(1);
            assert!(pool.apply(PoolEvent::Configured(spec.clone()), Nanos::ZERO).snapshot.is_some());
        }
        assert_eq!(check(bound(known.kind), &attempts(&pool.snapshot())), Ok(()), "{}", known.name);
    }
}

/// Each of its workers counts by itself: 64 of them send their first requests to the same servers.
#[test]
fn nginx_workers_each_have_a_state_of_their_own() {
    for known in REGISTRY {
        // Each thread ends in the middle of a cycle of ten.
        for (threads, requests) in [(64, 448), (8, 4_024)] {
            let snapshot = pool(&spec(known.kind, &[3, 1, 1, 1, 1, 1, 1, 1]), 1).snapshot();
            serve_from_threads(&snapshot, threads, 1, requests);
            assert_eq!(
                check(bound(known.kind), &attempts(&snapshot)),
                Ok(()),
                "{}, {threads} threads",
                known.name
            );
        }
    }
}

/// The hash modulo the number of members, as in nginx's `map` and `split_clients` recipes: nine of ten keys move when
/// one of ten members goes.
#[test]
fn modulo_hashing_moves_nearly_all_keys() {
    for strategy in keyed() {
        let all = full_size(strategy, &[1; 10]);
        let mut without = all.clone();
        without.members.remove(3);
        let (before, after) = (homes(&all, 20_000), homes(&without, 20_000));
        let (forced, needless) = moved(&before, &after, "m3");
        assert!((1_000..=3_000).contains(&forced), "{strategy}: {forced}");
        assert!(needless <= forced / 2, "{strategy}: {needless} beside {forced}");
    }
}

/// All requests without the header, cookie or parameter have the same hash there, and so the same server.
#[test]
fn nginx_an_absent_key_is_a_key() {
    for strategy in keyed() {
        let snapshot = pool(&spec(strategy, &[2, 1, 1]), 1).snapshot();
        let counted = served(&snapshot, Keys::Without, &mut Rng::from_seed(1), 1_000);
        assert_eq!(check(Bound::Requests(2.0), &counted), Ok(()), "{strategy}");
    }
}

fn shares_are_those_of_the_weights_left(strategy: StrategyKind, keys: Keys, weights: &[u32], down: &[bool]) {
    let snapshot = pool_with_down(full_size(strategy, weights), down, 1).snapshot();
    let counted = served(&snapshot, keys, &mut Rng::from_seed(1), 6_000);
    let left: Vec<f64> =
        weights.iter().zip(down).map(|(weight, down)| if *down { 0.0 } else { f64::from(*weight) }).collect();
    for ((id, (_, plan)), left_of_it) in counted.iter().zip(&left) {
        assert!((plan - left_of_it / left.iter().sum::<f64>()).abs() < 1e-9, "{id}: {plan}");
    }
    let checked = check(bound_with(keys, strategy), &counted);
    assert_eq!(checked, Ok(()), "{strategy}, {keys:?}: {weights:?} with {down:?} down");
}

/// What members get from now on, and what they should.
fn served(
    snapshot: &Arc<PoolSnapshot>,
    keys: Keys,
    rng: &mut Rng,
    requests: u32,
) -> BTreeMap<BackendId, (u64, f64)> {
    let before = attempts(snapshot);
    serve_with(keys, snapshot, &Tried::default(), rng, requests);
    let after = attempts(snapshot);
    after.into_iter().map(|(id, (n, plan))| (id.clone(), (n - before[&id].0, plan))).collect()
}

/// A schedule that is entered makes up for what the one before it left undone.
fn after_a_change(keys: Keys, strategy: StrategyKind) -> Bound {
    match bound_with(keys, strategy) {
        Bound::Requests(turns) => Bound::Requests(turns + ACROSS_SCHEDULES),
        other => other,
    }
}

fn longest_run(picked: &[BackendId]) -> usize {
    picked.chunk_by(|a, b| a == b).map(<[BackendId]>::len).max().unwrap_or(0)
}

fn in_flight(snapshot: &PoolSnapshot) -> BTreeMap<BackendId, u32> {
    let members = snapshot.members().iter();
    members.map(|view| (view.member.id.clone(), view.member.load.in_flight())).collect()
}

fn take(snapshot: &PoolSnapshot, keys: Keys, rng: &mut Rng) -> Lease {
    let key = keys.next(rng);
    snapshot.pick_keyed(&Tried::default(), key, rng, Nanos::ZERO).expect("somebody is eligible")
}
