//! A pool, its servers and its load, as situations play them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use evenkeel_config::{Allow, Backend, BackendAddress, Config, Pool};
use evenkeel_core::sim::{Law, Server};
use evenkeel_core::{Intent, Mode, PoolSpec, StrategyKind};

use crate::contract;
use crate::keys::Keyspace;
use crate::options::{Addresses, Load, Options};
use crate::reach::Reach;
use crate::recorded::{self, Recorded};

/// Everything that the situations of one pool have in common.
#[derive(Debug)]
pub(crate) struct Stage<'a> {
    pub(crate) pool: &'a Pool,
    /// With an address for everybody who may have one.
    pub(crate) spec: PoolSpec,
    pub(crate) pace: Pace,
    /// Requests a second that each backend can do.
    pub(crate) capacity: Vec<f64>,
    pub(crate) keys: Option<Keyspace>,
    /// Most requests that a situation is played with.
    pub(crate) requests: u64,
    pub(crate) seed: u64,
    /// Of the whole file.
    allow: &'a [Allow],
}

/// How much comes, and how it hangs together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Requests a second, and whether that was said.
    pub(crate) rate: f64,
    pub(crate) rate_known: bool,
    /// Requests a second that a backend of capacity 1 can do, and whether that was said.
    pub(crate) backend_rate: f64,
    pub(crate) backend_rate_known: bool,
    /// How long a request takes.
    pub(crate) latency: Duration,
    /// Requests of a session, where sessions stick; of a connection, where connections are balanced.
    pub(crate) kept_together: f64,
    /// The part of these that is one lease: that of connections.
    pub(crate) per_lease: f64,
}

/// The part of what the backends can do that comes where nobody says otherwise.
const USUAL_LOAD: f64 = 0.5;
/// How long a request takes where nobody says otherwise.
const USUAL_LATENCY: Duration = Duration::from_millis(20);
/// Requests at a time of a backend of which nothing is known.
const USUAL_WORKERS: f64 = 8.0;
/// Fewer requests than this show nothing.
const FEWEST_REQUESTS: u64 = 500;
/// Backends that are looked at in one situation, all requests together.
const LOOKS_MAX: u64 = 20_000_000;

impl<'a> Stage<'a> {
    pub(crate) fn new(
        config: &'a Config,
        pool: &'a Pool,
        reach: &Reach,
        options: &Options,
        (requests, seed): (u64, u64),
    ) -> Self {
        let recorded = recorded::of(pool, &options.recorded);
        let (pace, capacity) = pace(pool, reach, &options.load, recorded);
        let (count, zipf) = (options.load.keys, options.load.zipf);
        let top = recorded.and_then(|recorded| recorded.top_client).filter(|_| zipf == 0.0);
        let keys = pool.strategy.registration().keyed.then(|| match top {
            Some(top) => Keyspace::with_top(count, top, options.seed),
            None => Keyspace::new(count, zipf, options.seed),
        });
        let requests = requests.min(affordable(pool)).max(FEWEST_REQUESTS);
        let (spec, allow) = (spec(pool, &options.addresses), config.allow.as_slice());
        Self { pool, spec, pace, capacity, keys, requests, seed, allow }
    }

    /// Warnings of `check` about this pool that are meant.
    pub(crate) fn allowed(&self) -> impl Iterator<Item = &Allow> {
        let backends = self.pool.backends.iter().flat_map(|backend| &backend.allow);
        self.allow.iter().chain(&self.pool.allow).chain(backends)
    }

    pub(crate) fn name(&self, at: usize) -> &str {
        self.pool.backends[at].id.as_str()
    }

    /// Whether the shares follow from the snapshot, whatever is in flight.
    pub(crate) fn is_static(&self) -> bool {
        let by_rule = match self.pool.strategy {
            StrategyKind::RoundRobin | StrategyKind::Random => true,
            StrategyKind::Maglev | StrategyKind::Ring | StrategyKind::Rendezvous => {
                self.pool.settings.bound.is_none()
            }
            _ => false,
        };
        by_rule && self.pool.backends.iter().all(|backend| backend.placement.max_in_flight.is_none())
    }

    /// Whether a backend takes new requests by configuration.
    pub(crate) fn counts(&self, at: usize) -> bool {
        let backend = &self.pool.backends[at];
        backend.enabled && !backend.placement.draining && self.spec.members[at].address.is_some()
    }

    /// Positions of those that take new requests by configuration.
    pub(crate) fn counting(&self) -> Vec<usize> {
        (0..self.pool.backends.len()).filter(|at| self.counts(*at)).collect()
    }

    /// A server that can do what this backend can, with as many workers as its latency calls for.
    pub(crate) fn server(&self, at: usize) -> Server {
        let leases = self.capacity[at] / self.pace.per_lease;
        let seconds = self.pace.latency.as_secs_f64() * self.pace.per_lease;
        let workers = (leases * seconds).round().clamp(1.0, WORKERS_MAX);
        let mean = Duration::try_from_secs_f64(workers / leases).unwrap_or(Duration::from_secs(1));
        Server::new(self.name(at), workers as u32, Law::Exponential { mean })
    }

    /// Requests a second that this share of them is.
    pub(crate) fn rate_of(&self, share: f64) -> f64 {
        share * self.pace.rate
    }

    /// Whether how busy somebody is rests on nothing assumed.
    pub(crate) fn knows_capacity(&self) -> bool {
        self.pace.rate_known && self.pace.backend_rate_known
    }

    /// How many requests count as one: lengths are spread geometrically, so Σm²/Σm = 2m - 1.
    pub(crate) fn design_effect(&self) -> f64 {
        2.0 * self.pace.kept_together - 1.0
    }
}

/// Requests that do not take long however large the pool is: `rendezvous` looks at every backend for each.
fn affordable(pool: &Pool) -> u64 {
    match pool.strategy {
        StrategyKind::Rendezvous => LOOKS_MAX / pool.backends.len().max(1) as u64,
        _ => u64::MAX,
    }
}

/// What a mode is called.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    mode.as_str()
}

fn spec(pool: &Pool, addresses: &Addresses) -> PoolSpec {
    let mut spec = pool.spec();
    for (member, backend) in spec.members.iter_mut().zip(&pool.backends) {
        member.address = match &backend.address {
            BackendAddress::Socket(address) => Some(*address),
            BackendAddress::Name { host, port } => match addresses.get(&(host.clone(), *port)) {
                Some(found) => found.as_ref().ok().copied(),
                None => Some(SocketAddr::new(IpAddr::V4(SOMEWHERE), *port)),
            },
        };
    }
    spec
}

/// Rates, and what each backend can do.
fn pace(pool: &Pool, reach: &Reach, load: &Load, recorded: Option<&Recorded>) -> (Pace, Vec<f64>) {
    let expect = contract::of(pool);
    let said_backend = load.backend_rate.or(expect.and_then(|expect| expect.backend_rate));
    let of_pool = load.rates.iter().find(|(name, _)| name == pool.id.as_str()).map(|(_, rate)| *rate);
    let logged = recorded.and_then(|recorded| recorded.rate);
    let said = of_pool.or(load.rate).or(logged).or(expect.and_then(|expect| expect.peak_rate));
    let latency = load.latency.or(recorded.and_then(|recorded| recorded.latency)).unwrap_or(USUAL_LATENCY);
    let relative = relative_capacities(pool, said_backend.is_some());
    let in_front: f64 = first_tier(pool).map(|at| relative[at]).sum::<f64>().max(f64::MIN_POSITIVE);
    let usual = USUAL_WORKERS / latency.as_secs_f64().max(1e-6);
    let backend_rate = said_backend.or(said.map(|rate| rate / (USUAL_LOAD * in_front))).unwrap_or(usual);
    let rate = said.unwrap_or(USUAL_LOAD * backend_rate * in_front);
    let together = if reach.by_connection {
        load.connection_length
    } else if pool.sticky.is_some() {
        load.session_length
    } else {
        1.0
    };
    let pace = Pace {
        rate,
        rate_known: said.is_some(),
        backend_rate,
        backend_rate_known: said_backend.is_some(),
        latency,
        kept_together: together.max(1.0),
        per_lease: if reach.by_connection { together.max(1.0) } else { 1.0 },
    };
    (pace, relative.into_iter().map(|one| one * backend_rate).collect())
}

/// What backends can do beside each other. Where weights are what is meant and nothing else is said, they are taken for
/// that.
fn relative_capacities(pool: &Pool, absolute: bool) -> Vec<f64> {
    let declared = pool.backends.iter().any(|backend| backend.capacity.is_some());
    let weight = |backend: &Backend| f64::from(backend.weight.get());
    if pool.intent != Intent::Weights || declared || absolute {
        return pool.backends.iter().map(|backend| backend.capacity.unwrap_or(1.0)).collect();
    }
    let mean = pool.backends.iter().map(weight).sum::<f64>() / pool.backends.len().max(1) as f64;
    pool.backends.iter().map(|backend| weight(backend) / mean).collect()
}

/// Positions of those that take requests while all is well.
fn first_tier(pool: &Pool) -> impl Iterator<Item = usize> {
    let open = |backend: &Backend| backend.enabled && !backend.placement.draining;
    let first = pool.backends.iter().filter(|one| open(one)).map(|one| one.placement.tier).min();
    let inside = move |(_, one): &(usize, &Backend)| open(one) && Some(one.placement.tier) == first;
    pool.backends.iter().enumerate().filter(inside).map(|(at, _)| at)
}

/// Where names are that nobody looked up: TEST-NET-1 (RFC 5737).
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// More workers make no difference to anything.
const WORKERS_MAX: f64 = 1e6;
