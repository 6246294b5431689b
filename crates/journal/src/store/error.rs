//! What can be wrong with a database.

use std::io;
use std::path::{Path, PathBuf};

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// The system refuses to read or write.
    #[error("{0}")]
    Io(io::Error),
    /// Another process has it open.
    #[error("another process has it open")]
    Locked,
    /// What it says makes no sense.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// It is no database of events.
    #[error("it is no database of events")]
    Foreign,
    /// A later version has written it.
    #[error("a later version of Evenkeel has written it (layout {0})")]
    Newer(u64),
    /// It was not closed, and cannot be repaired without writing.
    #[error("it was not closed")]
    Unclean,
}

/// A database cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the event database {}: {trouble}", path.display())]
pub struct OpenError {
    path: PathBuf,
    trouble: Trouble,
}

impl OpenError {
    pub(crate) fn of(path: &Path, trouble: Trouble) -> Self {
        Self { path: path.to_owned(), trouble }
    }

    pub(crate) fn thread(path: Option<PathBuf>, error: io::Error) -> Self {
        Self { path: path.unwrap_or_else(|| "(memory)".into()), trouble: Trouble::Io(error) }
    }

    /// Which.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What went wrong.
    pub fn trouble(&self) -> &Trouble {
        &self.trouble
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match &self.trouble {
            Trouble::Locked => {
                "each process needs an `events.path` of its own; `fuser FILE` names who has this one"
            }
            Trouble::Damaged(_) | Trouble::Unclean => {
                "move the file away to keep what is in it; a new one is made"
            }
            Trouble::Foreign => "give `events.path` a name of its own: this file is something else",
            Trouble::Newer(_) => "give `events.path` another name, or run the later version",
            Trouble::Io(_) => "the directory must be there, and this process must be allowed to write to it",
        }
    }
}

impl<E: Into<redb::Error>> From<E> for Trouble {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::Locked,
            redb::Error::RepairAborted => Self::Unclean,
            // A file that does not begin as a database does.
            redb::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::Foreign,
            redb::Error::Io(error) => Self::Io(error),
            redb::Error::Corrupted(why) => Self::Damaged(why),
            redb::Error::TableTypeMismatch { .. } | redb::Error::UpgradeRequired(_) => Self::Foreign,
            other => Self::Damaged(other.to_string()),
        }
    }
}
