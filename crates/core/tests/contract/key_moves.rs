//! What slow start, zones and tiers do to keys: those of members that they leave alone do not change places.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_core::{
    BackendId, Nanos, PickKey, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Ratio, Rng, SlowStart,
    StrategyKind, Tried, ZoneSpec,
};

use crate::hashing::{full_size, keyed};
use crate::pools::{IntoId, health, pool};

/// One of eight comes back, and takes twenty steps.
#[test]
fn a_ramp_moves_the_keys_of_one_that_ramps() {
    for strategy in keyed() {
        let mut spec = full_size(strategy, &[3, 3, 2, 1, 5, 1, 2, 3]);
        let minimum = Ratio::new(0.1).expect("a ratio");
        let slow_start = SlowStart { window: Duration::from_secs(100), aggression: 1.0, minimum };
        spec.shaping.slow_start = Some(slow_start);
        let mut pool = checked(spec);
        let others: Vec<usize> = (0..7).collect();
        let (whole, mut before) = (homes(&pool.snapshot()), homes(&pool.snapshot()));
        probe(&mut pool, 7, false, LATER);
        probe(&mut pool, 7, true, LATER);
        loop {
            let after = homes(&pool.snapshot());
            check_moves(strategy, &before, &after, &others);
            check_shares(strategy, &pool.snapshot(), &after);
            before = after;
            let Some(due) = pool.next_deadline() else { break };
            pool.apply(PoolEvent::Tick, due);
        }
        assert_eq!(before, whole, "{strategy}: all is as it was");
    }
}

/// The local zone passes on what it cannot take.
#[test]
fn a_zone_that_loses_one_keeps_the_keys_of_those_left() {
    for strategy in keyed() {
        let mut spec = full_size(strategy, &[1; 9]);
        spec.shaping.zone = Some(ZoneSpec { local: "b".into(), members_min: 2 });
        for (member, zone) in spec.members.iter_mut().zip(["b", "b", "b", "a", "a", "a", "c", "c", "c"]) {
            member.placement.zone = Some(zone.into());
        }
        lose(strategy, spec, &[(2, &[0, 1]), (3, &[0, 1]), (1, &[0])]);
    }
}

/// The second tier takes a part, then more than its weight.
#[test]
fn a_tier_that_loses_some_keeps_the_keys_of_those_left() {
    for strategy in keyed() {
        let mut spec = full_size(strategy, &[2, 1, 2, 1, 2, 1, 1]);
        (5..7).for_each(|i| spec.members[i].placement.tier = 1);
        lose(strategy, spec, &[(4, &[0, 1, 2, 3]), (3, &[0, 1, 2]), (2, &[0, 1])]);
    }
}

/// Members that go down one after the other, and those that nothing happens to then.
fn lose(strategy: StrategyKind, spec: PoolSpec, losses: &[(usize, &[usize])]) {
    let mut pool = checked(spec);
    let mut before = homes(&pool.snapshot());
    for (lost, left_alone) in losses {
        probe(&mut pool, *lost, false, LATER);
        let after = homes(&pool.snapshot());
        check_moves(strategy, &before, &after, left_alone);
        check_shares(strategy, &pool.snapshot(), &after);
        before = after;
    }
}

/// Between members that are left alone no key moves; by maglev some do.
fn check_moves(strategy: StrategyKind, before: &[BackendId], after: &[BackendId], left_alone: &[usize]) {
    let alone: Vec<BackendId> = left_alone.iter().map(|i| name(*i)).collect();
    let moved = before.iter().zip(after).filter(|(before, after)| before != after);
    let (needless, forced): (Vec<_>, Vec<_>) =
        moved.partition(|(before, after)| alone.contains(before) && alone.contains(after));
    let most = if strategy == StrategyKind::Maglev { forced.len() / 2 + KEYS as usize / 100 } else { 0 };
    assert!(needless.len() <= most, "{strategy}: {} beside {}", needless.len(), forced.len());
}

/// Everybody has its part of the plan, as near as its strategy comes to that.
fn check_shares(strategy: StrategyKind, snapshot: &PoolSnapshot, homes: &[BackendId]) {
    let mut counts: BTreeMap<&BackendId, f64> = BTreeMap::new();
    homes.iter().for_each(|home| *counts.entry(home).or_default() += 1.0 / f64::from(KEYS));
    for view in snapshot.members() {
        let share = counts.get(&view.member.id).copied().unwrap_or(0.0);
        let off = if strategy == StrategyKind::Ring { 0.35 * view.plan + 0.02 } else { 0.01 };
        assert!((share - view.plan).abs() <= off, "{strategy}: {share} of {view:?}");
    }
}

fn homes(snapshot: &PoolSnapshot) -> Vec<BackendId> {
    let mut rng = Rng::from_seed(1);
    let mut home = |n: u32| {
        let key = PickKey::of(&n.to_le_bytes());
        let lease =
            snapshot.pick_keyed(&Tried::default(), key, &mut rng, LATER).expect("somebody is eligible");
        lease.member().id.clone()
    };
    (0..KEYS).map(&mut home).collect()
}

/// All serve.
fn checked(mut spec: PoolSpec) -> PoolState {
    spec.health = health(1, 1);
    let mut pool = pool(&spec, 1);
    (0..spec.members.len()).for_each(|i| probe(&mut pool, i, true, Nanos::ZERO));
    pool
}

fn probe(pool: &mut PoolState, member: usize, passed: bool, now: Nanos) {
    let result = if passed { Ok(()) } else { Err("GET /: 503".into()) };
    pool.apply(PoolEvent::Probed { id: name(member), result }, now);
}

fn name(member: usize) -> BackendId {
    format!("m{member}").as_str().into_id()
}

const KEYS: u32 = 10_000;
const LATER: Nanos = Nanos(1_000_000_000_000);
