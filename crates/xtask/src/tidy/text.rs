//! Lengths and words of source files.

use super::files::File;

/// Longer files hide their one idea.
const LINES_MAX: usize = 600;

/// What is left undone does not land. Written in halves, or this file would complain about itself.
const UNDONE: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!"),
    concat!("unimpl", "emented!"),
];

/// Uses of the keyword that skips the compiler's checks.
const UNCHECKED: &[&str] = &[
    concat!("un", "safe {"),
    concat!("un", "safe fn"),
    concat!("un", "safe impl"),
    concat!("allow(un", "safe"),
];

pub(super) fn check(file: &File) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        complaints
            .push(format!("{}: {lines} lines, {LINES_MAX} at most: it holds more than one idea", file.path));
    }
    for (number, line) in file.text.lines().enumerate() {
        for word in UNDONE.iter().chain(UNCHECKED).filter(|word| line.contains(**word)) {
            complaints.push(file.complain(number, format!("`{word}` does not land")));
        }
    }
    complaints
}
