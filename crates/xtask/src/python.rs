//! Python libraries that the tests run as peers, in an environment of their own under the target directory.

use std::path::Path;
use std::process::Command;

use crate::bench::target;
use crate::steps::command;
use crate::{Failure, packages};

/// What is installed, each at one version: a peer that changes overnight fails tests that have not.
const NEEDED: &[&str] = &["websockets==17.4", "grpcio==1.85.1"];

/// Makes sure that all of them are there; installs what is missing when `install`.
pub(crate) fn ensure(root: &Path, install: bool) -> Result<(), Failure> {
    let directory = target(root).join("peers");
    if is_there(&directory) {
        println!("    libraries: all there");
        return Ok(());
    }
    if !install {
        let advice = advice(&directory);
        return Err(format!("libraries that the tests run are missing; install them with\n  {advice}"));
    }
    packages::ensure_python(root)?;
    let path = |file: &Path| file.display().to_string();
    command(root, "python3", &["-m", "venv", &path(&directory)])?;
    command(root, &path(&directory.join("bin/pip")), &[&["install", "--quiet"], NEEDED].concat())
}

fn is_there(directory: &Path) -> bool {
    let listed = Command::new(directory.join("bin/python3")).args(["-m", "pip", "freeze"]).output();
    listed.is_ok_and(|listed| {
        let listed = String::from_utf8_lossy(&listed.stdout);
        NEEDED.iter().all(|library| listed.lines().any(|line| line == *library))
    })
}

fn advice(directory: &Path) -> String {
    let (pip, directory) = (directory.join("bin/pip"), directory.display());
    format!("python3 -m venv {directory} && {} install {}", pip.display(), NEEDED.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_has_one_version() {
        assert!(
            NEEDED
                .iter()
                .all(|library| library.split_once("==").is_some_and(|(_, version)| !version.is_empty()))
        );
    }

    #[test]
    fn says_what_to_type() {
        let said = advice(Path::new("target/peers"));
        assert!(
            said.starts_with("python3 -m venv target/peers && target/peers/bin/pip install websockets=="),
            "{said}"
        );
    }
}
