//! Connections of HTTP/2 to backends: each worker has a few for each backend, and its requests share them.
//!
//! A request gets a slot, which is the right to one stream; a connection has as many as the pool allows and its peer's
//! settings do. Only where all slots are taken is another connection opened, by one request at a time: the others wait
//! for it, for it will have room for them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::SendRequest;
use http::uri::Scheme;
use tokio::sync::Semaphore;

use crate::http2::Link;
use crate::tls::Securely;

use super::{ConnectError, Keep, connect, engine};

/// Connections of one worker, by backend.
#[derive(Debug, Default)]
pub(crate) struct SharedPool {
    by_backend: Mutex<HashMap<u64, Backend>>,
}

/// Those of one backend.
#[derive(Debug)]
struct Backend {
    connections: Vec<Arc<Connection>>,
    /// Held by the request that opens another one.
    opening: Arc<Semaphore>,
}

/// Which connection a request needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) serial: u64,
    pub(crate) address: SocketAddr,
    /// As in [`Securely`]; 0 without TLS.
    pub(crate) secured: u64,
    /// Streams on one connection at most.
    pub(crate) streams_max: u32,
    pub(crate) keep: Keep,
}

/// A connection that others may use, too.
struct Connection {
    send: SendRequest<Bytes>,
    link: Arc<Link>,
    address: SocketAddr,
    secured: u64,
    scheme: Scheme,
    opened: Instant,
    /// By the bounds in force when it was opened.
    max_age: Duration,
    idle_timeout: Duration,
    /// Requests that use it.
    streams: AtomicUsize,
    /// It takes no more requests: its peer has said so, or it has ended.
    leaving: AtomicBool,
    /// When its last stream ended.
    idle_since: Mutex<Instant>,
}

/// The right to one stream, until it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    connection: Arc<Connection>,
    reused: bool,
}

impl SharedPool {
    /// A slot on a connection that is there, or on a new one, within `timeout`. One that begins with `first`, a PROXY
    /// header, names one client, and so is shared with nobody.
    ///
    /// # Errors
    /// [`ConnectError`] when no connection could be opened.
    pub(crate) async fn slot(
        &self,
        wanted: Wanted,
        timeout: Duration,
        first: &[u8],
        securely: impl FnOnce() -> Option<Securely>,
    ) -> Result<Slot, ConnectError> {
        if !first.is_empty() {
            let connection = Arc::new(open(wanted, timeout, first, securely()).await?);
            connection.streams.store(1, Ordering::Relaxed);
            return Ok(Slot { connection, reused: false });
        }
        if let Some(slot) = self.free(wanted) {
            return Ok(slot);
        }
        let until = tokio::time::Instant::now() + timeout;
        let opening = Arc::clone(&self.lock().entry(wanted.serial).or_insert_with(Backend::new).opening);
        let opener = tokio::time::timeout_at(until, opening.acquire()).await;
        let Ok(Ok(_opener)) = opener else { return Err(ConnectError::TimedOut) };
        // Whoever opened one before may have left room on it.
        if let Some(slot) = self.free(wanted) {
            return Ok(slot);
        }
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        let connection = Arc::new(open(wanted, left, &[], securely()).await?);
        connection.streams.store(1, Ordering::Relaxed);
        let backend = &mut self.lock();
        let backend = backend.entry(wanted.serial).or_insert_with(Backend::new);
        backend.connections.push(Arc::clone(&connection));
        Ok(Slot { connection, reused: false })
    }

    /// A slot that is free now, on the connection that was opened first: those opened for a peak become idle after it.
    fn free(&self, wanted: Wanted) -> Option<Slot> {
        let mut by_backend = self.lock();
        let backend = by_backend.get_mut(&wanted.serial)?;
        let now = Instant::now();
        // Only as far as need be: those behind the one that has a slot are looked at when it has none.
        let mut place = 0;
        while let Some(connection) = backend.connections.get(place) {
            if connection.is_useless(now, Some(wanted)) {
                backend.connections.remove(place);
            } else if connection.reserve(wanted.streams_max) {
                return Some(Slot { connection: Arc::clone(connection), reused: true });
            } else {
                place += 1;
            }
        }
        None
    }

    /// Lets go of connections that have ended, are too old or have had nothing to do for too long. Those in use end when
    /// their last stream has. Called every second or so.
    pub(crate) fn sweep(&self, draining: bool) {
        let now = Instant::now();
        let mut by_backend = self.lock();
        by_backend.retain(|_, backend| {
            backend.connections.retain(|connection| {
                let idle = connection.streams.load(Ordering::Relaxed) == 0;
                !(connection.is_useless(now, None) || draining && idle)
            });
            !backend.connections.is_empty() || backend.opening.available_permits() == 0
        });
    }

    /// Connections held.
    pub(crate) fn len(&self) -> usize {
        self.lock().values().map(|backend| backend.connections.len()).sum()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Backend>> {
        self.by_backend.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Backend {
    fn new() -> Self {
        Self { connections: Vec::new(), opening: Arc::new(Semaphore::new(1)) }
    }
}

impl Connection {
    /// Whether it is to take no more requests, such as one that is `wanted` now.
    fn is_useless(&self, now: Instant, wanted: Option<Wanted>) -> bool {
        let fits = |wanted: Wanted| (wanted.address, wanted.secured) == (self.address, self.secured);
        let moved = wanted.is_some_and(|wanted| !fits(wanted));
        let idle = self.streams.load(Ordering::Relaxed) == 0
            && now.saturating_duration_since(*lock(&self.idle_since)) >= self.idle_timeout;
        let old = now.saturating_duration_since(self.opened) >= self.max_age;
        moved || idle || old || self.is_leaving()
    }

    fn is_leaving(&self) -> bool {
        // The engine knows of a GOAWAY before this connection's task does.
        let ready = || self.send.clone().poll_ready(&mut Context::from_waker(Waker::noop()));
        self.leaving.load(Ordering::Relaxed) || matches!(ready(), Poll::Ready(Err(_)))
    }

    /// Takes a slot, if there is one.
    fn reserve(&self, streams_max: u32) -> bool {
        let max = (streams_max as usize).min(self.send.current_max_send_streams());
        let taken = self.streams.load(Ordering::Relaxed);
        if taken >= max {
            return false;
        }
        self.streams.store(taken + 1, Ordering::Relaxed);
        true
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Slot {
    /// The handle that begins streams.
    pub(crate) fn connection(&self) -> SendRequest<Bytes> {
        self.connection.send.clone()
    }

    /// Of requests on it.
    pub(crate) fn scheme(&self) -> Scheme {
        self.connection.scheme.clone()
    }

    /// Whether it has carried a request before: then its peer may have closed it meanwhile.
    pub(crate) fn reused(&self) -> bool {
        self.reused
    }

    /// When the connection was opened.
    pub(crate) fn opened(&self) -> Instant {
        self.connection.opened
    }

    /// Rises with whatever comes from the backend, for this request or for others.
    pub(crate) fn heard(&self) -> u64 {
        self.connection.link.heard()
    }

    /// No more requests on this connection.
    pub(crate) fn retire(&self) {
        self.connection.leaving.store(true, Ordering::Relaxed);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        if self.connection.streams.fetch_sub(1, Ordering::Relaxed) == 1 {
            *lock(&self.connection.idle_since) = Instant::now();
        }
    }
}

async fn open(
    wanted: Wanted,
    timeout: Duration,
    first: &[u8],
    securely: Option<Securely>,
) -> Result<Connection, ConnectError> {
    let until = tokio::time::Instant::now() + timeout;
    let upstream = connect(wanted.address, timeout, first, securely).await?;
    let scheme = if upstream.stream.plain().is_some() { Scheme::HTTP } else { Scheme::HTTPS };
    let begun = engine::begin(upstream.stream, wanted.streams_max, wanted.address);
    let begun = tokio::time::timeout_at(until, begun).await.map_err(|_| ConnectError::TimedOut)?;
    let (send, link) = begun.map_err(|error| {
        tracing::debug!(address = %wanted.address, %error, "cannot speak HTTP/2");
        ConnectError::Failed
    })?;
    Ok(Connection {
        send,
        link,
        address: wanted.address,
        secured: upstream.secured,
        scheme,
        opened: upstream.opened,
        max_age: wanted.keep.max_age,
        idle_timeout: wanted.keep.idle_timeout,
        streams: AtomicUsize::new(0),
        leaving: AtomicBool::new(false),
        idle_since: Mutex::new(upstream.opened),
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
