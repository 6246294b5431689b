//! The demo's backends: HTTP servers of unequal speed and finite capacity, on a thread of their own.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Field of a response that says which backend it is from.
pub(super) const BACKEND_FIELD: &str = "x-demo-backend";

/// Time that one request takes, in turn: a real pool has an old machine, too.
const SERVICE_TIMES: [Duration; 4] =
    [Duration::from_millis(2), Duration::from_millis(2), Duration::from_millis(4), Duration::from_millis(8)];
/// Requests that a backend works on at once; the others wait.
const CONCURRENCY: usize = 4;

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Backend {
    /// `a`, `b`, ...
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// What a request takes when none waits before it.
    pub(super) service_time: Duration,
}

struct Machine {
    name: String,
    service_time: Duration,
    free: Semaphore,
}

/// Starts `count` backends on free ports. They end with the process.
pub(super) fn start(count: u8) -> io::Result<Vec<Backend>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut backends = Vec::new();
    for (index, service_time) in (0..count).zip(SERVICE_TIMES.into_iter().cycle()) {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let name = char::from(b'a' + index).to_string();
        backends.push(Backend { name: name.clone(), address: listener.local_addr()?, service_time });
        let machine = Arc::new(Machine { name, service_time, free: Semaphore::new(CONCURRENCY) });
        runtime.spawn(machine.accept(listener));
    }
    std::thread::Builder::new()
        .name("demo-backends".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(backends)
}

impl Machine {
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
        let service = service_fn(move |_request| {
            let machine = Arc::clone(&self);
            async move { Ok::<_, Infallible>(machine.answer().await) }
        });
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.ok();
    }

    async fn answer(&self) -> Response<Full<Bytes>> {
        let _working = self.free.acquire().await;
        tokio::time::sleep(self.service_time).await;
        let mut response = Response::new(Full::new(Bytes::from(format!("served by {}\n", self.name))));
        if let Ok(name) = self.name.parse() {
            response.headers_mut().insert(BACKEND_FIELD, name);
        }
        response
    }
}
