//! What is simulated.

use std::time::Duration;

use super::law::Law;
use crate::id::BackendId;
use crate::pool::{PoolEvent, PoolSpec};
use crate::units::Nanos;

/// Clients, proxies and servers.
#[derive(Clone, PartialEq, Debug)]
pub struct Scenario {
    /// What every proxy is configured with. Its members are the servers of the same names; one without a server refuses
    /// connections.
    pub pool: PoolSpec,
    /// The servers, those included that the pool learns of later.
    pub servers: Vec<Server>,
    /// Proxies with a state each, before the same servers; each request comes to one of them by lot. At least 1.
    pub proxies: u32,
    /// When requests come.
    pub arrivals: Arrivals,
    /// What they are told apart by.
    pub keys: Keys,
    /// How many requests there are, the warm-up included.
    pub requests: u64,
    /// So many requests at the beginning are not in the report.
    pub warm_up: u64,
    /// Time from a proxy to a server, and back.
    pub network: Duration,
    /// Time that a probe of load takes beside the network, where the strategy sends any.
    pub probing: Duration,
    /// Times that a request whose connection was refused is sent to somebody else.
    pub retries: u32,
    /// How often each proxy checks all servers, when the pool has health checks. The first time is before everything
    /// else.
    pub check_every: Duration,
    /// What happens to every proxy's pool on the way, in any order.
    pub changes: Vec<Change>,
    /// Length of the windows of [`Report::timeline`](super::Report::timeline); `None` is no timeline.
    pub window: Option<Duration>,
    /// The same seed gives the same report.
    pub seed: u64,
}

/// A server: one queue, first come first served, in front of some workers.
#[derive(Clone, PartialEq, Debug)]
pub struct Server {
    /// Which member of the pool it is.
    pub id: BackendId,
    /// Requests that it works on at a time, at least 1.
    pub workers: u32,
    /// How long one request takes at speed 1.
    pub service: Law,
    /// Work per time: 0.5 takes twice as long. Above 0.
    pub speed: f64,
    /// Requests that may wait; one more is refused with a 503. `None` is any number.
    pub queue_max: Option<u32>,
    /// Requests that fail without having been worked on.
    pub failing: Option<Failing>,
    /// Something else that runs on the machine at times.
    pub antagonist: Option<Antagonist>,
    /// Times, from and until, in which it refuses connections. What it has at their beginning is lost.
    pub down: Vec<(Nanos, Nanos)>,
}

/// A part of the requests that fails.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Failing {
    /// The part, 0..=1.
    pub probability: f64,
    /// How long it takes to fail; no worker is needed for it.
    pub takes: Law,
}

/// Periods in which a server is slower, each as long as chance will have it.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Antagonist {
    /// Mean length of the slow periods (exponential).
    pub on: Duration,
    /// Mean length of those between.
    pub off: Duration,
    /// What the speed is multiplied by meanwhile; what has been begun goes on as it was.
    pub speed: f64,
}

/// When requests come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Arrivals {
    /// Independent of each other and of the answers: many clients.
    Poisson {
        /// Requests a second.
        rate: f64,
    },
    /// One after the other at equal distances, whatever the answers do.
    Constant {
        /// Requests a second.
        rate: f64,
    },
    /// Poisson with a rate that changes in a straight line, then stays.
    Ramp {
        /// Requests a second at the beginning.
        from: f64,
        /// Requests a second at the end.
        to: f64,
        /// From the one to the other.
        over: Duration,
    },
    /// So many clients that each wait for their answer, and a while, before they ask again.
    Closed {
        /// How many, at least 1.
        clients: u32,
        /// The while.
        think: Law,
    },
}

/// What requests are told apart by.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Keys {
    /// Nothing.
    None,
    /// One of so many, each as often.
    Uniform {
        /// How many.
        n: u32,
    },
    /// One of so many, the k-th as often as 1/k^s.
    Zipf {
        /// How many.
        n: u32,
        /// 0 is uniform, 1 is what the popularity of pages looks like.
        s: f64,
    },
}

/// Something that happens to the pool.
#[derive(Clone, PartialEq, Debug)]
pub struct Change {
    /// When.
    pub at: Nanos,
    /// What.
    pub event: PoolEvent,
}

impl Scenario {
    /// One proxy without network or keys; a tenth of the requests is warm-up.
    pub fn new(pool: PoolSpec, servers: Vec<Server>, arrivals: Arrivals, requests: u64) -> Self {
        Self {
            pool,
            servers,
            proxies: 1,
            arrivals,
            keys: Keys::None,
            requests,
            warm_up: requests / 10,
            network: Duration::ZERO,
            probing: Duration::from_millis(1),
            retries: 0,
            check_every: Duration::from_secs(2),
            changes: Vec::new(),
            window: None,
            seed: 1,
        }
    }

    /// Requests a second that all servers can do together.
    pub fn capacity(&self) -> f64 {
        self.servers.iter().map(Server::capacity).sum()
    }
}

impl Server {
    /// One of speed 1 that has no faults.
    pub fn new(id: &str, workers: u32, service: Law) -> Self {
        Self {
            id: BackendId::new(id),
            workers,
            service,
            speed: 1.0,
            queue_max: None,
            failing: None,
            antagonist: None,
            down: Vec::new(),
        }
    }

    /// Requests a second that it can do, with its antagonist, while it is up.
    pub fn capacity(&self) -> f64 {
        let alone = f64::from(self.workers.max(1)) * self.speed / self.service.mean().as_secs_f64();
        alone * self.antagonist.map_or(1.0, |antagonist| antagonist.mean_speed())
    }
}

impl Antagonist {
    fn mean_speed(self) -> f64 {
        let slow = self.slow_part();
        1.0 - slow + slow * self.speed
    }

    /// The part of the time in which it runs.
    pub(super) fn slow_part(self) -> f64 {
        let (on, off) = (self.on.as_secs_f64(), self.off.as_secs_f64());
        if on + off > 0.0 { on / (on + off) } else { 0.0 }
    }
}
