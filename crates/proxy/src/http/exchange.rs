//! One request and its response over one backend connection.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use evenkeel_config::ClientTimeouts;
use evenkeel_core::Outcome;
use h2::client::SendRequest;

use crate::http1::{BodyLength, Field, Malformed, SWITCHING_PROTOCOLS};
use crate::pool::{PoolSettings, SetCookie};
use crate::transport::Transport;
use crate::worker::Worker;

use super::body::RelayError;
use super::buffer::Buffer;
use super::client::Client;
use super::download::{Download, DownloadError};
use super::forward::Incoming;
use super::io::{Pace, write_parts};
use super::respond::Failure;
use super::timer::Timer;
use super::upload::{Target, Upload, begin};

/// A reused connection that had been closed shows it within this time.
const STALE_WITHIN: Duration = Duration::from_millis(100);
/// A call of gRPC may be silent in one direction for as long as the other one talks; this is for one that is abandoned.
const CALL_IDLE: Duration = Duration::from_secs(3600);

/// Everything that an exchange needs, borrowed for its time.
pub(crate) struct Exchange<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) upstream: Backend<'a>,
    /// Whether the backend connection has carried a request before.
    pub(crate) reused: bool,
    pub(crate) request: Incoming<'a>,
    /// What has been read from the client behind the request head.
    pub(crate) input: &'a mut Buffer,
    /// For the rewritten request head.
    pub(crate) to_backend: &'a mut Vec<u8>,
    pub(crate) from_backend: &'a mut Buffer,
    pub(crate) response_fields: &'a mut Vec<Field>,
    pub(crate) to_client: &'a mut Vec<u8>,
    /// For the response.
    pub(crate) timer: &'a mut Timer,
    /// For the request body, while both flow.
    pub(crate) upload_timer: &'a mut Timer,
    pub(crate) worker: &'a Worker,
    /// Whether the listener is gone from the configuration.
    pub(crate) retired: &'a AtomicBool,
    /// When the client's connection is too old to be kept.
    pub(crate) retires: Option<Instant>,
    pub(crate) bounds: Bounds<'a>,
    /// What the response sets.
    pub(crate) set_cookie: Option<SetCookie<'a>>,
    pub(crate) traffic: &'a Traffic,
}

/// What carries an exchange to its backend.
pub(crate) enum Backend<'a> {
    H1 {
        stream: &'a Transport,
        address: SocketAddr,
        /// Whether the backend is asked to switch protocols.
        upgrade: bool,
    },
    /// A connection that other exchanges use at the same time; this one gets a stream of it.
    H2 { connection: SendRequest<Bytes>, scheme: http::uri::Scheme, address: SocketAddr },
}

/// How long everybody may take, and how much a client may send.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) client: &'a ClientTimeouts,
    pub(crate) pool: &'a PoolSettings,
    pub(crate) body_max: Option<u64>,
    pub(crate) not_after: Option<tokio::time::Instant>,
    /// That end is the caller's own wish: a backend that does not make it has done nothing wrong.
    pub(crate) callers: bool,
}

impl Bounds<'_> {
    /// Time to open a connection: never longer than the whole request may still take.
    pub(crate) fn connect_timeout(&self) -> Duration {
        let left = self.not_after.map(|end| end.saturating_duration_since(tokio::time::Instant::now()));
        left.map_or(self.pool.connect_timeout, |left| left.min(self.pool.connect_timeout))
    }
}

/// Content moved in each direction.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) request: AtomicU64,
    pub(crate) response: AtomicU64,
}

impl Traffic {
    pub(crate) fn add(&self, sent: u64, received: u64) {
        self.request.fetch_add(sent, Ordering::Relaxed);
        self.response.fetch_add(received, Ordering::Relaxed);
    }

    /// Bytes of content to the backend and from it.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.request.load(Ordering::Relaxed), self.response.load(Ordering::Relaxed))
    }
}

/// How an exchange ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The client has the whole response.
    Delivered(Delivered),
    /// The client has the head of a response after which both connections speak another protocol. What followed it is in
    /// the buffer.
    Switched(Delivered),
    /// The reused connection turned out to be closed before the backend can have acted on the request.
    Stale,
    /// The backend has not acted on the request, and says so.
    Unprocessed,
    /// The client has got nothing yet and should get this.
    Failed(Failure, Outcome),
    /// The client has got a part that cannot be completed.
    Broken(Outcome),
    /// The client has left.
    ClientGone,
}

/// A response that arrived whole.
#[derive(Debug)]
pub(crate) struct Delivered {
    pub(crate) status: u16,
    /// Whether the status, of HTTP or of gRPC, blames the backend.
    pub(crate) failed: bool,
    pub(crate) keep_client: bool,
    pub(crate) keep_upstream: bool,
    /// The backend accepted the request and keeps the connection: it is to get all of the body.
    pub(super) wants_rest: bool,
    /// When its head arrived.
    pub(crate) head_at: Instant,
    /// When all of it had been handed to the kernel.
    pub(crate) ended_at: Instant,
}

impl Delivered {
    /// For a response that came before the end of its request's body: the backend has had work to do until now.
    fn ended_now(self) -> Self {
        Self { ended_at: Instant::now(), ..self }
    }
}

/// What the two directions tell each other.
#[derive(Default)]
pub(super) struct Progress {
    /// When the request body needed no more attention: sent, or given up.
    pub(super) sending_over: OnceLock<Instant>,
    /// A byte of a response has arrived, interim ones included.
    pub(super) heard: AtomicBool,
    /// The whole request has been sent.
    pub(super) sent: AtomicBool,
    /// Bytes of the final response have been written to the client.
    pub(super) response_started: AtomicBool,
}

impl Progress {
    pub(super) fn get(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    pub(super) fn set(flag: &AtomicBool) {
        flag.store(true, Ordering::Relaxed);
    }

    fn sending_ended(&self, outcome: &Result<(), RelayError>) {
        self.sending_over.get_or_init(Instant::now);
        if outcome.is_ok() {
            Self::set(&self.sent);
        }
    }
}

impl Exchange<'_> {
    /// Sends the request and delivers the response.
    pub(crate) async fn run(self) -> Ended {
        let body_length = self.request.head.body;
        let has_body = body_length != BodyLength::None;
        let may_be_stale = self.reused && !has_body && self.request.head.method.is_safe();
        let progress = Progress::default();
        let stage = self.worker.stage();
        let not_after = self.bounds.not_after;
        let upload_pace = |timer| Pace { timer, stage, not_after };
        let upgrade = matches!(self.upstream, Backend::H1 { upgrade: true, .. });
        let (request, sent) = (&self.request, self.client.sent());
        let (from, to) = match begin(self.upstream, self.to_backend, request, sent, !has_body) {
            Ok(begun) => begun,
            Err(error) => return settle(Err(error), &progress, may_be_stale, self.bounds),
        };
        let (inlet, outlet) = self.client.sides();
        let mut download = Download {
            from,
            buffer: self.from_backend,
            to: outlet,
            pending: self.to_client,
            fields: self.response_fields,
            timer: self.timer,
            worker: self.worker,
            retired: self.retired,
            retires: self.retires,
            upgrade,
            request: self.request,
            bounds: self.bounds,
            set_cookie: self.set_cookie,
            progress: &progress,
            moved: &self.traffic.response,
            watched: false,
        };
        let write_idle = self.bounds.pool.response_header_timeout;
        if !has_body {
            let sent = match to {
                Target::H1(upstream) => {
                    let mut pace = upload_pace(&mut *download.timer);
                    let head = [self.to_backend.as_slice()];
                    write_parts(&mut pace, upstream, write_idle, head).await.map_err(RelayError::from)
                }
                Target::H2(_) => Ok(()),
            };
            progress.sending_ended(&sent);
            download.watched = true;
            let outcome = download.run().await;
            return settle(outcome, &progress, may_be_stale, self.bounds);
        }
        let upload = Upload {
            inlet,
            buffer: self.input,
            to,
            pending: self.to_backend,
            pace: upload_pace(self.upload_timer),
            read_idle: sender_idle(&self.request, self.bounds),
            write_idle,
            content_max: self.bounds.body_max,
            moved: &self.traffic.request,
            worker: self.worker,
        };
        // In a box of its own, which requests without a body, most of them, need not carry along.
        let moving = Box::pin(async {
            let (upload, download) = (pin!(upload.run(body_length)), pin!(download.run()));
            both(upload, download, &progress, not_after).await
        });
        match moving.await {
            Ok(outcome) => settle(outcome, &progress, may_be_stale, self.bounds),
            Err(failure) => failure,
        }
    }
}

/// How long a client may be silent in the middle of its request.
fn sender_idle(request: &Incoming<'_>, bounds: Bounds<'_>) -> Duration {
    if request.over_http2 && request.is_grpc() { CALL_IDLE } else { bounds.client.request_body_idle }
}

/// Drives both directions until the response has ended or the client's side of the request has failed.
///
/// A backend that accepts the request before it has read it whole, and keeps the connection, gets the rest of it.
async fn both(
    mut upload: Pin<&mut impl Future<Output = Result<(), RelayError>>>,
    mut download: Pin<&mut impl Future<Output = Result<Delivered, DownloadError>>>,
    progress: &Progress,
    not_after: Option<tokio::time::Instant>,
) -> Result<Result<Delivered, DownloadError>, Ended> {
    let mut early: Option<Delivered> = None;
    std::future::poll_fn(|context| {
        if progress.sending_over.get().is_none()
            && let Poll::Ready(outcome) = upload.as_mut().poll(context)
        {
            progress.sending_ended(&outcome);
            if let Some(failure) = outcome.err().and_then(|error| upload_fault(error, progress, not_after)) {
                // Once the client has its answer, it is entitled to leave.
                return Poll::Ready(early.take().map_or(Err(failure), |early| Ok(Ok(early.ended_now()))));
            }
        }
        if early.is_none() {
            match download.as_mut().poll(context) {
                Poll::Ready(Ok(delivered))
                    if delivered.wants_rest && progress.sending_over.get().is_none() =>
                {
                    early = Some(delivered);
                }
                ended => return ended.map(Ok),
            }
        }
        if progress.sending_over.get().is_none() {
            return Poll::Pending;
        }
        early.take().map_or(Poll::Pending, |early| Poll::Ready(Ok(Ok(early.ended_now()))))
    })
    .await
}

/// What a failed upload means. `None` when the backend has closed: it may have answered already (413, say), so its
/// response decides.
fn upload_fault(
    error: RelayError,
    progress: &Progress,
    not_after: Option<tokio::time::Instant>,
) -> Option<Ended> {
    let (failure, outcome) = match error {
        RelayError::ReceiverGone => return None,
        RelayError::SenderGone => return Some(Ended::ClientGone),
        RelayError::SenderTimedOut | RelayError::ReceiverTimedOut if has_passed(not_after) => {
            (Failure::TotalTimeout, Outcome::Cancelled)
        }
        RelayError::ReceiverTimedOut => (Failure::ResponseTimeout, Outcome::ResponseTimeout),
        RelayError::SenderTimedOut => (Failure::BodyTimeout, Outcome::Cancelled),
        RelayError::Malformed(detail) => {
            (Failure::Malformed(Malformed { status: 400, detail }), Outcome::Cancelled)
        }
        RelayError::TooLarge => (Failure::BodyTooLarge, Outcome::Cancelled),
        RelayError::Cut => (Failure::Cut, Outcome::Cancelled),
    };
    Some(if Progress::get(&progress.response_started) {
        Ended::Broken(outcome)
    } else {
        Ended::Failed(failure, outcome)
    })
}

fn has_passed(end: Option<tokio::time::Instant>) -> bool {
    end.is_some_and(|end| end <= tokio::time::Instant::now())
}

/// Turns the end of the response into the end of the exchange.
fn settle(
    outcome: Result<Delivered, DownloadError>,
    progress: &Progress,
    may_be_stale: bool,
    bounds: Bounds<'_>,
) -> Ended {
    let error = match outcome {
        Ok(delivered) if delivered.status == SWITCHING_PROTOCOLS => return Ended::Switched(delivered),
        Ok(delivered) => return Ended::Delivered(delivered),
        Err(error) => error,
    };
    let (failure, outcome) = match error {
        DownloadError::Silent if may_be_stale && closed_at_once(progress) => return Ended::Stale,
        DownloadError::ClientGone => return Ended::ClientGone,
        DownloadError::Unprocessed if !Progress::get(&progress.response_started) => {
            return Ended::Unprocessed;
        }
        DownloadError::Silent | DownloadError::Truncated | DownloadError::Unprocessed => {
            (Failure::ConnectionTerminated, Outcome::ResponseBroken)
        }
        DownloadError::Unsayable => {
            let detail = "the request cannot be said in HTTP/2";
            return Ended::Failed(Failure::Malformed(Malformed { status: 400, detail }), Outcome::Cancelled);
        }
        // What it answers to others is none of this: it may be a page.
        DownloadError::NotSwitched => (Failure::NotSwitched, Outcome::Ok),
        DownloadError::Malformed(detail) => (Failure::BadResponse(detail), Outcome::ResponseBroken),
        DownloadError::TimedOut if has_passed(bounds.not_after) => {
            let outcome = if bounds.callers { Outcome::Cancelled } else { Outcome::ResponseTimeout };
            (Failure::TotalTimeout, outcome)
        }
        DownloadError::TimedOut => (Failure::ResponseTimeout, Outcome::ResponseTimeout),
        DownloadError::Cut => (Failure::Cut, Outcome::Cancelled),
    };
    // A backend that gives up while its client still sends may be right to: that is the client's doing.
    let outcome = if Progress::get(&progress.sent) { outcome } else { Outcome::Cancelled };
    if Progress::get(&progress.response_started) {
        Ended::Broken(outcome)
    } else {
        Ended::Failed(failure, outcome)
    }
}

/// Whether the connection can have been closed before the request reached the backend: nothing was heard on it, and its
/// end came within a network's delay. A backend that took its time has had the request.
fn closed_at_once(progress: &Progress) -> bool {
    let heard = Progress::get(&progress.heard);
    !heard && progress.sending_over.get().is_none_or(|sent| sent.elapsed() <= STALE_WITHIN)
}
