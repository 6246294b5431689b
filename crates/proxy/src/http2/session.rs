//! One connection of a client that speaks HTTP/2, from its preface to its end.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use evenkeel_config::Http2;
use h2::server::{self, SendResponse};
use h2::{Ping, PingPong, Reason, RecvStream};
use http::Request;
use tokio::time::Instant;

use crate::http::Timer;
use crate::listen::{Listener, ListenerSettings};
use crate::transport::Transport;
use crate::worker::Worker;

use super::bounds::Http2Bounds;
use super::frames::Flood;
use super::link::{Io, Link};
use super::stream::{Running, Shared, begin};

/// Bytes of responses that wait for a slow client on one stream.
const SEND_BUFFER: usize = 64 * 1024;
/// What RFC 9113 section 6.5.2 adds to the length of each field.
const FIELD_OVERHEAD: u32 = 32;
/// Pseudo-header fields of a request.
const PSEUDO_FIELDS: u32 = 4;
/// Windows of streams that a connection's own window holds: what a client can have us keep for slow backends.
const WINDOWS_AT_ONCE: u32 = 4;
/// Streams that may still be wound up after they have ended for the protocol, as a multiple of those that may be open:
/// backends must not be made to work on more requests by resetting them (CVE-2023-44487, CVE-2025-8671).
const RUNNING_FACTOR: usize = 2;
/// Streams that one turn of a connection begins at most. Each is work for backends, too: a client that opens all it may in
/// one packet would have everybody else on this worker wait for all of them.
const BEGUN_AT_ONCE: usize = 16;
/// How long a connection that is leaving is kept when it has nothing to do: a request may be on its way.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// After the last word the rest of what the client sends is read and dropped for so long, so that the word reaches it.
const LINGER_TIME: Duration = Duration::from_secs(1);
/// As much is dropped at most.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves a connection that has sent `input` already, and belongs to whoever speaks HTTP/2 on it.
pub(crate) async fn serve(
    stream: Transport,
    input: Vec<u8>,
    peer: SocketAddr,
    listener: Arc<Listener>,
    worker: Arc<Worker>,
) {
    let settings = listener.settings.load_full();
    let Some(bounds) = settings.http2.clone() else { return };
    listener.counts.http2.connections.fetch_add(1, Ordering::Relaxed);
    let link = Arc::new(Link::of_client(stream, input, bounds.settings.resets));
    let shared = Arc::new(Shared::new(peer, listener, worker, link));
    let mut timer = Timer::default();
    if let Some(connection) = shake_hands(&shared, &bounds, settings.limits.headers, &mut timer).await {
        let mut session = Session::new(connection, Arc::clone(&shared), bounds, settings, timer);
        std::future::poll_fn(|context| session.poll(context)).await;
        drop(session);
    }
    linger(&shared).await;
    // Requests hear of the end by themselves; until they have ended, this connection counts as open.
    std::future::poll_fn(|context| {
        shared.watch(context.waker());
        if shared.running() == 0 { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

async fn shake_hands(
    shared: &Shared,
    bounds: &Http2Bounds,
    fields_max: usize,
    timer: &mut Timer,
) -> Option<server::Connection<Io, Bytes>> {
    let window = bounds
        .settings
        .window_bytes
        .saturating_mul(WINDOWS_AT_ONCE.min(bounds.settings.streams))
        .min(i32::MAX as u32);
    let mut builder = server::Builder::new();
    builder
        .max_concurrent_streams(bounds.settings.streams)
        // The engine reckons 32 bytes more for each field; the head's own length is looked at before it is parsed.
        .max_header_list_size(header_list_max(&bounds.settings, fields_max))
        .initial_window_size(bounds.settings.window_bytes)
        .initial_connection_window_size(window)
        // Of streams that a task is about to take; those that it has taken are counted frame by frame.
        .max_pending_accept_reset_streams(bounds.settings.resets as usize)
        .max_local_error_reset_streams(None)
        .enable_connect_protocol()
        .max_send_buffer_size(SEND_BUFFER);
    let mut handshake = std::pin::pin!(builder.handshake(Io(Arc::clone(&shared.link))));
    let shaking = std::future::poll_fn(|context| {
        let shaken = handshake.as_mut().poll(context);
        if let Poll::Ready(Err(_)) = shared.link.poll_out(context) {
            return Poll::Ready(None);
        }
        shaken.map(Result::ok)
    });
    timer.limit(shared.worker.stage(), bounds.handshake, None, shaking).await.ok().flatten()
}

/// The largest list whose text can be short enough (RFC 9113 section 6.5.2 says how it is reckoned).
fn header_list_max(settings: &Http2, fields_max: usize) -> u32 {
    let fields = u32::try_from(fields_max).unwrap_or(u32::MAX).saturating_add(PSEUDO_FIELDS);
    settings.header_list_bytes.saturating_add(fields.saturating_mul(FIELD_OVERHEAD))
}

/// A connection whose preface has come.
struct Session {
    connection: server::Connection<Io, Bytes>,
    shared: Arc<Shared>,
    bounds: Http2Bounds,
    settings: Arc<ListenerSettings>,
    timer: Timer,
    opened: Instant,
    /// When it is too old.
    retires: Option<Instant>,
    /// Since when it has had nothing to do.
    idle_since: Option<Instant>,
    /// The client has been told to open no more streams.
    leaving: bool,
    /// Its listener is gone: what is left at this moment is cut.
    cut_at: Option<Instant>,
    /// It has been told that the connection ends, whatever it does; it ends at this moment at the latest.
    ends: Option<Instant>,
    pings: Option<PingPong>,
    next_ping: Option<Instant>,
    /// What had been heard when the last ping was sent.
    asked_at: Option<u64>,
    heard: u64,
}

impl Session {
    fn new(
        mut connection: server::Connection<Io, Bytes>,
        shared: Arc<Shared>,
        bounds: Http2Bounds,
        settings: Arc<ListenerSettings>,
        timer: Timer,
    ) -> Self {
        let opened = Instant::now();
        let retires = settings.retires(opened.into_std(), &mut shared.worker.seed_rng());
        let pings = bounds.settings.ping_interval.and_then(|_| connection.ping_pong());
        Self {
            opened,
            retires: retires.map(Instant::from_std),
            idle_since: None,
            leaving: false,
            cut_at: None,
            ends: None,
            pings,
            next_ping: bounds.settings.ping_interval.map(|interval| opened + interval),
            asked_at: None,
            heard: 0,
            connection,
            shared,
            bounds,
            settings,
            timer,
        }
    }

    /// Ready when the connection is to be dropped.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.watch(context.waker());
        loop {
            if self.poll_streams(context).is_ready() {
                return Poll::Ready(());
            }
            // What all streams have to say by now goes out in one piece.
            if let Poll::Ready(Err(_)) = self.shared.link.poll_out(context) {
                return Poll::Ready(());
            }
            if self.misbehaves() || self.leaves() {
                // The engine has a last word to say.
                continue;
            }
            let now = Instant::now();
            if self.is_over(now) || self.shared.worker.stage().is_cut() {
                return Poll::Ready(());
            }
            let deadline = self.deadline(now);
            ready!(self.timer.poll_deadline(context, deadline));
        }
    }

    /// Runs the protocol and begins the streams that have come, some at a time. Ready at its end.
    fn poll_streams(&mut self, context: &mut Context<'_>) -> Poll<()> {
        for _ in 0..BEGUN_AT_ONCE {
            match ready!(self.connection.poll_accept(context)) {
                Some(Ok((request, respond))) => self.begin(request, respond),
                Some(Err(error)) => {
                    self.note(&error);
                    return Poll::Ready(());
                }
                None => return Poll::Ready(()),
            }
            // Nothing is begun for a client that is about to be told that this was too much.
            if self.ends.is_none() && self.shared.link.flood().is_some() {
                return Poll::Pending;
            }
        }
        // The others have their turn before the next ones.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn begin(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let counts = &self.shared.listener.counts.http2;
        counts.streams.fetch_add(1, Ordering::Relaxed);
        self.idle_since = None;
        if self.shared.running() >= RUNNING_FACTOR * self.bounds.settings.streams as usize {
            counts.refused.fetch_add(1, Ordering::Relaxed);
            respond.send_reset(Reason::REFUSED_STREAM);
            return;
        }
        begin(Running::new(&self.shared), request, respond);
    }

    /// Ends a connection whose client floods it or has not begun as it must. True the first time.
    fn misbehaves(&mut self) -> bool {
        if self.ends.is_some() {
            return false;
        }
        let reason = match (self.shared.link.flood(), self.shared.link.began_well()) {
            (Some(flood), _) => {
                self.flooded(flood);
                Reason::ENHANCE_YOUR_CALM
            }
            (None, Some(false)) => Reason::PROTOCOL_ERROR,
            (None, _) => return false,
        };
        self.ends = Some(Instant::now() + LAST_CHANCE);
        self.connection.abrupt_shutdown(reason);
        true
    }

    /// What the engine itself has ended the connection for.
    fn note(&self, error: &h2::Error) {
        tracing::debug!(client = %self.shared.client.address, %error, "a connection of HTTP/2 ended");
        if !(error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)) {
            return;
        }
        if let Some(flood) = self.shared.link.suspected() {
            self.flooded(flood);
        }
    }

    fn flooded(&self, flood: Flood) {
        let Shared { client, listener, .. } = &*self.shared;
        tracing::info!(client = %client.address, listener = %listener.name, flood = flood.as_str(),
            "a client's behaviour over HTTP/2 ended its connection");
        listener.counts.http2.flooded(flood);
    }

    /// Tells the client to open no more streams, once there is a reason. True the first time.
    fn leaves(&mut self) -> bool {
        let now = Instant::now();
        let Shared { listener, worker, .. } = &*self.shared;
        let old = self.retires.is_some_and(|retires| now >= retires);
        let idle = self.idle_since.is_some_and(|since| now >= since + self.settings.timeouts.keep_alive);
        let retired = listener.retired.load(Ordering::Acquire);
        if retired {
            self.cut_at.get_or_insert(now + self.settings.drain);
        }
        let leaving = worker.stage().is_leaving() || retired;
        if self.leaving || !(leaving || old || idle) {
            return false;
        }
        self.leaving = true;
        self.connection.graceful_shutdown();
        true
    }

    /// Whether there is nothing left to wait for.
    fn is_over(&mut self, now: Instant) -> bool {
        if self.connection.has_streams() || self.shared.running() > 0 {
            self.idle_since = None;
        } else if self.idle_since.is_none() {
            self.idle_since = Some(now);
            self.shared.link.shrink();
        }
        let link = &self.shared.link;
        let stuck = link.stuck_since().is_some_and(|since| now >= since + self.settings.timeouts.write_idle);
        let never_began = link.began_well().is_none() && now >= self.opened + self.bounds.handshake;
        let left = self.leaving && self.idle_since.is_some_and(|since| now >= since + LAST_CHANCE);
        let ends = [self.ends, self.cut_at].into_iter().flatten().any(|ends| now >= ends);
        ends || stuck || never_began || left || self.is_deaf(now)
    }

    /// Whether the client has not answered a ping; sends one when it is time.
    fn is_deaf(&mut self, now: Instant) -> bool {
        let (Some(pings), Some(next), Some(interval)) =
            (&mut self.pings, self.next_ping, self.bounds.settings.ping_interval)
        else {
            return false;
        };
        if now < next {
            return false;
        }
        let heard = self.shared.link.heard();
        if self.asked_at == Some(heard) {
            return true;
        }
        self.next_ping = Some(now + interval);
        let silent = std::mem::replace(&mut self.heard, heard) == heard;
        self.asked_at = silent.then_some(heard);
        if silent {
            // A pong that came meanwhile makes room for another ping.
            let noop = &mut Context::from_waker(std::task::Waker::noop());
            let _ = pings.poll_pong(noop).is_ready();
            pings.send_ping(Ping::opaque()).ok();
        }
        false
    }

    /// When something has to be looked at again at the latest.
    fn deadline(&self, now: Instant) -> Instant {
        let link = &self.shared.link;
        let timeouts = &self.settings.timeouts;
        let patience = if self.leaving { LAST_CHANCE } else { timeouts.keep_alive };
        let retires = self.retires.filter(|_| !self.leaving);
        let begin = link.began_well().is_none().then_some(self.opened + self.bounds.handshake);
        let deadlines = [
            self.idle_since.map(|since| since + patience),
            link.stuck_since().map(|since| since + timeouts.write_idle),
            self.ends,
            self.cut_at,
            self.next_ping,
            retires,
            begin,
        ];
        deadlines.into_iter().flatten().min().unwrap_or(now + timeouts.keep_alive)
    }
}

/// Closes the sending side, then drops what still comes: closing with bytes unread resets the connection, and a reset can
/// destroy the last word while it is under way.
async fn linger(shared: &Shared) {
    let (link, stage) = (&shared.link, shared.worker.stage());
    link.transport().farewell();
    if stage.is_cut() || rustix::net::shutdown(link.transport().tcp(), rustix::net::Shutdown::Write).is_err()
    {
        return;
    }
    let mut sink = Vec::with_capacity(4096);
    let mut dropped = 0;
    let dropping = std::future::poll_fn(|context| {
        while dropped < LINGER_BYTES && !stage.is_cut() {
            sink.clear();
            match ready!(link.transport().poll_recv(context, &mut sink)) {
                Ok(count) if count > 0 => dropped += count,
                _ => return Poll::Ready(()),
            }
        }
        Poll::Ready(())
    });
    tokio::time::timeout(LINGER_TIME, dropping).await.ok();
}
