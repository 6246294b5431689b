//! Files and options for the tests.

use evenkeel_config::{Config, Source, load};
use evenkeel_rehearse::{Options, PoolReport, Report, SituationReport, rehearse};

/// One listener and one pool `web` with these keys.
pub(crate) fn config(pool: &str) -> Config {
    config_with("", "", pool)
}

/// The same with more tables at the top and more keys of the listener.
pub(crate) fn config_with(top: &str, listener: &str, pool: &str) -> Config {
    let text =
        format!("{top}\n[listener.web]\nbind = \":8080\"\npool = \"web\"\n{listener}\n[pool.web]\n{pool}\n");
    let loaded = load(&Source::new("f", text));
    loaded.config.unwrap_or_else(|| panic!("{:#?}", loaded.diagnostics))
}

/// So many backends `a0`, `a1`, ... as a list of entries, each with these keys, too.
pub(crate) fn backends(count: usize, keys: impl Fn(usize) -> String) -> String {
    let entry = |at: usize| {
        let address = format!("10.{}.{}.{}:80", at / 65_536, at / 256 % 256, at % 256);
        format!("{{ name = \"a{at}\", address = \"{address}\"{} }}", keys(at))
    };
    let entries: Vec<String> = (0..count).map(entry).collect();
    format!("backends = [{}]", entries.join(", "))
}

/// No more than what shows the point, so that tests are quick.
pub(crate) fn quick() -> Options {
    Options { requests: 5_000, ..Options::default() }
}

pub(crate) fn played(config: &Config) -> Report {
    rehearse(config, &quick())
}

/// The only pool.
pub(crate) fn pool(config: &Config) -> PoolReport {
    played(config).pools.remove(0)
}

/// The situation of that name.
#[track_caller]
pub(crate) fn when<'a>(pool: &'a PoolReport, name: &str) -> &'a SituationReport {
    let names = || pool.situations.iter().map(|one| &one.name).collect::<Vec<_>>();
    pool.situations.iter().find(|one| one.name == name).unwrap_or_else(|| panic!("{name}: {:?}", names()))
}

pub(crate) fn kinds(report: &Report) -> Vec<&str> {
    report.problems.iter().map(|one| one.kind).collect()
}

#[track_caller]
pub(crate) fn assert_near(actual: &[f64], expected: &[f64], off: f64) {
    let near = actual.len() == expected.len()
        && actual.iter().zip(expected).all(|(actual, expected)| (actual - expected).abs() <= off);
    assert!(near, "{actual:?} instead of {expected:?}");
}
