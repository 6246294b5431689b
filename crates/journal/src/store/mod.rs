//! Events on disk: one database, written by one thread, readable beside it.

mod error;
mod reader;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::{
    Builder, Database, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition, TableHandle,
};

use crate::event::Event;
use crate::ring;

pub use error::{OpenError, Trouble};
pub(crate) use reader::Reader;

/// JSON by number.
const EVENTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
/// [`LAYOUT`] and the others below.
const NUMBERS: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
/// Of these tables: `layout` in [`NUMBERS`].
const LAYOUT: u64 = 1;
/// Numbers up to this one may have been used, on disk or not.
const NEXT: &str = "next";
/// The last one that was dropped for want of room.
const GONE: &str = "gone";
/// Of all values.
const BYTES: &str = "bytes";

/// A crash may lose events that readers have seen, and their numbers must not come again: each commit sets so many aside.
const SET_ASIDE: u64 = 100_000;
/// Pages that are kept in memory: the last ones are written again and again, older ones hardly ever read.
const CACHE_BYTES: usize = 4 << 20;
/// Names of backends and what is wrong with them are for the operator, not for everybody on the machine.
const MODE: u32 = 0o640;

/// How much a database may have; the oldest events go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Events.
    pub events: u64,
    /// Bytes of events. The file is larger: pages are not full, and it does not shrink.
    pub bytes: u64,
}

impl Default for Keep {
    fn default() -> Self {
        Self { events: 100_000, bytes: 64 << 20 }
    }
}

/// An open database. Nobody else can open it meanwhile.
#[derive(Debug)]
pub(crate) struct Store {
    database: Arc<Database>,
    path: PathBuf,
    pub(crate) keep: Keep,
    /// Not used yet.
    pub(crate) next: u64,
    /// The latest events, for memory; taken once.
    pub(crate) latest: Vec<Event>,
    count: u64,
    bytes: u64,
}

impl Store {
    /// Opens a database, or makes one. After a crash it is brought to its last commit; in any case it is read whole and
    /// checked, so that a damaged one is found now and not later.
    ///
    /// # Errors
    /// When it cannot be read or written, another process has it open, it is damaged, or something else.
    pub(crate) fn open(path: &Path, keep: Keep) -> Result<Self, OpenError> {
        let refused = |trouble: Trouble| OpenError::of(path, trouble);
        let file = OpenOptions::new().read(true).append(true).create(true).mode(MODE).open(path);
        drop(file.map_err(|error| refused(Trouble::Io(error)))?);
        Self::with(path, keep, |builder| builder.create(path)).map_err(refused)
    }

    fn with(
        path: &Path,
        keep: Keep,
        open: impl FnOnce(&Builder) -> Result<Database, redb::DatabaseError>,
    ) -> Result<Self, Trouble> {
        guarded(|| {
            let mut builder = Database::builder();
            builder.set_cache_size(CACHE_BYTES).set_check_integrity_on_open(true);
            let database = Arc::new(open(&builder)?);
            is_ours(database.as_ref())?;
            let store = Self {
                database,
                path: path.to_owned(),
                keep,
                next: 1,
                latest: Vec::new(),
                count: 0,
                bytes: 0,
            };
            store.prepared()
        })
    }

    /// Reads what there is, and sees that it can be written to.
    fn prepared(mut self) -> Result<Self, Trouble> {
        let transaction = self.database.begin_write()?;
        {
            let mut numbers = transaction.open_table(NUMBERS)?;
            let number = |name: &str| numbers.get(name).map(|found| found.map_or(0, |found| found.value()));
            let (layout, next, bytes) = (number("layout")?, number(NEXT)?, number(BYTES)?);
            if layout > LAYOUT {
                return Err(Trouble::Newer(layout));
            }
            let events = transaction.open_table(EVENTS)?;
            let last = events.last()?.map_or(0, |(seq, _)| seq.value());
            self.count = events.len()?;
            self.next = next.max(last + 1);
            self.bytes = bytes;
            for entry in events.iter()?.rev().take(ring::EVENTS_MAX) {
                self.latest.extend(Event::from_json(entry?.1.value()).ok());
            }
            self.latest.reverse();
            numbers.insert("layout", LAYOUT)?;
            numbers.insert(NEXT, self.next + SET_ASIDE)?;
        }
        transaction.commit()?;
        Ok(self)
    }

    /// Writes events down, and drops the oldest beyond what may be kept. When it returns, they survive a crash. `next` is the
    /// number that comes after them.
    ///
    /// # Errors
    /// When the disk is full or fails; the store must be opened anew then.
    pub(crate) fn save(&mut self, events: &[Arc<Event>], next: u64) -> Result<(), Trouble> {
        guarded(|| self.commit(events, next + SET_ASIDE))
    }

    fn commit(&mut self, events: &[Arc<Event>], next: u64) -> Result<(), Trouble> {
        let (mut count, mut bytes) = (self.count, self.bytes);
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(EVENTS)?;
            for event in events {
                let value = event.to_bytes();
                table.insert(event.seq, value.as_slice())?;
                count += 1;
                bytes += value.len() as u64;
            }
            let mut numbers = transaction.open_table(NUMBERS)?;
            while count > self.keep.events || bytes > self.keep.bytes {
                let Some((seq, value)) = table.pop_first()? else { break };
                count -= 1;
                bytes = bytes.saturating_sub(value.value().len() as u64);
                numbers.insert(GONE, seq.value())?;
            }
            numbers.insert(NEXT, next)?;
            numbers.insert(BYTES, bytes)?;
        }
        transaction.commit()?;
        (self.count, self.bytes) = (count, bytes);
        Ok(())
    }

    /// Notes which number comes next, and closes.
    pub(crate) fn close(mut self, next: u64) {
        if let Err(error) = guarded(|| self.commit(&[], next)) {
            tracing::warn!(path = %self.path.display(), %error, "the event database was not closed cleanly");
        }
    }

    pub(crate) fn reader(&self) -> Reader {
        Reader::of(Arc::<Database>::clone(&self.database))
    }
}

/// The library gives up with a panic where it cannot go on, on a damaged file, say. That must not take the thread with it.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let panicked = |_| Err(Trouble::Damaged("what it says makes no sense".to_owned()));
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(panicked)
}

/// A database of another program is left alone.
pub(crate) fn is_ours(database: &dyn ReadableDatabase) -> Result<(), Trouble> {
    let transaction = database.begin_read()?;
    let known = [EVENTS.name(), NUMBERS.name()];
    match transaction.list_tables()?.find(|table| !known.contains(&table.name())) {
        Some(_) => Err(Trouble::Foreign),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
