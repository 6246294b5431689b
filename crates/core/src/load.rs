//! The one set of numbers per backend: the strategy, the dashboard and the alarm read these atomics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::lease::{Outcome, Reason};
use crate::units::Nanos;

/// What one backend of one pool is doing and has done.
///
/// Keyed by `BackendId`: it survives reloads, weight and address changes, and snapshots. Only leases write it
/// (and [`BackendLoad::add_bytes`]), so in-flight is the number of live leases and nothing else.
#[derive(Debug, Default)]
pub struct BackendLoad {
    hot: Hot,
    attempts: [AtomicU64; Reason::ALL.len()],
    outcomes: [AtomicU64; Outcome::ALL.len()],
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    /// The largest busy time given out: see [`BackendLoad::busy`].
    busy_seen: AtomicU64,
}

/// What every pick and every end of this backend writes, on a line of its own: a scan over in-flight numbers
/// must not collide with a scrape, nor with a neighbour. 128 bytes, because x86 fetches lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Hot {
    in_flight: AtomicU32,
    consecutive_failures: AtomicU32,
    start_sum: AtomicU64,
    end_sum: AtomicU64,
}

impl BackendLoad {
    /// Leases not ended.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.hot.in_flight.load(Ordering::Relaxed)
    }

    /// Attempts begun for one reason.
    pub fn attempts(&self, reason: Reason) -> u64 {
        self.attempts[reason as usize].load(Ordering::Relaxed)
    }

    /// Attempts begun, for whatever reason.
    pub fn attempts_total(&self) -> u64 {
        self.attempts.iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    /// Attempts ended in one way.
    pub fn outcomes(&self, outcome: Outcome) -> u64 {
        self.outcomes[outcome as usize].load(Ordering::Relaxed)
    }

    /// Bytes sent to the backend.
    pub fn bytes_sent(&self) -> u64 {
        self.bytes_sent.load(Ordering::Relaxed)
    }

    /// Bytes received from the backend.
    pub fn bytes_received(&self) -> u64 {
        self.bytes_received.load(Ordering::Relaxed)
    }

    /// Adds to both byte counters. Callers batch: once per request or per flush, not per read.
    pub fn add_bytes(&self, sent: u64, received: u64) {
        if sent > 0 {
            self.bytes_sent.fetch_add(sent, Ordering::Relaxed);
        }
        if received > 0 {
            self.bytes_received.fetch_add(received, Ordering::Relaxed);
        }
    }

    /// Failures since the last success. 0 after an `Ok`; cancelled attempts and stale connections leave it as
    /// it is.
    pub fn consecutive_failures(&self) -> u32 {
        self.hot.consecutive_failures.load(Ordering::Relaxed)
    }

    /// Time spent on requests, summed over all of them, those still running included, so a backend that
    /// hangs shows at once. It never falls. Wraps after 584 years of request time.
    ///
    /// `in_flight·now + Σ ends − Σ starts`, exact and without sampling. The numbers are not read at one
    /// instant, and being one request out of step is an error of the whole of `now`. So writers keep an order
    /// in which a request seen half-way can only make the result too small, the reader starts over if a sum
    /// has moved meanwhile (which leaves at most one such error for each writing thread), and a result
    /// smaller than one given out before is replaced by that one.
    pub fn busy(&self, now: Nanos) -> Duration {
        let busy = self.hot.busy(now);
        let keep_larger = |seen: u64| busy.filter(|busy| busy.wrapping_sub(seen) as i64 > 0);
        let shown = match self.busy_seen.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep_larger) {
            Ok(seen) => busy.unwrap_or(seen),
            Err(seen) => seen,
        };
        Duration::from_nanos(shown)
    }

    /// A lease begins. The start is summed before in-flight rises: see [`BackendLoad::busy`].
    #[inline]
    pub(crate) fn start(&self, reason: Reason, now: Nanos) {
        self.hot.start_sum.fetch_add(now.0, Ordering::Relaxed);
        self.hot.in_flight.fetch_add(1, Ordering::Release);
        self.attempts[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// A lease ends. In-flight falls before the end is summed: see [`BackendLoad::busy`].
    #[inline]
    pub(crate) fn finish(&self, outcome: Outcome, now: Nanos) {
        if outcome.is_failure() {
            self.hot.consecutive_failures.fetch_add(1, Ordering::Relaxed);
        } else if outcome == Outcome::Ok && self.consecutive_failures() != 0 {
            // Read first: in good times nobody writes this.
            self.forget_failures();
        }
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        self.hot.in_flight.fetch_sub(1, Ordering::Release);
        self.hot.end_sum.fetch_add(now.0, Ordering::Release);
    }

    /// A backend that comes back is judged by what it does from now on.
    pub(crate) fn forget_failures(&self) {
        self.hot.consecutive_failures.store(0, Ordering::Relaxed);
    }
}

impl Hot {
    /// `None` when the sums never stood still: the last figure will have to do.
    fn busy(&self, now: Nanos) -> Option<u64> {
        (0..BUSY_TRIES).find_map(|_| {
            let (ends, starts) = self.sums();
            let live = u64::from(self.in_flight.load(Ordering::Acquire));
            let stood_still = self.sums() == (ends, starts);
            stood_still.then(|| live.wrapping_mul(now.0).wrapping_add(ends).wrapping_sub(starts))
        })
    }

    fn sums(&self) -> (u64, u64) {
        (self.end_sum.load(Ordering::Acquire), self.start_sum.load(Ordering::Acquire))
    }
}

/// Reading takes some ten nanoseconds: even at a million requests a second nearly every try succeeds.
const BUSY_TRIES: usize = 64;
