//! Everything that must pass before a change lands.

use std::path::Path;

use crate::steps::{Steps, command};
use crate::{Failure, packages, python, tidy};

/// Runs all of it; the first failure ends it.
pub(crate) fn run(root: &Path, install: bool) -> Result<(), Failure> {
    let mut steps = Steps::new(8);
    steps.run("Debian packages", || packages::ensure(root, install))?;
    steps.run("Python packages", || python::ensure(root, install))?;
    steps.run("formatting", || command(root, "cargo", &["fmt", "--all", "--check"]))?;
    steps.run("lints", || {
        command(root, "cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
    })?;
    steps.run("tidiness", || tidy::run(root))?;
    // One run tells of every failing test, not only of those in the first crate. Examples in the documentation come
    // first: crates without any close with "0 passed", which would be the last word of the whole run.
    let test = ["test", "--workspace", "--no-fail-fast"];
    steps
        .run("examples in the documentation", || command(root, "cargo", &[&test[..], &["--doc"]].concat()))?;
    steps.run("tests", || command(root, "cargo", &[&test[..], &["--lib", "--bins", "--tests"]].concat()))?;
    steps.run("published figures", || command(root, "cargo", &["xtask", "reproduce", "--quick"]))?;
    println!("\nEverything passed.");
    Ok(())
}
