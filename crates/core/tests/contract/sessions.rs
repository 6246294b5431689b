//! A session finds its member again, as long as that can serve it.

use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;

use evenkeel_core::{
    BackendId, Member, Nanos, Outcome, PoolEvent, PoolSnapshot, PoolState, Ratio, Reason, Rng, StrategyKind,
    SubsetSpec, Tried,
};

use crate::pools::{IntoId, fail_attempts, health, passive, pool, serve, spec};

#[test]
fn goes_where_it_went_in_every_process_and_after_a_reload() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 5]);
    let sessions: Vec<u64> =
        members(&pool(&spec, 1).snapshot()).iter().map(|member| member.session()).collect();
    assert_eq!(sessions.iter().collect::<HashSet<_>>().len(), 5);
    spec.members.reverse();
    spec.members[0].weight = evenkeel_core::Weight::MAX;
    let snapshot = pool(&spec, 2).snapshot();
    for (i, session) in sessions.iter().enumerate() {
        let lease = snapshot.pick_session(*session, &Tried::default(), Nanos(7)).expect("it serves");
        assert_eq!(lease.member().id, BackendId::new(format!("m{i}")));
        assert_eq!(
            (lease.reason(), lease.started(), lease.epoch()),
            (Reason::Sticky, Nanos(7), snapshot.epoch())
        );
        assert_eq!(lease.member().load.attempts(Reason::Sticky), 1);
    }
    assert!(snapshot.pick_session(1, &Tried::default(), Nanos::ZERO).is_none(), "nobody's");
}

#[test]
fn ends_with_the_health_of_its_member_but_not_with_draining() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 3]);
    spec.health = health(1, 1);
    spec.passive = passive(1, 10, 0.5);
    let mut pool = pool(&spec, 1);
    ["m0", "m1", "m2"].iter().for_each(|id| probe(&mut pool, id, true));
    let session = members(&pool.snapshot())[0].session();
    let goes =
        |pool: &PoolState| pool.snapshot().pick_session(session, &Tried::default(), Nanos::ZERO).is_some();
    assert!(goes(&pool));
    fail_attempts(&mut pool, "m0", 1, Nanos::ZERO);
    assert!(!goes(&pool), "ejected");
    pool.apply(PoolEvent::Tick, Nanos::from_secs(10));
    assert!(goes(&pool));

    spec.members[0].placement.draining = true;
    pool.apply(PoolEvent::Configured(spec.clone()), Nanos::ZERO);
    assert!(goes(&pool), "draining");
    let before = members(&pool.snapshot())[0].load.attempts_total();
    serve(&pool.snapshot(), &Tried::default(), &mut Rng::from_seed(1), 100);
    assert_eq!(members(&pool.snapshot())[0].load.attempts_total(), before, "nothing new");
    let view = pool.snapshot().members()[0].clone();
    assert_eq!((view.intent, view.plan, view.keeps_sessions), (0.0, 0.0, true));
    probe(&mut pool, "m0", false);
    assert!(!goes(&pool), "draining, and unhealthy");
    assert_eq!(pool.snapshot().members()[0].detail.as_deref(), Some("down"), "which is shown");
    probe(&mut pool, "m0", true);
    assert!(goes(&pool));
    spec.members[0].enabled = false;
    pool.apply(PoolEvent::Configured(spec), Nanos::ZERO);
    assert!(!goes(&pool), "disabled");
}

/// Nothing new goes to one that drains, or is outside the subset, so the cap is not for it; its sessions must not be
/// stuck to one that fails every request.
#[test]
fn ends_for_a_while_where_every_request_fails() {
    for subset in [false, true] {
        let mut spec = spec(StrategyKind::RoundRobin, &[1; 3]);
        spec.passive = passive(3, 10, 0.0);
        if subset {
            spec.shaping.subset = Some(SubsetSpec { instance: 0, size: NonZeroU32::MIN });
        } else {
            spec.members[0].placement.draining = true;
        }
        let mut pool = pool(&spec, 1);
        let away = pool.snapshot().members().iter().position(|view| view.plan == 0.0).expect("one");
        let member = Arc::clone(&members(&pool.snapshot())[away]);
        let fail = |pool: &mut PoolState| {
            let lease = pool.snapshot().pick_session(member.session(), &Tried::default(), Nanos::ZERO);
            lease.expect("it keeps its sessions").end(Outcome::ServerError, Nanos::ZERO);
            let id = member.id.clone();
            pool.apply(PoolEvent::Attempted { id, outcome: Outcome::ServerError }, Nanos::ZERO);
        };
        (0..3).for_each(|_| fail(&mut pool));
        let view = pool.snapshot().members()[away].clone();
        assert!(!view.keeps_sessions, "subset: {subset}");
        let detail = view.detail.expect("a reason");
        assert!(detail.starts_with("3 consecutive failures (server_error), out for 10s"), "{detail}");
        assert_eq!(pool.next_deadline(), Some(Nanos::from_secs(10)));
        pool.apply(PoolEvent::Tick, Nanos::from_secs(10));
        (0..2).for_each(|_| fail(&mut pool));
        assert!(pool.snapshot().members()[away].keeps_sessions, "a clean slate");
    }
}

/// Failing somewhere is as good as nowhere.
#[test]
fn stays_where_nobody_else_serves() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 2]);
    spec.passive = passive(1, 10, 1.0);
    spec.members[0].placement.draining = true;
    spec.members[1].enabled = false;
    let mut pool = pool(&spec, 1);
    let session = members(&pool.snapshot())[0].session();
    let lease = pool.snapshot().pick_session(session, &Tried::default(), Nanos::ZERO).expect("it drains");
    lease.end(Outcome::ServerError, Nanos::ZERO);
    pool.apply(PoolEvent::Attempted { id: "m0".into_id(), outcome: Outcome::ServerError }, Nanos::ZERO);
    assert!(pool.snapshot().members()[0].keeps_sessions);
}

/// When health means nothing, it does not end sessions either.
#[test]
fn survives_panic() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 2]);
    spec.health = health(1, 1);
    spec.panic_threshold = Ratio::ONE;
    let mut pool = pool(&spec, 1);
    ["m0", "m1"].iter().for_each(|id| probe(&mut pool, id, false));
    let snapshot = pool.snapshot();
    let session = members(&snapshot)[1].session();
    assert!(snapshot.pick_session(session, &Tried::default(), Nanos::ZERO).is_some());
}

#[test]
fn does_not_push_past_a_limit_nor_to_one_that_was_tried() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 2]);
    spec.members[0].placement.max_in_flight = NonZeroU32::new(1);
    let snapshot = pool(&spec, 1).snapshot();
    let member = Arc::clone(&snapshot.members()[0].member);
    let pick = |tried: &Tried| snapshot.pick_session(member.session(), tried, Nanos::ZERO);
    let held = pick(&Tried::default()).expect("room for one");
    assert!(pick(&Tried::default()).is_none());
    drop(held);
    let mut tried = Tried::default();
    assert!(tried.push(member.serial));
    assert!(pick(&tried).is_none());
    assert!(pick(&Tried::default()).is_some());
}

/// The client may have been with another instance.
#[test]
fn finds_members_outside_the_subset() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 4]);
    spec.shaping.subset = Some(SubsetSpec { instance: 0, size: NonZeroU32::MIN });
    let snapshot = pool(&spec, 1).snapshot();
    let found = members(&snapshot)
        .into_iter()
        .filter(|member| snapshot.pick_session(member.session(), &Tried::default(), Nanos::ZERO).is_some());
    assert_eq!(found.count(), 4);
}

#[test]
fn is_found_without_allocating() {
    let mut spec = spec(StrategyKind::RoundRobin, &[1; 3]);
    spec.members.iter_mut().for_each(|member| member.placement.max_in_flight = NonZeroU32::new(1));
    spec.members[2].placement.tier = 1;
    let snapshot = pool(&spec, 1).snapshot();
    let sessions: Vec<u64> = members(&snapshot).iter().map(|member| member.session()).collect();
    let mut rng = Rng::from_seed(1);
    let counted = allocation_counter::measure(|| {
        let stuck = snapshot.pick_session(sessions[0], &Tried::default(), Nanos::ZERO);
        let others = [0; 3].map(|_| snapshot.pick(&Tried::default(), &mut rng, Nanos::ZERO));
        assert_eq!((stuck.iter().count(), others.iter().flatten().count()), (1, 2), "then all are full");
    });
    assert_eq!(counted.count_total, 0);
}

fn probe(pool: &mut PoolState, id: &str, passed: bool) {
    let result = if passed { Ok(()) } else { Err("down".into()) };
    pool.apply(PoolEvent::Probed { id: id.into_id(), result }, Nanos::ZERO);
}

fn members(snapshot: &PoolSnapshot) -> Vec<Arc<Member>> {
    snapshot.members().iter().map(|view| Arc::clone(&view.member)).collect()
}
