//! What has been told and not been numbered yet.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::journal::Prepared;
use crate::kinds::What;

/// Events that wait for the writer; more are dropped and counted. Ten thousand backends that go down at once fit.
pub(crate) const WAITING_MAX: usize = 16_384;

/// An event without its number.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) at_ms: u64,
    pub(crate) generation: u64,
    pub(crate) pool: Option<String>,
    pub(crate) backend: Option<String>,
    pub(crate) what: What,
}

/// What the writer is to do.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) drafts: Vec<Draft>,
    /// Other settings, in force for what comes after.
    pub(crate) settings: Option<Prepared>,
    /// Write down what there is, and end.
    pub(crate) closing: bool,
}

/// Between those who tell and the writer.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    work: Mutex<Work>,
    ready: Condvar,
    dropped: AtomicU64,
}

impl Inbox {
    /// Takes an event in, or drops it when too many wait. The lock is held for moments only, by whoever tells and by the
    /// writer when it takes all there is.
    pub(crate) fn put(&self, draft: Draft) {
        let mut work = lock(&self.work);
        if work.drafts.len() >= WAITING_MAX || work.closing {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        work.drafts.push(draft);
        drop(work);
        self.ready.notify_one();
    }

    pub(crate) fn change(&self, settings: Prepared) {
        // What was prepared before and is not in force yet is dropped outside of the lock: that closes a file.
        let before = lock(&self.work).settings.replace(settings);
        self.ready.notify_one();
        drop(before);
    }

    pub(crate) fn close(&self) {
        lock(&self.work).closing = true;
        self.ready.notify_one();
    }

    /// Waits until there is something to do, or until `due`.
    pub(crate) fn wait(&self, due: Option<Instant>) -> Work {
        let mut work = lock(&self.work);
        while work.drafts.is_empty() && work.settings.is_none() && !work.closing {
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            work = match left {
                Some(left) if left.is_zero() => break,
                Some(left) => self.ready.wait_timeout(work, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.ready.wait(work).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let closing = work.closing;
        Work { closing, ..std::mem::replace(&mut *work, Work { closing, ..Work::default() }) }
    }

    /// Events dropped since start.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
