//! A client connection: requests one after another until somebody wants no more.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use evenkeel_core::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::http1::{HeadScanner, Malformed, Scan, parse_request};
use crate::http2;
use crate::lifecycle::Stage;
use crate::listen::{Listener, ListenerSettings};
use crate::telemetry::AccessEntry;
use crate::transport::Transport;
use crate::worker::Worker;

use super::buffer::Scratch;
use super::carry;
use super::client::Client;
use super::forward::ClientNames;
use super::io::{Pace, write_parts};
use super::respond::{self, Failure, Form};
use super::switch::Switched;
use super::timer::Timer;

/// Empty lines tolerated before a request line (RFC 9112 section 2.2 asks for one at least).
const EMPTY_LINES_MAX: u32 = 2;
/// After an error the rest of what the client sends is read and dropped for so long, so that the error reaches
/// it: closing with unread bytes resets the connection, and a reset can destroy what is still under way.
const LINGER_TIME: Duration = Duration::from_secs(2);
/// How long a connection that has not asked anything yet is waited for when its listener closes.
const LAST_CHANCE: Duration = Duration::from_secs(1);
/// As much is dropped at most.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves one client connection to its end.
pub(crate) async fn serve(stream: Transport, peer: SocketAddr, listener: Arc<Listener>, worker: Arc<Worker>) {
    let mut rng = worker.seed_rng();
    let client = Arc::new(ClientNames::new(peer).over(&stream));
    let (timer, idle_since) = (Timer::default(), Instant::now());
    let stream = Client::H1(stream);
    let retires = listener.settings.load().retires(idle_since, &mut rng);
    let connection = Connection { stream, peer, client, listener, worker, timer, rng, idle_since, retires };
    connection.run().await;
}

/// What requests come from, and what outlives one; of a stream of HTTP/2, which is one request, what that needs.
pub(crate) struct Connection {
    pub(crate) stream: Client,
    pub(crate) peer: SocketAddr,
    pub(crate) client: Arc<ClientNames>,
    pub(crate) listener: Arc<Listener>,
    pub(crate) worker: Arc<Worker>,
    pub(crate) timer: Timer,
    pub(crate) rng: Rng,
    /// Since when the client has been expected to ask something.
    pub(crate) idle_since: Instant,
    /// When the connection is too old to be kept.
    pub(crate) retires: Option<Instant>,
}

/// What becomes of the connection after a request.
pub(crate) enum Next {
    /// Another request may follow.
    Keep,
    /// Everything was said.
    Close,
    /// The client may still be sending what nobody will read.
    Linger,
    /// A response could not be completed, and the client must notice.
    Abort,
    /// It speaks another protocol from now on.
    Tunnel(Box<Switched>),
    /// The client speaks HTTP/2, unasked but as it may (RFC 9113 section 3.3).
    Http2,
}

/// Why a connection is not busy any more.
enum Paused {
    /// There was nothing to read after all: readiness is a hint, and a silent client must not hold a request's memory.
    Idle,
    Ended(Next),
    /// With what the client has sent so far.
    Http2(Box<[u8]>),
}

impl Connection {
    async fn run(mut self) {
        let mut first = true;
        while self.request_arrives(first).await {
            // In a box of its own: an idle connection then weighs a fifth of a busy one.
            match Box::pin(self.requests()).await {
                Paused::Idle => {}
                Paused::Ended(Next::Keep) => first = false,
                Paused::Ended(Next::Close | Next::Http2) => break,
                Paused::Ended(Next::Linger) => return Box::pin(self.linger()).await,
                Paused::Ended(Next::Abort) => return self.abort(),
                Paused::Ended(Next::Tunnel(switched)) => return Box::pin(self.tunnel(switched)).await,
                Paused::Http2(input) => return self.speak_http2(input.into_vec()).await,
            }
        }
        self.stream.transport().farewell();
    }

    /// In a box of its own, for what it needs must not weigh on connections of HTTP/1.1.
    fn speak_http2(self, input: Vec<u8>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let Self { stream, peer, listener, worker, .. } = self;
        Box::pin(async move {
            if let Client::H1(stream) = stream {
                http2::serve(stream, input, peer, listener, worker).await;
            }
        })
    }

    /// Serves requests until the client pauses: pipelined ones in order while there are any.
    async fn requests(&mut self) -> Paused {
        let mut scratch = self.worker.take_scratch();
        let first_bytes = std::future::poll_fn(|context| {
            Poll::Ready(match scratch.input.poll_fill(context, self.stream.transport()) {
                Poll::Ready(read) => Some(read.unwrap_or(0)),
                Poll::Pending => None,
            })
        });
        let next = match first_bytes.await {
            None => Paused::Idle,
            Some(0) => Paused::Ended(Next::Close),
            Some(_) => loop {
                match self.request(&mut scratch).await {
                    Next::Keep if !scratch.input.is_empty() => {}
                    Next::Http2 => {
                        break Paused::Http2(
                            [&scratch.head, scratch.input.bytes()].concat().into_boxed_slice(),
                        );
                    }
                    next => break Paused::Ended(next),
                }
            },
        };
        self.worker.give_back(scratch);
        next
    }

    /// Waits without any buffer for the first bytes of a request. `false` when the connection is to be closed.
    async fn request_arrives(&mut self, first: bool) -> bool {
        let settings = self.listener.settings.load();
        let patience = if first { settings.timeouts.request_header } else { settings.timeouts.keep_alive };
        drop(settings);
        let Self { stream, timer, worker, listener, .. } = self;
        let stage = worker.stage();
        let since = tokio::time::Instant::from_std(self.idle_since);
        std::future::poll_fn(|context| {
            if let Poll::Ready(ready) = stream.transport().poll_readable(context) {
                return Poll::Ready(ready.is_ok());
            }
            let closing = stage.is_draining() || listener.retired.load(Ordering::Acquire);
            if stage.is_cut() || closing && !first {
                return Poll::Ready(false);
            }
            // Whoever connected before the listener closed may have its one request on the way.
            let patience = if closing { patience.min(LAST_CHANCE) } else { patience };
            timer.poll_deadline(context, since + patience).map(|()| false)
        })
        .await
    }

    /// Reads one request, answers it, accounts for it.
    async fn request(&mut self, scratch: &mut Scratch) -> Next {
        let started = Instant::now();
        let settings = self.listener.settings.load_full();
        match self.read_head(scratch, &settings, started).await {
            Ok(()) => {}
            Err(HeadEnd::Closed) => return Next::Close,
            Err(HeadEnd::Refused(failure)) => return self.refuse(scratch, &settings, started, failure).await,
        }
        let parsed = parse_request(&scratch.head, settings.limits.headers, &mut scratch.fields);
        let head = match parsed {
            Ok(head) => head,
            Err(_) if scratch.head == http2::PREFACE_HEAD && settings.http2.is_some() => return Next::Http2,
            Err(malformed) => {
                return self.refuse(scratch, &settings, started, Failure::Malformed(malformed)).await;
            }
        };
        self.answer(scratch, &settings, started, head).await
    }

    /// Moves one whole head from the connection to `scratch.head`.
    async fn read_head(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        started: Instant,
    ) -> Result<(), HeadEnd> {
        let header_max = settings.limits.header_bytes;
        let mut scanner = HeadScanner::default();
        let mut empty_lines = 0;
        loop {
            match scanner.advance(scratch.input.bytes()) {
                Scan::Complete(2) if empty_lines < EMPTY_LINES_MAX => {
                    empty_lines += 1;
                    scratch.input.consume(2);
                    scanner = HeadScanner::default();
                    continue;
                }
                Scan::Complete(length) if length <= header_max => {
                    scratch.head.clear();
                    scratch.head.extend_from_slice(&scratch.input.bytes()[..length]);
                    scratch.input.consume(length);
                    return Ok(());
                }
                Scan::BareLf => {
                    let malformed = Malformed { status: 400, detail: "a line does not end in CR LF" };
                    return Err(HeadEnd::Refused(Failure::Malformed(malformed)));
                }
                Scan::Partial if scratch.input.bytes().len() < header_max => {}
                Scan::Complete(_) | Scan::Partial => {
                    let line_fits = scanner.first_line().is_some_and(|length| length <= header_max);
                    let failure = if line_fits { Failure::HeaderTooLarge } else { Failure::TargetTooLong };
                    return Err(HeadEnd::Refused(failure));
                }
            }
            if scratch.input.is_full() {
                scratch.input.reserve(header_max);
            }
            self.read_more(scratch, settings, started).await?;
        }
    }

    async fn read_more(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        started: Instant,
    ) -> Result<(), HeadEnd> {
        // From the first byte on, not from the last: one byte at a time does not buy more time.
        let patience = settings.timeouts.request_header;
        let deadline = tokio::time::Instant::from_std(started) + patience;
        let fill = scratch.input.fill(self.stream.transport());
        match self.timer.limit(self.worker.stage(), patience, Some(deadline), fill).await {
            Ok(Ok(0)) if scratch.input.is_empty() => Err(HeadEnd::Closed),
            Ok(Ok(0)) => {
                let malformed = Malformed { status: 400, detail: "the header section ends early" };
                Err(HeadEnd::Refused(Failure::Malformed(malformed)))
            }
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(HeadEnd::Closed),
            Err(_) if scratch.input.is_empty() => Err(HeadEnd::Closed),
            Err(_) => Err(HeadEnd::Refused(Failure::HeaderTimeout)),
        }
    }

    /// Answers what could not be read as a request.
    pub(crate) async fn refuse(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        started: Instant,
        failure: Failure,
    ) -> Next {
        let form = Form { without_body: false, keep_alive: false, minor: 1, grpc: false };
        let delivered = self.write_failure(scratch, settings, failure, form, b"").await;
        self.listener.counts.answered(failure.status());
        if let Some(log) = &settings.access_log {
            let mut entry = self.access_entry(settings.generation, started);
            entry.status = failure.status();
            entry.error = Some(failure.describe().1);
            log.write(&entry);
        }
        if delivered { Next::Linger } else { Next::Close }
    }

    /// Whether clients should be asked to go elsewhere.
    pub(crate) fn is_leaving(&self) -> bool {
        let old = self.retires.is_some_and(|retires| Instant::now() >= retires);
        old || self.worker.stage().is_leaving() || self.listener.retired.load(Ordering::Acquire)
    }

    /// Whether the client took it.
    pub(crate) async fn write_failure(
        &mut self,
        scratch: &mut Scratch,
        settings: &ListenerSettings,
        failure: Failure,
        form: Form,
        request_id: &[u8],
    ) -> bool {
        let date = self.worker.http_date();
        respond::error_response(&mut scratch.to_client, failure, form, request_id, &date);
        self.write_own(scratch, settings).await
    }

    /// Writes what is for the client: an answer of Evenkeel's own. Whether the client took it.
    pub(crate) async fn write_own(&mut self, scratch: &Scratch, settings: &ListenerSettings) -> bool {
        // After the drain deadline nothing else may wait, but this one answer is tried.
        let mut pace = Pace { timer: &mut self.timer, stage: self.worker.stage(), not_after: None };
        let idle = settings.timeouts.write_idle;
        match &mut self.stream {
            Client::H1(stream) => write_parts(&mut pace, stream, idle, [&scratch.to_client]).await.is_ok(),
            Client::H2(stream) => {
                Box::pin(carry::send_whole(&mut stream.respond, &scratch.to_client, &mut pace, idle))
                    .await
                    .is_ok()
            }
        }
    }

    /// `generation` is that under which the request came.
    pub(crate) fn access_entry(&self, generation: u64, started: Instant) -> AccessEntry<'_> {
        AccessEntry::new(started, generation, &self.client.address, &self.listener.name)
    }

    async fn linger(self) {
        if let Client::H1(stream) = self.stream {
            linger(stream, self.worker.stage()).await;
        }
    }

    /// Resets the connection: a client that counts on the end of the connection as the end of the body must not
    /// take what it has for the whole.
    fn abort(self) {
        self.stream.transport().reset_on_close();
    }
}

/// Closes the sending side, then drops what still comes until the client has closed or long enough.
async fn linger(mut stream: Transport, stage: &Stage) {
    let deadline = tokio::time::Instant::now() + LINGER_TIME;
    // The goodbye of TLS has to be written, and a client that reads nothing does not let that happen.
    if !matches!(tokio::time::timeout_at(deadline, stream.shutdown()).await, Ok(Ok(()))) {
        return;
    }
    // On the heap: as a part of the task it would weigh on every connection.
    let mut sink = vec![0; 4096];
    let mut dropped = 0;
    while dropped < LINGER_BYTES && !stage.is_cut() {
        let read = tokio::time::timeout_at(deadline, stream.read(&mut sink));
        match read.await {
            Ok(Ok(count)) if count > 0 => dropped += count,
            _ => return,
        }
    }
}

/// Why there is no request head.
enum HeadEnd {
    /// The client closed, reset or stayed silent between requests.
    Closed,
    Refused(Failure),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tls::tests::narrow;

    #[tokio::test]
    async fn a_goodbye_that_the_client_does_not_take_is_not_waited_for() {
        let (near, _far) = narrow().await;
        let more = vec![0; 16 * 1024];
        let filling = async {
            loop {
                std::future::poll_fn(|context| near.poll_send(context, &[&more])).await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_millis(100), filling).await.unwrap_err();
        let ended = tokio::time::timeout(4 * LINGER_TIME, linger(near, &Stage::default())).await;
        assert!(ended.is_ok(), "a client that reads nothing keeps its connection for good");
    }
}
