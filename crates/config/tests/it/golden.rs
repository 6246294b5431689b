//! Files that a test compares with, rewritten by `UPDATE_GOLDEN=1`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use evenkeel_core::StrategyKind;

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

/// Whether a file names a strategy that is not in the registry yet: it shows nothing until that is there.
pub(crate) fn is_for_later(text: &str) -> bool {
    let coming = ["p2c", "peak_ewma", "maglev", "ring", "rendezvous", "prequal"];
    let unknown = coming.iter().filter(|name| StrategyKind::from_name(name).is_none());
    unknown.into_iter().any(|name| text.contains(&format!("strategy = \"{name}\"")))
}
