//! One stream of a client's connection: one request, answered by a task of its own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;

use crate::http::{Client, ClientNames, Connection, Failure, Next, Responder, Scratch, Stream};
use crate::http1::{self, Line, TOO_MANY_FIELDS, understand};
use crate::listen::Listener;
use crate::worker::Worker;

use super::connect::{asks_for_websocket, write_upgrade};
use super::head::write_request;
use super::link::Link;

/// The rest of a request that nobody wants is read and dropped for so long.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// As much is dropped at most.
const LINGER_BYTES: usize = 256 * 1024;

/// What the streams of one connection share.
pub(super) struct Shared {
    pub(super) peer: SocketAddr,
    pub(super) client: Arc<ClientNames>,
    pub(super) listener: Arc<Listener>,
    pub(super) worker: Arc<Worker>,
    pub(super) link: Arc<Link>,
    /// Streams whose tasks have not ended, whatever the protocol says of them.
    running: AtomicUsize,
    /// Of the connection's own task.
    waker: Mutex<Option<Waker>>,
}

/// A stream that is being answered, until this is dropped.
pub(super) struct Running(Arc<Shared>);

impl Shared {
    pub(super) fn new(
        peer: SocketAddr,
        listener: Arc<Listener>,
        worker: Arc<Worker>,
        link: Arc<Link>,
    ) -> Self {
        let client = Arc::new(ClientNames::new(peer).over(link.transport()));
        Self { peer, client, listener, worker, link, running: AtomicUsize::new(0), waker: Mutex::default() }
    }

    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Whom to wake when the last stream has ended.
    pub(super) fn watch(&self, waker: &Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
    }
}

impl Running {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        shared.running.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.0.running.fetch_sub(1, Ordering::Relaxed) == 1 {
            let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).clone();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

/// Has a request answered by a task of its own.
pub(super) fn begin(running: Running, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
    let Shared { client, listener, worker, link, .. } = &*running.0;
    let started = Instant::now();
    let mut scratch = worker.take_scratch();
    let (parts, receive) = request.into_parts();
    let request = Request::from_parts(parts, ());
    let Scratch { head, fields, .. } = &mut *scratch;
    let written = if asks_for_websocket(&request) {
        write_upgrade(head, fields, &request, &mut worker.seed_rng())
    } else {
        write_request(head, fields, &request, receive.is_end_stream())
    };
    let mut respond = Responder::new(respond);
    let line = match written {
        Ok(line) => line,
        Err(malformed) => {
            // RFC 9113 section 8.1.1: whatever else it might mean, it is not to be understood.
            tracing::debug!(client = %client.address, detail = malformed.0, "a malformed request over HTTP/2");
            listener.counts.http2.malformed.fetch_add(1, Ordering::Relaxed);
            respond.reset(Reason::PROTOCOL_ERROR);
            worker.give_back(scratch);
            return;
        }
    };
    let stream = Box::new(Stream { link: Arc::clone(link), request, receive, respond });
    // Small, for a task's future is moved several times until it has its place, and once more at its end.
    tokio::spawn(async move {
        let _registered = running.0.worker.register().await;
        Box::pin(answer(&running.0, stream, scratch, line, started)).await;
    });
}

/// Answers a request as if it had come alone on a connection of HTTP/1.1. Its head and fields are in `scratch`.
async fn answer(
    shared: &Shared,
    stream: Box<Stream>,
    mut scratch: Box<Scratch>,
    line: Line,
    started: Instant,
) {
    let Shared { peer, client, listener, worker, .. } = shared;
    let mut connection = Connection {
        stream: Client::H2(stream),
        peer: *peer,
        client: Arc::clone(client),
        listener: Arc::clone(listener),
        worker: Arc::clone(worker),
        timer: std::mem::take(&mut scratch.timer),
        rng: worker.seed_rng(),
        idle_since: started,
        retires: None,
    };
    let settings = listener.settings.load_full();
    let limits = &settings.limits;
    let understood = if scratch.fields.len() > limits.headers.min(http1::FIELDS_MAX) {
        Err(TOO_MANY_FIELDS)
    } else {
        understand(&scratch.head, line, &mut scratch.fields)
    };
    let next = match understood {
        _ if scratch.head.len() > limits.header_bytes => {
            connection.refuse(&mut scratch, &settings, started, Failure::HeaderTooLarge).await
        }
        Ok(head) => connection.answer(&mut scratch, &settings, started, head).await,
        Err(malformed) => {
            connection.refuse(&mut scratch, &settings, started, Failure::Malformed(malformed)).await
        }
    };
    scratch.timer = std::mem::take(&mut connection.timer);
    worker.give_back(scratch);
    if let Next::Tunnel(switched) = next {
        return Box::pin(connection.tunnel(switched)).await;
    }
    let Client::H2(stream) = &mut connection.stream else { return };
    match next {
        Next::Abort => stream.respond.reset(Reason::INTERNAL_ERROR),
        _ if stream.receive.is_end_stream() => {}
        _ => linger(&mut stream.receive).await,
    }
}

/// Drops what still comes of a request that has been answered before its end. A stream that is let go resets what its
/// client has not said yet, and clients have been seen to take that for the end of the response as well.
async fn linger(receive: &mut RecvStream) {
    let mut dropped = 0;
    let dropping = async {
        while dropped < LINGER_BYTES
            && let Some(Ok(piece)) = receive.data().await
        {
            dropped += piece.len();
            if receive.flow_control().release_capacity(piece.len()).is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(LINGER_TIME, dropping).await.ok();
}
