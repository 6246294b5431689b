//! A backend that answers by script and remembers everything it got.

mod reply;
mod serve;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinHandle;

pub use reply::{Gate, Reply, Step};

use crate::http::{Digest, Fields, Head};
use crate::port::ClosedPort;
use crate::wait::until;

/// Chooses the reply to a request by its head.
pub type Answer = Arc<dyn Fn(&Head) -> Reply + Send + Sync>;

/// Requests for this path are health checks: answered apart, counted apart, not recorded.
const HEALTH_PATH: &str = "/healthz";

/// A server on a loopback port of its own. It stops with its owner.
#[derive(Debug)]
pub struct Backend {
    shared: Arc<Shared>,
    address: SocketAddr,
    state: State,
}

/// How much a backend can do at once: requests beyond `concurrency` wait, each takes `service`.
#[derive(Clone, Debug)]
pub struct Capacity {
    /// Requests worked on at a time.
    pub concurrency: usize,
    /// How long one takes.
    pub service: Duration,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Which connection it came on, counting from 0.
    pub connection: usize,
    /// Exactly the bytes, head and body (of a body only the first MiB).
    pub raw: Vec<u8>,
    /// The head.
    pub head: Head,
    /// Content as far as it was read, transfer coding removed (only the first MiB).
    pub body: Vec<u8>,
    /// Length and checksum of the content.
    pub digest: Digest,
    /// Trailer fields.
    pub trailers: Fields,
    /// Whether the body was read to its end.
    pub whole: bool,
}

#[derive(Debug)]
enum State {
    Up {
        stop: oneshot::Sender<()>,
        accepting: JoinHandle<()>,
    },
    Down(ClosedPort),
    /// Only within a change.
    Changing,
}

/// What the connections of a backend share.
struct Shared {
    name: String,
    answer: Mutex<Answer>,
    health: Mutex<Reply>,
    capacity: Option<(Semaphore, Duration)>,
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    checks: AtomicUsize,
    requests: AtomicUsize,
    /// Requests begun and not answered, and the most there ever were.
    busy: AtomicUsize,
    busiest: AtomicUsize,
}

impl Backend {
    /// Answers every request with 200, `X-Backend: name` and the name as content.
    pub async fn start(name: &str) -> Self {
        Self::build(name, None, named(name)).await
    }

    /// Answers as `answer` says.
    pub async fn scripted(name: &str, answer: impl Fn(&Head) -> Reply + Send + Sync + 'static) -> Self {
        Self::build(name, None, Arc::new(answer)).await
    }

    /// Answers every request alike.
    pub async fn with_reply(name: &str, reply: Reply) -> Self {
        Self::scripted(name, move |_| reply.clone()).await
    }

    /// Like [`Backend::start`], but it can only do so much at once.
    pub async fn with_capacity(name: &str, capacity: Capacity) -> Self {
        Self::build(name, Some(capacity), named(name)).await
    }

    async fn build(name: &str, capacity: Option<Capacity>, answer: Answer) -> Self {
        let shared = Arc::new(Shared {
            name: name.to_owned(),
            answer: Mutex::new(answer),
            health: Mutex::new(Reply::text(200, "well")),
            capacity: capacity.map(|capacity| (Semaphore::new(capacity.concurrency), capacity.service)),
            received: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            checks: AtomicUsize::new(0),
            requests: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            busiest: AtomicUsize::new(0),
        });
        let port = ClosedPort::new();
        let mut backend = Self { shared, address: port.address(), state: State::Down(port) };
        backend.resume().await;
        backend
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its name, the value of `X-Backend`.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The same as [`Backend::entry`] with weight 1, and more keys.
    pub fn entry_with(&self, keys: &str) -> String {
        format!("{{ address = \"{}\", name = \"{}\", {keys} }}", self.address, self.shared.name)
    }

    /// A TOML inline table for `backends = [...]`, with the weight given.
    pub fn entry(&self, weight: u32) -> String {
        format!("{{ address = \"{}\", name = \"{}\", weight = {weight} }}", self.address, self.shared.name)
    }

    /// From now on it answers as `answer` says.
    pub fn set_answer(&self, answer: impl Fn(&Head) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.answer) = Arc::new(answer);
    }

    /// From now on it answers health checks (`/healthz`) like this; 200 otherwise.
    pub fn set_health(&self, reply: Reply) {
        *lock(&self.shared.health) = reply;
    }

    /// Closes every connection and the port, which then refuses connections.
    ///
    /// # Panics
    /// When the port cannot be held.
    pub async fn stop(&mut self) {
        if let State::Up { stop, accepting } = std::mem::replace(&mut self.state, State::Changing) {
            stop.send(()).ok();
            accepting.await.ok();
        }
        let address = self.address;
        let port = until("the port of a stopped backend", async || ClosedPort::at(address).ok()).await;
        self.state = State::Down(port);
    }

    /// Listens again, on the same port.
    ///
    /// # Panics
    /// When it was not stopped, or the port is lost.
    pub async fn resume(&mut self) {
        let State::Down(port) = std::mem::replace(&mut self.state, State::Changing) else {
            panic!("{} is up already", self.shared.name);
        };
        let listener = port.listen().unwrap_or_else(|error| panic!("listen on {}: {error}", self.address));
        let (stop, stopped) = oneshot::channel();
        let accepting = tokio::spawn(serve::accept(listener, Arc::clone(&self.shared), stopped));
        self.state = State::Up { stop, accepting };
    }

    /// Every request so far that is not a health check, in the order in which their heads arrived.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared.received).clone()
    }

    /// The only request so far.
    ///
    /// # Panics
    /// When there are none or more.
    #[track_caller]
    pub fn only_request(&self) -> Received {
        let mut received = self.received();
        let starts: Vec<_> = received.iter().map(|request| &request.head.start).collect();
        assert_eq!(received.len(), 1, "{} got {starts:?}", self.shared.name);
        received.remove(0)
    }

    /// Requests begun so far, health checks not counted.
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed) as u64
    }

    /// The most requests that were begun and not answered at the same time.
    pub fn busiest(&self) -> usize {
        self.shared.busiest.load(Ordering::Relaxed)
    }

    /// Health checks so far.
    pub fn checks(&self) -> usize {
        self.shared.checks.load(Ordering::Relaxed)
    }

    /// Connections accepted so far, those for health checks included.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Connections open now.
    pub fn open_connections(&self) -> usize {
        self.shared.open.load(Ordering::Relaxed)
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        if let State::Up { accepting, .. } = &self.state {
            accepting.abort();
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

fn named(name: &str) -> Answer {
    let reply = Reply::named(name, name);
    Arc::new(move |_| reply.clone())
}

/// A poisoned lock only means that a test failed elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
