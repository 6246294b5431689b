//! Closed-loop load: so many connections, each one request after another.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::client::Client;

/// What to ask, and how often.
#[derive(Clone, Debug)]
pub struct Load {
    address: SocketAddr,
    connections: usize,
    host: String,
    path: String,
    /// A new connection for every request.
    fresh: bool,
}

/// What came back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Responses by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Responses by the `X-Backend` field.
    pub backends: BTreeMap<String, u64>,
    /// Requests without a whole response.
    pub errors: Vec<String>,
}

impl Load {
    /// GET requests for `/` over `connections` connections.
    pub fn new(address: SocketAddr, connections: usize) -> Self {
        Self { address, connections, host: "load.test".to_owned(), path: "/".to_owned(), fresh: false }
    }

    /// Another path than `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// Opens a connection for each request instead of keeping them.
    #[must_use]
    pub fn fresh_connections(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Sends `requests` in all, then says how it went. Connections take requests from one counter, so a slow one
    /// takes fewer.
    pub async fn run(&self, requests: u64) -> Tally {
        let left = Arc::new(AtomicU64::new(requests));
        let more = move || {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        };
        self.while_wanted(more).await
    }

    /// Sends requests until `stop` is set, then says how it went.
    pub async fn run_until(&self, stop: Arc<AtomicBool>) -> Tally {
        self.while_wanted(move || !stop.load(Ordering::Relaxed)).await
    }

    async fn while_wanted(&self, more: impl Fn() -> bool + Send + Sync + 'static) -> Tally {
        let more = Arc::new(more);
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..self.connections {
            let (load, more) = (self.clone(), Arc::clone(&more));
            tasks.spawn(async move { load.connection(&*more).await });
        }
        let mut sum = Tally::default();
        while let Some(tally) = tasks.join_next().await {
            sum.add(tally.unwrap_or_else(|error| panic!("a load connection panicked: {error}")));
        }
        sum
    }

    async fn connection(&self, more: &(dyn Fn() -> bool + Send + Sync)) -> Tally {
        let mut tally = Tally::default();
        let mut client = None;
        while more() {
            let mut connected = match client.take() {
                Some(client) => client,
                None => match Client::try_connect(self.address).await {
                    Ok(client) => client,
                    Err(error) => {
                        tally.errors.push(format!("connect: {error}"));
                        continue;
                    }
                },
            };
            if self.request(&mut connected, &mut tally).await && !self.fresh {
                client = Some(connected);
            }
        }
        tally
    }

    /// One request. Whether the connection can take another.
    async fn request(&self, client: &mut Client, tally: &mut Tally) -> bool {
        let Self { host, path, .. } = self;
        let sent = client.try_send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let response = match sent {
            Ok(()) => client.try_response("GET").await,
            Err(error) => Err(error),
        };
        match response {
            Ok(response) => {
                *tally.statuses.entry(response.status()).or_default() += 1;
                if let Some(name) = response.field("x-backend") {
                    *tally.backends.entry(name.to_owned()).or_default() += 1;
                }
                !response.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
            }
            Err(error) => {
                tally.errors.push(error.to_string());
                false
            }
        }
    }
}

impl Tally {
    /// Responses with a status, in all.
    pub fn answered(&self) -> u64 {
        self.statuses.values().sum()
    }

    /// Checks that every request was answered with 200.
    ///
    /// # Panics
    /// With the tally, when one was not or there was none.
    #[track_caller]
    pub fn assert_all_ok(&self) {
        let only_ok = self.statuses.keys().all(|&status| status == 200) && self.answered() > 0;
        let first_errors = &self.errors[..self.errors.len().min(5)];
        let (count, statuses) = (self.errors.len(), &self.statuses);
        assert!(only_ok && count == 0, "statuses {statuses:?}, {count} errors, first {first_errors:?}");
    }

    fn add(&mut self, other: Self) {
        for (status, count) in other.statuses {
            *self.statuses.entry(status).or_default() += count;
        }
        for (name, count) in other.backends {
            *self.backends.entry(name).or_default() += count;
        }
        self.errors.extend(other.errors);
    }
}
