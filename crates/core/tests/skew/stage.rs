//! A pool of any size as it runs, its backends, and whoever asks: by lot, from a seed.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::skew::{Dimension, Symptom, Watch};
use evenkeel_core::{
    BackendId, Lease, MemberSpec, Nanos, Outcome, PickKey, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Rng,
    StrategyKind, Tried, Weight,
};

/// The pool, watched.
pub(crate) struct Stage {
    pub(crate) pool: PoolState,
    pub(crate) watch: Watch,
    pub(crate) now: Nanos,
    /// Requests a second.
    pub(crate) rate: u32,
    /// By name.
    pub(crate) servers: Vec<Server>,
    pub(crate) rng: Rng,
    /// The part of the requests that stays with these, half each.
    pub(crate) sticks: f64,
    pub(crate) homes: [usize; 2],
    /// What picks go by instead of the newest.
    pub(crate) stale: Option<Arc<PoolSnapshot>>,
    running: BinaryHeap<Reverse<(Nanos, u64)>>,
    leases: HashMap<u64, (Lease, Outcome, u64)>,
    begun: u64,
}

/// How one backend behaves.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// Mean of the time that a request takes, exponential.
    pub(crate) mean: Duration,
    /// Requests that it works on at once; those that come meanwhile wait. As many as come, unless said.
    pub(crate) workers: Option<usize>,
    /// The part of its requests that fails, at once.
    pub(crate) fails: f64,
    /// Bytes of an answer: median, and how far sizes spread (of the logarithm).
    pub(crate) bytes: (f64, f64),
    /// When each worker is free.
    free: BinaryHeap<Reverse<Nanos>>,
}

impl Server {
    pub(crate) fn new(mean: Duration) -> Self {
        Self { mean, workers: None, fails: 0.0, bytes: (1e4, 0.0), free: BinaryHeap::new() }
    }

    /// When a request that comes now is answered.
    fn serve(&mut self, now: Nanos, rng: &mut Rng) -> Nanos {
        let takes = self.mean.mul_f64(-(1.0 - rng.unit()).ln());
        let Some(workers) = self.workers else { return now.saturating_add(takes) };
        let free = if self.free.len() < workers { None } else { self.free.pop() };
        let ends = free.map_or(now, |free| free.0.max(now)).saturating_add(takes);
        self.free.push(Reverse(ends));
        ends
    }
}

/// Named `0`, `1`, …, all of this weight, at no place in particular.
pub(crate) fn member(name: usize) -> MemberSpec {
    MemberSpec::new(name.to_string(), ([10, 0, 0, 1], 80).into())
}

/// The same with a weight.
pub(crate) fn weighing(name: usize, weight: u32) -> MemberSpec {
    MemberSpec { weight: Weight::new(weight).expect("a weight"), ..member(name) }
}

impl Stage {
    /// As many alike servers as members, 20 ms each; 200 requests a second.
    pub(crate) fn new(spec: PoolSpec, seed: u64) -> Self {
        let servers = vec![Server::new(Duration::from_millis(20)); spec.members.len()];
        let pool = PoolState::new(spec, seed, Nanos::ZERO);
        let watch = Watch::new(&pool.snapshot(), Nanos::ZERO);
        Self {
            pool,
            watch,
            now: Nanos::ZERO,
            rate: 200,
            servers,
            rng: Rng::from_seed(seed),
            sticks: 0.0,
            homes: [0, 1],
            stale: None,
            running: BinaryHeap::new(),
            leases: HashMap::new(),
            begun: 0,
        }
    }

    /// `members` alike under this strategy.
    pub(crate) fn of(strategy: StrategyKind, members: usize, seed: u64) -> Self {
        let members = (0..members).map(member).collect();
        Self::new(PoolSpec { strategy, ..PoolSpec::new("web", members) }, seed)
    }

    pub(crate) fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            (0..self.rate).for_each(|_| self.request());
            self.tick();
        }
    }

    /// The next request, after the time that lies between two of them.
    pub(crate) fn request(&mut self) {
        self.now = self.now.saturating_add(Duration::from_secs(1) / self.rate);
        self.end_what_is_over();
        let Some(lease) = self.pick() else { return };
        let index: usize = lease.member().id.as_str().parse().expect("a number");
        let server = &mut self.servers[index];
        let fails = server.fails > 0.0 && self.rng.unit() < server.fails;
        let (outcome, ends) = if fails {
            (Outcome::ServerError, self.now.saturating_add(Duration::from_millis(1)))
        } else {
            (Outcome::Ok, server.serve(self.now, &mut self.rng))
        };
        let bytes = size(server.bytes, &mut self.rng);
        self.begun += 1;
        self.running.push(Reverse((ends, self.begun)));
        self.leases.insert(self.begun, (lease, outcome, bytes));
    }

    fn pick(&mut self) -> Option<Lease> {
        let snapshot = self.stale.clone().unwrap_or_else(|| self.pool.snapshot());
        if self.sticks > 0.0 && self.rng.unit() < self.sticks {
            let home = self.homes[self.rng.below(2) as usize];
            return snapshot.pick_session(
                snapshot.members()[home].member.session(),
                &Tried::default(),
                self.now,
            );
        }
        let key = PickKey::from_hash(self.rng.next_u64());
        snapshot.pick_keyed(&Tried::default(), key, &mut self.rng, self.now).ok()
    }

    fn end_what_is_over(&mut self) {
        while let Some(Reverse((at, number))) =
            self.running.peek().copied().filter(|next| next.0.0 <= self.now)
        {
            self.running.pop();
            let (lease, outcome, bytes) = self.leases.remove(&number).expect("it runs");
            lease.member().load.add_bytes(500, bytes);
            lease.end(outcome, at);
        }
    }

    pub(crate) fn tick(&mut self) {
        self.pool.apply(PoolEvent::Tick, self.now);
        self.watch.tick(&self.pool.snapshot(), 0, self.now);
    }

    /// Says how a check of a backend went.
    pub(crate) fn check(&mut self, name: usize, passes: bool) {
        let result = if passes { Ok(()) } else { Err("refused".into()) };
        self.pool.apply(PoolEvent::Probed { id: BackendId::new(name.to_string()), result }, self.now);
    }

    /// What is said in one respect.
    pub(crate) fn symptoms(&self, dimension: Dimension) -> Vec<Symptom> {
        self.watch.symptoms().into_iter().filter(|symptom| symptom.dimension == dimension).collect()
    }

    /// Of the backend, or the group, that a symptom is about.
    pub(crate) fn name(&self, symptom: &Symptom) -> String {
        if let Some(group) = &symptom.group {
            return group.to_string();
        }
        let snapshot = self.pool.snapshot();
        let found =
            snapshot.members().iter().find(|view| view.member.serial == symptom.latched.finding.backend);
        found.map_or_else(String::new, |view| view.member.id.to_string())
    }
}

/// Log-normal.
fn size((median, spread): (f64, f64), rng: &mut Rng) -> u64 {
    if spread == 0.0 {
        return median as u64;
    }
    let normal = (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos();
    (median * (spread * normal).exp()) as u64
}
