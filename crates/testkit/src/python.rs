//! Python with the libraries that tests use as peers.

use std::path::{Path, PathBuf};

/// The interpreter beside which `cargo xtask test` installs them. `binary` is a program that cargo has built: the
/// environment is in the same target directory.
pub fn python(binary: impl AsRef<Path>) -> PathBuf {
    let target = binary.as_ref().ancestors().nth(2).unwrap_or(Path::new(""));
    target.join("peers/bin/python3")
}
