//! The read side of a pool: what the data path holds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use evenkeel_core::{Lease, Nanos, Outcome, PoolEvent, PoolId, PoolSnapshot, Rng, Tried};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::telemetry::Histogram;
use crate::upstream::Keep;

/// One pool for the life of its name: reloads change what is in it, not the cell.
#[derive(Debug)]
pub(crate) struct PoolCell {
    pub(crate) id: PoolId,
    /// Written by the pool's keeper only.
    pub(crate) snapshot: ArcSwap<PoolSnapshot>,
    /// Written when a configuration is applied.
    pub(crate) settings: ArcSwap<PoolSettings>,
    /// Durations of whole requests, first byte in to last byte out.
    pub(crate) durations: Histogram,
    /// Failures go to the keeper. Bounded and never waited for: when it is full the keeper has more than enough
    /// to go by, and it reads the exact number of consecutive failures from the backend's load.
    pub(crate) failures: mpsc::Sender<PoolEvent>,
    pub(crate) clock: Clock,
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
}

impl PoolCell {
    /// Picks a backend. `None` when nobody is eligible, or nobody that has not been tried.
    pub(crate) fn pick(self: &Arc<Self>, tried: &Tried, rng: &mut Rng, now: Nanos) -> Option<Attempt> {
        let lease = self.snapshot.load().pick(tried, rng, now)?;
        Some(Attempt { lease: Some(lease), pool: Arc::clone(self) })
    }
}

/// A lease that ends with the right time on every path out, and tells the keeper of failures.
#[derive(Debug)]
pub(crate) struct Attempt {
    lease: Option<Lease>,
    pool: Arc<PoolCell>,
}

impl Attempt {
    pub(crate) fn lease(&self) -> &Lease {
        self.lease.as_ref().expect("a lease is taken only by end(), which consumes the attempt")
    }

    pub(crate) fn end(mut self, outcome: Outcome, now: Instant) {
        self.finish(outcome, now);
    }

    fn finish(&mut self, outcome: Outcome, now: Instant) {
        let Some(lease) = self.lease.take() else { return };
        let id = outcome.is_failure().then(|| lease.member().id.clone());
        lease.end(outcome, self.pool.clock.at(now));
        if let Some(id) = id {
            self.pool.failures.try_send(PoolEvent::Attempted { id, outcome }).ok();
        }
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
