//! A pool of five backends, whoever asks, and what can go wrong: through the pool that ships and the watch that ships.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use evenkeel_core::skew::{Cause, Level, Samples, Symptom, Verdict, Watch};
use evenkeel_core::{
    BackendId, HealthSpec, Lease, MemberSpec, Nanos, Outcome, PickKey, Placement, PoolEvent, PoolSpec,
    PoolState, Rng, StrategyKind, Tried, Weight,
};

pub(super) const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What goes wrong; every field as in a sound pool unless said otherwise.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// How many backends there are, of five.
    pub(super) members: usize,
    pub(super) weights: [u32; 5],
    /// Names of members that cannot be resolved.
    pub(super) lost: &'static [usize],
    /// Of members whose checks fail.
    pub(super) down: &'static [usize],
    /// The part of the requests that is of one key, at whose home the first backend is.
    pub(super) hot: f64,
    /// Points of the ring.
    pub(super) points: u32,
    /// The part of the requests without a key.
    pub(super) keyless: f64,
    /// The part of the requests that belongs to some sessions, and how many sessions there are.
    pub(super) sticky: f64,
    pub(super) sessions: u64,
    /// Milliseconds that each takes.
    pub(super) takes: [u64; 5],
    /// The part of its requests that fails, after a millisecond.
    pub(super) fails: [f64; 5],
    /// The part of its requests that finds no connection and goes on to another.
    pub(super) refuses: [f64; 5],
    pub(super) limits: [Option<u32>; 5],
    /// The part of the lots that a broken generator draws.
    pub(super) stuck: f64,
}

impl Default for Fault {
    fn default() -> Self {
        Self {
            members: NAMES.len(),
            weights: [1; 5],
            lost: &[],
            down: &[],
            hot: 0.0,
            points: 0,
            keyless: 0.0,
            sticky: 0.0,
            sessions: 0,
            takes: [100; 5],
            fails: [0.0; 5],
            refuses: [0.0; 5],
            limits: [None; 5],
            stuck: 0.0,
        }
    }
}

pub(super) struct Stage {
    pool: PoolState,
    watch: Watch,
    now: Nanos,
    rng: Rng,
    running: BinaryHeap<Reverse<(Nanos, u64)>>,
    leases: HashMap<u64, (Lease, Outcome)>,
    begun: u64,
    fault: Fault,
    strategy: StrategyKind,
    keys: Samples,
    stays: Samples,
    keys_missing: u64,
    hot_key: PickKey,
    /// Connections that stay: the lease of each.
    open: Vec<Lease>,
    pub(super) connections: bool,
}

/// Requests a second.
const RATE: u32 = 400;
/// Connections that are open, each for two minutes.
const OPEN: usize = 600;
/// Requests have this many keys, all asked for alike.
const KEYS: u32 = 20_000;

impl Stage {
    pub(super) fn new(strategy: StrategyKind, members: usize, seed: u64) -> Self {
        let sound = Fault { members, ..Fault::default() };
        let mut pool = PoolState::new(spec(strategy, &sound), seed, Nanos::ZERO);
        for name in NAMES {
            pool.apply(PoolEvent::Probed { id: BackendId::new(name), result: Ok(()) }, Nanos::ZERO);
        }
        let watch = Watch::new(&pool.snapshot(), Nanos::ZERO);
        Self {
            pool,
            watch,
            now: Nanos::ZERO,
            rng: Rng::from_seed(seed),
            running: BinaryHeap::new(),
            leases: HashMap::new(),
            begun: 0,
            fault: sound,
            strategy,
            keys: Samples::default(),
            stays: Samples::default(),
            keys_missing: 0,
            hot_key: PickKey::NONE,
            open: Vec::new(),
            connections: false,
        }
    }

    /// From now on.
    pub(super) fn go_wrong(&mut self, fault: Fault) {
        self.fault = fault;
        self.pool.apply(PoolEvent::Configured(spec(self.strategy, &self.fault)), self.now);
        for (index, name) in NAMES.iter().enumerate() {
            let down = self.fault.down.contains(&index);
            let result = if down { Err("connection refused".into()) } else { Ok(()) };
            self.pool.apply(PoolEvent::Probed { id: BackendId::new(*name), result }, self.now);
        }
        self.hot_key = self.key_at_home_of(0);
    }

    /// Some key that goes to a backend, as long as it is up.
    fn key_at_home_of(&mut self, index: usize) -> PickKey {
        // Where no key decides each try would be a decision of the strategy's, by the same lot.
        if !self.strategy.registration().keyed {
            return PickKey::NONE;
        }
        let snapshot = self.pool.snapshot();
        let home = |key: &PickKey| {
            let lease = snapshot.pick_keyed(&Tried::default(), *key, &mut Rng::from_seed(1), self.now);
            lease.is_ok_and(|lease| lease.member().id.as_str() == NAMES[index])
        };
        // Few tries, each of which counts as an attempt: nothing to that many requests.
        (0..100_u64).map(|number| PickKey::of(&number.to_le_bytes())).find(home).unwrap_or(PickKey::NONE)
    }

    pub(super) fn run(&mut self, seconds: u32) -> Verdict {
        for _ in 0..seconds {
            for _ in 0..RATE {
                self.now = self.now.saturating_add(Duration::from_secs(1) / RATE);
                self.end_what_is_over();
                if self.connections { self.connect() } else { self.request() }
            }
            self.watch.set_connections(self.connections);
            self.watch.sampled(&self.keys.drain(), &self.stays.drain());
            self.watch.tick(&self.pool.snapshot(), self.keys_missing, self.now);
        }
        self.watch.verdict()
    }

    fn request(&mut self) {
        if self.rng.unit() < self.fault.sticky {
            let session = u64::from(self.rng.below(self.fault.sessions as u32));
            // Whoever had the session first keeps it: the sessions are spread by lot.
            let index = (PickKey::of(&session.to_le_bytes()).hash().unwrap_or(0) % 5) as usize;
            let snapshot = self.pool.snapshot();
            let home = snapshot.members()[index].member.session();
            if let Some(lease) = snapshot.pick_session(home, &Tried::default(), self.now) {
                self.stays.offer(self.rng.next_u64(), session + 1, lease.member().serial);
                return self.begin(lease);
            }
        }
        let key = self.key();
        let mut tried = Tried::default();
        for _ in 0..3 {
            let Some(lease) = self.pick(&tried, key) else { return };
            if let Some(key) = key.hash() {
                self.keys.offer(self.rng.next_u64(), key, lease.member().serial);
            }
            if self.rng.unit() >= self.fault.refuses[index_of(&lease)] {
                return self.begin(lease);
            }
            tried.push(lease.member().serial);
            lease.end(Outcome::ConnectFailed, self.now);
        }
    }

    fn key(&mut self) -> PickKey {
        if !self.strategy.registration().keyed {
            return PickKey::NONE;
        }
        if self.rng.unit() < self.fault.keyless {
            self.keys_missing += 1;
            return PickKey::NONE;
        }
        if self.rng.unit() < self.fault.hot {
            return self.hot_key;
        }
        PickKey::of(&self.rng.below(KEYS).to_be_bytes())
    }

    fn pick(&mut self, tried: &Tried, key: PickKey) -> Option<Lease> {
        let snapshot = self.pool.snapshot();
        if self.rng.unit() < self.fault.stuck {
            // A generator that always gives the same.
            return snapshot.pick_keyed(tried, key, &mut Rng::from_seed(1), self.now).ok();
        }
        snapshot.pick_keyed(tried, key, &mut self.rng, self.now).ok()
    }

    fn begin(&mut self, lease: Lease) {
        let index = index_of(&lease);
        let fails = self.rng.unit() < self.fault.fails[index];
        // As exponential service times are, about: spread.
        let takes = (self.fault.takes[index] as f64 * (0.5 + self.rng.unit())) as u64;
        let (outcome, takes) = if fails { (Outcome::ServerError, 1) } else { (Outcome::Ok, takes) };
        self.begun += 1;
        self.running.push(Reverse((self.now.saturating_add(Duration::from_millis(takes)), self.begun)));
        self.leases.insert(self.begun, (lease, outcome));
    }

    /// A connection now and then. Most of what is sent is of a few of them.
    fn connect(&mut self) {
        let opens = self.begun.is_multiple_of(80) || self.begun < OPEN as u64;
        if opens && let Some(lease) = self.pick(&Tried::default(), PickKey::NONE) {
            self.open.push(lease);
        }
        self.begun += 1;
        if self.open.len() > OPEN {
            let oldest = self.open.remove(0);
            oldest.end(Outcome::Ok, self.now);
        }
        let number = (self.rng.unit().powi(4) * self.open.len() as f64) as usize;
        if let Some(lease) = self.open.get(number) {
            self.stays.offer_nth(self.begun, number as u64 + 1, lease.member().serial);
        }
    }

    /// Everything that is open at a backend ends: it has begun anew.
    pub(super) fn restart(&mut self, index: usize) {
        let (gone, left) =
            std::mem::take(&mut self.open).into_iter().partition(|lease| index_of(lease) == index);
        self.open = left;
        for lease in Vec::<Lease>::from_iter(gone) {
            lease.end(Outcome::Cancelled, self.now);
        }
    }

    fn end_what_is_over(&mut self) {
        while let Some(Reverse((at, number))) =
            self.running.peek().copied().filter(|next| next.0.0 <= self.now)
        {
            self.running.pop();
            let (lease, outcome) = self.leases.remove(&number).expect("it runs");
            lease.end(outcome, at);
        }
    }

    /// Everything that is wrong.
    pub(super) fn symptoms(&self) -> Vec<Symptom> {
        self.watch.symptoms()
    }

    /// Its name.
    pub(super) fn name(&self, serial: u64) -> String {
        let snapshot = self.pool.snapshot();
        let of = snapshot.members().iter().find(|view| view.member.serial == serial);
        of.map_or(String::new(), |view| view.member.id.to_string())
    }

    /// The hash of the key that a part of the requests has.
    pub(super) fn hot_key(&self) -> Option<u64> {
        self.hot_key.hash()
    }

    /// What is said, primary causes first; what is merely so is left out, unless there is nothing else.
    pub(super) fn causes(&self) -> Vec<Cause> {
        let Verdict::Skewed(symptoms) = self.watch.verdict() else { return Vec::new() };
        let mut causes: Vec<Cause> = Vec::new();
        let primary = symptoms.iter().map(|symptom| symptom.cause);
        let further =
            symptoms.iter().filter(|one| one.level > Level::Info).flat_map(|one| one.why.further.clone());
        for cause in primary.chain(further) {
            if !causes.contains(&cause) {
                causes.push(cause);
            }
        }
        causes
    }
}

fn index_of(lease: &Lease) -> usize {
    NAMES.iter().position(|name| *name == lease.member().id.as_str()).expect("one of them")
}

fn spec(strategy: StrategyKind, fault: &Fault) -> PoolSpec {
    let member = |index: usize| {
        let lost = fault.lost.contains(&index);
        let weight = Weight::new(fault.weights[index]).expect("a weight");
        let limit = fault.limits[index].map(|limit| limit.try_into().expect("above 0"));
        let placement = Placement { max_in_flight: limit, ..Placement::default() };
        // Another name that cannot be found: a member that had an address keeps it.
        let name = if lost { "lost" } else { NAMES[index] };
        let known = MemberSpec::new(name, "10.0.0.1:80".parse().expect("an address"));
        let address = known.address.filter(|_| !lost);
        MemberSpec { weight, placement, address, ..known }
    };
    let members = (0..fault.members).map(member).collect();
    let health = Some(HealthSpec { rise: 1, fall: 1 });
    let mut spec = PoolSpec { strategy, health, ..PoolSpec::new("web", members) };
    if fault.points > 0 {
        spec.settings.ring_points = fault.points;
    }
    spec
}
