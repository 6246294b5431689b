//! What is picked from, and how.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    Intent, Lease, MemberSpec, Nanos, Outcome, PickKey, PoolSnapshot, PoolSpec, PoolState, REGISTRY, Rng,
    StrategyKind, Tried, Weight,
};

/// A pool and what else it does meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) strategy: StrategyKind,
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

/// The pool of a case, under its load.
pub(crate) struct Bench {
    pub(crate) snapshot: Arc<PoolSnapshot>,
    /// Whether picks have keys.
    keyed: bool,
    /// Dropped, and so ended, after all that is measured.
    _held: Vec<Lease>,
}

/// One thread's part: it picks a batch, then ends it, so that either can be measured alone.
pub(crate) struct Hand {
    rng: Rng,
    batch: usize,
    leases: Vec<Lease>,
    /// Nobody: first attempts.
    tried: Tried,
    now: u64,
}

impl Case {
    /// Every strategy, load and size.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let strategies = REGISTRY.iter().map(|known| known.kind);
        let with_load = strategies.flat_map(|strategy| [Load::Idle, Load::Busy].map(|load| (strategy, load)));
        with_load.flat_map(|(strategy, load)| BACKENDS.map(|backends| Self { strategy, load, backends }))
    }

    pub(crate) fn bench(self) -> Bench {
        let snapshot = self.pool().snapshot();
        let held = if self.load == Load::Busy { one_each(&snapshot) } else { Vec::new() };
        let keyed = self.strategy.registration().keyed;
        Bench { snapshot, keyed, _held: held }
    }

    /// Few enough leases at a time to leave an idle pool idle: with these weights nobody is next in turn again before as
    /// many turns as a quarter of the backends.
    pub(crate) fn batch(self, threads: usize) -> usize {
        let max = if self.strategy.registration().probed { BATCH_PROBED } else { BATCH_MAX };
        (self.backends / 4 / threads).min(max)
    }

    /// Unequal weights, so that no strategy gets away with a special case.
    fn pool(self) -> PoolState {
        let member = |i: usize| MemberSpec {
            weight: Weight::new(1 + i as u32 % 4).expect("1 to 4"),
            ..MemberSpec::new(format!("backend-{i}"), ([10, 0, 0, 1], 8080).into())
        };
        let members = (0..self.backends).map(member).collect();
        let spec =
            PoolSpec { strategy: self.strategy, intent: Intent::Weights, ..PoolSpec::new("bench", members) };
        PoolState::new(spec, 1, Nanos::ZERO)
    }
}

impl Bench {
    /// Answers to probes, as many as are kept, for strategies that live by them. Not a part of any pick.
    pub(crate) fn refresh(&self, rng: &mut Rng, now: Nanos) {
        let Some(probes) = self.snapshot.probes() else { return };
        let members = self.snapshot.members();
        for _ in 0..PROBES {
            let asked = &members[rng.below(members.len() as u32) as usize].member;
            let latency = Duration::from_micros(500 + u64::from(rng.below(1000)));
            probes.add(asked.serial, asked.load.in_flight(), latency, now);
        }
    }
}

impl Load {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
        }
    }
}

impl Hand {
    pub(crate) fn new(seed: u64, batch: usize) -> Self {
        Self {
            rng: Rng::from_seed(seed),
            batch,
            leases: Vec::with_capacity(batch),
            tried: Tried::default(),
            now: 0,
        }
    }

    /// What comes before a batch of picks.
    pub(crate) fn prepare(&mut self, bench: &Bench) {
        bench.refresh(&mut self.rng, Nanos(self.now));
    }

    /// Picks a batch.
    #[inline]
    pub(crate) fn pick(&mut self, bench: &Bench) {
        for _ in 0..self.batch {
            let lease = self.pick_one(bench);
            self.leases.push(lease);
        }
    }

    /// Ends the batch, in the order of the picks.
    #[inline]
    pub(crate) fn end(&mut self) {
        for lease in self.leases.drain(..) {
            self.now += 1;
            lease.end(Outcome::Ok, Nanos(self.now));
        }
    }

    /// A request that ends before the next.
    #[inline]
    pub(crate) fn pick_and_end(&mut self, bench: &Bench) {
        let lease = self.pick_one(bench);
        black_box(lease).end(Outcome::Ok, Nanos(self.now));
    }

    #[inline]
    fn pick_one(&mut self, bench: &Bench) -> Lease {
        self.now += 1;
        // Mixed as well as a hash, for one multiplication.
        let hash = self.now.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let key = if bench.keyed { PickKey::from_hash(hash) } else { PickKey::NONE };
        let lease = bench.snapshot.pick_keyed(black_box(&self.tried), key, &mut self.rng, Nanos(self.now));
        lease.expect("somebody is eligible")
    }
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

const BACKENDS: [usize; 5] = [8, 32, 100, 1_000, 10_000];
const BATCH_MAX: usize = 64;
/// Fewer than the probes that are kept may be used.
const BATCH_PROBED: usize = 8;
const PROBES: usize = 16;
