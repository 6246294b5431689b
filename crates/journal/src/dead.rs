//! The database of a process that is not there any more.

use std::path::Path;
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase, StorageBackend};

use crate::read::{Page, Query, latest_of};
use crate::store::{OpenError, Reader, Trouble, guarded, is_ours};

/// A larger file is not read into memory to be repaired there.
const REPAIRED_MAX: u64 = 4 << 30;

/// A database that is read and never written to: it may be evidence.
#[derive(Debug)]
pub struct Dead(Reader);

/// Why not.
pub type DeadError = OpenError;

impl Dead {
    /// Opens it. One that was not closed, because the process was killed, is repaired in memory.
    ///
    /// # Errors
    /// When it is not there, is in use, is damaged, or something else.
    pub fn open(path: &Path) -> Result<Self, DeadError> {
        guarded(|| Self::opened(path)).map_err(|trouble| OpenError::of(path, trouble))
    }

    fn opened(path: &Path) -> Result<Self, Trouble> {
        let database: Arc<dyn ReadableDatabase + Send + Sync> = match Database::builder().open_read_only(path)
        {
            Ok(database) => Arc::new(database),
            Err(redb::DatabaseError::RepairAborted) => Arc::new(repaired(path)?),
            Err(error) => return Err(error.into()),
        };
        is_ours(database.as_ref())?;
        Ok(Self(Reader::of(database)))
    }

    /// The latest events that are wanted, in order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(&self, query: &Query) -> Result<Page, Trouble> {
        let mut page = Page::default();
        latest_of(&self.0, query, u64::MAX, &mut page)?;
        page.events.reverse();
        page.through = page.events.last().map_or(0, |event| event.seq);
        Ok(page)
    }
}

fn repaired(path: &Path) -> Result<Database, Trouble> {
    let length = std::fs::metadata(path).map_err(Trouble::Io)?.len();
    if length > REPAIRED_MAX {
        return Err(Trouble::Damaged(
            "it was not closed, and is too large to be repaired in memory".to_owned(),
        ));
    }
    let bytes = std::fs::read(path).map_err(Trouble::Io)?;
    let memory = InMemoryBackend::new();
    memory.set_len(bytes.len() as u64).map_err(Trouble::Io)?;
    memory.write(0, &bytes).map_err(Trouble::Io)?;
    Ok(Database::builder().create_with_backend(memory)?)
}
