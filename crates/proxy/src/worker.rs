//! What the connections of one worker thread share.
//!
//! Nothing here is contended: each worker has its own. It is `Sync` all the same, so that futures stay `Send`.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::SystemTime;

use evenkeel_core::Rng;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::clock::Clock;
use crate::http::Scratch;
use crate::lifecycle::Stage;
use crate::relay;
use crate::splice::Pipes;
use crate::upstream::{IdlePool, SharedPool};

/// Sets of buffers kept for the next request: as many as requests usually overlap, not as many as ever did.
const SCRATCH_KEPT: usize = 64;
/// The same of small ones: streams overlap more than connections do, and bodies between them need no buffer.
const SMALL_SCRATCH_KEPT: usize = 512;

/// A worker as its connections see it.
pub(crate) struct Worker {
    clock: Clock,
    stage: Arc<Stage>,
    idle: IdlePool,
    shared: SharedPool,
    #[expect(clippy::vec_box, reason = "taken and given back whole: a move of a pointer, not of a struct")]
    scratch: Mutex<Vec<Box<Scratch>>>,
    pipes: Pipes,
    /// What relays copy through, one after the other.
    relay_buffer: Mutex<Vec<u8>>,
    wakers: Mutex<Wakers>,
    relays: Notify,
    date: Mutex<[u8; DATE_LENGTH]>,
    seeds: AtomicU64,
    /// Connections open or on their way here.
    connections: AtomicUsize,
    stale: AtomicU64,
    /// Requests begun and ended.
    begun: AtomicU64,
    ended: AtomicU64,
}

/// Length of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`.
const DATE_LENGTH: usize = 29;

/// Wakers of all connections, so that a change of stage reaches idle ones.
#[derive(Default)]
struct Wakers {
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Worker {
    pub(crate) fn new(clock: Clock, stage: Arc<Stage>, seed: u64, pipes: Pipes) -> Self {
        Self {
            clock,
            stage,
            idle: IdlePool::default(),
            shared: SharedPool::default(),
            scratch: Mutex::default(),
            pipes,
            relay_buffer: Mutex::default(),
            wakers: Mutex::default(),
            relays: Notify::new(),
            date: Mutex::new(date_now()),
            seeds: AtomicU64::new(seed),
            connections: AtomicUsize::new(0),
            stale: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            ended: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn stage(&self) -> &Stage {
        &self.stage
    }

    pub(crate) fn idle(&self) -> &IdlePool {
        &self.idle
    }

    /// Connections to backends that several requests use at a time.
    pub(crate) fn shared(&self) -> &SharedPool {
        &self.shared
    }

    /// A generator for one connection.
    pub(crate) fn seed_rng(&self) -> Rng {
        // Steps of the golden ratio: neighbouring seeds far apart (Knuth, TAOCP 6.4).
        Rng::from_seed(self.seeds.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed))
    }

    pub(crate) fn take_scratch(&self) -> Box<Scratch> {
        lock(&self.scratch).pop().unwrap_or_else(Scratch::new)
    }

    pub(crate) fn give_back(&self, mut scratch: Box<Scratch>) {
        let mut kept = lock(&self.scratch);
        let most = if scratch.is_small() { SMALL_SCRATCH_KEPT } else { SCRATCH_KEPT };
        if kept.len() < most {
            scratch.reset();
            kept.push(scratch);
        }
    }

    /// For bodies that are not copied.
    pub(crate) fn pipes(&self) -> &Pipes {
        &self.pipes
    }

    /// Room for one read of a relay. To be held for one poll only, so nobody ever waits for it.
    pub(crate) fn relay_buffer(&self) -> MutexGuard<'_, Vec<u8>> {
        let mut buffer = lock(&self.relay_buffer);
        if buffer.capacity() == 0 {
            buffer.reserve_exact(relay::CHUNK);
        }
        buffer
    }

    /// The time for a `Date` field, as of the last [`Worker::tick`].
    pub(crate) fn http_date(&self) -> [u8; DATE_LENGTH] {
        *lock(&self.date)
    }

    /// What is due every second or so.
    pub(crate) async fn tick(&self) {
        *lock(&self.date) = date_now();
        self.idle.sweep().await;
        self.shared.sweep(self.stage.is_draining());
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection from now until the ticket is dropped.
    pub(crate) fn expect_connection(self: &Arc<Self>) -> Ticket {
        self.connections.fetch_add(1, Ordering::Relaxed);
        Ticket { worker: Arc::clone(self), registered: None }
    }

    pub(crate) fn count_stale(&self) {
        self.stale.fetch_add(1, Ordering::Relaxed);
    }

    /// Reused connections that had been closed by their backend and were replaced.
    pub(crate) fn stale(&self) -> u64 {
        self.stale.load(Ordering::Relaxed)
    }

    /// Counts a request as in progress until the returned guard is dropped.
    pub(crate) fn begin_request(self: &Arc<Self>) -> InProgress {
        self.begun.fetch_add(1, Ordering::Relaxed);
        InProgress { worker: Arc::clone(self) }
    }

    /// Requests in progress.
    pub(crate) fn active(&self) -> u64 {
        let ended = self.ended();
        self.begun.load(Ordering::Relaxed).saturating_sub(ended)
    }

    /// Requests that have ended since start.
    pub(crate) fn ended(&self) -> u64 {
        self.ended.load(Ordering::Relaxed)
    }

    /// Registers the current task. A task's waker stays the same for its whole life.
    pub(crate) async fn register(self: &Arc<Self>) -> Registered {
        let waker = std::future::poll_fn(|context| std::task::Poll::Ready(context.waker().clone())).await;
        let mut wakers = lock(&self.wakers);
        let slot = wakers.free.pop().unwrap_or_else(|| {
            wakers.slots.push(None);
            wakers.slots.len() - 1
        });
        wakers.slots[slot] = Some(waker);
        Registered { worker: Arc::clone(self), slot }
    }

    /// Ready when those who relay datagrams are to look at the stage, and at what they were told last.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.relays.notified()
    }

    /// Makes whoever waits for [`Worker::changed`] look.
    pub(crate) fn wake_relays(&self) {
        self.relays.notify_waiters();
    }

    /// Makes every connection look at the stage, and every relay.
    pub(crate) fn wake_all(&self) {
        self.wake_relays();
        let wakers: Vec<Waker> = lock(&self.wakers).slots.iter().flatten().cloned().collect();
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn date_now() -> [u8; DATE_LENGTH] {
    let text = httpdate::fmt_http_date(SystemTime::now());
    // Only years past 9999 are longer.
    text.as_bytes().try_into().unwrap_or([b' '; DATE_LENGTH])
}

/// A request in progress.
pub(crate) struct InProgress {
    worker: Arc<Worker>,
}

impl Drop for InProgress {
    fn drop(&mut self) {
        self.worker.ended.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection's place in its worker.
pub(crate) struct Ticket {
    worker: Arc<Worker>,
    registered: Option<Registered>,
}

/// A task that is woken when the stage changes, until this is dropped.
pub(crate) struct Registered {
    worker: Arc<Worker>,
    slot: usize,
}

impl Ticket {
    pub(crate) fn worker(&self) -> &Arc<Worker> {
        &self.worker
    }

    /// Registers the task that owns this ticket.
    pub(crate) async fn register(&mut self) {
        self.registered = Some(self.worker.register().await);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.worker.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut wakers = lock(&self.worker.wakers);
        wakers.slots[self.slot] = None;
        wakers.free.push(self.slot);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker() -> Arc<Worker> {
        Arc::new(Worker::new(Clock::start(), Arc::default(), 1, Pipes::new(1, None)))
    }

    #[tokio::test]
    async fn a_ticket_counts_and_is_woken() {
        let worker = worker();
        let (started, ready) = tokio::sync::oneshot::channel();
        let mut ticket = worker.expect_connection();
        let task = tokio::spawn(async move {
            ticket.register().await;
            let mut started = Some(started);
            std::future::poll_fn(move |_| match started.take() {
                Some(started) => {
                    started.send(()).unwrap();
                    std::task::Poll::Pending
                }
                None => std::task::Poll::Ready(()),
            })
            .await;
        });
        assert_eq!(worker.connections(), 1);
        ready.await.unwrap();
        worker.wake_all();
        task.await.unwrap();
        assert_eq!(worker.connections(), 0);
        assert_eq!(lock(&worker.wakers).free.len(), 1);
    }

    #[test]
    fn many_sets_of_buffers_are_kept_while_they_are_small() {
        let worker = worker();
        let kept = || lock(&worker.scratch).len();
        (0..=SMALL_SCRATCH_KEPT).for_each(|_| worker.give_back(Scratch::new()));
        assert_eq!(kept(), SMALL_SCRATCH_KEPT);
        lock(&worker.scratch).clear();
        for _ in 0..=SCRATCH_KEPT {
            let mut scratch = Scratch::new();
            scratch.from_backend.reserve_for_body();
            worker.give_back(scratch);
        }
        assert_eq!(kept(), SCRATCH_KEPT);
    }

    #[test]
    fn the_date_is_well_formed() {
        let text = worker().http_date();
        let parsed = httpdate::parse_http_date(std::str::from_utf8(&text).unwrap()).unwrap();
        assert!(SystemTime::now().duration_since(parsed).unwrap() < std::time::Duration::from_secs(5));
    }

    #[test]
    fn seeds_differ() {
        let worker = worker();
        assert_ne!(worker.seed_rng().next_u64(), worker.seed_rng().next_u64());
    }
}
