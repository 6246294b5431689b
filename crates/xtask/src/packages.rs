//! Debian packages whose programs the tests run.

use std::path::Path;
use std::process::Command;

use crate::Failure;
use crate::steps::command;

/// Program and the package that brings it.
const NEEDED: &[(&str, &str)] = &[
    ("nginx", "nginx"),
    ("haproxy", "haproxy"),
    ("wrk", "wrk"),
    ("prometheus", "prometheus"),
    ("promtool", "prometheus"),
    ("curl", "curl"),
];

/// Directories where Debian puts programs; not all of them are in everybody's PATH.
const DIRECTORIES: &[&str] = &["/usr/sbin", "/usr/bin", "/usr/local/bin", "/sbin", "/bin"];

/// Makes sure that all of them are there; installs what is missing when `install` and we may.
pub(crate) fn ensure(root: &Path, install: bool) -> Result<(), Failure> {
    let missing =
        missing(|program| DIRECTORIES.iter().any(|directory| Path::new(directory).join(program).exists()));
    if missing.is_empty() {
        println!("    all there");
        return Ok(());
    }
    let is_root = rustix::process::geteuid().is_root();
    if !install || !is_root {
        return Err(advice(&missing));
    }
    println!("    missing: {}", missing.join(" "));
    command(root, "apt-get", &["update", "-q"])?;
    let status = Command::new("apt-get")
        .args(["install", "-q", "-y", "--no-install-recommends"])
        .args(&missing)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Otherwise the packages start their services.
        .env("RUNLEVEL", "1")
        .current_dir(root)
        .status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("apt-get install ended with {status}; {}", advice(&missing))),
        Err(error) => Err(format!("apt-get: {error}; {}", advice(&missing))),
    }
}

fn missing(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut packages: Vec<_> =
        NEEDED.iter().filter(|(program, _)| !is_there(program)).map(|&(_, package)| package).collect();
    packages.dedup();
    packages
}

fn advice(missing: &[&str]) -> Failure {
    let packages = missing.join(" ");
    format!(
        "programs that the tests run are missing; install them with\n  \
         apt-get update && apt-get install --no-install-recommends {packages}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_each_missing_package_once() {
        assert_eq!(missing(|_| false), ["nginx", "haproxy", "wrk", "prometheus", "curl"]);
        assert_eq!(missing(|program| program != "promtool"), ["prometheus"]);
        assert!(missing(|_| true).is_empty());
    }

    #[test]
    fn says_what_to_type() {
        assert!(advice(&["wrk", "curl"]).ends_with("apt-get install --no-install-recommends wrk curl"));
    }
}
