//! Failing is fast, and fast looks idle: a backend that only fails must not win traffic by it.

use std::time::Duration;

use evenkeel_core::{BackendId, Nanos, Outcome, PoolSnapshot, Rng, StrategyKind};

use crate::adaptive::{BY_LOAD, pick};
use crate::bounds::{Bound, check};
use crate::pools::{attempts, pool, spec};
use crate::queues::Queues;

/// One of ten answers with an error at once. Its fair share is 0.1; without the guard it gets 0.2 and more.
#[test]
fn a_black_hole_gets_next_to_nothing() {
    for strategy in BY_LOAD {
        for (proxies, load) in [(1, 0.3), (1, 0.7), (10, 0.7)] {
            let black_hole = Some(3);
            let queues = Queues {
                black_hole,
                load,
                requests: 10_000,
                ..Queues::new(strategy, proxies, vec![1.0; 10])
            };
            let share = queues.run(1).shares[3];
            assert!(share < 0.01, "{strategy}, {proxies} at {load}: {share}");
            assert!(share > 0.0, "{strategy}: nobody looks whether it has recovered");
        }
    }
}

/// While it is heavy, too: idle it carries a fiftieth of what an idle light one does.
#[test]
fn a_heavy_black_hole_does_not_win_either() {
    for strategy in BY_LOAD {
        let weights = [50, 1, 1];
        let (snapshot, mut rng) = (pool(&spec(strategy, &weights), 1).snapshot(), Rng::from_seed(1));
        let fails = snapshot.members()[0].member.id.clone();
        serve(
            &snapshot,
            &mut rng,
            0,
            2_000,
            |id| if *id == fails { Outcome::ServerError } else { Outcome::Ok },
        );
        let got = snapshot.members()[0].member.load.attempts_total();
        assert!(got < 100, "{strategy}: {got} of 2000");
    }
}

/// When everybody fails it is nobody's fault, and the weights hold.
#[test]
fn if_all_fail_the_weights_hold() {
    for strategy in BY_LOAD {
        let (snapshot, mut rng) = (pool(&spec(strategy, &[5, 1, 1]), 1).snapshot(), Rng::from_seed(1));
        serve(&snapshot, &mut rng, 0, 200, |_| Outcome::ConnectFailed);
        let before = attempts(&snapshot);
        serve(&snapshot, &mut rng, 200, 7_000, |_| Outcome::ConnectFailed);
        let mut since = attempts(&snapshot);
        since.iter_mut().for_each(|(id, (count, _))| *count -= before[id].0);
        assert_eq!(check(Bound::Chance, &since), Ok(()), "{strategy}");
    }
}

/// It is tried every now and then, and one success is enough.
#[test]
fn one_that_recovers_comes_back() {
    for strategy in BY_LOAD {
        let (snapshot, mut rng) = (pool(&spec(strategy, &[1, 1, 1, 1]), 1).snapshot(), Rng::from_seed(1));
        let fails = snapshot.members()[1].member.id.clone();
        let outcome = |id: &BackendId| if *id == fails { Outcome::ServerError } else { Outcome::Ok };
        serve(&snapshot, &mut rng, 0, 10_000, outcome);
        let load = &snapshot.members()[1].member.load;
        let trials = load.attempts_total();
        assert!((5..20).contains(&trials), "{strategy}: {trials} in ten seconds");
        serve(&snapshot, &mut rng, 10_000, 9_000, |_| Outcome::Ok);
        let share = (load.attempts_total() - trials) as f64 / 9_000.0;
        assert!((0.1..0.27).contains(&share), "{strategy}: {share}");
    }
}

/// One in ten fails everywhere, as it does when a database is overloaded: nobody is told apart.
#[test]
fn failures_that_are_spread_change_nothing() {
    let (snapshot, mut rng) =
        (pool(&spec(StrategyKind::LeastRequest, &[3, 2, 1]), 1).snapshot(), Rng::from_seed(1));
    let mut request = 0;
    serve(&snapshot, &mut rng, 0, 6_000, |_| {
        request += 1;
        if request % 10 == 0 { Outcome::ServerError } else { Outcome::Ok }
    });
    assert_eq!(check(Bound::Requests(2.0), &attempts(&snapshot)), Ok(()));
}

#[test]
fn a_black_hole_is_named_and_a_slow_failure_is_not() {
    let snapshot = pool(&spec(StrategyKind::RoundRobin, &[1; 4]), 1).snapshot();
    let mut rng = Rng::from_seed(1);
    let ids: Vec<BackendId> = snapshot.members().iter().map(|view| view.member.id.clone()).collect();
    let mut now = Nanos::from_secs(10);
    for request in 0..400 {
        let lease = pick(&snapshot, &mut rng, now);
        let (outcome, took) = match ids.iter().position(|id| *id == lease.member().id).expect("a member") {
            0 => (Outcome::ServerError, 1),
            1 => (Outcome::ResponseTimeout, 90),
            2 if request % 5 == 0 => (Outcome::ServerError, 1),
            _ => (Outcome::Ok, 30),
        };
        now = now.saturating_add(Duration::from_millis(took));
        lease.end(outcome, now);
    }
    let named = |now| snapshot.fast_failing(now).map(|view| view.member.id.clone()).collect::<Vec<_>>();
    assert_eq!(named(now), ids[..1]);
    let load = &snapshot.members()[0].member.load;
    assert!(load.recent_failures(now) > 0.99 && load.failing(now) == 16);
    assert_eq!((load.failures(), load.failed_time()), (100, Duration::from_millis(100)));
    assert_eq!(named(now.saturating_add(Duration::from_secs(5))), []);
}

/// One request a millisecond from `start` on, in milliseconds, each ended at once.
fn serve(
    snapshot: &PoolSnapshot,
    rng: &mut Rng,
    start: u64,
    requests: u64,
    mut outcome: impl FnMut(&BackendId) -> Outcome,
) {
    for request in 0..requests {
        let now = Nanos::from_millis(start + request);
        let lease = pick(snapshot, rng, now);
        let outcome = outcome(&lease.member().id);
        lease.end(outcome, now);
    }
}
