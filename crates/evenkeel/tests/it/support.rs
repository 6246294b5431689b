//! Configurations for the tests.

use std::collections::BTreeMap;

use evenkeel_testkit::{Backend, Evenkeel, Response};

/// The program under test.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_evenkeel");

/// One listener `web`, one pool `web`, the admin listener: the rest is as a test says.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    top: String,
    runtime: String,
    listener: String,
    pool: String,
    backends: Vec<String>,
}

impl Setup {
    /// A pool of these backends with equal weights. Round robin on two workers; neither health checks nor ejection
    /// unless `pool` asks for them, so that a test sees only what it is about.
    pub(crate) fn new<'a>(backends: impl IntoIterator<Item = &'a Backend>) -> Self {
        Self::of_entries(backends.into_iter().map(|backend| backend.entry(1)))
    }

    /// A pool of these entries, as they stand in `backends = [...]`.
    pub(crate) fn of_entries(entries: impl IntoIterator<Item = String>) -> Self {
        Self {
            top: String::new(),
            runtime: "workers = 2".to_owned(),
            listener: String::new(),
            pool: "strategy = \"round_robin\"\nhealth = false\npassive = false".to_owned(),
            backends: entries.into_iter().collect(),
        }
    }

    /// More tables, placed at the top.
    pub(crate) fn top(mut self, toml: &str) -> Self {
        self.top = toml.to_owned();
        self
    }

    /// Replaces the keys of `[runtime]`.
    pub(crate) fn runtime(mut self, toml: &str) -> Self {
        self.runtime = toml.to_owned();
        self
    }

    /// More keys of `[listener.web]`.
    pub(crate) fn listener(mut self, toml: &str) -> Self {
        self.listener = toml.to_owned();
        self
    }

    /// Replaces the keys of `[pool.web]`, its backends aside.
    pub(crate) fn pool(mut self, toml: &str) -> Self {
        self.pool = toml.to_owned();
        self
    }

    /// The configuration file.
    pub(crate) fn text(&self) -> String {
        let Self { top, runtime, listener, pool, backends } = self;
        let backends = backends.join(",\n  ");
        format!(
            "{top}\n[admin]\nlisten = \"127.0.0.1:0\"\n\n[runtime]\n{runtime}\n\n\
             [listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n{listener}\n\n\
             [pool.web]\n{pool}\nbackends = [\n  {backends},\n]\n"
        )
    }

    /// Runs Evenkeel with it.
    pub(crate) async fn start(&self) -> Evenkeel {
        Evenkeel::start(BINARY, &self.text()).await
    }
}

/// Backends called `names`, each answering 200 with its name.
pub(crate) async fn backends<const N: usize>(names: [&str; N]) -> [Backend; N] {
    let mut started = Vec::new();
    for name in names {
        started.push(Backend::start(name).await);
    }
    started.try_into().expect("one for each name")
}

/// How many requests each backend got.
pub(crate) fn counts<'a>(backends: impl IntoIterator<Item = &'a Backend>) -> BTreeMap<String, u64> {
    backends.into_iter().map(|backend| (backend.name().to_owned(), backend.requests())).collect()
}

/// A GET without a body.
pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// A GET with more field lines, each with its line end.
pub(crate) fn get_with(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

/// Which backend answered: the `X-Backend` field.
pub(crate) fn who(response: &Response) -> String {
    response.field("x-backend").unwrap_or_else(|| panic!("no backend answered: {response:?}")).to_owned()
}

/// Attempts so far for one reason, on all backends.
pub(crate) async fn attempts(evenkeel: &Evenkeel, reason: &str) -> f64 {
    evenkeel.metrics().await.value("evenkeel_backend_attempts_total", &[("reason", reason)])
}
