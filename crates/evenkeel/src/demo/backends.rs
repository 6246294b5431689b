//! The demo's backends: HTTP servers of finite capacity, on a thread of their own.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Field of a response that says which backend it is from.
pub(super) const BACKEND_FIELD: &str = "x-demo-backend";
/// What health checks ask for: answered at once, however busy the backend is.
pub(super) const HEALTH_PATH: &str = "/healthz";

/// Time that one request takes, in turn: a real pool has an old machine, too.
const SERVICE_TIMES: [Duration; 4] =
    [Duration::from_millis(2), Duration::from_millis(2), Duration::from_millis(4), Duration::from_millis(8)];
/// Requests that a backend works on at once; the others wait.
const CONCURRENCY: usize = 4;
/// A backend that fails does so at once.
const FAILS_AFTER: Duration = Duration::from_millis(1);

/// What a backend is to be.
#[derive(Clone, Debug)]
pub(super) struct Spec {
    pub(super) name: String,
    /// What a request takes when none waits before it.
    pub(super) service_time: Duration,
    /// Requests that wait; one more is refused with 503.
    pub(super) waiting_max: usize,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// What a request takes when none waits before it.
    pub(super) service_time: Duration,
    machine: Arc<Machine>,
}

#[derive(Debug)]
struct Machine {
    spec: Spec,
    free: Semaphore,
    waiting: AtomicUsize,
    asked: AtomicU64,
    /// So many times the usual time.
    slowness: AtomicU32,
    /// Requests in a hundred that fail.
    failing: AtomicU32,
}

/// Backends `a`, `b`, ... of unequal speed, which let any number wait.
pub(super) fn unequal(count: u8) -> Vec<Spec> {
    let name = |index| char::from(b'a' + index).to_string();
    let times = SERVICE_TIMES.into_iter().cycle();
    let spec = |(index, service_time)| Spec { name: name(index), service_time, waiting_max: usize::MAX };
    (0..count).zip(times).map(spec).collect()
}

/// Starts backends on free ports. They end with the process.
pub(super) fn start(specs: Vec<Spec>) -> io::Result<Vec<Backend>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut backends = Vec::new();
    for spec in specs {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let (name, address, service_time) = (spec.name.clone(), listener.local_addr()?, spec.service_time);
        let machine = Arc::new(Machine::new(spec));
        runtime.spawn(Arc::clone(&machine).accept(listener));
        backends.push(Backend { name, address, service_time, machine });
    }
    std::thread::Builder::new()
        .name("demo-backends".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(backends)
}

impl Backend {
    /// From now on a request takes so many times as long; 1 is as it was.
    pub(super) fn slow_down(&self, times: u32) {
        self.machine.slowness.store(times, Ordering::Relaxed);
    }

    /// From now on so many requests in a hundred fail, at once.
    pub(super) fn fail(&self, percent: u32) {
        self.machine.failing.store(percent, Ordering::Relaxed);
    }
}

impl Machine {
    fn new(spec: Spec) -> Self {
        Self {
            spec,
            free: Semaphore::new(CONCURRENCY),
            waiting: AtomicUsize::new(0),
            asked: AtomicU64::new(0),
            slowness: AtomicU32::new(1),
            failing: AtomicU32::new(0),
        }
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
            return;
        };
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(Arc::clone(&self).serve(stream));
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        stream.set_nodelay(true).ok();
        let service = service_fn(move |request| {
            let machine = Arc::clone(&self);
            async move { Ok::<_, Infallible>(machine.answer(&request).await) }
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
    }

    async fn answer<B: Body>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        let status = if request.uri().path() == HEALTH_PATH { StatusCode::OK } else { self.work().await };
        let mut response = Response::new(Full::new(Bytes::from(format!("served by {}\n", self.spec.name))));
        *response.status_mut() = status;
        if let Ok(name) = self.spec.name.parse() {
            response.headers_mut().insert(BACKEND_FIELD, name);
        }
        response
    }

    /// One request, in turn.
    async fn work(&self) -> StatusCode {
        // Every n-th instead of at random: two runs are alike.
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        let failing = u64::from(self.failing.load(Ordering::Relaxed));
        if number * failing % 100 < failing {
            tokio::time::sleep(FAILS_AFTER).await;
            return StatusCode::INTERNAL_SERVER_ERROR;
        }
        let waits = Waits::behind(&self.waiting);
        if waits.before > self.spec.waiting_max {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let _working = self.free.acquire().await;
        drop(waits);
        let slowness = self.slowness.load(Ordering::Relaxed);
        tokio::time::sleep(self.spec.service_time * slowness).await;
        StatusCode::OK
    }
}

/// A place in the line, given back also when the client hangs up.
struct Waits<'a> {
    line: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waits<'a> {
    fn behind(line: &'a AtomicUsize) -> Self {
        Self { line, before: line.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.line.fetch_sub(1, Ordering::Relaxed);
    }
}
