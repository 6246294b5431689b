//! Where requests wait while every backend of their pool is at its limit.
//!
//! One line for the whole process, since a backend's limit is one for the whole process. Whoever ends a lease picks on
//! behalf of the request at the head and hands it the new lease: one request is woken for each lease that ends, and
//! nobody who comes later can get in between.
//!
//! A lease may end just when a request finds everything full. So a request is counted as waiting before it looks for the
//! last time, a lease has ended before its ender looks whether somebody waits, and a fence stands between the two on
//! both sides: one of them sees the other.
//!
//! Requests that can use the same backends are of one class, and each class has a line of its own: when its head is
//! refused, so would be everybody behind it, and nobody of them is asked. Between classes the order of arrival holds.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use evenkeel_core::{Nanos, Refusal, Rng, Tried};

use crate::proxy::lock;
use crate::telemetry::Histogram;

use super::cell::{Attempt, PoolCell, Wanted};

/// The pool has a queue.
const OPEN: usize = 1;
/// One request waits.
const WAITER: usize = 2;
/// Classes that are refused before the others are left to the next lease that ends. Three are always asked: those whom
/// any backend will do, those whose session lives where the lease has ended, and the class of whoever has just come.
const REFUSED_MAX: usize = 64;

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
pub(crate) type Place = (u8, u64);

/// What decides which backends a request can use: its session, and whom it has tried.
type Class = (Option<u64>, Tried);

#[derive(Debug)]
struct Line {
    rng: Rng,
    arrivals: u64,
    /// Those who wait, by class; no class is empty.
    classes: HashMap<Class, BTreeMap<Place, Waiter>>,
    /// The first of each class.
    heads: BTreeMap<Place, Class>,
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
    class: Class,
    place: Place,
}

impl Queue {
    /// An empty one. `rng` is for the picks made on behalf of those who wait.
    pub(crate) fn new(rng: Rng) -> Self {
        let line = Line {
            rng,
            arrivals: 0,
            classes: HashMap::new(),
            heads: BTreeMap::new(),
            answers: BTreeMap::new(),
        };
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

    /// Takes the last place of its rank, or the one that the request had before. `None` when as many as `size` wait
    /// already; who had a place is let in nevertheless.
    pub(crate) fn enter(
        pool: &Arc<PoolCell>,
        mut wanted: Wanted,
        before: Option<Place>,
        size: usize,
        now: Nanos,
    ) -> Option<Turn> {
        let this = &pool.queue;
        // Anybody can make up sessions; those of nobody shall not each be a class of their own.
        wanted.session = wanted.session.filter(|&session| pool.is_session(session));
        let class = (wanted.session, wanted.tried.clone());
        let mut line = lock(&this.line);
        if before.is_none() && this.len() >= size {
            return None;
        }
        // Before the last look at the backends: see the top.
        this.word.fetch_add(WAITER, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let place = before.unwrap_or((wanted.rank, line.arrivals));
        line.arrivals += u64::from(before.is_none());
        line.insert(&class, place, Waiter { wanted, waker: None });
        let woken = this.offer(pool, &mut line, 1, Some(&class), now);
        drop(line);
        woken.into_iter().for_each(Waker::wake);
        Some(Turn { pool: Arc::clone(pool), class, place })
    }

    /// A lease of the backend with this session has ended: whoever is next gets another.
    #[inline]
    pub(crate) fn lease_ended(pool: &Arc<PoolCell>, session: u64, now: Nanos) {
        if pool.queue.word.load(Ordering::Relaxed) != 0 {
            Self::serve(pool, 1, Some(session), now);
        }
    }

    /// The pool has changed: there may be room for any number.
    pub(crate) fn pool_changed(pool: &Arc<PoolCell>, now: Nanos) {
        Self::serve(pool, usize::MAX, None, now);
    }

    #[cold]
    fn serve(pool: &Arc<PoolCell>, most: usize, session: Option<u64>, now: Nanos) {
        let this = &pool.queue;
        fence(Ordering::SeqCst);
        if this.len() == 0 {
            return;
        }
        let woken = {
            let mut line = lock(&this.line);
            let at_home = session.map(|session| (Some(session), Tried::default()));
            this.offer(pool, &mut line, most, at_home.as_ref(), now)
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Picks for those at the head of the line, at most `most` leases, and not without asking those of class `sure`.
    /// Whom to wake.
    fn offer(
        &self,
        pool: &Arc<PoolCell>,
        line: &mut Line,
        most: usize,
        sure: Option<&Class>,
        now: Nanos,
    ) -> Vec<Waker> {
        let (mut woken, mut leases, mut refused) = (Vec::new(), 0, 0);
        let mut from: Place = (0, 0);
        let plain = (None, Tried::default());
        while leases < most
            && let Some(place) =
                line.next_head(from, (refused >= REFUSED_MAX).then_some([Some(&plain), sure]))
        {
            // The head of a class that is refused stays, and is not met again; nor are those behind it.
            from = (place.0, place.1 + 1);
            let Some(answer) = line.ask(pool, place, now) else { break };
            if matches!(answer, Err(Refusal::Full)) {
                refused += 1;
                continue;
            }
            leases += usize::from(answer.is_ok());
            let class = line.heads[&place].clone();
            woken.extend(line.remove(&class, place).and_then(|waiter| waiter.waker));
            self.word.fetch_sub(WAITER, Ordering::Relaxed);
            line.answers.insert(place, answer);
        }
        woken
    }
}

impl Line {
    fn insert(&mut self, class: &Class, place: Place, waiter: Waiter) {
        let waiting = self.classes.entry(class.clone()).or_default();
        let head = waiting.keys().next().copied();
        waiting.insert(place, waiter);
        if head.is_none_or(|head| place < head) {
            head.and_then(|head| self.heads.remove(&head));
            self.heads.insert(place, class.clone());
        }
    }

    fn remove(&mut self, class: &Class, place: Place) -> Option<Waiter> {
        let waiting = self.classes.get_mut(class)?;
        let waiter = waiting.remove(&place)?;
        let next = waiting.keys().next().copied();
        if next.is_none() {
            self.classes.remove(class);
        }
        if self.heads.remove(&place).is_some()
            && let Some(next) = next
        {
            self.heads.insert(next, class.clone());
        }
        Some(waiter)
    }

    /// The first head at `from` or behind it, of any class or of some.
    fn next_head(&self, from: Place, only: Option<[Option<&Class>; 2]>) -> Option<Place> {
        let Some(only) = only else { return self.heads.range(from..).next().map(|(&place, _)| place) };
        let heads = only.into_iter().flatten().filter_map(|class| self.classes.get(class)?.keys().next());
        heads.filter(|&&head| head >= from).min().copied()
    }

    /// Picks for the head at `place`.
    fn ask(&mut self, pool: &Arc<PoolCell>, place: Place, now: Nanos) -> Option<Result<Attempt, Refusal>> {
        let Self { rng, classes, heads, .. } = self;
        let waiter = classes.get(heads.get(&place)?)?.get(&place)?;
        Some(pool.pick(&waiter.wanted, rng, now))
    }
}

impl Turn {
    /// For [`Queue::enter`], if the lease comes to nothing.
    pub(crate) fn place(&self) -> Place {
        self.place
    }
}

impl Future for Turn {
    type Output = Result<Attempt, Refusal>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut line = lock(&self.pool.queue.line);
        if let Some(answer) = line.answers.remove(&self.place) {
            return Poll::Ready(answer);
        }
        if let Some(waiter) = line.classes.get_mut(&self.class).and_then(|class| class.get_mut(&self.place)) {
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
        if line.remove(&self.class, self.place).is_some() {
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
