//! Files that a test compares with, rewritten by `UPDATE_GOLDEN=1`.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A path from the root of the repository.
pub(crate) fn from_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// What differs between a file and what it should be, or nothing. A missing file differs.
pub(crate) fn differs(path: &Path, actual: &str) -> Option<String> {
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(path, actual).expect("the golden file can be written");
        return None;
    }
    let expected = match fs::read_to_string(path) {
        Ok(expected) => expected,
        Err(error) => return Some(format!("{}: {error}", path.display())),
    };
    (expected != actual)
        .then(|| format!("{} differs.\n--- expected\n{expected}\n--- actual\n{actual}", path.display()))
}
