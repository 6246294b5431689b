//! Where requests wait while every backend of their pool is at its limit.
//!
//! One line for the whole process, since a backend's limit is one for the whole process. Whoever ends a lease picks on
//! behalf of the request at the head and hands it the new lease: one request is woken for each lease that ends, and
//! nobody who comes later can get in between.
//!
//! A lease may end just when a request finds everything full. So a request is counted as waiting before it looks for the
//! last time, a lease has ended before its ender looks whether somebody waits, and a fence stands between the two on
//! both sides: one of them sees the other.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use evenkeel_core::{Nanos, Refusal, Rng};

use crate::proxy::lock;
use crate::telemetry::Histogram;

use super::cell::{Attempt, PoolCell, Wanted};

/// The pool has a queue.
const OPEN: usize = 1;
/// One request waits.
const WAITER: usize = 2;
/// Waiting requests that are offered a lease before it is left to the next that comes: those that want a certain backend
/// may all find it full.
const OFFERED_MAX: usize = 64;

/// The requests of one pool that wait.
#[derive(Debug)]
pub(crate) struct Queue {
    /// [`OPEN`] or not, and [`WAITER`] times the length of the line: all that a pool without a queue ever reads.
    word: AtomicUsize,
    line: Mutex<Line>,
    pub(crate) counts: QueueCounts,
}

/// What has become of the requests that waited, or would have.
#[derive(Debug, Default)]
pub(crate) struct QueueCounts {
    /// How long those waited that were served.
    pub(crate) waited: Histogram,
    /// The line was full, or there is none.
    pub(crate) overflows: AtomicU64,
    /// It took too long.
    pub(crate) timeouts: AtomicU64,
    /// The client left.
    pub(crate) left: AtomicU64,
}

/// Place in the line: rank, 0 first, then order of arrival.
type Place = (u8, u64);

#[derive(Debug)]
struct Line {
    rng: Rng,
    arrivals: u64,
    waiting: BTreeMap<Place, Waiter>,
    /// How many of those want a certain backend, or not a certain one.
    choosy: usize,
    /// What those who have had their turn have not fetched yet.
    answers: BTreeMap<Place, Result<Attempt, Refusal>>,
}

#[derive(Debug)]
struct Waiter {
    wanted: Wanted,
    waker: Option<Waker>,
}

/// A request in the line; dropping it gives up its place. Resolves to a lease, or to [`Refusal::Nobody`] when the pool
/// has nobody left to wait for.
#[derive(Debug)]
#[must_use = "dropping it gives up the place"]
pub(crate) struct Turn {
    pool: Arc<PoolCell>,
    place: Place,
}

impl Queue {
    /// An empty one. `rng` is for the picks made on behalf of those who wait.
    pub(crate) fn new(rng: Rng) -> Self {
        let line = Line { rng, arrivals: 0, waiting: BTreeMap::new(), choosy: 0, answers: BTreeMap::new() };
        Self { word: AtomicUsize::new(0), line: Mutex::new(line), counts: QueueCounts::default() }
    }

    /// Whether the pool's configuration has one. Who waits when it is closed goes on waiting.
    pub(crate) fn set_open(&self, open: bool) {
        if open {
            self.word.fetch_or(OPEN, Ordering::Relaxed);
        } else {
            self.word.fetch_and(!OPEN, Ordering::Relaxed);
        }
    }

    /// Requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.word.load(Ordering::Relaxed) / WAITER
    }

    /// Takes the last place of its rank. `None` when as many as `size` wait already.
    pub(crate) fn enter(pool: &Arc<PoolCell>, wanted: Wanted, size: usize, now: Nanos) -> Option<Turn> {
        let this = &pool.queue;
        let mut line = lock(&this.line);
        if line.waiting.len() >= size {
            return None;
        }
        // Before the last look at the backends: see the top.
        this.word.fetch_add(WAITER, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let place = (wanted.rank, line.arrivals);
        line.arrivals += 1;
        line.choosy += usize::from(!wanted.is_plain());
        line.waiting.insert(place, Waiter { wanted, waker: None });
        let woken = this.offer(pool, &mut line, 1, now);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
        Some(Turn { pool: Arc::clone(pool), place })
    }

    /// A lease has ended: whoever is next gets another.
    #[inline]
    pub(crate) fn lease_ended(pool: &Arc<PoolCell>, now: Nanos) {
        if pool.queue.word.load(Ordering::Relaxed) != 0 {
            Self::serve(pool, 1, now);
        }
    }

    /// The pool has changed: there may be room for any number.
    pub(crate) fn pool_changed(pool: &Arc<PoolCell>, now: Nanos) {
        Self::serve(pool, usize::MAX, now);
    }

    #[cold]
    fn serve(pool: &Arc<PoolCell>, most: usize, now: Nanos) {
        let this = &pool.queue;
        fence(Ordering::SeqCst);
        if this.len() == 0 {
            return;
        }
        let woken = {
            let mut line = lock(&this.line);
            this.offer(pool, &mut line, most, now)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Picks for those at the head of the line, at most `most` leases. Whom to wake.
    fn offer(&self, pool: &Arc<PoolCell>, line: &mut Line, most: usize, now: Nanos) -> Vec<Waker> {
        let Line { rng, waiting, choosy, answers, .. } = line;
        let (mut woken, mut leases, mut refused) = (Vec::new(), 0, 0);
        let mut from: Place = (0, 0);
        // Once one that takes anybody has found everybody full, only those are asked that want somebody.
        let mut full = false;
        while leases < most && refused < OFFERED_MAX && (!full || *choosy > 0) {
            let mut rest = waiting.range(from..).filter(|(_, waiter)| !full || !waiter.wanted.is_plain());
            let Some((&place, waiter)) = rest.next() else { break };
            from = (place.0, place.1 + 1);
            let answer = pool.pick(&waiter.wanted, rng, now);
            if matches!(answer, Err(Refusal::Full)) {
                full |= waiter.wanted.is_plain();
                refused += 1;
                continue;
            }
            leases += usize::from(answer.is_ok());
            *choosy -= usize::from(!waiter.wanted.is_plain());
            woken.extend(waiting.remove(&place).and_then(|waiter| waiter.waker));
            self.word.fetch_sub(WAITER, Ordering::Relaxed);
            answers.insert(place, answer);
        }
        woken
    }
}

impl Future for Turn {
    type Output = Result<Attempt, Refusal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut line = lock(&self.pool.queue.line);
        if let Some(answer) = line.answers.remove(&self.place) {
            return Poll::Ready(answer);
        }
        if let Some(waiter) = line.waiting.get_mut(&self.place) {
            waiter.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Turn {
    /// A lease that was on its way to somebody who has left ends here, and so goes to the next.
    fn drop(&mut self) {
        let queue = &self.pool.queue;
        let mut line = lock(&queue.line);
        let given_up = line.waiting.remove(&self.place);
        if let Some(waiter) = &given_up {
            line.choosy -= usize::from(!waiter.wanted.is_plain());
            queue.word.fetch_sub(WAITER, Ordering::Relaxed);
        }
        let answer = line.answers.remove(&self.place);
        drop(line);
        drop(answer);
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
