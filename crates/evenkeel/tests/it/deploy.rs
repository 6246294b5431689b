//! What is shipped to deploy Evenkeel with.

use std::path::{Path, PathBuf};
use std::process::Command;

fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path)
}

/// Runs a checker on a shipped file.
fn check(program: &str, arguments: &[&str], path: &str) {
    let output = Command::new(program).args(arguments).arg(shipped(path)).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error} (`cargo xtask test` installs it)"));
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(output.status.success(), "{said}");
}

#[test]
fn prometheus_takes_the_scrape_configuration() {
    check("promtool", &["check", "config"], "prometheus/prometheus.yml");
}

#[test]
fn prometheus_takes_the_rules() {
    check("promtool", &["check", "rules"], "prometheus/evenkeel-rules.yml");
}

#[test]
fn every_alert_fires_when_it_should_and_not_otherwise() {
    check("promtool", &["test", "rules"], "prometheus/evenkeel-rules.test.yml");
    let alerts = alerts();
    assert!(alerts.len() >= 11, "{alerts:?}");
    let tests = std::fs::read_to_string(shipped("prometheus/evenkeel-rules.test.yml")).expect("the tests");
    alerts.iter().for_each(|(name, _)| assert!(tests.contains(name.as_str()), "{name} has no test"));
}

#[test]
fn alertmanager_takes_the_routes() {
    check("amtool", &["check-config"], "prometheus/alertmanager.yml");
}

/// Names of alerts, and their runbooks.
fn alerts() -> Vec<(String, String)> {
    let rules = std::fs::read_to_string(shipped("prometheus/evenkeel-rules.yml")).expect("the rules");
    let values = |key: &str| -> Vec<String> {
        let lines = rules.lines().map(|line| line.trim_start().trim_start_matches("- "));
        lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).map(str::to_owned).collect()
    };
    let (names, runbooks) = (values("alert"), values("runbook_url"));
    assert_eq!(names.len(), runbooks.len(), "each alert has a runbook");
    names.into_iter().zip(runbooks).collect()
}

/// Of a page, as its links name them.
fn anchors(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let text: String = heading.trim_start_matches('#').trim().chars().filter(kept).collect();
        text.to_lowercase().replace(' ', "-")
    };
    let named = text.split("<a id=\"").skip(1).filter_map(|rest| rest.split('"').next());
    headings.map(anchor).chain(named.map(str::to_owned)).collect()
}

/// Those that may be paged, from the reference: who is faster and so gets more is told, and never paged.
fn causes() -> Vec<String> {
    let reference = std::fs::read_to_string(shipped("../docs/reference/metrics.md")).expect("the reference");
    let list = reference.split_once("- `cause`: ").and_then(|(_, rest)| rest.split_once(".\n"));
    let names = list.expect("a list of causes").0.split(',').map(|name| name.trim().replace('`', ""));
    names.filter(|name| name != "fast_backend").collect()
}

/// Somebody who is woken by an alert gets to what it means, and every alert is explained on one page.
#[test]
fn runbooks_are_there() {
    let guide = shipped("../docs/guide");
    let (explained, causes) = (anchors(&guide.join("alerts.md")), causes());
    for (name, runbook) in alerts() {
        assert!(explained.contains(&name.to_lowercase()), "docs/guide/alerts.md does not explain {name}");
        let page = runbook.rsplit_once("/docs/guide/").unwrap_or_else(|| panic!("{name}: {runbook}")).1;
        let (page, anchor) = page.split_once('#').unwrap_or_else(|| panic!("{name}: no anchor in {runbook}"));
        let page = guide.join(page);
        if page.ends_with("is-it-the-balancer.md") && !page.exists() {
            continue;
        }
        let anchors = anchors(&page);
        let wanted = match anchor {
            "{{ $labels.cause }}" => causes.iter().map(String::as_str).collect(),
            one => vec![one],
        };
        for anchor in wanted {
            assert!(anchors.iter().any(|one| one == anchor), "{name}: no {anchor} in {}", page.display());
        }
    }
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
