//! Plain timed loops.

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use evenkeel_core::{
    BackendId, Intent, Lease, MemberSpec, Nanos, Outcome, PoolId, PoolSnapshot, PoolSpec, PoolState, Ratio,
    Rng, StrategyKind, Tried, Weight,
};

/// One figure of the report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) strategy: StrategyKind,
    pub(crate) threads: usize,
    pub(crate) load: Load,
    pub(crate) backends: usize,
}

/// What else is in flight while picks are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Load {
    /// Nothing: the next in turn is idle.
    Idle,
    /// One request on every backend: least-request has to compare.
    Busy,
}

impl Load {
    pub(crate) const ALL: [Self; 2] = [Self::Idle, Self::Busy];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
        }
    }
}

/// The median over the rounds, in nanoseconds of one thread per pick and end.
pub(crate) fn nanos_per_pick(case: Case) -> f64 {
    let snapshot = pool(case).snapshot();
    // Dropped, and so ended, after the rounds.
    let _held = if case.load == Load::Busy { one_each(&snapshot) } else { Vec::new() };
    let mut rounds: Vec<f64> =
        (0..WARM_UP + ROUNDS).map(|seed| round(&snapshot, case.threads, seed)).collect();
    let kept = &mut rounds[WARM_UP as usize..];
    kept.sort_by(f64::total_cmp);
    kept[kept.len() / 2]
}

/// All threads start together; the slowest counts.
fn round(snapshot: &PoolSnapshot, threads: usize, seed: u64) -> f64 {
    let start = Barrier::new(threads);
    let worker = |thread: u64| {
        let mut rng = Rng::from_seed(seed << 8 | thread);
        start.wait();
        let began = Instant::now();
        for now in 0..PICKS {
            let lease = snapshot.pick(black_box(&Tried::default()), &mut rng, Nanos(now));
            black_box(lease).expect("somebody is eligible").end(Outcome::Ok, Nanos(now));
        }
        began.elapsed().as_nanos() as f64 / PICKS as f64
    };
    if threads == 1 {
        return worker(0);
    }
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads as u64).map(|thread| scope.spawn(move || worker(thread))).collect();
        running.into_iter().map(|handle| handle.join().expect("no panics")).fold(0.0, f64::max)
    })
}

/// Unequal weights, so that no strategy gets away with a special case.
fn pool(case: Case) -> PoolState {
    let member = |i: usize| MemberSpec {
        id: BackendId::new(format!("backend-{i}")),
        address: Some(([10, 0, 0, 1], 8080).into()),
        weight: Weight::new(1 + i as u32 % 4).expect("1 to 4"),
        capacity: None,
        enabled: true,
    };
    let spec = PoolSpec {
        id: PoolId::new("bench"),
        strategy: case.strategy,
        members: (0..case.backends).map(member).collect(),
        health: None,
        passive: None,
        panic_threshold: Ratio::ZERO,
        intent: Intent::Weights,
    };
    PoolState::new(spec, 1, Nanos::ZERO)
}

/// A lease on every backend, however unlikely the strategy makes the last one.
fn one_each(snapshot: &Arc<PoolSnapshot>) -> Vec<Lease> {
    let mut rng = Rng::from_seed(2);
    let mut held = Vec::new();
    while held.len() < snapshot.members().len() {
        let lease = snapshot.pick(&Tried::default(), &mut rng, Nanos::ZERO).expect("somebody is eligible");
        if lease.member().load.in_flight() == 1 {
            held.push(lease);
        }
    }
    held
}

const PICKS: u64 = 20_000;
const WARM_UP: u64 = 3;
const ROUNDS: u64 = 15;
