//! What tiers, zones, slow start and subsets make of the weights: published numbers, and the plan that pools follow.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    BackendId, MemberSpec, Mode, Nanos, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Ratio, Reason, Rng,
    SlowStart, StrategyKind, SubsetSpec, Tried, ZoneSpec, subset, tier_loads, zone_spare, zone_split,
};

use crate::bounds::{Bound, check};
use crate::pools::{IntoId, address, attempts, fail_attempts, health, passive, pool, serve, spec};

/// Envoy's priority levels: 140 % of what is healthy.
#[test]
fn tiers_take_what_they_can() {
    let table: [(&[f64], &[f64]); 9] = [
        (&[1.0, 1.0], &[1.0, 0.0]),
        (&[0.72, 1.0], &[1.0, 0.0]),
        (&[0.71, 1.0], &[0.994, 0.006]),
        (&[0.5, 1.0], &[0.7, 0.3]),
        (&[0.25, 1.0], &[0.35, 0.65]),
        (&[0.0, 1.0], &[0.0, 1.0]),
        (&[0.25, 0.25], &[0.5, 0.5]),
        (&[0.25, 0.0, 1.0], &[0.35, 0.0, 0.65]),
        (&[0.0, 0.0], &[0.0, 0.0]),
    ];
    for (available, expected) in table {
        assert_near(&tier_loads(available, 1.4), expected, 1e-9, &format!("{available:?}"));
    }
    assert_eq!(tier_loads(&[5.0 / 7.0, 1.0], 1.4), [1.0, 0.0], "rounding sends nobody away");
}

/// Envoy's example: requests arrive 40/40/20, and hosts stand 25/50/25.
#[test]
fn zones_pass_on_what_they_cannot_take() {
    let (arrivals, capacity) = ([0.4, 0.4, 0.2], [0.25, 0.5, 0.25]);
    assert_near(&zone_spare(&arrivals, &capacity), &[0.0, 0.10, 0.05], 1e-12, "spare");
    assert_near(&zone_split(&arrivals, &capacity, 0), &[0.625, 0.25, 0.125], 1e-12, "from the first");
    assert_eq!(zone_split(&arrivals, &capacity, 1), [0.0, 1.0, 0.0], "from the second");
    // All zones together give every zone what it has capacity for.
    let all: Vec<f64> = (0..3)
        .map(|to| (0..3).map(|from| arrivals[from] * zone_split(&arrivals, &capacity, from)[to]).sum())
        .collect();
    assert_near(&all, &capacity, 1e-12, "together");
}

#[test]
fn the_second_tier_fills_up_what_the_first_cannot_take() {
    let mut spec = spec(StrategyKind::RoundRobin, &[2; 14]);
    spec.health = health(1, 1);
    spec.panic_threshold = Ratio::new(0.5).unwrap();
    (10..14).for_each(|i| spec.members[i].placement.tier = 1);
    let mut pool = pool(&spec, 1);
    (0..14).for_each(|i| probe(&mut pool, i, true));
    let failover = |pool: &PoolState| plan(&pool.snapshot())[10..].iter().sum::<f64>();
    let down_to = |pool: &mut PoolState, up: usize| (up..10).for_each(|i| probe(pool, i, false));
    assert_eq!(failover(&pool), 0.0);
    down_to(&mut pool, 8);
    assert_eq!((failover(&pool), &plan(&pool.snapshot())[..2]), (0.0, &[0.125; 2][..]));
    down_to(&mut pool, 7);
    let expected: Vec<f64> =
        (0..14).map(|i| [0.14, 0.0, 0.005][usize::from(i >= 7) + usize::from(i >= 10)]).collect();
    assert_near(&plan(&pool.snapshot()), &expected, 1.0 / 4096.0, "7 of 10 can take 98 %");
    let snapshot = pool.snapshot();
    follows_its_plan(&snapshot);
    for view in snapshot.members() {
        let reason = if view.member.placement.tier == 0 { Reason::Algorithm } else { Reason::Failover };
        assert_eq!(view.member.load.attempts(reason), view.member.load.attempts_total());
    }
    down_to(&mut pool, 0);
    assert_eq!(plan(&pool.snapshot())[10..], [0.25; 4], "the weights of those left, exactly");
}

/// Else a healthy pool with spares would look skewed for ever.
#[test]
fn spares_are_not_meant_to_get_anything() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1, 3, 1]);
    spec.health = health(1, 1);
    [(2, 1), (3, 2)].into_iter().for_each(|(i, tier)| spec.members[i].placement.tier = tier);
    let mut pool = pool(&spec, 1);
    (0..4).for_each(|i| probe(&mut pool, i, true));
    let intents =
        |pool: &PoolState| pool.snapshot().members().iter().map(|view| view.intent).collect::<Vec<_>>();
    assert_eq!(intents(&pool), [0.5, 0.5, 0.0, 0.0]);
    assert_eq!(plan(&pool.snapshot()), intents(&pool));
    (0..2).for_each(|i| probe(&mut pool, i, false));
    assert_eq!(intents(&pool), [0.5, 0.5, 0.0, 0.0], "what is meant does not depend on health");
    spec.members[0].placement.draining = true;
    spec.members[1].enabled = false;
    pool.apply(PoolEvent::Configured(spec), Nanos::ZERO);
    assert_eq!(intents(&pool), [0.0, 0.0, 1.0, 0.0], "the first tier is out on purpose");
}

/// A lone member of a second tier says that it stands in, not that nobody else was there.
#[test]
fn a_single_spare_says_failover() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1]);
    spec.members[1].placement.tier = 1;
    spec.members[0].enabled = false;
    let lease = pool(&spec, 1).snapshot().pick(&Tried::default(), &mut Rng::from_seed(1), Nanos::ZERO);
    assert_eq!(lease.expect("one is there").reason(), Reason::Failover);
}

#[test]
fn members_that_are_not_checked_yet_are_not_lost_to_their_tier() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1, 1, 1]);
    spec.health = health(1, 1);
    spec.members[2].placement.tier = 1;
    let mut pool = pool(&spec, 1);
    probe(&mut pool, 2, true);
    assert_eq!(plan(&pool.snapshot()), [0.0, 0.0, 1.0], "somebody is better than nobody");
    probe(&mut pool, 0, true);
    assert_eq!(plan(&pool.snapshot()), [1.0, 0.0, 0.0]);
    probe(&mut pool, 1, false);
    assert_near(&plan(&pool.snapshot()), &[0.7, 0.0, 0.3], 1.0 / 4096.0, "bad news");
}

/// With the threshold that is the default: what is lost here is most of the pool, and yet not the tier that is there for
/// that.
#[test]
fn a_tier_that_is_well_takes_over_without_panic() {
    for (first, spare) in [(2, 1), (3, 2), (5, 1), (1, 1)] {
        let mut spec = spec(StrategyKind::RoundRobin, &vec![1; first + spare]);
        spec.health = health(1, 1);
        spec.panic_threshold = Ratio::new(0.5).unwrap();
        (first..first + spare).for_each(|i| spec.members[i].placement.tier = 1);
        let mut pool = pool(&spec, 1);
        (0..first + spare).for_each(|i| probe(&mut pool, i, true));
        (0..first).for_each(|i| probe(&mut pool, i, false));
        let share = |i: usize| if i < first { 0.0 } else { 1.0 / spare as f64 };
        let expected: Vec<f64> = (0..first + spare).map(share).collect();
        assert_eq!(plan(&pool.snapshot()), expected, "{first} + {spare}");
        assert_eq!(pool.snapshot().mode(), Mode::Normal);
        (first..first + spare).for_each(|i| probe(&mut pool, i, false));
        assert_eq!(pool.snapshot().mode(), Mode::Panic, "no tier is left");
    }
}

#[test]
fn panic_looks_at_no_tier_and_no_zone() {
    let mut spec = zoned(["a", "a", "b", "b"]);
    spec.members[3].placement.tier = 1;
    spec.members[1].placement.draining = true;
    spec.panic_threshold = Ratio::new(0.9).unwrap();
    let mut pool = pool(&spec, 1);
    (0..4).for_each(|i| probe(&mut pool, i, i == 0));
    let third = 1.0 / 3.0;
    assert_eq!(plan(&pool.snapshot()), [third, 0.0, third, third]);
}

#[test]
fn traffic_stays_in_its_zone_while_the_zone_can_take_it() {
    let mut pool = pool(&zoned(["a", "a", "b", "b", "c", "c"]), 1);
    (0..6).for_each(|i| probe(&mut pool, i, true));
    assert_eq!(plan(&pool.snapshot()), [0.5, 0.5, 0.0, 0.0, 0.0, 0.0]);
    // One of two is down: 20 % of the capacity for a third of the requests, so 60 % of them stay.
    probe(&mut pool, 1, false);
    assert_near(&plan(&pool.snapshot()), &[0.6, 0.0, 0.1, 0.1, 0.1, 0.1], 1.0 / 4096.0, "one down");
    let snapshot = pool.snapshot();
    follows_its_plan(&snapshot);
    let spilled = |i: usize| snapshot.members()[i].member.load.attempts(Reason::Spill);
    assert_eq!(spilled(0), 0);
    assert!(spilled(2) > 0 && spilled(2) == snapshot.members()[2].member.load.attempts_total());
    probe(&mut pool, 0, false);
    assert_eq!(plan(&pool.snapshot()), [0.0, 0.0, 0.25, 0.25, 0.25, 0.25]);
}

#[test]
fn zones_are_not_looked_at_where_that_cannot_be_even() {
    let even = |spec: PoolSpec, what: &str| {
        let mut pool = pool(&spec, 1);
        (0..spec.members.len()).for_each(|i| probe(&mut pool, i, true));
        let each = 1.0 / spec.members.len() as f64;
        assert!(plan(&pool.snapshot()).iter().all(|share| *share == each), "{what}");
    };
    even(zoned(["a", "a", "a"]), "one zone");
    even(zoned(["b", "b", "c"]), "nobody in the local zone");
    let mut few = zoned(["a", "b", "b"]);
    few.shaping.zone.as_mut().unwrap().members_min = 4;
    even(few, "too few members");
}

/// A retry, or a full zone, is no reason to fail while others serve.
#[test]
fn those_in_reserve_are_there_when_the_others_are_tried() {
    let mut spec = zoned(["a", "b", "c"]);
    spec.members[2].placement.tier = 1;
    let mut pool = pool(&spec, 1);
    (0..3).for_each(|i| probe(&mut pool, i, true));
    let (snapshot, mut tried) = (pool.snapshot(), Tried::default());
    for (expected, reason) in [(0, Reason::OnlyChoice), (1, Reason::Retry), (2, Reason::Retry)] {
        let lease = snapshot.pick(&tried, &mut Rng::from_seed(1), Nanos::ZERO).expect("somebody is left");
        assert_eq!((&lease.member().id, lease.reason()), (&snapshot.members()[expected].member.id, reason));
        tried.push(lease.member().serial);
    }
    assert!(snapshot.pick(&tried, &mut Rng::from_seed(1), Nanos::ZERO).is_none());
}

/// A whole tier has died, and nobody knows yet: two attempts there are enough.
#[test]
fn the_third_attempt_is_in_the_next_tier() {
    for strategy in StrategyKind::ALL {
        let mut spec = spec(strategy, &[1; 8]);
        (4..8).for_each(|i| spec.members[i].placement.tier = 1 + (i / 6) as u8);
        let (snapshot, mut tried, mut tiers) = (pool(&spec, 1).snapshot(), Tried::default(), Vec::new());
        while let Some(lease) = snapshot.pick(&tried, &mut Rng::from_seed(1), Nanos::ZERO) {
            tiers.push(lease.member().placement.tier);
            tried.push(lease.member().serial);
            assert_eq!(lease.reason() == Reason::Retry, tiers.len() > 1);
        }
        assert_eq!(tiers, [0, 0, 1, 0, 0, 1, 2, 2], "{strategy}: and nobody is left out");
    }
}

/// One of ten that comes back, at these parts of the window.
#[test]
fn a_member_that_comes_back_is_brought_up_as_published() {
    for (aggression, percents) in [(1.0, [1.1, 2.7, 5.3, 7.7]), (2.0, [3.4, 5.3, 7.3, 8.8])] {
        for comes_back in COMEBACKS {
            let (mut pool, back) = comes_back(aggression);
            let mut shown = Vec::new();
            let mut last = 0.0;
            let mut steps = 0;
            while let Some(due) = pool.next_deadline() {
                let new = pool.apply(PoolEvent::Tick, due).snapshot;
                steps += usize::from(new.is_some());
                let (share, age) = (plan(&pool.snapshot())[9], due.since(back));
                assert!(share >= last, "it only rises");
                last = share;
                if [10, 25, 50, 75].contains(&age.as_secs()) {
                    shown.push((share * 1_000.0).round() / 10.0);
                }
            }
            assert_eq!(shown, percents, "{aggression}");
            assert_eq!(plan(&pool.snapshot()), [0.1; 10], "at the end all is as configured");
            assert!((15..=20).contains(&steps), "{steps} steps");
        }
    }
}

type Comeback = fn(f64) -> (PoolState, Nanos);

/// Ways to be out and back: a pool whose last member has begun to serve at the time given.
const COMEBACKS: [Comeback; 5] = [
    |aggression| {
        let (mut pool, _) = ten(aggression);
        probe_at(&mut pool, 9, false, Nanos::from_secs(900));
        probe_at(&mut pool, 9, true, LATER);
        (pool, LATER)
    },
    |aggression| {
        let (mut pool, _) = ten(aggression);
        fail_attempts(&mut pool, "m9", 1, Nanos(LATER.0 - 10_000_000_000));
        pool.apply(PoolEvent::Tick, LATER);
        (pool, LATER)
    },
    |aggression| out_and_in(aggression, |member| member.enabled = false),
    |aggression| out_and_in(aggression, |member| member.placement.draining = true),
    |aggression| {
        let (mut pool, mut spec) = ten(aggression);
        let last = spec.members.pop().expect("ten");
        pool.apply(PoolEvent::Configured(spec.clone()), Nanos::from_secs(900));
        spec.members.push(last);
        pool.apply(PoolEvent::Configured(spec), LATER);
        probe_at(&mut pool, 9, true, LATER);
        (pool, LATER)
    },
];

const LATER: Nanos = Nanos(1_000_000_000_000);

/// Ten that have served for long, with a window of 100 s.
fn ten(aggression: f64) -> (PoolState, PoolSpec) {
    let mut spec = spec(StrategyKind::RoundRobin, &[3; 10]);
    spec.health = health(1, 1);
    spec.passive = passive(1, 10, 0.5);
    spec.shaping.slow_start = slow_start(100, aggression);
    let mut pool = pool(&spec, 1);
    (0..10).for_each(|i| probe(&mut pool, i, true));
    (pool, spec)
}

fn out_and_in(aggression: f64, out: fn(&mut MemberSpec)) -> (PoolState, Nanos) {
    let (mut pool, spec) = ten(aggression);
    let mut without = spec.clone();
    out(&mut without.members[9]);
    pool.apply(PoolEvent::Configured(without), Nanos::from_secs(900));
    pool.apply(PoolEvent::Configured(spec), LATER);
    (pool, LATER)
}

#[test]
fn a_pool_that_is_new_as_a_whole_does_not_ramp() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 3]);
    spec.health = health(1, 1);
    spec.shaping.slow_start = slow_start(100, 1.0);
    let mut pool = pool(&spec, 1);
    for (i, second) in [(0, 0), (1, 20), (2, 99)] {
        probe_at(&mut pool, i, true, Nanos::from_secs(second));
        let serving = i + 1;
        assert!(plan(&pool.snapshot())[..serving].iter().all(|share| *share == 1.0 / serving as f64));
        assert_eq!(pool.next_deadline(), None);
    }
    probe_at(&mut pool, 2, false, Nanos::from_secs(150));
    probe_at(&mut pool, 2, true, Nanos::from_secs(150));
    assert_near(&plan(&pool.snapshot()), &[1.0 / 2.1, 1.0 / 2.1, 0.1 / 2.1], 1.0 / 4096.0, "now it does");
    follows_its_plan(&pool.snapshot());
}

/// All have been restarted one after the other, long ago: a longer window, or slow start that is switched off and on,
/// is no reason to begin again.
#[test]
fn a_ramp_that_is_over_is_over_whatever_the_window_becomes() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 4]);
    spec.health = health(1, 1);
    spec.shaping.slow_start = slow_start(1, 1.0);
    for (ticks, off_between) in [(true, false), (false, false), (true, true), (false, true)] {
        let mut pool = pool(&spec, 1);
        (0..4).for_each(|i| probe(&mut pool, i, true));
        for i in 1..4 {
            let now = Nanos::from_secs(10 * i as u64);
            probe_at(&mut pool, i, false, now);
            probe_at(&mut pool, i, true, now);
            while let Some(due) = pool.next_deadline().filter(|_| ticks) {
                pool.apply(PoolEvent::Tick, due);
            }
        }
        let (mut off, mut longer) = (spec.clone(), spec.clone());
        off.shaping.slow_start = None;
        longer.shaping.slow_start = slow_start(300, 1.0);
        if off_between {
            pool.apply(PoolEvent::Configured(off), Nanos::from_secs(40));
        }
        pool.apply(PoolEvent::Configured(longer), Nanos::from_secs(40));
        assert_eq!(plan(&pool.snapshot()), [0.25; 4], "ticks: {ticks}");
        assert_eq!(pool.next_deadline(), None);
    }
}

#[test]
fn steps_are_apart_even_where_the_window_is_short() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 2]);
    spec.health = health(1, 1);
    spec.shaping.slow_start = slow_start(1, 1.0);
    let mut pool = pool(&spec, 1);
    (0..2).for_each(|i| probe(&mut pool, i, true));
    probe_at(&mut pool, 1, false, LATER);
    probe_at(&mut pool, 1, true, LATER);
    let mut dues = vec![LATER];
    while let Some(due) = pool.next_deadline() {
        dues.push(due);
        pool.apply(PoolEvent::Tick, due);
    }
    assert_eq!(dues.len(), 11);
    assert!(dues.windows(2).all(|pair| pair[1].since(pair[0]) >= Duration::from_millis(100)), "{dues:?}");
}

/// Nobody checks, so nothing else would say that it is new.
#[test]
fn another_machine_at_another_address_ramps() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 2]);
    spec.shaping.slow_start = slow_start(100, 1.0);
    let mut pool = pool(&spec, 1);
    pool.apply(PoolEvent::Resolved { id: "m1".into_id(), result: Ok(address(9)) }, LATER);
    assert_near(&plan(&pool.snapshot()), &[1.0 / 1.1, 0.1 / 1.1], 1.0 / 4096.0, "it has just begun");
}

/// The book's example: 300 clients, 300 backends, subsets of 30.
#[test]
fn subsets_give_every_member_as_many_instances() {
    let ids = ids(300);
    let used = uses(&ids, 30, 300);
    assert!(used.iter().all(|count| *count == 30), "{used:?}");
    for (members, size) in [(10, 4), (7, 3), (9, 8), (12, 5), (5, 1)] {
        let ids = self::ids(members);
        for instances in 0..60 {
            let used = uses(&ids, size, instances);
            let (least, most) = (used.iter().min().unwrap(), used.iter().max().unwrap());
            assert!(most - least <= 1, "{instances} times {size} of {members}: {used:?}");
        }
    }
}

#[test]
fn subsets_do_not_depend_on_the_order_and_move_little() {
    let ids = ids(300);
    let reversed: Vec<BackendId> = ids.iter().rev().cloned().collect();
    let (mut moved, mut first_round) = (0, 0);
    for instance in 0..300 {
        let mut again = subset_of(&reversed, 30, instance);
        again.reverse();
        let before = subset_of(&ids, 30, instance);
        assert_eq!(before, again);
        let after = subset_of(&ids[1..], 30, instance);
        let new = before[1..].iter().zip(&after).filter(|(before, after)| !**before && **after).count();
        moved += new;
        first_round += if instance < 10 { new } else { 0 };
    }
    // Were each order shuffled anew, nine of ten would be others: 270 and 8,100. Later rounds begin further off.
    assert!(first_round <= 10 && moved < 5_000, "{first_round} of 300, {moved} of 9,000");
}

#[test]
fn a_subset_is_the_whole_pool_to_its_instance() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 9]);
    spec.members[0].enabled = false;
    (5..9).for_each(|i| spec.members[i].placement.tier = 1);
    let mut used = [0; 9];
    for instance in 0..4 {
        spec.shaping.subset = Some(SubsetSpec { instance, size: NonZeroU32::new(2).unwrap() });
        let snapshot = pool(&spec, 1).snapshot();
        assert_eq!(plan(&snapshot).iter().filter(|share| **share == 0.5).count(), 2);
        let intents = snapshot.members().iter().filter(|view| view.intent == 0.5).count();
        assert_eq!(intents, 2, "two of the first tier are meant");
        follows_its_plan(&snapshot);
        // Who is meant shows who is in use: the second tier is once nobody of the first is.
        let mut without = spec.clone();
        without.members[..5].iter_mut().for_each(|member| member.enabled = false);
        for snapshot in [snapshot, pool(&without, 1).snapshot()] {
            let meant = snapshot.members().iter().map(|view| i32::from(view.intent > 0.0));
            used.iter_mut().zip(meant).for_each(|(used, meant)| *used += meant);
        }
    }
    assert_eq!(used, [0, 2, 2, 2, 2, 2, 2, 2, 2], "in each tier, and whoever is out on purpose is nobody's");
}

fn uses(ids: &[BackendId], size: u32, instances: u32) -> Vec<u32> {
    let mut used = vec![0; ids.len()];
    for instance in 0..instances {
        let subset = subset_of(ids, size, instance);
        assert_eq!(subset.iter().filter(|used| **used).count(), size as usize);
        used.iter_mut().zip(subset).for_each(|(used, in_it)| *used += u32::from(in_it));
    }
    used
}

fn subset_of(ids: &[BackendId], size: u32, instance: u32) -> Vec<bool> {
    let size = NonZeroU32::new(size).expect("not zero");
    subset(&ids.iter().collect::<Vec<_>>(), SubsetSpec { instance, size })
}

fn ids(members: usize) -> Vec<BackendId> {
    (0..members).map(|i| BackendId::new(format!("10.0.{}.{}:8080", i / 250, i % 250))).collect()
}

/// Checked members in these zones; this process is in `a`.
fn zoned<const N: usize>(zones: [&str; N]) -> PoolSpec {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; N]);
    spec.health = health(1, 1);
    spec.shaping.zone = Some(ZoneSpec { local: "a".into(), members_min: 2 });
    for (member, zone) in spec.members.iter_mut().zip(zones) {
        member.placement.zone = Some(zone.into());
    }
    spec
}

fn slow_start(seconds: u64, aggression: f64) -> Option<SlowStart> {
    let minimum = Ratio::new(0.1).expect("a ratio");
    Some(SlowStart { window: Duration::from_secs(seconds), aggression, minimum })
}

fn probe(pool: &mut PoolState, member: usize, passed: bool) {
    probe_at(pool, member, passed, Nanos::ZERO);
}

fn probe_at(pool: &mut PoolState, member: usize, passed: bool, now: Nanos) {
    let result = if passed { Ok(()) } else { Err("GET /: 503".into()) };
    pool.apply(PoolEvent::Probed { id: format!("m{member}").as_str().into_id(), result }, now);
}

fn plan(snapshot: &PoolSnapshot) -> Vec<f64> {
    snapshot.members().iter().map(|view| view.plan).collect()
}

/// Round robin gives what the plan says, to within two requests.
fn follows_its_plan(snapshot: &Arc<PoolSnapshot>) {
    let before = attempts(snapshot);
    serve(snapshot, &Tried::default(), &mut Rng::from_seed(1), 5_000);
    let mut counted = attempts(snapshot);
    counted.iter_mut().for_each(|(id, (count, _))| *count -= before[id].0);
    assert_eq!(check(Bound::Requests(2.0), &counted), Ok(()));
}

fn assert_near(found: &[f64], expected: &[f64], within: f64, what: &str) {
    let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() <= within);
    assert!(near && found.len() == expected.len(), "{what}: {found:?}, not {expected:?}");
}
