//! The thread that numbers events, shows them, and writes them down.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::event::{Event, now_ms};
use crate::inbox::{Draft, lock};
use crate::journal::{Options, Prepared, Shared};
use crate::kinds::What;
use crate::ring::EVENTS_MAX;
use crate::store::{Store, Trouble};

/// Events wait so long for others to be written down with them: what a crash may cost, together with the disk's own time.
const SAVE_WITHIN: Duration = Duration::from_millis(250);
/// A disk that fails is tried again so often.
const AGAIN_AFTER: Duration = Duration::from_secs(5);
/// So many are written down at once, however soon they came.
const AT_ONCE: usize = 2_000;

/// Owns the database.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    next: u64,
    disk: Disk,
    /// Numbered and not on disk yet.
    pending: VecDeque<Arc<Event>>,
    /// Those that had to be given up while the disk failed.
    lost: u64,
    due: Option<Instant>,
    dropped_told: u64,
}

enum Disk {
    /// There is not meant to be one.
    Memory,
    Open(Store),
    /// It is opened again when that is due.
    Failing,
}

impl Writer {
    /// Puts the settings into force; without a database, numbers begin with `first`.
    pub(crate) fn new(shared: Arc<Shared>, settings: Prepared, first: u64) -> Self {
        let mut writer = Self {
            shared,
            next: 0,
            disk: Disk::Memory,
            pending: VecDeque::new(),
            lost: 0,
            due: None,
            dropped_told: 0,
        };
        writer.next = if settings.store.is_some() { 1 } else { first };
        writer.adopt(settings);
        let mut ring = lock(&writer.shared.ring);
        if ring.last() == 0 {
            ring.begin_after(writer.next - 1);
        }
        drop(ring);
        writer
    }

    pub(crate) fn run(mut self) {
        loop {
            let work = self.shared.inbox.wait(self.due);
            if let Some(settings) = work.settings {
                self.adopt(settings);
            }
            self.take_in(work.drafts);
            if work.closing {
                return self.end();
            }
            if self.due.is_some_and(|due| due <= Instant::now()) || self.has_many() {
                self.save();
            }
        }
    }

    /// Whether a disk that works should not be waited for any longer; one that fails is tried again in its own time.
    fn has_many(&self) -> bool {
        self.pending.len() >= AT_ONCE && matches!(self.disk, Disk::Open(_))
    }

    fn adopt(&mut self, settings: Prepared) {
        let Prepared { options, store } = settings;
        let stays = self.shared.options().path == options.path && store.is_none();
        match (&mut self.disk, store) {
            (Disk::Open(running), None) if stays => running.keep = options.keep,
            (_, None) if stays => {}
            (_, store) => self.change_disk(store),
        }
        *lock(&self.shared.options) = options;
    }

    fn change_disk(&mut self, store: Option<Store>) {
        self.save();
        self.leave_disk();
        (self.lost, self.due) = (0, None);
        self.pending.clear();
        self.shared.failing.store(false, Ordering::Release);
        let Some(mut store) = store else { return };
        self.next = self.next.max(store.next);
        let latest = std::mem::take(&mut store.latest);
        let mut ring = lock(&self.shared.ring);
        if ring.last() == 0 {
            ring.begin_after(latest.first().map_or(self.next - 1, |event| event.seq - 1));
            latest.into_iter().for_each(|event| ring.push(Arc::new(event)));
        }
        drop(ring);
        self.use_disk(store);
    }

    fn use_disk(&mut self, store: Store) {
        *lock(&self.shared.reader) = Some(store.reader());
        self.disk = Disk::Open(store);
    }

    fn leave_disk(&mut self) {
        *lock(&self.shared.reader) = None;
        if let Disk::Open(store) = std::mem::replace(&mut self.disk, Disk::Memory) {
            store.close(self.next);
        }
    }

    /// Numbers events and shows them.
    fn take_in(&mut self, drafts: Vec<Draft>) {
        if drafts.is_empty() {
            return;
        }
        drafts.into_iter().for_each(|draft| self.number(draft));
        let dropped = self.shared.inbox.dropped();
        if dropped > self.dropped_told {
            let count = dropped - self.dropped_told;
            self.dropped_told = dropped;
            tracing::warn!(count, "events came too fast to be noted down");
            self.tell(What::EventsDropped { count });
        }
        self.shared.watchers.wake();
    }

    /// Something about the journal itself.
    fn tell(&mut self, what: What) {
        let generation = self.shared.generation();
        self.number(Draft { at_ms: now_ms(), generation, pool: None, backend: None, what: what.bounded() });
    }

    fn number(&mut self, draft: Draft) {
        let event = self.shared.publish(self.next, draft);
        self.next += 1;
        if matches!(self.disk, Disk::Memory) {
            return;
        }
        self.pending.push_back(event);
        if self.pending.len() > EVENTS_MAX {
            self.pending.pop_front();
            self.lost += 1;
        }
        self.due.get_or_insert_with(|| Instant::now() + SAVE_WITHIN);
        // What comes in thousands at once is written down before the first of it would have to go.
        if self.has_many() {
            self.save();
        }
    }

    /// Writes down what is pending, if it can be.
    fn save(&mut self) {
        self.due = None;
        match &mut self.disk {
            Disk::Memory => {}
            Disk::Failing => self.try_again(),
            Disk::Open(store) => match store.save(self.pending.make_contiguous(), self.next) {
                Ok(()) => self.pending.clear(),
                Err(trouble) => self.fail(&trouble),
            },
        }
    }

    /// Goes on in memory. The database takes nothing more until it is opened anew.
    fn fail(&mut self, trouble: &Trouble) {
        *lock(&self.shared.reader) = None;
        self.disk = Disk::Failing;
        self.shared.failing.store(true, Ordering::Release);
        let (path, why) = (self.path(), trouble.to_string());
        tracing::error!(path, error = why, "events cannot be written to disk; they are in memory only");
        self.tell(What::DiskFailing { path, why });
        self.due = Some(Instant::now() + AGAIN_AFTER);
        self.shared.watchers.wake();
    }

    fn try_again(&mut self) {
        let Options { path: Some(path), keep } = self.shared.options() else { return };
        let opened = Store::open(&path, keep).ok().and_then(|mut store| {
            store.save(self.pending.make_contiguous(), self.next.max(store.next)).ok()?;
            Some(store)
        });
        let Some(mut store) = opened else {
            self.due = Some(Instant::now() + AGAIN_AFTER);
            return;
        };
        store.latest.clear();
        self.pending.clear();
        self.use_disk(store);
        self.shared.failing.store(false, Ordering::Release);
        let (path, lost) = (self.path(), std::mem::take(&mut self.lost));
        tracing::info!(path, lost, "events are written to disk again");
        self.tell(What::DiskBack { path, lost });
        self.shared.watchers.wake();
    }

    fn end(mut self) {
        self.save();
        self.leave_disk();
        self.shared.note_closed();
    }

    fn path(&self) -> String {
        self.shared.options().path.map(|path| path.display().to_string()).unwrap_or_default()
    }
}
