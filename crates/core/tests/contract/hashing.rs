//! Strategies that go by a key: who gets it, what a change moves, and that no bound is broken.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::{
    BackendId, Lease, Nanos, PickKey, PoolSnapshot, PoolSpec, REGISTRY, Reason, Rng, StrategyKind,
    StrategySettings, Tried, Weight,
};
use proptest::prelude::*;

use crate::bounds::{Bound, bound_with, check};
use crate::pools::{IntoId, Keys, attempts, member, pool, pool_with_down, serve_with, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn shares_follow_the_weights(
        weights in prop::collection::vec(1_u32..=20, 1..=12),
        down in prop::collection::vec(prop::bool::weighted(0.3), 12),
        seed in any::<u64>(),
    ) {
        let up = seed as usize % weights.len();
        let down: Vec<bool> = (0..weights.len()).map(|i| down[i] && i != up).collect();
        for strategy in keyed() {
            let snapshot = pool_with_down(full_size(strategy, &weights), &down, seed).snapshot();
            serve_with(Keys::Random, &snapshot, &Tried::default(), &mut Rng::from_seed(seed), 10_000);
            let checked = check(bound_with(Keys::Random, strategy), &attempts(&snapshot));
            prop_assert_eq!(checked, Ok(()), "{}", strategy);
        }
    }

    /// A second attempt follows the weights of those left, though the one tried may have nearly all of it. (On a ring
    /// it goes to the next point, and those after one member's are few: 1/√points, again.)
    #[test]
    fn retries_follow_the_weights_of_those_left(
        weights in prop::collection::vec(1_u32..=9, 3..=6),
        heavy in 1_u32..=300,
        seed in any::<u64>(),
    ) {
        let weights: Vec<u32> = [heavy].into_iter().chain(weights).collect();
        for strategy in keyed() {
            let snapshot = pool(&full_size(strategy, &weights), seed).snapshot();
            let mut tried = Tried::default();
            tried.push(snapshot.members()[0].member.serial);
            serve_with(Keys::Random, &snapshot, &tried, &mut Rng::from_seed(seed), 5_000);
            let mut counted = attempts(&snapshot);
            let (_, excluded) = counted.pop_first().expect("m0");
            prop_assert_eq!(excluded.0, 0);
            let rest: f64 = counted.values().map(|(_, plan)| plan).sum();
            counted.values_mut().for_each(|(_, plan)| *plan /= rest);
            let bound = match bound_with(Keys::Random, strategy) {
                Bound::Near(part) => Bound::Near(part * 1.5),
                other => other,
            };
            prop_assert_eq!(check(bound, &counted), Ok(()), "{}", strategy);
        }
    }

    /// The order of preference of a key visits everybody once; it is the same at every request, in every process, and
    /// however the members are listed.
    #[test]
    fn instances_agree_about_every_attempt(
        weights in prop::collection::vec(1_u32..=300, 1..=8),
        keys in prop::collection::vec(any::<u64>(), 8),
        turn in any::<prop::sample::Index>(),
    ) {
        for strategy in keyed() {
            let one = spec(strategy, &weights);
            let mut other = one.clone();
            other.members.rotate_left(turn.index(weights.len()));
            other.members.reverse();
            let (one, other) = (pool(&one, 1).snapshot(), pool(&other, 2).snapshot());
            for key in &keys {
                let order = preferences(&one, *key, &mut Rng::from_seed(1));
                prop_assert_eq!(order.len(), weights.len(), "{}: {:?}", strategy, order);
                prop_assert_eq!(&order, &preferences(&one, *key, &mut Rng::from_seed(2)), "{}", strategy);
                prop_assert_eq!(&order, &preferences(&other, *key, &mut Rng::from_seed(3)), "{}", strategy);
            }
        }
    }

    /// Without a key, request for request what least-request does, whatever is in flight.
    #[test]
    fn without_a_key_the_rule_is_that_of_least_request(
        weights in prop::collection::vec(1_u32..=9, 1..=140),
        ends in prop::collection::vec(any::<prop::sample::Index>(), 60),
        seed in any::<u64>(),
    ) {
        let sequence = |strategy| {
            let (snapshot, mut rng) = (pool(&spec(strategy, &weights), seed).snapshot(), Rng::from_seed(seed));
            let (mut held, mut picked) = (Vec::new(), Vec::new());
            for end in &ends {
                for _ in 0..3 {
                    let lease = take(&snapshot, PickKey::NONE, &mut rng);
                    picked.push((lease.member().id.clone(), lease.reason()));
                    held.push(lease);
                }
                drop(held.swap_remove(end.index(held.len())));
            }
            picked
        };
        let expected = sequence(StrategyKind::LeastRequest);
        for strategy in keyed() {
            prop_assert_eq!(&sequence(strategy), &expected, "{}", strategy);
        }
    }

    /// arXiv 1608.01350: no bin holds more than ⌈c · m · w / Σw⌉. Keys are few, so that the bound is what spreads them;
    /// one that is not at its bound is not passed over.
    #[test]
    fn no_bound_is_broken(
        weights in prop::collection::vec(1_u32..=9, 1..=20),
        factor in prop::sample::select(&[1.01, 1.25, 1.5, 2.0]),
        steps in prop::collection::vec((0_u32..6, prop::option::weighted(0.3, any::<prop::sample::Index>())), 1..150),
        seed in any::<u64>(),
    ) {
        for strategy in keyed() {
            let unbounded = pool(&spec(strategy, &weights), seed).snapshot();
            let snapshot = pool(&bounded(spec(strategy, &weights), factor), seed).snapshot();
            let (mut held, mut rng): (Vec<Lease>, _) = (Vec::new(), Rng::from_seed(seed));
            for (key, end) in &steps {
                if let Some(end) = end.filter(|_| !held.is_empty()) {
                    drop(held.swap_remove(end.index(held.len())));
                }
                let key = PickKey::of(&key.to_le_bytes());
                let home = take(&unbounded, key, &mut rng).member().id.clone();
                let before = in_flight(&snapshot);
                let lease = take(&snapshot, key, &mut rng);
                let capacity = |id: &BackendId| capacity(&snapshot, id, factor, held.len() as f64 + 1.0);
                let (got, id) = (before[&lease.member().id] + 1, &lease.member().id);
                prop_assert!(got <= capacity(id), "{}: {} of {} at {}", strategy, got, held.len() + 1, id);
                let reason = if weights.len() == 1 {
                    Reason::OnlyChoice
                } else if *id == home {
                    Reason::Hash
                } else {
                    prop_assert!(before[&home] >= capacity(&home), "{}: {} had room", strategy, home);
                    Reason::Spill
                };
                prop_assert_eq!(lease.reason(), reason);
                held.push(lease);
            }
        }
    }
}

/// Also past a bound a request is not sent where it was, and reaches everybody in the end.
#[test]
fn retries_under_load_go_to_somebody_new() {
    for strategy in keyed() {
        let snapshot = pool(&bounded(spec(strategy, &[4, 3, 2, 1, 1]), 1.01), 1).snapshot();
        let mut rng = Rng::from_seed(1);
        let held: Vec<Lease> = (0..40).map(|_| take(&snapshot, PickKey::of(b"hot"), &mut rng)).collect();
        for key in 0..50 {
            let order = preferences(&snapshot, key, &mut rng);
            let different: BTreeSet<_> = order.iter().collect();
            assert_eq!((order.len(), different.len()), (5, 5), "{strategy}: {order:?}");
        }
        drop(held);
    }
}

/// One of a thousand goes, or gets another weight: on a ring and by rendezvous not one key moves that need not. What
/// maglev moves is counted entry by entry where its table is.
#[test]
fn a_change_of_one_moves_the_keys_of_one() {
    for strategy in [StrategyKind::Ring, StrategyKind::Rendezvous] {
        let all = full_size(strategy, &[1; 1_000]);
        let (mut without, mut heavier) = (all.clone(), all.clone());
        without.members.remove(500);
        heavier.members[500].weight = Weight::new(2).expect("a weight");
        let [all, without, heavier] = [all, without, heavier].map(|spec| homes(&spec, 20_000));
        for (before, after) in [(&all, &without), (&without, &all), (&all, &heavier), (&heavier, &all)] {
            let (forced, needless) = moved(before, after, "m500");
            // A thousandth of the keys.
            assert!((4..=60).contains(&forced), "{strategy}: {forced}");
            assert_eq!(needless, 0, "{strategy}");
        }
    }
}

/// The keys of one that is down go to the others by their weights, and the others keep theirs.
#[test]
fn the_keys_of_one_that_is_down_are_spread_by_weight() {
    const KEYS: u32 = 40_000;
    for strategy in keyed() {
        let weights = [4, 4, 1, 1, 2, 2, 4, 4, 1, 1];
        let all = full_size(strategy, &weights);
        let mut without = all.clone();
        without.members[0].enabled = false;
        let (before, after) = (homes(&all, KEYS), homes(&without, KEYS));
        let (forced, needless) = moved(&before, &after, "m0");
        let most = if strategy == StrategyKind::Maglev { forced / 2 } else { 0 };
        assert!(needless <= most, "{strategy}: {needless} beside {forced}");
        let mut counted: BTreeMap<BackendId, (u64, f64)> = BTreeMap::new();
        for (i, weight) in weights.iter().enumerate().skip(1) {
            counted.insert(format!("m{i}").as_str().into_id(), (0, f64::from(*weight) / 20.0));
        }
        for (_, to) in before.iter().zip(&after).filter(|(from, _)| from.as_str() == "m0") {
            counted.get_mut(to).expect("one that is up").0 += 1;
        }
        let bound = match bound_with(Keys::Random, strategy) {
            Bound::Near(_) => Bound::Near(0.5),
            other => other,
        };
        assert_eq!(check(bound, &counted), Ok(()), "{strategy}");
    }
}

/// Beyond 128 members what is in flight is estimated from a sample; the bound is kept as nearly as that allows.
#[test]
fn bounds_hold_roughly_in_a_large_pool() {
    for strategy in keyed() {
        let snapshot = pool(&bounded(full_size(strategy, &[1; 400]), 1.25), 1).snapshot();
        let mut rng = Rng::from_seed(1);
        // Ten keys for 4,000 requests: unbounded, ten members would have 400 each.
        let held: Vec<Lease> =
            (0..4_000_u32).map(|n| take(&snapshot, PickKey::of(&(n % 10).to_le_bytes()), &mut rng)).collect();
        let most = in_flight(&snapshot).into_values().max().expect("members");
        assert!((12..=16).contains(&most), "{strategy}: {most}, the bound is 12.5");
        assert!(held.iter().filter(|lease| lease.reason() == Reason::Hash).count() >= 100, "{strategy}");
    }
}

/// A bound that nobody reaches changes nothing.
#[test]
fn every_attempt_says_that_the_key_decided() {
    for strategy in keyed() {
        for factor in [None, Some(1.25)] {
            let mut spec = spec(strategy, &[1, 1, 1]);
            spec.settings.bound = factor;
            let (snapshot, mut rng) = (pool(&spec, 1).snapshot(), Rng::from_seed(1));
            let key = PickKey::of(b"a session");
            let lease = take(&snapshot, key, &mut rng);
            let mut tried = Tried::default();
            tried.push(lease.member().serial);
            assert_eq!(lease.reason(), Reason::Hash, "{strategy}");
            drop(lease);
            let second = snapshot.pick_keyed(&tried, key, &mut rng, Nanos::ZERO).expect("two are left");
            assert_eq!(second.reason(), Reason::Retry, "{strategy}");
            let alone = pool_with_down(spec, &[false, true, true], 1).snapshot();
            assert_eq!(take(&alone, key, &mut rng).reason(), Reason::OnlyChoice, "{strategy}");
        }
    }
}

/// Were one of these to change, keys would move when instances are upgraded one after the other.
#[test]
fn the_choices_stay_what_they_are() {
    for (strategy, expected) in GOLDEN {
        let spec = PoolSpec {
            members: [("10.0.0.1:80", 1), ("10.0.0.2:80", 1), ("cache-3", 2), ("ü", 5)]
                .map(|(id, weight)| member(id, weight))
                .into(),
            ..full_size(strategy, &[])
        };
        let (snapshot, mut rng) = (pool(&spec, 1).snapshot(), Rng::from_seed(1));
        let home = |n: u32| {
            let id =
                take(&snapshot, PickKey::of(format!("key {n}").as_bytes()), &mut rng).member().id.clone();
            snapshot.members().iter().position(|view| view.member.id == id).expect("a member").to_string()
        };
        assert_eq!((0..64).map(home).collect::<String>(), expected, "{strategy}");
    }
    assert_eq!(GOLDEN.map(|(strategy, _)| strategy).to_vec(), keyed().collect::<Vec<_>>());
}

/// Positions of the members that the keys go to.
const GOLDEN: [(StrategyKind, &str); 3] = [
    (StrategyKind::Maglev, "3332233302121033231303332311032330333323033303032332330212323333"),
    (StrategyKind::Ring, "2323032323333321333032212233322033331231333323333313333323313333"),
    (StrategyKind::Rendezvous, "2303333131020330033230323233223210222320132310330333300133222233"),
];

pub(crate) fn keyed() -> impl Iterator<Item = StrategyKind> {
    REGISTRY.iter().filter(|known| known.keyed).map(|known| known.kind)
}

/// With tables and points as they are by default.
pub(crate) fn full_size(strategy: StrategyKind, weights: &[u32]) -> PoolSpec {
    PoolSpec { settings: StrategySettings::default(), ..spec(strategy, weights) }
}

/// Where each of so many keys goes.
pub(crate) fn homes(spec: &PoolSpec, keys: u32) -> Vec<BackendId> {
    let (snapshot, mut rng) = (pool(spec, 1).snapshot(), Rng::from_seed(1));
    (0..keys).map(|n| take(&snapshot, PickKey::of(&n.to_le_bytes()), &mut rng).member().id.clone()).collect()
}

/// Keys that moved from or to the one that changed, and others that moved.
pub(crate) fn moved(before: &[BackendId], after: &[BackendId], changed: &str) -> (usize, usize) {
    let moved = before.iter().zip(after).filter(|(before, after)| before != after);
    let (forced, needless): (Vec<_>, Vec<_>) =
        moved.partition(|(before, after)| before.as_str() == changed || after.as_str() == changed);
    (forced.len(), needless.len())
}

fn bounded(mut spec: PoolSpec, factor: f64) -> PoolSpec {
    spec.settings.bound = Some(factor);
    spec
}

/// The members in the order in which the key tries them.
fn preferences(snapshot: &PoolSnapshot, key: u64, rng: &mut Rng) -> Vec<BackendId> {
    let (mut tried, mut order) = (Tried::default(), Vec::new());
    while let Ok(lease) = snapshot.pick_keyed(&tried, PickKey::from_hash(key), rng, Nanos::ZERO) {
        tried.push(lease.member().serial);
        order.push(lease.member().id.clone());
    }
    order
}

fn in_flight(snapshot: &PoolSnapshot) -> BTreeMap<BackendId, u32> {
    let members = snapshot.members().iter();
    members.map(|view| (view.member.id.clone(), view.member.load.in_flight())).collect()
}

/// The formula, with room for what a product of floating-point numbers may be off.
fn capacity(snapshot: &PoolSnapshot, id: &BackendId, factor: f64, requests: f64) -> u32 {
    let view = snapshot.members().iter().find(|view| view.member.id == *id).expect("a member");
    ((factor * requests * view.plan - 1e-9).ceil() as u32).max(1)
}

fn take(snapshot: &PoolSnapshot, key: PickKey, rng: &mut Rng) -> Lease {
    snapshot.pick_keyed(&Tried::default(), key, rng, Nanos::ZERO).expect("somebody is eligible")
}
