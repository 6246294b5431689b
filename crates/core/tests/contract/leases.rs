//! In flight is the number of live leases, on every way out; and a lease says why and how long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    BackendLoad, Lease, Mode, Nanos, Outcome, PoolSnapshot, PoolSpec, REGISTRY, Ratio, Reason, Rng,
    StrategyKind, Tried,
};
use proptest::prelude::*;

use crate::pools::{pool, pool_with_down, spec};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn in_flight_is_the_number_of_live_leases(
        weights in prop::collection::vec(1_u32..=9, 1..=6),
        steps in prop::collection::vec((0_u8..4, any::<prop::sample::Index>()), 1..120),
        seed in any::<u64>(),
    ) {
        for known in REGISTRY {
            let (snapshot, mut rng) = (pool(&spec(known.kind, &weights), seed).snapshot(), Rng::from_seed(seed));
            let mut live: Vec<Lease> = Vec::new();
            for (what, which) in &steps {
                match what {
                    0 | 1 => live.push(take(&snapshot, &mut rng)),
                    _ if live.is_empty() => {}
                    2 => live.swap_remove(which.index(live.len())).end(Outcome::ServerError, Nanos(9)),
                    _ => drop(live.swap_remove(which.index(live.len()))),
                }
                for view in snapshot.members() {
                    let leases = live.iter().filter(|lease| lease.member().serial == view.member.serial).count();
                    prop_assert_eq!(view.member.load.in_flight() as usize, leases, "{}", known.name);
                }
            }
            live.clear();
            prop_assert!(loads(&snapshot).iter().all(|load| load.in_flight() == 0));
            let begun: u64 = loads(&snapshot).iter().map(|load| load.attempts_total()).sum();
            let ended = |load: &Arc<BackendLoad>| Outcome::ALL.iter().map(|how| load.outcomes(*how)).sum::<u64>();
            prop_assert_eq!(begun, loads(&snapshot).iter().map(ended).sum::<u64>());
        }
    }
}

#[test]
fn a_panic_ends_the_lease_as_cancelled() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let load = Arc::clone(&snapshot.members()[0].member.load);
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let lease = take(&snapshot, &mut Rng::from_seed(1));
        assert_eq!(lease.member().load.in_flight(), 1);
        std::panic::resume_unwind(Box::new("a handler fails"));
    }));
    assert!(unwound.is_err());
    assert_eq!((load.in_flight(), load.outcomes(Outcome::Cancelled)), (0, 1));
}

#[test]
fn many_threads_leave_nothing_in_flight() {
    for known in REGISTRY {
        let snapshot = pool(&spec(known.kind, &[3, 2, 1]), 1).snapshot();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let snapshot = &snapshot;
                scope.spawn(move || {
                    let mut rng = Rng::from_seed(thread);
                    for _ in 0..500 {
                        let held: Vec<Lease> = (0..4).map(|_| take(snapshot, &mut rng)).collect();
                        drop(held);
                    }
                });
            }
        });
        let totals: Vec<_> =
            loads(&snapshot).iter().map(|load| (load.in_flight(), load.attempts_total())).collect();
        assert_eq!(totals.iter().map(|(_, attempts)| attempts).sum::<u64>(), 8_000);
        assert!(totals.iter().all(|(in_flight, _)| *in_flight == 0), "{}: {totals:?}", known.name);
    }
}

#[test]
fn every_attempt_carries_its_reason() {
    for known in REGISTRY {
        let three = spec(known.kind, &[1, 1, 1]);
        let mut rng = Rng::from_seed(1);
        let all_up = pool(&three, 1).snapshot();
        let lease = take(&all_up, &mut rng);
        assert_eq!((lease.reason(), lease.epoch()), (Reason::Algorithm, all_up.epoch()));
        let mut tried = Tried::default();
        assert!(tried.push(lease.member().serial));
        let second = all_up.pick(&tried, &mut rng, Nanos(5)).expect("two are left");
        assert_eq!((second.reason(), second.started()), (Reason::Retry, Nanos(5)));
        assert_eq!(second.member().load.attempts(Reason::Retry), 1);

        let one_up = pool_with_down(three.clone(), &[true, false, true], 1).snapshot();
        assert_eq!(take(&one_up, &mut rng).reason(), Reason::OnlyChoice);
        let nervous = PoolSpec { panic_threshold: Ratio::new(0.9).unwrap(), ..three };
        let panicking = pool_with_down(nervous, &[true, false, false], 1).snapshot();
        assert_eq!((panicking.mode(), take(&panicking, &mut rng).reason()), (Mode::Panic, Reason::Panic));
    }
}

#[test]
fn busy_time_counts_what_runs_and_what_has_ended() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let (load, mut rng) = (Arc::clone(&snapshot.members()[0].member.load), Rng::from_seed(1));
    let mut at = |second| {
        snapshot.pick(&Tried::default(), &mut rng, Nanos::from_secs(second)).expect("one is eligible")
    };
    let (ended, hung, dropped) = (at(10), at(11), at(12));
    assert_eq!(load.busy(Nanos::from_secs(12)), Duration::from_secs(2 + 1));
    ended.end(Outcome::Ok, Nanos::from_secs(14));
    assert_eq!(load.busy(Nanos::from_secs(14)), Duration::from_secs(4 + 3 + 2));
    // A lease that is dropped counts up to its start only, but what was shown is not taken back.
    drop(dropped);
    assert_eq!(load.busy(Nanos::from_secs(14)), Duration::from_secs(9));
    assert_eq!(load.busy(Nanos::from_secs(31)), Duration::from_secs(4 + 20));
    hung.end(Outcome::ResponseTimeout, Nanos::from_secs(41));
    assert_eq!(load.busy(Nanos::from_secs(99)), Duration::from_secs(4 + 30));
}

#[test]
fn an_end_before_the_start_counts_as_the_start() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let (load, mut rng) = (Arc::clone(&snapshot.members()[0].member.load), Rng::from_seed(1));
    for end in [9, 10, 12] {
        let lease =
            snapshot.pick(&Tried::default(), &mut rng, Nanos::from_secs(10)).expect("one is eligible");
        lease.end(Outcome::Ok, Nanos::from_secs(end));
    }
    assert_eq!(load.busy(Nanos::from_secs(20)), Duration::from_secs(2));
}

/// Read in the middle of starts and ends, busy time may lag, but never by a jump of the clock.
#[test]
fn busy_time_is_sane_while_requests_come_and_go() {
    const START: u64 = 1_000_000_000_000_000;
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let load = &snapshot.members()[0].member.load;
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|seed| {
                let snapshot = &snapshot;
                scope.spawn(move || {
                    let mut rng = Rng::from_seed(seed);
                    for step in 0..40_000 {
                        let now = Nanos(START + step);
                        let lease = snapshot.pick(&Tried::default(), &mut rng, now).expect("one is eligible");
                        lease.end(Outcome::Ok, Nanos(START + step + 1));
                    }
                })
            })
            .collect();
        let mut last = Duration::ZERO;
        while workers.iter().any(|worker| !worker.is_finished()) {
            let busy = load.busy(Nanos(START + 40_000));
            assert!(busy >= last && busy < Duration::from_millis(1), "{last:?} then {busy:?}");
            last = busy;
        }
    });
    assert_eq!(load.busy(Nanos(START + 40_000)), Duration::from_nanos(80_000));
}

/// Counters must not look as if they had started over: also those that are derived from others, read in the
/// middle of starts and ends.
#[test]
fn no_counter_falls_while_requests_come_and_go() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1, 1]), 1).snapshot();
    let load = &snapshot.members()[1].member.load;
    let mut retry = Tried::default();
    assert!(retry.push(snapshot.members()[0].member.serial));
    let requests = &|seed| {
        let mut rng = Rng::from_seed(seed);
        for step in 0..40_000 {
            let tried = if step % 2 == 0 { &retry } else { &Tried::default() };
            let lease = snapshot.pick(tried, &mut rng, Nanos::ZERO).expect("one is left");
            lease.end(if step % 3 == 0 { Outcome::Cancelled } else { Outcome::Ok }, Nanos::ZERO);
        }
    };
    let read = || (Reason::ALL.map(|why| load.attempts(why)), Outcome::ALL.map(|how| load.outcomes(how)));
    std::thread::scope(|scope| {
        let workers = [1, 2].map(|seed| scope.spawn(move || requests(seed)));
        let mut last = read();
        while workers.iter().any(|worker| !worker.is_finished()) {
            let now = read();
            let rose = |(before, after): (&u64, &u64)| before <= after;
            assert!(last.0.iter().zip(&now.0).all(rose), "{last:?} then {now:?}");
            assert!(last.1.iter().zip(&now.1).all(rose), "{last:?} then {now:?}");
            last = now;
        }
    });
    let (attempts, outcomes) = read();
    assert_eq!(attempts.iter().sum::<u64>(), load.attempts_total());
    assert_eq!(outcomes.iter().sum::<u64>(), load.attempts_total());
    assert_eq!(load.attempts(Reason::Retry), 40_000);
}

#[test]
fn consecutive_failures_end_with_a_success() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let (load, mut rng) = (Arc::clone(&snapshot.members()[0].member.load), Rng::from_seed(1));
    let mut after = |outcome| {
        take(&snapshot, &mut rng).end(outcome, Nanos::ZERO);
        load.consecutive_failures()
    };
    use Outcome::*;
    let run = [
        ServerError,
        ConnectFailed,
        Cancelled,
        StaleConnection,
        ConnectTimeout,
        ResponseTimeout,
        ResponseBroken,
    ];
    assert_eq!(run.map(&mut after), [1, 2, 2, 2, 3, 4, 5]);
    assert_eq!([Ok, Cancelled, ServerError].map(&mut after), [0, 0, 1]);
}

/// Answers are what can be timed: a tunnel's is its opening, and a session without any has none.
#[test]
fn what_cannot_be_timed_is_no_answer() {
    let (snapshot, mut rng) = (pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot(), Rng::from_seed(1));
    let load = Arc::clone(&snapshot.members()[0].member.load);
    take(&snapshot, &mut rng).end(Outcome::Ok, Nanos::from_secs(1));
    take(&snapshot, &mut rng).end(Outcome::ServerError, Nanos::from_secs(1));
    assert_eq!(load.answers(), 1);
    let mut tunnel = take(&snapshot, &mut rng);
    tunnel.answered(Nanos::from_secs(2));
    assert_eq!(load.answers(), 2);
    tunnel.end(Outcome::Ok, Nanos::from_secs(3_600));
    let mut session = take(&snapshot, &mut rng);
    session.untimed();
    session.end(Outcome::Ok, Nanos::from_secs(3_600));
    let mut connection = take(&snapshot, &mut rng);
    connection.untimed();
    connection.answered(Nanos::from_secs(2));
    connection.end(Outcome::Cancelled, Nanos::from_secs(3_600));
    assert_eq!((load.answers(), load.outcomes(Outcome::Ok), load.slow()), (3, 3, 0));
}

/// A tunnel's backend has answered when the tunnel opens. What it does hours later is no news of that.
#[test]
fn what_was_answered_early_counts_as_a_success_when_it_was() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1]), 1).snapshot();
    let (load, mut rng) = (Arc::clone(&snapshot.members()[0].member.load), Rng::from_seed(1));
    let mut fail = || take(&snapshot, &mut rng).end(Outcome::ServerError, Nanos::ZERO);
    fail();
    let mut tunnel = take(&snapshot, &mut Rng::from_seed(2));
    tunnel.answered(Nanos::from_secs(1));
    assert_eq!((load.consecutive_failures(), load.in_flight(), load.outcomes(Outcome::Ok)), (0, 1, 0));
    fail();
    fail();
    tunnel.end(Outcome::Ok, Nanos::from_secs(3_600));
    assert_eq!((load.consecutive_failures(), load.in_flight(), load.outcomes(Outcome::Ok)), (2, 0, 1));
    let mut broken = take(&snapshot, &mut Rng::from_seed(2));
    broken.answered(Nanos::from_secs(3_601));
    broken.end(Outcome::ResponseBroken, Nanos::from_secs(3_602));
    assert_eq!((load.consecutive_failures(), load.outcomes(Outcome::ResponseBroken)), (1, 1));
}

fn take(snapshot: &PoolSnapshot, rng: &mut Rng) -> Lease {
    snapshot.pick(&Tried::default(), rng, Nanos::ZERO).expect("somebody is eligible")
}

fn loads(snapshot: &PoolSnapshot) -> Vec<Arc<BackendLoad>> {
    snapshot.members().iter().map(|view| Arc::clone(&view.member.load)).collect()
}
