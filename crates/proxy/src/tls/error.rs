//! What is wrong with the files of a certificate, a key or a CA.

use std::path::{Path, PathBuf};

/// A file that a listener or a pool needs for TLS cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{user}: {}: {problem}; {help}", file.display())]
pub struct TlsError {
    /// Who needs it: `listener web`, `pool api`.
    pub user: String,
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
    /// The way out.
    pub help: String,
}

/// What is wrong with one file, before it is known who needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    file: PathBuf,
    problem: String,
    help: String,
}

impl Fault {
    pub(super) fn new(file: &Path, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { file: file.to_owned(), problem: problem.into(), help: help.into() }
    }

    pub(super) fn of(self, user: &str) -> TlsError {
        let Self { file, problem, help } = self;
        TlsError { user: user.to_owned(), file, problem, help }
    }
}
