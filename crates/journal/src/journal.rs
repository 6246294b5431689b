//! The handle that everybody has.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::event::{Event, VERSION, now_ms};
use crate::follow::{Watchers, Watching};
use crate::inbox::{Draft, Inbox, lock};
use crate::kinds::{Kind, What};
use crate::ring::Ring;
use crate::store::{Keep, OpenError, Reader, Store};
use crate::writer::Writer;

/// Where events are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The database; `None` keeps the latest in memory only.
    pub path: Option<PathBuf>,
    /// How much the database may have.
    pub keep: Keep,
}

/// What happened, for all who tell it and all who want to know; clones are the same one.
#[derive(Clone, Debug)]
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
    _alive: Arc<Alive>,
}

/// Settings that can be put into force: the database is open.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) options: Options,
    /// `None` where there is no path, or where the database in use stays.
    pub(crate) store: Option<Store>,
}

#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) inbox: Inbox,
    pub(crate) ring: Mutex<Ring>,
    pub(crate) counts: Counts,
    pub(crate) watchers: Arc<Watchers>,
    /// To read from the database beside the writer.
    pub(crate) reader: Mutex<Option<Reader>>,
    pub(crate) options: Mutex<Options>,
    pub(crate) failing: AtomicBool,
    generation: AtomicU64,
    closed: Mutex<bool>,
    ended: Condvar,
}

/// The writer ends when the last handle is gone.
#[derive(Debug)]
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.inbox.close();
    }
}

impl Journal {
    /// Opens the database, if there is to be one, and goes on numbering where it ends.
    ///
    /// # Errors
    /// When it cannot be opened, another process has it, or it is damaged.
    pub fn start(options: Options) -> Result<Self, OpenError> {
        let prepared = Prepared { store: open(&options)?, options };
        let journal = Self::idle();
        // In memory alone numbers begin with the time, so that those of an earlier process are not used again.
        let writer = Writer::new(Arc::clone(&journal.shared), prepared, now_ms());
        let path = journal.shared.options().path;
        std::thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| OpenError::thread(path, error))?;
        Ok(journal)
    }

    /// One that nobody reads: what is told is forgotten. For tests.
    pub fn idle() -> Self {
        let shared = Arc::new(Shared::default());
        Self { _alive: Arc::new(Alive(Arc::clone(&shared))), shared }
    }

    /// Tells what happened to the process, a pool, or a backend of one. Never waits for a disk or a reader, and is not for
    /// the way of a request: it allocates.
    pub fn record(&self, pool: Option<&str>, backend: Option<&str>, what: What) {
        self.shared.inbox.put(Draft {
            at_ms: now_ms(),
            generation: self.generation(),
            pool: pool.map(str::to_owned),
            backend: backend.map(str::to_owned),
            what: what.bounded(),
        });
    }

    /// The configuration in force, stamped on what is told from now on.
    pub fn set_generation(&self, generation: u64) {
        self.shared.generation.store(generation, Ordering::Release);
    }

    /// The configuration in force; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.shared.generation()
    }

    /// Opens what other settings ask for; nothing changes yet.
    ///
    /// # Errors
    /// As of [`Journal::start`].
    pub fn prepare(&self, options: Options) -> Result<Prepared, OpenError> {
        let stays = self.shared.options().path == options.path;
        let store = if stays { None } else { open(&options)? };
        Ok(Prepared { options, store })
    }

    /// Puts other settings into force.
    pub fn apply(&self, prepared: Prepared) {
        self.shared.inbox.change(prepared);
    }

    /// Calls `wake`, which must be quick, after new events, for as long as the answer lives.
    pub fn watch(&self, wake: impl Fn() + Send + Sync + 'static) -> Watching {
        self.shared.watchers.add(Arc::new(wake))
    }

    /// Events since start, by kind.
    pub fn counts(&self) -> Vec<(Kind, u64)> {
        self.shared.counts.all().collect()
    }

    /// Events since start that were dropped because too many came at once.
    pub fn dropped(&self) -> u64 {
        self.shared.inbox.dropped()
    }

    /// Who is told of new events.
    pub fn watchers(&self) -> usize {
        self.shared.watchers.len()
    }

    /// Whether events reach the disk; `None` where they are not meant to.
    pub fn reaches_disk(&self) -> Option<bool> {
        self.shared.options().path.map(|_| !self.shared.failing.load(Ordering::Acquire))
    }

    /// Writes down what there is, and closes the database; waits so long at most. What is told afterwards is dropped.
    pub fn close(&self, patience: Duration) {
        self.shared.inbox.close();
        let deadline = Instant::now() + patience;
        let mut closed = lock(&self.shared.closed);
        while !*closed {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.shared.ended.wait_timeout(closed, left);
            closed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Shared {
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn options(&self) -> Options {
        lock(&self.options).clone()
    }

    /// Shows an event to readers.
    pub(crate) fn publish(&self, seq: u64, draft: Draft) -> Arc<Event> {
        let Draft { at_ms, generation, pool, backend, what } = draft;
        let event = Arc::new(Event { v: VERSION, seq, at_ms, generation, pool, backend, what });
        self.counts.add(event.kind());
        lock(&self.ring).push(Arc::clone(&event));
        event
    }

    pub(crate) fn note_closed(&self) {
        *lock(&self.closed) = true;
        self.ended.notify_all();
    }
}

fn open(options: &Options) -> Result<Option<Store>, OpenError> {
    options.path.as_ref().map(|path| Store::open(path, options.keep)).transpose()
}
