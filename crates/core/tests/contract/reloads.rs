//! A reload changes what it says it changes, and the evenness of traffic is not part of that.

use std::collections::BTreeMap;
use std::sync::Arc;

use evenkeel_core::{
    BackendId, Member, Nanos, Outcome, PoolEvent, PoolSpec, PoolState, REGISTRY, Rng, StrategyKind,
    Transition, Tried, Weight,
};
use proptest::prelude::*;

use crate::bounds::{Bound, bound, check};
use crate::pools::{
    IntoId, address, attempts, fail_attempts, health, member, passive, pick_id, pool, serve, spec,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every request follows the plan of its time, so in sum each member gets the sum of its shares, even if
    /// no schedule ever completes a cycle.
    #[test]
    fn in_step_with_the_traffic_do_not_skew_it(
        weights in prop::collection::vec(1_u32..=20, 2..=6),
        others in prop::collection::vec(1_u32..=20, 1..=3),
        period in 1_u32..=7,
        seed in any::<u64>(),
    ) {
        for known in REGISTRY {
            let one = spec(known.kind, &weights);
            let mut other = one.clone();
            other.members.extend(others.iter().enumerate().map(|(i, w)| member(&format!("other{i}"), *w)));
            let mut ledger = Ledger::new(seed);
            let mut pool = pool(&one, seed);
            for round in 0..300 {
                pool.apply(configured(if round % 2 == 0 { &one } else { &other }), Nanos::ZERO);
                ledger.serve(&pool, period);
            }
            let bound = match bound(known.kind) {
                Bound::Requests(_) => Bound::Requests(ACROSS_SCHEDULES),
                other => other,
            };
            prop_assert_eq!(check(bound, &ledger.counted()), Ok(()), "{}", known.name);
        }
    }

    #[test]
    fn of_the_same_configuration_change_nothing(
        weights in prop::collection::vec(1_u32..=100, 1..=12),
        seed in any::<u64>(),
    ) {
        for known in REGISTRY {
            let spec = spec(known.kind, &weights);
            let (mut pool, mut rng) = (pool(&spec, seed), Rng::from_seed(seed));
            for _ in 0..500 {
                serve(&pool.snapshot(), &Tried::default(), &mut rng, 3);
                let applied = pool.apply(configured(&spec), Nanos::ZERO);
                prop_assert!(applied.snapshot.is_none() && applied.transitions.is_empty());
            }
            prop_assert_eq!(check(bound(known.kind), &attempts(&pool.snapshot())), Ok(()), "{}", known.name);
        }
    }
}

#[test]
fn keep_counters_serials_and_requests_in_flight() {
    for known in REGISTRY {
        let before = spec(known.kind, &[1, 1, 1]);
        let (mut pool, mut rng) = (pool(&before, 1), Rng::from_seed(1));
        serve(&pool.snapshot(), &Tried::default(), &mut rng, 300);
        let held =
            pool.snapshot().pick(&Tried::default(), &mut rng, Nanos::ZERO).expect("three are eligible");
        let old = find(&pool, "m0");
        let served = old.load.attempts_total();

        let mut after = before.clone();
        after.members[0].weight = Weight::new(9).unwrap();
        after.members[0].address = Some(address(77));
        after.members.push(member("new", 2));
        let applied = pool.apply(configured(&after), Nanos::ZERO);
        let new = find(&pool, "m0");
        assert_eq!((new.weight.get(), new.address), (9, Some(address(77))));
        assert_eq!(
            (old.weight.get(), new.serial),
            (1, old.serial),
            "snapshots that are out stay as they are"
        );
        assert!(Arc::ptr_eq(&new.load, &old.load) && served > 0 && new.load.attempts_total() == served);
        let changed =
            Transition::Weight { id: "m0".into_id(), from: Weight::ONE, to: Weight::new(9).unwrap() };
        assert_eq!(applied.transitions, [Transition::Added { id: "new".into_id() }, changed]);

        let load = Arc::clone(&held.member().load);
        assert_eq!(load.in_flight(), 1, "a reload ends nothing");
        held.end(Outcome::Ok, Nanos::ZERO);
        assert_eq!(load.in_flight(), 0);
    }
}

#[test]
fn that_are_taken_back_return_load_and_serial() {
    let full = spec(StrategyKind::RoundRobin, &[1, 1]);
    let mut without = full.clone();
    without.members.pop();
    let mut pool = pool(&full, 1);
    serve(&pool.snapshot(), &Tried::default(), &mut Rng::from_seed(1), 10);
    let old = find(&pool, "m1");
    let applied = pool.apply(configured(&without), Nanos::ZERO);
    assert_eq!(applied.transitions, [Transition::Removed { id: "m1".into_id() }]);
    pool.apply(configured(&full), Nanos::ZERO);
    let new = find(&pool, "m1");
    assert!(Arc::ptr_eq(&old.load, &new.load) && old.serial == new.serial && new.load.attempts_total() == 5);
}

/// The churn of a year is forgotten, but nobody who is still serving a request.
#[test]
fn remember_the_last_removed_and_all_with_requests_in_flight() {
    let with = |id: &str| PoolSpec { members: vec![member(id, 1)], ..spec(StrategyKind::RoundRobin, &[]) };
    let (mut pool, mut rng) = (pool(&with("busy"), 1), Rng::from_seed(1));
    let held = pool.snapshot().pick(&Tried::default(), &mut rng, Nanos::ZERO).expect("one is eligible");
    let serials: Vec<u64> = (0..70)
        .map(|i| {
            pool.apply(configured(&with(&format!("idle{i}"))), Nanos::ZERO);
            find(&pool, &format!("idle{i}")).serial
        })
        .collect();
    pool.apply(configured(&with("busy")), Nanos::ZERO);
    assert_eq!(find(&pool, "busy").load.in_flight(), 1);
    drop(held);
    pool.apply(configured(&with("idle69")), Nanos::ZERO);
    assert_eq!(find(&pool, "idle69").serial, serials[69]);
    pool.apply(configured(&with("idle0")), Nanos::ZERO);
    assert_ne!(find(&pool, "idle0").serial, serials[0], "forgotten, and its serial is not used again");
    assert!(!serials.contains(&find(&pool, "idle0").serial));
}

/// Round robin, something else, round robin again: the next turn is the next turn.
#[test]
fn of_the_strategy_keep_the_place_in_the_schedule() {
    let turns = spec(StrategyKind::RoundRobin, &[3, 2, 1]);
    let lots = PoolSpec { strategy: StrategyKind::Random, ..turns.clone() };
    let (mut interrupted, undisturbed, mut rng) = (pool(&turns, 5), pool(&turns, 5), Rng::from_seed(1));
    for _ in 0..20 {
        let picked: Vec<_> = (0..4).map(|_| pick_id(&interrupted.snapshot(), &mut rng)).collect();
        let expected: Vec<_> = (0..4).map(|_| pick_id(&undisturbed.snapshot(), &mut rng)).collect();
        assert_eq!(picked, expected);
        interrupted.apply(configured(&lots), Nanos::ZERO);
        assert_eq!(interrupted.snapshot().strategy(), StrategyKind::Random);
        pick_id(&interrupted.snapshot(), &mut rng);
        interrupted.apply(configured(&turns), Nanos::ZERO);
    }
}

/// What is known about a backend's health is kept, unless another machine answers there now.
#[test]
fn keep_health_unless_the_address_changes() {
    let mut checked = spec(StrategyKind::RoundRobin, &[1, 1, 1]);
    checked.health = health(2, 2);
    checked.passive = passive(3, 10, 0.5);
    let mut pool = pool(&checked, 1);
    for id in ["m0", "m1", "m2"] {
        pool.apply(PoolEvent::Probed { id: id.into_id(), result: Ok(()) }, Nanos::ZERO);
    }
    fail_attempts(&mut pool, "m1", 3, Nanos::ZERO);
    pool.apply(PoolEvent::Probed { id: "m2".into_id(), result: Err("refused".into()) }, Nanos::ZERO);
    let mut reweighted = checked.clone();
    reweighted.members.iter_mut().for_each(|member| member.weight = Weight::new(5).unwrap());
    pool.apply(configured(&reweighted), Nanos::ZERO);
    assert_eq!(phases(&pool), ["serving", "ejected", "serving"]);
    pool.apply(PoolEvent::Probed { id: "m2".into_id(), result: Err("refused".into()) }, Nanos::ZERO);
    assert_eq!(phases(&pool), ["serving", "ejected", "unhealthy"], "the failure before the reload counts");

    let mut moved = reweighted.clone();
    moved.members.iter_mut().for_each(|member| member.address = Some(address(9)));
    pool.apply(configured(&moved), Nanos::ZERO);
    assert_eq!(phases(&pool), ["joining"; 3]);
    assert_eq!(find(&pool, "m1").load.consecutive_failures(), 0);
    assert_eq!(find(&pool, "m1").load.outcomes(Outcome::ConnectFailed), 3, "history is not health");

    let unchecked = PoolSpec { health: None, ..moved.clone() };
    pool.apply(configured(&unchecked), Nanos::ZERO);
    assert_eq!(phases(&pool), ["serving"; 3]);
    pool.apply(configured(&moved), Nanos::ZERO);
    assert_eq!(phases(&pool), ["serving"; 3], "until checks say otherwise");
}

fn phases(pool: &PoolState) -> Vec<&'static str> {
    pool.snapshot().members().iter().map(|view| view.phase.as_str()).collect()
}

/// What members got, and the sum of the shares that the plans of the time gave them.
pub(crate) struct Ledger {
    rng: Rng,
    requests: u64,
    counts: BTreeMap<BackendId, (u64, f64)>,
}

impl Ledger {
    pub(crate) fn new(seed: u64) -> Self {
        Self { rng: Rng::from_seed(seed), requests: 0, counts: BTreeMap::new() }
    }

    pub(crate) fn serve(&mut self, pool: &PoolState, requests: u32) {
        let snapshot = pool.snapshot();
        for _ in 0..requests {
            for view in snapshot.members() {
                self.counts.entry(view.member.id.clone()).or_default().1 += view.plan;
            }
            self.counts.get_mut(&pick_id(&snapshot, &mut self.rng)).expect("a member").0 += 1;
            self.requests += 1;
        }
    }

    pub(crate) fn counted(&self) -> BTreeMap<BackendId, (u64, f64)> {
        let n = self.requests as f64;
        self.counts.iter().map(|(id, (count, shares))| (id.clone(), (*count, shares / n))).collect()
    }
}

fn configured(spec: &PoolSpec) -> PoolEvent {
    PoolEvent::Configured(spec.clone())
}

fn find(pool: &PoolState, id: &str) -> Arc<Member> {
    let members = pool.snapshot();
    let view = members.members().iter().find(|view| view.member.id.as_str() == id).expect("configured");
    Arc::clone(&view.member)
}

/// Two turns for the schedules, and what entering one in the middle cannot make up for at once.
pub(crate) const ACROSS_SCHEDULES: f64 = 3.0;
