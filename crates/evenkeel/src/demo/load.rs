//! The demo's clients: requests at a steady rate, however long answers take.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{COOKIE, HOST, SET_COOKIE};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::MissedTickBehavior;

use super::backends::BACKEND_FIELD;
use super::lately::{Lately, Users};
use super::visitors::{USER_FIELD, User, Visitors};

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
    lately: Arc<Mutex<Lately>>,
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
    lately: Arc<Mutex<Lately>>,
    visitors: Arc<Visitors>,
}

impl Load {
    /// Sends a request of these visitors to `target` every so often from now on, from a thread of its own.
    pub(super) fn start(target: SocketAddr, every: Duration, visitors: Arc<Visitors>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (tally, lately) = (Arc::<Mutex<Tally>>::default(), Arc::<Mutex<Lately>>::default());
        let clients = Arc::new(Clients {
            target,
            idle: Mutex::default(),
            tally: Arc::clone(&tally),
            lately: Arc::clone(&lately),
            visitors,
        });
        let (stop, stopped) = oneshot::channel();
        std::thread::Builder::new().name("demo-load".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = generate(clients, every) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { tally, lately, _stop: stop })
    }

    /// What clients see now.
    pub(super) fn users(&self) -> Users {
        lock(&self.lately).users(Instant::now())
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

async fn generate(clients: Arc<Clients>, every: Duration) {
    let places = Arc::new(Semaphore::new(OPEN_MAX));
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(MissedTickBehavior::Burst);
    for number in 0_u64.. {
        let due = due.tick().await.into_std();
        match Arc::clone(&places).try_acquire_owned() {
            Ok(place) => {
                let clients = Arc::clone(&clients);
                tokio::spawn(async move {
                    clients.request(number, due).await;
                    drop(place);
                });
            }
            Err(_) => clients.count(None, Duration::ZERO),
        }
    }
}

impl Clients {
    async fn request(&self, number: u64, due: Instant) {
        let idle = lock(&self.idle).pop();
        let user = self.visitors.who(number, due);
        let outcome = tokio::time::timeout(TIMEOUT, self.exchange(user, idle)).await.ok().flatten();
        self.count(outcome, due.elapsed());
    }

    fn count(&self, outcome: Option<String>, took: Duration) {
        lock(&self.lately).add(Instant::now(), took, outcome.is_some());
        lock(&self.tally).count(outcome, took);
    }

    /// One request; the name of the backend that answered it.
    async fn exchange(&self, user: User, idle: Option<Client>) -> Option<String> {
        let mut client = match idle {
            Some(client) if client.is_ready() => client,
            _ => self.connect().await?,
        };
        let mut request = Request::get("/").header(HOST, self.target.to_string());
        request = request.header(USER_FIELD, user.to_string());
        if let Some(cookie) = self.visitors.cookie(user, Instant::now()) {
            request = request.header(COOKIE, cookie);
        }
        let response = client.send_request(request.body(Empty::new()).ok()?).await.ok()?;
        let answered = self.answered(user, &response);
        response.into_body().collect().await.ok()?;
        client.ready().await.ok()?;
        lock(&self.idle).push(client);
        answered
    }

    /// The name of the backend, if the answer is a good one; a cookie is kept in any case.
    fn answered(&self, user: User, response: &Response<Incoming>) -> Option<String> {
        let text = |name: &str| response.headers().get(name)?.to_str().ok();
        if let Some(cookie) = text(SET_COOKIE.as_str()) {
            self.visitors.keep(user, cookie, Instant::now());
        }
        let backend = text(BACKEND_FIELD)?.to_owned();
        (response.status() == 200).then_some(backend)
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
