//! What is shipped to deploy Evenkeel with.

use std::path::{Path, PathBuf};
use std::process::Command;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

#[test]
fn prometheus_takes_the_scrape_configuration() {
    let output =
        Command::new("promtool").args(["check", "config"]).arg(shipped("prometheus/prometheus.yml")).output();
    let output = output.expect("promtool (Debian: prometheus)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The unit calls commands and flags that exist, and gives a drain the time that the defaults may take.
#[test]
fn the_unit_fits_the_program() {
    let unit = std::fs::read_to_string(shipped("systemd/evenkeel.service")).expect("the unit");
    let value = |key: &str| {
        let lines = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        lines.map(str::to_owned).next().unwrap_or_else(|| panic!("no {key}"))
    };
    for key in ["ExecStartPre", "ExecStart", "ExecReload"] {
        let line = value(key);
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], "/usr/bin/evenkeel", "{line}");
        let help = Command::new(crate::support::BINARY).args([words[1], "--help"]).output().expect("help");
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let flags = words[2..].iter().filter(|word| word.starts_with('-'));
        flags.for_each(|flag| assert!(help.contains(flag), "{line}: {flag} is not in\n{help}"));
        assert!(help.contains("Usage"), "{line}");
    }
    let stop: u64 = value("TimeoutStopSec").parse().expect("seconds");
    assert!(stop > 30, "the default drain takes 30 s");
}
