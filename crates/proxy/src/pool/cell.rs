//! The read side of a pool: what the data path holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use evenkeel_config::{HashKey, ProxyVersion, Queue as QueueSettings};
use evenkeel_core::{
    BackendId, Lease, Nanos, Outcome, PickKey, PoolEvent, PoolId, PoolSnapshot, Refusal, Rng, Tried,
};
use evenkeel_journal::Journal;
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::telemetry::Histogram;
use crate::tls::{ClientTls, Securely};
use crate::upstream::Keep;

use super::load_probe::Prober;
use super::queue::Queue;
use super::sticky::Sticky;
use super::told_apart::{Stay, ToldApart};

/// One pool for the life of its name: reloads change what is in it, not the cell.
#[derive(Debug)]
pub(crate) struct PoolCell {
    pub(crate) id: PoolId,
    /// Written by the pool's keeper only.
    pub(crate) snapshot: ArcSwap<PoolSnapshot>,
    /// Written by the keeper too, together with the snapshot of the same configuration.
    pub(crate) settings: ArcSwap<PoolSettings>,
    /// Durations of whole requests, first byte in to last byte out.
    pub(crate) durations: Histogram,
    /// Failures go to the keeper. Bounded and never waited for: when it is full the keeper has more than enough
    /// to go by, and it reads the exact number of consecutive failures from the backend's load.
    pub(crate) failures: mpsc::Sender<PoolEvent>,
    pub(crate) clock: Clock,
    pub(crate) queue: Queue,
    pub(crate) told_apart: ToldApart,
    pub(crate) prober: Prober,
    pub(crate) tunnels: Tunnels,
    /// Told by the keeper and by whoever watches the pool, never by a request.
    pub(crate) journal: Journal,
}

/// What the data path must know about a pool beside its snapshot.
#[derive(Clone, Debug)]
pub(crate) struct PoolSettings {
    pub(crate) connect_timeout: Duration,
    pub(crate) response_header_timeout: Duration,
    pub(crate) response_idle_timeout: Duration,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) keep: Keep,
    pub(crate) max_attempts: u32,
    pub(crate) hash: Option<HashKey>,
    pub(crate) show_keys: bool,
    pub(crate) sticky: Option<Sticky>,
    pub(crate) queue: QueueSettings,
    /// Streams on one connection at most, where backends are spoken to in HTTP/2.
    pub(crate) streams_max: Option<u32>,
    /// Whether backends are asked how busy they are.
    pub(crate) probed: bool,
    /// What each connection to a backend begins with.
    pub(crate) send_proxy: Option<ProxyVersion>,
    /// How connections to its backends are secured; `None` is not at all.
    pub(crate) tls: Option<Arc<ClientTls>>,
    /// Whether requests to switch protocols are passed on.
    pub(crate) upgrade: bool,
}

impl PoolSettings {
    /// How a connection to a backend is secured, if it is.
    pub(crate) fn secured_to(&self, backend: &BackendId, address: SocketAddr) -> Option<Securely> {
        self.tls.as_ref().map(|tls| tls.to(backend, address))
    }
}

/// What a request wants of its pool.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// The session that it belongs to.
    pub(crate) session: Option<u64>,
    /// What it is told apart by.
    pub(crate) key: PickKey,
    /// Whose session it is: a hash of the client's address; 0 where there is none.
    pub(crate) client: u64,
    /// Whom it has tried.
    pub(crate) tried: Tried,
    /// Whoever has a lower one is served first, 0..=9.
    pub(crate) rank: u8,
}

/// Connections of a pool that speak another protocol than HTTP.
#[derive(Debug, Default)]
pub(crate) struct Tunnels {
    pub(crate) open: AtomicU64,
    /// Opened since start.
    pub(crate) opened: AtomicU64,
}

/// Counts a tunnel as open while it lives.
#[derive(Debug)]
pub(crate) struct OpenTunnel {
    pool: Arc<PoolCell>,
}

impl Drop for OpenTunnel {
    fn drop(&mut self) {
        self.pool.tunnels.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PoolCell {
    /// Picks a backend: the session's own, if that may be.
    ///
    /// # Errors
    /// [`Refusal::Nobody`] when nobody is eligible, or nobody that has not been tried; [`Refusal::Full`] when all of
    /// those are at their limit.
    pub(crate) fn pick(
        self: &Arc<Self>,
        wanted: &Wanted,
        rng: &mut Rng,
        now: Nanos,
    ) -> Result<Attempt, Refusal> {
        let snapshot = self.snapshot.load();
        let home = wanted.session.and_then(|session| snapshot.pick_session(session, &wanted.tried, now));
        let lease = match home {
            Some(lease) => lease,
            None => snapshot.pick_keyed(&wanted.tried, wanted.key, rng, now)?,
        };
        self.told_apart.picked(wanted, &lease, rng);
        Ok(Attempt { lease: Some(lease), pool: Arc::clone(self) })
    }

    /// How many may wait, and for how long, as a request that came under these settings sees it. A reload may since have
    /// brought the limits that it has met, and the queue for them: the longer line holds, so that nobody is turned away
    /// whom either configuration would have served.
    pub(crate) fn line_for(&self, came_under: &PoolSettings) -> (usize, Duration) {
        let (then, now) = (&came_under.queue, &self.settings.load().queue);
        let timeout = if then.size > 0 { then.timeout } else { now.timeout };
        (then.size.max(now.size), timeout)
    }

    /// Whether a session is that of a member, whatever state that is in.
    pub(crate) fn is_session(&self, session: u64) -> bool {
        self.snapshot.load().members().iter().any(|view| view.member.session() == session)
    }

    /// Whether a session still has its backend, though a pick did not find it: it is at its limit just now.
    pub(crate) fn has_home(&self, session: u64) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.members().iter().any(|view| view.keeps_sessions && view.member.session() == session)
    }
}

/// A lease that ends with the right time on every path out, tells the keeper of failures, and makes room for whoever
/// waits.
#[derive(Debug)]
pub(crate) struct Attempt {
    lease: Option<Lease>,
    pool: Arc<PoolCell>,
}

impl Attempt {
    pub(crate) fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a lease is taken only by end(), which consumes the attempt")
    }

    pub(crate) fn pool(&self) -> &PoolCell {
        &self.pool
    }

    /// The backend has answered, and a tunnel follows: see [`Lease::answered`].
    pub(crate) fn answered(&mut self, now: Instant) {
        let now = self.pool.clock.at(now);
        if let Some(lease) = &mut self.lease {
            lease.answered(now);
        }
    }

    /// What it was picked for stays at its backend for as long as its ends like.
    pub(crate) fn stay(&self) -> Stay {
        Stay::begin(Arc::clone(&self.pool), self.lease().member().serial)
    }

    /// How long it lasts says nothing of the backend: see [`Lease::untimed`].
    pub(crate) fn untimed(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.untimed();
        }
    }

    pub(crate) fn open_tunnel(&self) -> OpenTunnel {
        self.pool.tunnels.open.fetch_add(1, Ordering::Relaxed);
        self.pool.tunnels.opened.fetch_add(1, Ordering::Relaxed);
        OpenTunnel { pool: Arc::clone(&self.pool) }
    }

    pub(crate) fn end(mut self, outcome: Outcome, now: Instant) {
        self.finish(outcome, now);
    }

    fn finish(&mut self, outcome: Outcome, now: Instant) {
        let Some(lease) = self.lease.take() else { return };
        let id = outcome.is_failure().then(|| lease.member().id.clone());
        let (now, session) = (self.pool.clock.at(now), lease.member().session());
        lease.end(outcome, now);
        if let Some(id) = id {
            self.pool.failures.try_send(PoolEvent::Attempted { id, outcome }).ok();
        }
        Queue::lease_ended(&self.pool, session, now);
    }
}

impl Drop for Attempt {
    /// Reached when the task is cancelled or panics in the middle of a request.
    fn drop(&mut self) {
        if self.lease.is_some() {
            self.finish(Outcome::Cancelled, Instant::now());
        }
    }
}
