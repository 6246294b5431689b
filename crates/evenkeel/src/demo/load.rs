//! The demo's clients: requests at a steady rate, however long answers take.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::backends::BACKEND_FIELD;

/// Between two requests: 400 a second, which any machine can spare.
const EVERY: Duration = Duration::from_micros(2_500);
/// Requests open at once; when there are more the balancer has stopped answering, and that is an error. Five seconds'
/// worth: a machine that pauses for a moment is not an error of the balancer.
const OPEN_MAX: usize = 2_000;
/// A request that takes longer has failed.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Latencies above this count as this.
const LATENCY_MAX: Duration = Duration::from_secs(10);

type Client = SendRequest<Empty<Bytes>>;

/// Running load; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Load {
    tally: Arc<Mutex<Tally>>,
    _stop: oneshot::Sender<()>,
}

/// What clients saw since start.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    /// Answers with status 200.
    pub(super) answered: u64,
    /// Everything else.
    pub(super) failed: u64,
    /// Latencies in microseconds by backend, from when a request was due.
    latencies: HashMap<String, Histogram<u64>>,
}

/// What requests share.
struct Clients {
    target: SocketAddr,
    idle: Mutex<Vec<Client>>,
    tally: Arc<Mutex<Tally>>,
}

impl Load {
    /// Sends requests to `target` from now on, from a thread of its own.
    pub(super) fn start(target: SocketAddr) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let tally = Arc::new(Mutex::new(Tally::default()));
        let clients = Arc::new(Clients { target, idle: Mutex::default(), tally: Arc::clone(&tally) });
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name("demo-load".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = generate(clients) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { tally, _stop: stop })
    }

    /// What clients saw so far.
    pub(super) fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }
}

impl Tally {
    /// A quantile of the latencies of one backend; `None` before its first answer.
    pub(super) fn latency(&self, backend: &str, quantile: f64) -> Option<Duration> {
        let latencies = self.latencies.get(backend).filter(|latencies| !latencies.is_empty())?;
        Some(Duration::from_micros(latencies.value_at_quantile(quantile)))
    }

    fn count(&mut self, outcome: Option<String>, took: Duration) {
        let Some(backend) = outcome else {
            self.failed += 1;
            return;
        };
        self.answered += 1;
        // Two digits are more than a display shows.
        let fresh = || Histogram::new_with_max(LATENCY_MAX.as_micros() as u64, 2);
        if !self.latencies.contains_key(&backend)
            && let Ok(histogram) = fresh()
        {
            self.latencies.insert(backend.clone(), histogram);
        }
        if let Some(histogram) = self.latencies.get_mut(&backend) {
            histogram.saturating_record(took.as_micros() as u64);
        }
    }
}

async fn generate(clients: Arc<Clients>) {
    let places = Arc::new(Semaphore::new(OPEN_MAX));
    let mut due = tokio::time::interval(EVERY);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let due = due.tick().await.into_std();
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let clients = Arc::clone(&clients);
                tokio::spawn(async move {
                    clients.request(due).await;
                    drop(place);
                });
            }
            Err(_) => lock(&clients.tally).count(None, Duration::ZERO),
        }
    }
}

impl Clients {
    async fn request(&self, due: Instant) {
        let idle = lock(&self.idle).pop();
        let outcome = tokio::time::timeout(TIMEOUT, self.exchange(idle)).await.ok().flatten();
        lock(&self.tally).count(outcome, due.elapsed());
    }

    /// One request; the name of the backend that answered it.
    async fn exchange(&self, idle: Option<Client>) -> Option<String> {
        let mut client = match idle {
            Some(client) if client.is_ready() => client,
            _ => self.connect().await?,
        };
        let host = self.target.to_string();
        let request = Request::get("/").header(HOST, host).body(Empty::new()).ok()?;
        let response = client.send_request(request).await.ok()?;
        let ok = response.status() == 200;
        let backend = response.headers().get(BACKEND_FIELD)?.to_str().ok()?.to_owned();
        response.into_body().collect().await.ok()?;
        client.ready().await.ok()?;
        lock(&self.idle).push(client);
        ok.then_some(backend)
    }

    async fn connect(&self) -> Option<Client> {
        let stream = TcpStream::connect(self.target).await.ok()?;
        stream.set_nodelay(true).ok();
        let (client, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(client)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
