//! Files that are looked at again and again, and what was made of them last.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::proxy::lock;

use super::error::TlsError;

/// What tells that a file is another one than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl Stamp {
    /// Of the file that a symbolic link leads to: some tools only move the link.
    fn of(file: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let metadata = std::fs::metadata(file).ok()?;
        let (modified, length, inode) = (metadata.modified().ok(), metadata.len(), metadata.ino());
        Some(Self { modified, length, inode })
    }
}

/// A value made of files, and made anew when they change.
#[derive(Debug)]
pub(crate) struct Live<T> {
    value: ArcSwap<T>,
    files: Vec<PathBuf>,
    seen: Mutex<Seen>,
    loaded: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug)]
struct Seen {
    /// When the files were last read, successfully or not.
    read: Vec<Option<Stamp>>,
    /// At the last look.
    last: Vec<Option<Stamp>>,
    /// Why what is there now is not in use.
    error: Option<String>,
}

/// What a look at the files has come to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Same,
    /// They are changing: to be read when they have not changed between two looks.
    Changing,
    Loaded,
    Refused(TlsError),
}

impl<T> Live<T> {
    /// From what `load` makes of `files`.
    pub(super) fn new(
        files: Vec<PathBuf>,
        load: impl FnOnce() -> Result<T, TlsError>,
    ) -> Result<Self, TlsError> {
        // Before they are read: what changes in between is seen later.
        let stamps = stamps(&files);
        let value = load()?;
        Ok(Self {
            value: ArcSwap::from_pointee(value),
            files,
            seen: Mutex::new(Seen { read: stamps.clone(), last: stamps, error: None }),
            loaded: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// What is in use.
    pub(crate) fn get(&self) -> Arc<T> {
        self.value.load_full()
    }

    /// Looks at the files, and makes the value anew when they are others than those read last and have come to rest.
    /// What cannot be made leaves the value as it is.
    pub(super) fn look(&self, load: impl FnOnce(&T) -> Result<T, TlsError>) -> Look {
        // A file system may let this wait for long: whoever asks for the error must not.
        let now = stamps(&self.files);
        if let Some(look) = self.noted(now) {
            return look;
        }
        let made = load(&self.value.load());
        lock(&self.seen).error = made.as_ref().err().map(ToString::to_string);
        match made {
            Ok(value) => {
                self.value.store(Arc::new(value));
                self.loaded.fetch_add(1, Ordering::Relaxed);
                Look::Loaded
            }
            Err(error) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Look::Refused(error)
            }
        }
    }

    /// What there is to be said before anything is read; `None` when the files are to be read.
    fn noted(&self, now: Vec<Option<Stamp>>) -> Option<Look> {
        let mut seen = lock(&self.seen);
        let settled = now == seen.last;
        seen.last = now;
        if seen.last == seen.read {
            return Some(Look::Same);
        }
        if !settled {
            return Some(Look::Changing);
        }
        seen.read = seen.last.clone();
        None
    }

    /// Changes that have been taken, and that have been refused.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.loaded.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }

    /// Why the files that are there now are not in use.
    pub(crate) fn error(&self) -> Option<String> {
        lock(&self.seen).error.clone()
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|file| Stamp::of(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &Path) -> Result<String, TlsError> {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.starts_with("bad") {
            let (user, problem, help) = (String::new(), text, String::new());
            return Err(TlsError { user, file: file.to_owned(), problem, help });
        }
        Ok(text)
    }

    #[test]
    fn a_change_is_taken_when_it_has_come_to_rest_and_a_bad_one_never() {
        let file = std::env::temp_dir().join(format!("evenkeel-live-{}", std::process::id()));
        let write = |text: &str| std::fs::write(&file, text).unwrap();
        write("one");
        let live = Live::new(vec![file.clone()], || read(&file)).unwrap();
        let look = || live.look(|_| read(&file));
        assert_eq!(look(), Look::Same);
        write("two and more");
        assert_eq!(look(), Look::Changing);
        write("two and more still");
        assert_eq!(look(), Look::Changing);
        assert_eq!((look(), live.get().as_str()), (Look::Loaded, "two and more still"));
        assert_eq!(look(), Look::Same);

        write("bad");
        assert_eq!(look(), Look::Changing);
        assert!(matches!(look(), Look::Refused(_)));
        assert_eq!(look(), Look::Same, "the same bad file is refused once");
        assert_eq!((live.get().as_str(), live.error().is_some()), ("two and more still", true));

        write("three");
        look();
        assert_eq!((look(), live.get().as_str()), (Look::Loaded, "three"));
        assert_eq!((live.counts(), live.error()), ((2, 1), None));
        std::fs::remove_file(&file).unwrap();
    }
}
