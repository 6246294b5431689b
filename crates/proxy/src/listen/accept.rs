//! Accepting connections, and spreading them over the workers.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

use crate::threads::WorkerHandle;
use crate::worker::Ticket;

use super::Listener;
use super::serve::start;

/// Wait after a failure of accept(2): out of files, it would fail again at once.
const PAUSE: Duration = Duration::from_millis(50);
/// Wait while the listener has all the connections it may have; others stay in the kernel's queue.
const FULL_PAUSE: Duration = Duration::from_millis(5);
/// At most one warning in this time.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// Accepts on one listener for one worker. Each worker has one, on the same socket.
pub(crate) struct Acceptor {
    pub(crate) listener: Arc<Listener>,
    pub(crate) socket: TcpListener,
    pub(crate) workers: Arc<[WorkerHandle]>,
    /// The worker that runs this.
    pub(crate) own: usize,
}

/// A connection on its way to the worker that will serve it.
pub(crate) struct Arrival {
    stream: std::net::TcpStream,
    peer: SocketAddr,
    ticket: Ticket,
    open: Open,
}

/// Counts a connection as open on its listener.
pub(super) struct Open {
    listener: Arc<Listener>,
}

impl Open {
    pub(super) fn listener(&self) -> &Arc<Listener> {
        &self.listener
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listener.counts.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Acceptor {
    /// Never ends by itself: neither a failure nor a full process stops it from accepting later.
    pub(crate) async fn run(self) {
        let mut warned: Option<Instant> = None;
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => {
                    let open = self.room().await;
                    self.assign(stream, peer, open);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.listener.counts.accept_errors.fetch_add(1, Ordering::Relaxed);
                    if warned.is_none_or(|at| at.elapsed() >= WARN_EVERY) {
                        tracing::warn!(listener = %self.listener.name, %error, "cannot accept connections");
                        warned = Some(Instant::now());
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Waits until the listener may have one more connection. Meanwhile others wait in the kernel's queue.
    async fn room(&self) -> Open {
        loop {
            if let Some(open) = self.reserve() {
                return open;
            }
            tokio::time::sleep(FULL_PAUSE).await;
        }
    }

    fn reserve(&self) -> Option<Open> {
        let max = self.listener.settings.load().limits.connections as u64;
        let open = &self.listener.counts.open;
        open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |now| (now < max).then_some(now + 1)).ok()?;
        Some(Open { listener: Arc::clone(&self.listener) })
    }

    /// The kernel wakes whom it likes, often the same worker again and again. So a connection goes to the worker
    /// with the fewest, unless that is (nearly) this one: then handing over would cost more than it evens out.
    fn assign(&self, stream: TcpStream, peer: SocketAddr, open: Open) {
        self.listener.counts.connections.fetch_add(1, Ordering::Relaxed);
        let connections = |index: usize| self.workers[index].worker.connections();
        let least = (0..self.workers.len()).min_by_key(|&index| connections(index)).unwrap_or(self.own);
        let chosen = if connections(self.own) <= connections(least) + 1 { self.own } else { least };
        let ticket = self.workers[chosen].worker.expect_connection();
        if chosen == self.own {
            start(stream, peer, ticket, open);
            return;
        }
        match stream.into_std() {
            Ok(stream) => self.workers[chosen].hand_over(Arrival { stream, peer, ticket, open }),
            Err(error) => tracing::warn!(%error, "cannot hand a connection over"),
        }
    }
}

impl Arrival {
    /// Serves the connection in a task of the current runtime.
    pub(crate) fn start(self) {
        match TcpStream::from_std(self.stream) {
            Ok(stream) => start(stream, self.peer, self.ticket, self.open),
            Err(error) => tracing::warn!(%error, "cannot watch an accepted connection"),
        }
    }
}

/// Hands the connections that wait in the kernel's queue to the workers with the fewest. For a socket that is about to be
/// closed, after its acceptors have stopped.
pub(crate) fn take_waiting(
    listener: &Arc<Listener>,
    socket: &std::net::TcpListener,
    workers: &[WorkerHandle],
) {
    while let Ok((stream, peer)) = socket.accept() {
        if stream.set_nonblocking(true).is_err() {
            continue;
        }
        listener.counts.connections.fetch_add(1, Ordering::Relaxed);
        listener.counts.open.fetch_add(1, Ordering::Relaxed);
        let open = Open { listener: Arc::clone(listener) };
        if let Some(least) = workers.iter().min_by_key(|handle| handle.worker.connections()) {
            let ticket = least.worker.expect_connection();
            least.hand_over(Arrival { stream, peer, ticket, open });
        }
    }
}

/// Failures that concern the one connection only (accept(2), "Error handling").
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}
