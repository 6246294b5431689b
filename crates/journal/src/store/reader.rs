//! Reading a database beside its writer.

use std::fmt;
use std::sync::Arc;

use redb::ReadableDatabase;

use super::{EVENTS, GONE, NUMBERS, Trouble, guarded};
use crate::event::Event;

/// Reads what has been written down.
#[derive(Clone)]
pub(crate) struct Reader(Arc<dyn ReadableDatabase + Send + Sync>);

impl Reader {
    pub(crate) fn of(database: Arc<dyn ReadableDatabase + Send + Sync>) -> Self {
        Self(database)
    }

    /// Shows events with numbers above `after` up to `to`, in order or the last one first, until `take` says no.
    pub(crate) fn scan(
        &self,
        after: u64,
        to: u64,
        last_first: bool,
        mut take: impl FnMut(Event) -> bool,
    ) -> Result<(), Trouble> {
        if after >= to {
            return Ok(());
        }
        guarded(|| {
            let table = self.0.begin_read()?.open_table(EVENTS)?;
            let mut range = table.range(after + 1..=to)?;
            while let Some(entry) = if last_first { range.next_back() } else { range.next() } {
                // One that cannot be read is none; the others are.
                if Event::from_json(entry?.1.value()).is_ok_and(|event| !take(event)) {
                    break;
                }
            }
            Ok(())
        })
    }

    /// The number of the last event that is not kept any more.
    pub(crate) fn gone(&self) -> Result<u64, Trouble> {
        guarded(|| {
            let table = self.0.begin_read()?.open_table(NUMBERS)?;
            Ok(table.get(GONE)?.map_or(0, |found| found.value()))
        })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Reader")
    }
}
