//! The one set of numbers per backend: the strategy, the dashboard and the alarm read these atomics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::counts::Counts;
use crate::failures::{self, Failures};
use crate::latency::Latency;
use crate::lease::{Outcome, Reason};
use crate::units::Nanos;
use crate::usual::Usual;

/// What one backend of one pool is doing and has done.
///
/// Keyed by `BackendId`: it survives reloads, weight and address changes, and snapshots. Only leases write it
/// (and [`BackendLoad::add_bytes`]), so in-flight is the number of live leases and nothing else.
///
/// Nearly every attempt is of one reason and ends in one way. Those two are not counted but follow from the
/// total and all others, which saves two of the read-modify-writes that a request costs.
#[derive(Debug, Default)]
pub struct BackendLoad {
    hot: Hot,
    /// By reason, save the usual one.
    attempts: [AtomicU64; Reason::ALL.len()],
    /// By outcome, save the usual one.
    outcomes: [AtomicU64; Outcome::ALL.len()],
    /// The largest figures given out of those that are derived: see [`never_falling`].
    usual_attempts_seen: AtomicU64,
    usual_outcomes_seen: AtomicU64,
    busy_seen: AtomicU64,
    failures: Failures,
    /// Answers that were timed before their lease ended, less those that ended well and untimed (wraps below 0): see
    /// [`BackendLoad::answers`].
    timed_apart: AtomicU64,
    /// Apart from what every request writes: only layer 4 over UDP knows datagrams.
    datagrams_sent: AtomicU64,
    datagrams_received: AtomicU64,
}

/// What every request to this backend writes, on one line of its own: a scan over in-flight numbers must not collide
/// with a scrape, nor with a neighbour, and in a large pool the line has gone cold since the last request. 128 bytes,
/// because x86 fetches lines in pairs. In this order, so that what a scan reads is on the first of the two.
#[derive(Debug, Default)]
#[repr(C, align(128))]
struct Hot {
    counts: Counts,
    start_sum: AtomicU64,
    end_sum: AtomicU64,
    bytes_sent: AtomicU64,
    bytes_received: AtomicU64,
    consecutive_failures: AtomicU32,
    usual: Usual,
    /// Written in pools whose strategy asks for it.
    latency: Latency,
    /// Answers that took far longer than is usual in the pool.
    slow: AtomicU64,
}

const _: () = assert!(std::mem::offset_of!(Hot, usual) + size_of::<Usual>() <= 64 && size_of::<Hot>() == 128);

/// How an attempt went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// That it succeeded has been taken into account before it ended.
    pub(crate) answered: bool,
    /// How long it took says something of the backend, and has not been taken into account before.
    pub(crate) timed: bool,
    pub(crate) started: Nanos,
    /// Not before the start.
    pub(crate) now: Nanos,
    /// How fast latencies are forgotten, in milliseconds; 0 where nobody wants to know them.
    pub(crate) decay: u32,
}

impl BackendLoad {
    /// Leases not ended.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.hot.counts.live()
    }

    /// Attempts begun for one reason.
    pub fn attempts(&self, reason: Reason) -> u64 {
        if reason != USUAL_REASON {
            return self.attempts[reason as usize].load(Ordering::Relaxed);
        }
        // The total first: see `never_falling`.
        let total = self.attempts_total();
        never_falling(&self.usual_attempts_seen, total.saturating_sub(sum(&self.attempts)))
    }

    /// Attempts begun, for whatever reason.
    pub fn attempts_total(&self) -> u64 {
        self.hot.counts.read().begun
    }

    /// Attempts ended in one way.
    pub fn outcomes(&self, outcome: Outcome) -> u64 {
        if outcome != USUAL_OUTCOME {
            return self.outcomes[outcome as usize].load(Ordering::Relaxed);
        }
        let ended = self.hot.counts.read().ended();
        never_falling(&self.usual_outcomes_seen, ended.saturating_sub(sum(&self.outcomes)))
    }

    /// Bytes sent to the backend.
    pub fn bytes_sent(&self) -> u64 {
        self.hot.bytes_sent.load(Ordering::Relaxed)
    }

    /// Bytes received from the backend.
    pub fn bytes_received(&self) -> u64 {
        self.hot.bytes_received.load(Ordering::Relaxed)
    }

    /// Adds to both byte counters. Callers batch: once per request, flush or datagram, not per read.
    pub fn add_bytes(&self, sent: u64, received: u64) {
        if sent > 0 {
            self.hot.bytes_sent.fetch_add(sent, Ordering::Relaxed);
        }
        if received > 0 {
            self.hot.bytes_received.fetch_add(received, Ordering::Relaxed);
        }
    }

    /// Datagrams sent to the backend; 0 where it is not spoken to over UDP.
    pub fn datagrams_sent(&self) -> u64 {
        self.datagrams_sent.load(Ordering::Relaxed)
    }

    /// Datagrams received from the backend.
    pub fn datagrams_received(&self) -> u64 {
        self.datagrams_received.load(Ordering::Relaxed)
    }

    /// A datagram with so many bytes of content has gone to the backend.
    pub fn sent_datagram(&self, bytes: usize) {
        self.datagrams_sent.fetch_add(1, Ordering::Relaxed);
        self.add_bytes(bytes as u64, 0);
    }

    /// A datagram with so many bytes of content has come from the backend.
    pub fn received_datagram(&self, bytes: usize) {
        self.datagrams_received.fetch_add(1, Ordering::Relaxed);
        self.add_bytes(0, bytes as u64);
    }

    /// Failures since the last success. 0 after an `Ok`; cancelled attempts and stale connections leave it as
    /// it is.
    pub fn consecutive_failures(&self) -> u32 {
        self.hot.consecutive_failures.load(Ordering::Relaxed)
    }

    /// What its failures in a row weigh in picks, in requests in flight: 0 below 3 of them, else their number, at most
    /// 16, halved for every second since the last.
    #[inline]
    pub fn failing(&self, now: Nanos) -> u32 {
        let row = self.consecutive_failures();
        if row < failures::ROW_MIN { 0 } else { self.failures.handicap(row, now) }
    }

    /// The part of its recent attempts that failed, 0.0..=1.0. About the last ten failures count; it falls with the
    /// attempts that do not fail, and is 0 five seconds after the last one that did.
    #[inline]
    pub fn recent_failures(&self, now: Nanos) -> f64 {
        if self.failures.are_recent(now) { self.failures.share(self.attempts_total()) } else { 0.0 }
    }

    /// Attempts that [failed](Outcome::is_failure).
    pub fn failures(&self) -> u64 {
        Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.is_failure())
            .map(|outcome| self.outcomes(outcome))
            .sum()
    }

    /// How long its recent failed attempts took, on average.
    pub fn failure_time(&self) -> Duration {
        self.failures.mean()
    }

    /// How long failed attempts took, all together.
    pub fn failed_time(&self) -> Duration {
        self.failures.total()
    }

    /// Answers whose time says something of the backend: attempts that ended [well](Outcome::Ok), tunnels from the moment
    /// they opened on, and of sessions and connections that nobody reads only those that were answered.
    pub fn answers(&self) -> u64 {
        self.outcomes(USUAL_OUTCOME).saturating_add_signed(self.timed_apart.load(Ordering::Relaxed) as i64)
    }

    /// Those of the [answers](BackendLoad::answers) that took far longer than is usual in the pool: see
    /// [`skew::Dimension::Slow`](crate::skew::Dimension::Slow). 0 where nobody watches the pool.
    pub fn slow(&self) -> u64 {
        self.hot.slow.load(Ordering::Relaxed)
    }

    /// How long its answers take, and from when on that is slow.
    pub(crate) fn usual(&self) -> &Usual {
        &self.hot.usual
    }

    /// How long it takes to answer: known in pools whose strategy is [timed](crate::Registration::timed).
    #[inline]
    pub fn latency(&self) -> &Latency {
        &self.hot.latency
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

    /// A lease begins. The start is summed before in-flight rises: see [`BackendLoad::busy`]. An unusual
    /// reason is counted before it, too: see [`never_falling`].
    #[inline]
    pub(crate) fn start(&self, reason: Reason, now: Nanos) {
        if reason != USUAL_REASON {
            self.attempts[reason as usize].fetch_add(1, Ordering::Relaxed);
        }
        self.hot.start_sum.fetch_add(now.0, Ordering::Relaxed);
        self.hot.counts.begin();
    }

    /// A lease begins unless `limit` of them live; whether it did. The start is summed before, as in
    /// [`BackendLoad::start`], and taken back when the last place went to somebody else meanwhile: until then
    /// [`BackendLoad::busy`] is too small, which it can live with. The reason is counted after, because a counter that
    /// is taken back would look as if it had started over; a scrape in between counts it as the usual one.
    #[inline]
    pub(crate) fn try_start(&self, reason: Reason, now: Nanos, limit: u32) -> bool {
        if self.in_flight() >= limit {
            return false;
        }
        self.hot.start_sum.fetch_add(now.0, Ordering::Relaxed);
        if !self.hot.counts.try_begin(limit) {
            self.hot.start_sum.fetch_sub(now.0, Ordering::Relaxed);
            return false;
        }
        if reason != USUAL_REASON {
            self.attempts[reason as usize].fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// A lease ends. In-flight falls before the end is summed: see [`BackendLoad::busy`].
    #[inline]
    pub(crate) fn finish(&self, attempt: Ended) {
        let Ended { outcome, now, .. } = attempt;
        if outcome != USUAL_OUTCOME {
            self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
            if outcome.is_failure() {
                self.failures.note(self.attempts_total(), now.since(attempt.started), now);
                self.hot.consecutive_failures.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            if !attempt.answered {
                self.succeeded();
            }
            if !attempt.timed {
                self.timed_apart.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.observe(attempt);
        self.hot.counts.end();
        self.hot.end_sum.fetch_add(now.0, Ordering::Release);
    }

    /// See [`crate::Lease::answered`].
    pub(crate) fn answered(&self, attempt: Ended) {
        self.succeeded();
        self.timed_apart.fetch_add(1, Ordering::Relaxed);
        self.observe(attempt);
    }

    #[inline]
    fn succeeded(&self) {
        // Read first: in good times nobody writes this.
        if self.consecutive_failures() != 0 {
            self.forget_failures();
        }
    }

    #[inline]
    fn observe(&self, Ended { outcome, timed, started, now, decay, .. }: Ended) {
        if timed && outcome == USUAL_OUTCOME && self.hot.usual.observe(now.0.saturating_sub(started.0)) {
            self.hot.slow.fetch_add(1, Ordering::Relaxed);
        }
        if decay != 0 {
            let decay = Duration::from_millis(decay.into());
            self.hot.latency.observe(outcome, now.since(started), now, decay);
        }
    }

    /// A backend that comes back is judged by what it does from now on.
    pub(crate) fn forget_failures(&self) {
        self.hot.consecutive_failures.store(0, Ordering::Relaxed);
    }

    /// Another machine answers from now on: what its predecessor did in a row, and how fast it was, says nothing.
    pub(crate) fn start_over(&self) {
        self.forget_failures();
        self.hot.latency.forget();
        self.hot.usual.forget();
    }
}

impl Hot {
    /// `None` when the sums never stood still: the last figure will have to do.
    fn busy(&self, now: Nanos) -> Option<u64> {
        (0..BUSY_TRIES).find_map(|_| {
            let (ends, starts) = self.sums();
            let live = u64::from(self.counts.read().live);
            let stood_still = self.sums() == (ends, starts);
            stood_still.then(|| live.wrapping_mul(now.0).wrapping_add(ends).wrapping_sub(starts))
        })
    }

    fn sums(&self) -> (u64, u64) {
        (self.end_sum.load(Ordering::Acquire), self.start_sum.load(Ordering::Acquire))
    }
}

/// A figure that is the total less what is counted apart must not be shown to fall, or a counter of it would
/// look as if it had started over. What is counted apart is written before the total and read after it, so
/// that the difference is too small at worst; and then one given out before stands.
fn never_falling(seen: &AtomicU64, figure: u64) -> u64 {
    seen.fetch_max(figure, Ordering::Relaxed).max(figure)
}

fn sum(counters: &[AtomicU64]) -> u64 {
    counters.iter().map(|count| count.load(Ordering::Relaxed)).sum()
}

/// Follows from the total and the other reasons.
const USUAL_REASON: Reason = Reason::Algorithm;
/// Follows from the total and the other outcomes.
const USUAL_OUTCOME: Outcome = Outcome::Ok;
/// Reading takes some ten nanoseconds: even at a million requests a second nearly every try succeeds.
const BUSY_TRIES: usize = 64;
