//! The users of a replay: requests that come when they come, whether or not the last one was answered, and what each got.

mod pinned;
mod pooled;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use evenkeel_core::Rng;
use tokio::task::JoinHandle;

/// How many ask, and how.
#[derive(Clone, Debug)]
pub(crate) struct Crowd {
    /// Requests a second, on average.
    pub(crate) rate: f64,
    /// Rush hours: the rate goes up and down by this part of it.
    pub(crate) swing: f64,
    pub(crate) clients: Clients,
}

/// How their connections are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    /// Whichever is idle takes a request, or a new one does.
    Pooled,
    /// So many over HTTP/2, kept for good.
    Pinned(usize),
}

/// What came of one request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Record {
    /// When it was due, seconds from the start.
    pub(crate) due: f64,
    /// From then to its answer, or to the end of patience.
    pub(crate) seconds: f64,
    pub(crate) end: End,
    /// Which backend answered, counted from 0 in the name: `web1` is 0.
    pub(crate) backend: Option<usize>,
}

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Well,
    /// A backend answered with an error.
    Refused,
    /// No backend answered: no answer at all, or one of the balancer's own.
    Dropped,
}

/// Users at work. They stop with this.
#[derive(Debug)]
pub(crate) struct Users {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// What all requests share.
#[derive(Debug)]
struct Shared {
    crowd: Crowd,
    address: SocketAddr,
    started: Instant,
    begun: AtomicU64,
    records: Mutex<Vec<Record>>,
    /// The part of the requests that one user makes, in thousandths.
    hot: AtomicU32,
    /// Pinned connections are opened anew.
    reconnect: AtomicBool,
}

/// Seconds from one rush to the next.
const SWING: f64 = 8.0;
/// Different users.
const USERS: u32 = 5000;
/// Users give up after this.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is slower than this annoys, seconds.
pub(crate) const SLOW: f64 = 1.0;

impl Record {
    /// Whether somebody was let down.
    pub(crate) fn is_bad(&self) -> bool {
        self.end != End::Well || self.seconds > SLOW
    }

    fn new(due: f64, seconds: f64, status: u16, backend: Option<&str>) -> Self {
        let backend =
            backend.and_then(|name| name.strip_prefix("web")?.parse::<usize>().ok()?.checked_sub(1));
        let end = match (status, backend) {
            (200..=399, Some(_)) => End::Well,
            (400.., Some(_)) => End::Refused,
            _ => End::Dropped,
        };
        Self { due, seconds, end, backend }
    }
}

impl Users {
    /// Begins, with times counted from `started`.
    pub(crate) fn start(crowd: Crowd, address: SocketAddr, started: Instant) -> Self {
        let shared = Arc::new(Shared {
            crowd,
            address,
            started,
            begun: AtomicU64::new(0),
            records: Mutex::default(),
            hot: AtomicU32::new(0),
            reconnect: AtomicBool::new(false),
        });
        let task = tokio::spawn(come(Arc::clone(&shared)));
        Self { shared, task }
    }

    /// Requests so far.
    pub(crate) fn begun(&self) -> u64 {
        self.shared.begun.load(Ordering::Relaxed)
    }

    /// From now on one user makes this part of the requests.
    pub(crate) fn set_hot(&self, part: f64) {
        self.shared.hot.store((part * 1000.0) as u32, Ordering::Relaxed);
    }

    /// Pinned connections are closed between two requests and opened anew, as by clients that are rolled out.
    pub(crate) fn reconnect(&self) {
        self.shared.reconnect.store(true, Ordering::Relaxed);
    }

    /// What has ended so far, in no order.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.shared.lock().clone()
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests a second at this moment.
    fn rate(&self, at: f64) -> f64 {
        self.crowd.rate * (1.0 + self.crowd.swing * (at / SWING * std::f64::consts::TAU).sin())
    }

    /// Whose request it is.
    fn user(&self, rng: &mut Rng) -> u32 {
        let hot = rng.below(1000) < self.hot.load(Ordering::Relaxed);
        if hot { 0 } else { 1 + rng.below(USERS) }
    }

    /// Notes what came of a request: status and backend, or nothing.
    fn ended(&self, due: f64, answer: Option<(u16, Option<String>)>) {
        let seconds = self.started.elapsed().as_secs_f64() - due;
        let (status, backend) = answer.unwrap_or_default();
        self.lock().push(Record::new(due, seconds, status, backend.as_deref()));
    }
}

/// Sends requests, independently of each other and of the answers.
async fn come(shared: Arc<Shared>) {
    let mut rng = Rng::from_seed(7);
    let mut clients = match shared.crowd.clients {
        Clients::Pooled => Sender::Pooled(pooled::Pool::default()),
        Clients::Pinned(count) => Sender::Pinned(pinned::Connections::new(count)),
    };
    let mut requests = tokio::task::JoinSet::new();
    let mut due = 0.0;
    loop {
        due += -(1.0 - rng.unit()).ln() / shared.rate(due);
        tokio::time::sleep_until((shared.started + Duration::from_secs_f64(due)).into()).await;
        shared.begun.fetch_add(1, Ordering::Relaxed);
        let user = shared.user(&mut rng);
        while requests.try_join_next().is_some() {}
        match &mut clients {
            Sender::Pooled(pool) => requests.spawn(pool.request(Arc::clone(&shared), due, user)),
            Sender::Pinned(connections) => requests.spawn(connections.request(Arc::clone(&shared), due)),
        };
    }
}

enum Sender {
    Pooled(pooled::Pool),
    Pinned(pinned::Connections),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_no_answer_of_a_backend_was_dropped() {
        let end = |status, backend| Record::new(0.0, 0.1, status, backend).end;
        assert_eq!(end(200, Some("web3")), End::Well);
        assert_eq!(end(503, Some("web1")), End::Refused);
        assert_eq!((end(503, None), end(0, None)), (End::Dropped, End::Dropped));
        assert_eq!(Record::new(0.0, 0.1, 200, Some("web3")).backend, Some(2));
        assert!(Record::new(0.0, 1.1, 200, Some("web1")).is_bad());
        assert!(!Record::new(0.0, 0.9, 200, Some("web1")).is_bad());
    }
}
