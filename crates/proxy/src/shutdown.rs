//! Shutdown: lame, draining, closed.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_journal::What;

use crate::events;
use crate::proxy::{Inner, Proxy, lock};
use crate::status::Lifecycle;

/// Between two looks at whether all connections have ended.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Cut connections get so long to go away.
const CUT_GRACE: Duration = Duration::from_secs(1);

/// The access log, and the journal, get so long to write what is left.
const FLUSH_PATIENCE: Duration = Duration::from_secs(2);

/// How a shutdown went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Requests that ended after it began.
    pub finished: u64,
    /// Requests cut at the deadline.
    pub cut: u64,
}

/// Its progress.
#[derive(Default)]
pub(crate) struct Shutdown {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    begun: bool,
    hurried: bool,
    report: Option<ShutdownReport>,
}

impl Proxy {
    /// Readiness goes red; after `runtime.lame_duration` listeners close and idle connections with them; after at
    /// most `runtime.drain_timeout` more whatever still runs is cut. A second call cuts at once.
    pub fn begin_shutdown(&self) {
        let shutdown = &self.inner.shutdown;
        let mut state = lock(&shutdown.state);
        if state.begun {
            state.hurried = true;
            shutdown.changed.notify_all();
            return;
        }
        state.begun = true;
        drop(state);
        self.inner.journal.record(None, None, What::Stopping);
        let inner = std::sync::Arc::clone(&self.inner);
        let spawned =
            std::thread::Builder::new().name("shutdown".to_owned()).spawn(move || inner.shut_down());
        if let Err(error) = spawned {
            tracing::error!(%error, "cannot start the shutdown thread; shutting down without draining");
            self.inner.finish_shutdown(ShutdownReport { finished: 0, cut: self.inner.active() });
        }
    }

    /// Blocks until everything has ended.
    pub fn wait_closed(&self) -> ShutdownReport {
        let shutdown = &self.inner.shutdown;
        let mut state = lock(&shutdown.state);
        loop {
            if let Some(report) = state.report {
                return report;
            }
            state = shutdown.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Inner {
    fn shut_down(&self) {
        let config = std::sync::Arc::clone(&self.view.load().config);
        let ended_before = self.ended();
        self.stage.advance_to(Lifecycle::Lame);
        tracing::info!(lame = ?config.runtime.lame_duration, "not ready: leaving");
        self.wait_until(Instant::now() + config.runtime.lame_duration, || false);
        self.stage.advance_to(Lifecycle::Draining);
        self.close_listeners();
        lock(&self.threads).wake_all();
        let open = lock(&self.threads).connections();
        tracing::info!(connections = open, deadline = ?config.runtime.drain_timeout, "draining");
        let deadline = Instant::now() + config.runtime.drain_timeout;
        self.wait_until(deadline, || self.is_idle());
        let cut = self.active();
        let finished = self.ended() - ended_before;
        self.stage.cut();
        lock(&self.threads).wake_all();
        let grace = Instant::now() + CUT_GRACE;
        while cut > 0 && Instant::now() < grace && !self.is_idle() {
            std::thread::sleep(LOOK_EVERY);
        }
        self.finish_shutdown(ShutdownReport { finished, cut });
    }

    fn finish_shutdown(&self, report: ShutdownReport) {
        lock(&self.threads).exit();
        if let Some(log) = &self.view.load().access_log {
            log.flush(FLUSH_PATIENCE);
        }
        events::stopped(&self.journal, report);
        self.journal.close(FLUSH_PATIENCE);
        self.stage.advance_to(Lifecycle::Closed);
        lock(&self.shutdown.state).report = Some(report);
        self.shutdown.changed.notify_all();
    }

    /// Waits for `done` or the deadline, unless hurried.
    fn wait_until(&self, deadline: Instant, done: impl Fn() -> bool) {
        while !done() {
            let state = lock(&self.shutdown.state);
            let left = deadline.saturating_duration_since(Instant::now());
            if state.hurried || left.is_zero() {
                return;
            }
            let waited = self.shutdown.changed.wait_timeout(state, left.min(LOOK_EVERY));
            drop(waited.unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Whether nobody is connected and nothing is in progress, which with datagrams is one without the other.
    fn is_idle(&self) -> bool {
        lock(&self.threads).connections() == 0 && self.active() == 0
    }

    /// Requests in progress.
    fn active(&self) -> u64 {
        self.workers.iter().map(|worker| worker.active()).sum()
    }

    /// Requests that have ended since start.
    fn ended(&self) -> u64 {
        self.workers.iter().map(|worker| worker.ended()).sum()
    }
}
