//! Getting a backend: at once where that can be, else when it is one's turn.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use evenkeel_core::{Refusal, Rng};
use tokio::io::ReadBuf;
use tokio::net::TcpStream;

use crate::http::Failure;
use crate::http::timer::{Interrupted, Timer};
use crate::pool::{Attempt, Place, PoolCell, PoolSettings, Queue, Wanted};
use crate::worker::Worker;

/// Why nobody was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turned {
    /// There is none, or none that has not been tried.
    Nobody,
    /// Not in time, or not for so many.
    Away(Failure),
    /// The client has not waited for it.
    ClientGone,
}

/// How a request has waited so far, all its attempts together.
#[derive(Debug, Default)]
pub(crate) struct Wait {
    /// Where it stood, once it has: it is there again when a lease comes to nothing.
    place: Option<Place>,
    /// When it has waited long enough, from the first wait on.
    deadline: Option<tokio::time::Instant>,
    waited: Duration,
    counted: bool,
}

impl Wait {
    /// Counts the wait, once a backend has been reached. Once only: a second attempt is the same request.
    pub(crate) fn served(&mut self, pool: &PoolCell) {
        if self.place.is_some() && !std::mem::replace(&mut self.counted, true) {
            pool.queue.counts.waited.record(self.waited);
        }
    }
}

/// Whoever asks a pool for a backend.
pub(crate) struct Asker<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) rng: &'a mut Rng,
    pub(crate) timer: &'a mut Timer,
    pub(crate) pool: &'a Arc<PoolCell>,
    /// As they were when the request came.
    pub(crate) settings: &'a PoolSettings,
    pub(crate) wanted: &'a Wanted,
    /// The end of the whole request.
    pub(crate) not_after: Option<tokio::time::Instant>,
}

impl Asker<'_> {
    /// Picks a backend: at once where that can be, else when it is the request's turn. `has_left` is asked now and then
    /// whether the client has; it is to wake the task when that changes.
    pub(crate) async fn pick(
        self,
        wait: &mut Wait,
        has_left: impl FnMut(&mut Context<'_>) -> bool,
    ) -> Result<(Attempt, Instant), Turned> {
        // Nobody gets in front of those who wait.
        let others_wait = self.settings.queue.size > 0 && self.pool.queue.len() > 0;
        if !others_wait {
            let now = Instant::now();
            match self.pool.pick(self.wanted, self.rng, self.worker.clock().at(now)) {
                Ok(attempt) => return Ok((attempt, now)),
                Err(Refusal::Nobody) => return Err(Turned::Nobody),
                Err(Refusal::Full) => {}
            }
        }
        // In a box of its own: a request that need not wait is the smaller for it.
        Box::pin(self.wait(wait, has_left)).await
    }

    async fn wait(
        self,
        wait: &mut Wait,
        mut has_left: impl FnMut(&mut Context<'_>) -> bool,
    ) -> Result<(Attempt, Instant), Turned> {
        let Self { worker, timer, pool, settings, wanted, not_after, .. } = self;
        let counts = &pool.queue.counts;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        let entered = Instant::now();
        let (size, timeout) = pool.line_for(settings);
        let now = worker.clock().at(entered);
        let Some(mut turn) = Queue::enter(pool, wanted.clone(), wait.place, size, now) else {
            count(&counts.overflows);
            return Err(Turned::Away(Failure::QueueFull));
        };
        wait.place = Some(turn.place());
        let started = || tokio::time::Instant::from_std(entered);
        let deadline = *wait.deadline.get_or_insert_with(|| started() + timeout);
        let stage = worker.stage();
        let waiting = std::future::poll_fn(|context| {
            if let Poll::Ready(answer) = Pin::new(&mut turn).poll(context) {
                return Poll::Ready(answer.map_err(|_| Turned::Nobody));
            }
            if stage.is_draining() {
                return Poll::Ready(Err(Turned::Away(Failure::Cut)));
            }
            if has_left(context) {
                return Poll::Ready(Err(Turned::ClientGone));
            }
            Poll::Pending
        });
        match timer.limit_until(stage, || Some(deadline), not_after, waiting).await {
            Ok(Ok(attempt)) => {
                let now = Instant::now();
                wait.waited += now - entered;
                Ok((attempt, now))
            }
            Ok(Err(turned)) => {
                if turned == Turned::ClientGone {
                    count(&counts.left);
                }
                Err(turned)
            }
            Err(Interrupted::TimedOut) => {
                count(&counts.timeouts);
                let all_over = not_after.is_some_and(|end| end <= tokio::time::Instant::now());
                Err(Turned::Away(if all_over { Failure::TotalTimeout } else { Failure::QueueTimeout }))
            }
            Err(Interrupted::Cut) => Err(Turned::Away(Failure::Cut)),
        }
    }
}

/// Whether the client has closed its connection or reset it. Nothing has been done for the request yet, so one that has
/// closed its sending side only is taken at its word. Once it has sent something more, its end cannot be seen behind that.
pub(crate) fn has_left(watched: &mut Option<&TcpStream>, context: &mut Context<'_>) -> bool {
    let Some(client) = watched else { return false };
    let mut byte = [0; 1];
    match client.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
        Poll::Ready(Ok(0) | Err(_)) => true,
        Poll::Ready(Ok(_)) => {
            *watched = None;
            false
        }
        Poll::Pending => false,
    }
}
