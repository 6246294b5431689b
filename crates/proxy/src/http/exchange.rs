//! One request and its response over one backend connection.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_config::ClientTimeouts;
use evenkeel_core::Outcome;
use tokio::io::ReadBuf;

use crate::http1::{
    BodyLength, Field, HeadScanner, ResponseHead, SWITCHING_PROTOCOLS, Scan, is_accepted, parse_response,
};
use crate::pool::{PoolSettings, SetCookie};
use crate::transport::Transport;
use crate::worker::Worker;

use super::body::{Relay, RelayError};
use super::buffer::Buffer;
use super::forward::{self, Beside, Framing, Incoming};
use super::io::{Pace, write_parts};
use super::respond::Failure;
use super::timer::{Interrupted, Timer};

/// Largest header section accepted from a backend.
const RESPONSE_HEADER_MAX: usize = 64 * 1024;
/// A reused connection that had been closed shows it within this time.
const STALE_WITHIN: Duration = Duration::from_millis(100);
/// Interim responses accepted before the final one.
const INTERIM_MAX: u32 = 32;

/// Everything that an exchange needs, borrowed for its time.
pub(crate) struct Exchange<'a> {
    pub(crate) client: &'a Transport,
    pub(crate) upstream: &'a Transport,
    /// Whether the backend connection has carried a request before.
    pub(crate) reused: bool,
    /// Whether the backend is asked to switch protocols.
    pub(crate) upgrade: bool,
    pub(crate) request: Incoming<'a>,
    /// What has been read from the client behind the request head.
    pub(crate) input: &'a mut Buffer,
    /// Holds the rewritten request head.
    pub(crate) to_backend: &'a mut Vec<u8>,
    pub(crate) from_backend: &'a mut Buffer,
    pub(crate) response_fields: &'a mut Vec<Field>,
    pub(crate) to_client: &'a mut Vec<u8>,
    /// For the response; the request body has a timer of its own while both flow.
    pub(crate) timer: &'a mut Timer,
    pub(crate) worker: &'a Worker,
    /// Whether the listener is gone from the configuration.
    pub(crate) retired: &'a AtomicBool,
    pub(crate) bounds: Bounds<'a>,
    /// What the response sets.
    pub(crate) set_cookie: Option<SetCookie<'a>>,
    pub(crate) traffic: &'a Traffic,
}

/// How long everybody may take, and how much a client may send.
#[derive(Clone, Copy)]
pub(crate) struct Bounds<'a> {
    pub(crate) client: &'a ClientTimeouts,
    pub(crate) pool: &'a PoolSettings,
    pub(crate) body_max: Option<u64>,
    pub(crate) not_after: Option<tokio::time::Instant>,
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
    pub(crate) keep_client: bool,
    pub(crate) keep_upstream: bool,
    /// The backend accepted the request and keeps the connection: it is to get all of the body.
    wants_rest: bool,
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
struct Progress {
    /// When the request body needed no more attention: sent, or given up.
    sending_over: OnceLock<Instant>,
    /// A byte of a response has arrived, interim ones included.
    heard: AtomicBool,
    /// The whole request has been sent.
    sent: AtomicBool,
    /// Bytes of the final response have been written to the client.
    response_started: AtomicBool,
}

impl Progress {
    fn get(flag: &AtomicBool) -> bool {
        flag.load(Ordering::Relaxed)
    }

    fn set(flag: &AtomicBool) {
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
        let has_body = self.request.head.body != BodyLength::None;
        let may_be_stale = self.reused && !has_body && self.request.head.method.is_safe();
        let progress = Progress::default();
        let mut upload_timer = Timer::default();
        let stage = self.worker.stage();
        let upload_pace = |timer| Pace { timer, stage, not_after: self.bounds.not_after };
        let mut download = Download {
            from: self.upstream,
            buffer: self.from_backend,
            to: self.client,
            pending: self.to_client,
            fields: self.response_fields,
            timer: self.timer,
            worker: self.worker,
            retired: self.retired,
            upgrade: self.upgrade,
            request: self.request,
            bounds: self.bounds,
            set_cookie: self.set_cookie,
            progress: &progress,
            moved: &self.traffic.response,
            watched: None,
        };
        let body_length = self.request.head.body;
        if !has_body {
            let mut pace = upload_pace(&mut *download.timer);
            let head = [self.to_backend.as_slice()];
            let idle = self.bounds.pool.response_header_timeout;
            let sent = write_parts(&mut pace, self.upstream, idle, head).await.map_err(RelayError::from);
            progress.sending_ended(&sent);
            download.watched = Some(self.client);
            let outcome = download.run().await;
            return settle(outcome, &progress, may_be_stale, self.bounds.not_after);
        }
        self.input.reserve_for_body();
        let mut upload = Relay {
            from: self.client,
            buffer: self.input,
            to: self.upstream,
            pending: self.to_backend,
            pace: upload_pace(&mut upload_timer),
            read_idle: self.bounds.client.request_body_idle,
            write_idle: self.bounds.pool.response_header_timeout,
            content_max: self.bounds.body_max,
            moved: &self.traffic.request,
            pipes: self.worker.pipes(),
        };
        let not_after = self.bounds.not_after;
        match both(upload.run(body_length, Framing::Chunked), download.run(), &progress, not_after).await {
            Ok(outcome) => settle(outcome, &progress, may_be_stale, self.bounds.not_after),
            Err(failure) => failure,
        }
    }
}

/// Drives both directions until the response has ended or the client's side of the request has failed.
///
/// A backend that accepts the request before it has read it whole, and keeps the connection, gets the rest of it.
async fn both(
    upload: impl Future<Output = Result<(), RelayError>>,
    download: impl Future<Output = Result<Delivered, DownloadError>>,
    progress: &Progress,
    not_after: Option<tokio::time::Instant>,
) -> Result<Result<Delivered, DownloadError>, Ended> {
    let mut upload = std::pin::pin!(upload);
    let mut download = std::pin::pin!(download);
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
            (Failure::Malformed(crate::http1::Malformed { status: 400, detail }), Outcome::Cancelled)
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
    not_after: Option<tokio::time::Instant>,
) -> Ended {
    let error = match outcome {
        Ok(delivered) if delivered.status == SWITCHING_PROTOCOLS => return Ended::Switched(delivered),
        Ok(delivered) => return Ended::Delivered(delivered),
        Err(error) => error,
    };
    let (failure, outcome) = match error {
        DownloadError::Silent if may_be_stale && closed_at_once(progress) => return Ended::Stale,
        DownloadError::ClientGone => return Ended::ClientGone,
        DownloadError::Silent | DownloadError::Truncated => {
            (Failure::ConnectionTerminated, Outcome::ResponseBroken)
        }
        DownloadError::Malformed(detail) => (Failure::BadResponse(detail), Outcome::ResponseBroken),
        DownloadError::TimedOut if has_passed(not_after) => (Failure::TotalTimeout, Outcome::ResponseTimeout),
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

/// The way back: response head, then body.
struct Download<'a> {
    from: &'a Transport,
    buffer: &'a mut Buffer,
    to: &'a Transport,
    pending: &'a mut Vec<u8>,
    fields: &'a mut Vec<Field>,
    timer: &'a mut Timer,
    worker: &'a Worker,
    retired: &'a AtomicBool,
    upgrade: bool,
    request: Incoming<'a>,
    bounds: Bounds<'a>,
    set_cookie: Option<SetCookie<'a>>,
    progress: &'a Progress,
    moved: &'a AtomicU64,
    /// The client while nothing is read from it: a reset there ends the wait for an answer nobody takes.
    watched: Option<&'a Transport>,
}

#[derive(Debug)]
enum DownloadError {
    /// The backend closed without a byte of a response.
    Silent,
    /// It closed in the middle.
    Truncated,
    Malformed(&'static str),
    TimedOut,
    ClientGone,
    Cut,
}

impl Download<'_> {
    async fn run(&mut self) -> Result<Delivered, DownloadError> {
        self.pending.clear();
        let (head, length) = self.final_head().await?;
        if head.switches {
            return self.switch(&head, length).await;
        }
        let head_at = Instant::now();
        let minor = self.request.head.minor;
        let framing = forward::framing(head.body, minor);
        let sent = Progress::get(&self.progress.sent);
        let leaving = self.worker.stage().is_leaving() || self.retired.load(Ordering::Acquire);
        let keep_client = self.request.head.keep_alive && sent && framing != Framing::UntilClose && !leaving;
        let beside = Beside { framing, keep: keep_client, minor, set_cookie: self.set_cookie };
        let bytes = &self.buffer.bytes()[..length];
        let date = || self.worker.http_date();
        forward::response_head(self.pending, bytes, &head, self.fields, beside, date);
        self.buffer.consume(length);
        Progress::set(&self.progress.response_started);
        self.body(head.body, framing).await?;
        let quiet = self.buffer.is_empty();
        let keep_upstream = head.keep_alive && quiet && Progress::get(&self.progress.sent);
        let wants_rest = head.status < 400 && head.keep_alive;
        let ended_at = Instant::now();
        Ok(Delivered { status: head.status, keep_client, keep_upstream, wants_rest, head_at, ended_at })
    }

    /// Passes on interim responses; leaves the final head at the front of the buffer.
    async fn final_head(&mut self) -> Result<(ResponseHead, usize), DownloadError> {
        for _ in 0..INTERIM_MAX {
            let length = self.head_length().await?;
            let bytes = &self.buffer.bytes()[..length];
            let head = parse_response(bytes, self.request.head.method, self.fields)
                .map_err(|malformed| DownloadError::Malformed(malformed.detail))?;
            if head.status == SWITCHING_PROTOCOLS && !self.asked_for(&head, bytes) {
                return Err(DownloadError::Malformed("the backend switches protocols unasked"));
            }
            if !head.is_interim() || head.switches {
                return Ok((head, length));
            }
            if self.request.head.minor == 1 {
                forward::interim_head(self.pending, bytes, &head, self.fields);
            }
            self.buffer.consume(length);
            self.flush().await?;
        }
        Err(DownloadError::Malformed("too many interim responses"))
    }

    /// Whether a switch of protocols is to one that the backend was offered.
    fn asked_for(&self, head: &ResponseHead, bytes: &[u8]) -> bool {
        let offer = (self.request.bytes, self.request.fields);
        self.upgrade && head.switches && is_accepted(offer, (bytes, self.fields))
    }

    async fn switch(&mut self, head: &ResponseHead, length: usize) -> Result<Delivered, DownloadError> {
        let head_at = Instant::now();
        let bytes = &self.buffer.bytes()[..length];
        forward::switch_head(self.pending, bytes, head, self.fields, self.set_cookie);
        self.buffer.consume(length);
        Progress::set(&self.progress.response_started);
        self.flush().await?;
        Ok(Delivered {
            status: head.status,
            keep_client: false,
            keep_upstream: false,
            wants_rest: false,
            head_at,
            ended_at: head_at,
        })
    }

    async fn flush(&mut self) -> Result<(), DownloadError> {
        let mut pace =
            Pace { timer: self.timer, stage: self.worker.stage(), not_after: self.bounds.not_after };
        let written = write_parts(&mut pace, self.to, self.bounds.client.write_idle, [self.pending]).await;
        self.pending.clear();
        written.map_err(|_| DownloadError::ClientGone)
    }

    /// Length of the head at the front of the buffer, once it is whole.
    async fn head_length(&mut self) -> Result<usize, DownloadError> {
        let mut scanner = HeadScanner::default();
        loop {
            match scanner.advance(self.buffer.bytes()) {
                Scan::Complete(length) => return Ok(length),
                Scan::BareLf => return Err(DownloadError::Malformed("a header line does not end in CR LF")),
                Scan::Partial if self.buffer.bytes().len() >= RESPONSE_HEADER_MAX => {
                    return Err(DownloadError::Malformed("the header section is too large"));
                }
                Scan::Partial => {}
            }
            if self.buffer.is_full() {
                self.buffer.reserve(RESPONSE_HEADER_MAX);
            }
            self.await_head_bytes().await?;
        }
    }

    async fn await_head_bytes(&mut self) -> Result<(), DownloadError> {
        let nothing_yet = self.buffer.is_empty();
        let (from, buffer, watched) = (self.from, &mut *self.buffer, &mut self.watched);
        let wait = std::future::poll_fn(|context| {
            if let Poll::Ready(read) = buffer.poll_fill(context, from) {
                return Poll::Ready(Ok(read));
            }
            let Some(client) = watched else {
                return Poll::Pending;
            };
            let mut byte = [0; 1];
            match client.tcp().poll_peek(context, &mut ReadBuf::new(&mut byte)) {
                Poll::Ready(Err(_)) => Poll::Ready(Err(DownloadError::ClientGone)),
                // Its next request, or a client that has said all it wants to say: it still awaits the answer.
                Poll::Ready(Ok(_)) => {
                    *watched = None;
                    Poll::Pending
                }
                Poll::Pending => Poll::Pending,
            }
        });
        let timeout = self.bounds.pool.response_header_timeout;
        // One deadline for the whole header section: a byte now and then does not buy more time.
        let deadline = || Some(tokio::time::Instant::from_std(*self.progress.sending_over.get()? + timeout));
        match self.timer.limit_until(self.worker.stage(), deadline, self.bounds.not_after, wait).await {
            Ok(read) => {
                let outcome = head_bytes_read(read?, nothing_yet);
                if outcome.is_ok() {
                    Progress::set(&self.progress.heard);
                }
                outcome
            }
            Err(Interrupted::TimedOut) => Err(DownloadError::TimedOut),
            Err(Interrupted::Cut) => Err(DownloadError::Cut),
        }
    }

    async fn body(&mut self, body: BodyLength, framing: Framing) -> Result<(), DownloadError> {
        let pace = Pace { timer: self.timer, stage: self.worker.stage(), not_after: self.bounds.not_after };
        let mut relay = Relay {
            from: self.from,
            buffer: self.buffer,
            to: self.to,
            pending: self.pending,
            pace,
            read_idle: self.bounds.pool.response_idle_timeout,
            write_idle: self.bounds.client.write_idle,
            content_max: None,
            moved: self.moved,
            pipes: self.worker.pipes(),
        };
        relay.run(body, framing).await.map_err(|error| match error {
            RelayError::SenderGone => DownloadError::Truncated,
            RelayError::SenderTimedOut => DownloadError::TimedOut,
            RelayError::Malformed(detail) => DownloadError::Malformed(detail),
            RelayError::TooLarge => DownloadError::Malformed("too large"),
            RelayError::ReceiverGone | RelayError::ReceiverTimedOut => DownloadError::ClientGone,
            RelayError::Cut => DownloadError::Cut,
        })
    }
}

fn head_bytes_read(read: io::Result<usize>, nothing_yet: bool) -> Result<(), DownloadError> {
    match read {
        Ok(count) if count > 0 => Ok(()),
        _ if nothing_yet => Err(DownloadError::Silent),
        _ => Err(DownloadError::Truncated),
    }
}
