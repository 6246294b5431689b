//! Connections of the admin interface.

use std::convert::Infallible;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

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
    let service = service_fn(move |request| {
        let view = Arc::clone(&view);
        async move { Ok::<_, Infallible>(routes::answer(&request, &view)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    // How a connection ends is its client's affair.
    if tokio::time::timeout(LIFETIME, connection.as_mut()).await.is_err() {
        connection.as_mut().graceful_shutdown();
        tokio::time::timeout(LAST_RESPONSE, connection).await.ok();
    }
}
