//! What every scenario stands on: the release build, nginx backends, a configuration.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Metrics, Nginx};

use super::report::Row;

/// Where the build is and how long a run is.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    binary: PathBuf,
    pub(crate) duration: Duration,
}

impl Stage {
    pub(crate) fn new(root: &Path, duration: Duration) -> Self {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        Self { binary: target.join("release/evenkeel"), duration }
    }

    /// The program.
    pub(crate) fn binary(&self) -> String {
        self.binary.to_string_lossy().into_owned()
    }

    /// Runs the scenario's future to its end.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime can be had").block_on(future)
    }

    /// Evenkeel with this configuration, once all of `backends` may be picked.
    pub(crate) async fn start(&self, config: &str, backends: usize) -> Evenkeel {
        let evenkeel = self.start_any(config).await;
        evenkeel.await_eligible("web", backends).await;
        evenkeel
    }

    /// Evenkeel with this configuration, whatever its pools.
    pub(crate) async fn start_any(&self, config: &str) -> Evenkeel {
        Evenkeel::start(&self.binary(), config).await
    }
}

/// nginx backends called `a`, `b`, ...
pub(crate) async fn nginx<const N: usize>() -> Vec<Nginx> {
    let mut started = Vec::new();
    for name in ["a", "b", "c", "d", "e"].iter().take(N) {
        started.push(Nginx::start(name).await);
    }
    started
}

/// The quick start of `config/quickstart.toml` with other addresses, weights and more keys of its pool.
pub(crate) fn quickstart(backends: &[Nginx], weights: &[u32], pool: &str) -> String {
    let mut entries = String::new();
    for (index, backend) in backends.iter().enumerate() {
        let (name, weight) = (name(index), weights.get(index).unwrap_or(&1));
        entries.push_str(&format!(
            "  {{ name = \"{name}\", address = \"{}\", weight = {weight} }},\n",
            backend.address()
        ));
    }
    config(&entries, "", pool)
}

/// One listener, one pool of `entries`, with more keys of `[runtime]` and of the pool.
pub(crate) fn config(entries: &str, runtime: &str, pool: &str) -> String {
    format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n\n[runtime]\nworkers = 2\n{runtime}\n\n\
         [listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n\n\
         [pool.web]\nstrategy = \"round_robin\"\n{pool}\nbackends = [\n{entries}]\n\
         health = {{ path = \"/\", interval = \"1s\" }}\n"
    )
}

fn name(index: usize) -> char {
    char::from(b'a' + index as u8)
}

/// Attempts by backend, as `/metrics` tells them.
pub(crate) fn attempts(metrics: &Metrics) -> BTreeMap<String, f64> {
    metrics.by("evenkeel_backend_attempts_total", &[("pool", "web")], "backend")
}

/// That `counts` are split by `weights` to within two requests.
pub(crate) fn within_two(claim: &str, counts: &BTreeMap<String, f64>, weights: &[u32]) -> Row {
    let total: f64 = counts.values().sum();
    let sum: u32 = weights.iter().sum();
    let expected = weights.iter().map(|&weight| total * f64::from(weight) / f64::from(sum));
    let off = counts.values().zip(expected).map(|(got, expected)| (got - expected).abs());
    let worst = off.fold(0.0, f64::max);
    let shown: Vec<String> = counts.values().map(f64::to_string).collect();
    let passed = worst <= 2.0 && total > 0.0 && counts.len() == weights.len();
    Row::new(claim, format!("{} (off by {worst:.1})", shown.join(" ")), passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[f64]) -> BTreeMap<String, f64> {
        values.iter().enumerate().map(|(index, value)| (name(index).to_string(), *value)).collect()
    }

    #[test]
    fn two_is_allowed_and_three_is_not() {
        assert!(within_two("x", &counts(&[502.0, 99.0, 99.0]), &[5, 1, 1]).passed());
        assert!(!within_two("x", &counts(&[503.0, 99.0, 98.0]), &[5, 1, 1]).passed());
        assert!(!within_two("x", &counts(&[0.0, 0.0]), &[1, 1]).passed(), "nothing proves nothing");
        assert!(!within_two("x", &counts(&[5.0]), &[1, 1]).passed(), "a backend is missing");
    }
}
