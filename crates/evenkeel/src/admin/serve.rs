//! Connections of the admin interface.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::events;
use super::routes::{self, View};

/// Open connections; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// A request's header must be whole within this, and an idle connection is closed after it.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// After this a connection takes no further request, so that nobody keeps its place for good.
const LIFETIME: Duration = Duration::from_secs(60);
/// And after so much more it is cut: a reader this slow is not one.
const LAST_RESPONSE: Duration = Duration::from_secs(10);
/// Pause when the system has no more sockets to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts on the listener that came last, until no other can come.
pub(super) async fn serve(view: Arc<View>, mut listeners: mpsc::UnboundedReceiver<Option<TcpListener>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut listener = None;
    loop {
        tokio::select! {
            next = listeners.recv() => match next {
                Some(next) => listener = next.and_then(register),
                None => return,
            },
            Some((stream, place)) = accept(listener.as_ref(), &places) => {
                tokio::spawn(connection(Arc::clone(&view), stream, place));
            }
        }
    }
}

fn register(listener: TcpListener) -> Option<tokio::net::TcpListener> {
    tokio::net::TcpListener::from_std(listener)
        .inspect_err(|error| tracing::error!(%error, "the admin listener cannot be used"))
        .ok()
}

async fn accept(
    listener: Option<&tokio::net::TcpListener>,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        match listener.accept().await {
            Ok((stream, _)) => return Some((stream, place)),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn connection(view: Arc<View>, stream: TcpStream, _place: OwnedSemaphorePermit) {
    stream.set_nodelay(true).ok();
    let busy = Busy::default();
    let of_requests = busy.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (view, busy) = (Arc::clone(&view), of_requests.clone());
        async move {
            Ok::<_, Infallible>(match request.uri().path() {
                "/events" => view.events.answer(&request, &busy).await,
                _ => events::whole(routes::answer(&request, &view)),
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is its client's affair.
    while tokio::time::timeout(LIFETIME, connection.as_mut()).await.is_err() {
        if !busy.is_busy() {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_RESPONSE, connection).await.ok();
            return;
        }
    }
}

/// Whether somebody follows events over a connection: it stays then, and the follower's own bounds hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Busy(Arc<AtomicUsize>);

/// As long as it lives, the connection is busy.
#[derive(Debug)]
pub(super) struct Stay(Arc<AtomicUsize>);

impl Busy {
    pub(super) fn enter(&self) -> Stay {
        self.0.fetch_add(1, Ordering::AcqRel);
        Stay(Arc::clone(&self.0))
    }

    pub(super) fn is_busy(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
