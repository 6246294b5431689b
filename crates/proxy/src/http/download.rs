//! The way back of an exchange: response head, then body.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::{StatusCode, header};
use tokio::io::ReadBuf;

use crate::http1::{
    BodyLength, Field, HeadScanner, RESPONSE_HEADER_MAX, ResponseHead, SWITCHING_PROTOCOLS, Scan,
    is_accepted, parse_response,
};
use crate::http2;
use crate::pool::SetCookie;
use crate::transport::Transport;
use crate::worker::Worker;

use super::body::{Relay, RelayError};
use super::buffer::Buffer;
use super::carry::{Body, Carry, Sink, Source};
use super::client::{Outlet, Responder};
use super::exchange::{Bounds, Delivered, Progress};
use super::forward::{self, Beside, Framing, Incoming};
use super::grpc;
use super::io::{Pace, write_parts};
use super::timer::{Interrupted, Timer};

/// Interim responses accepted before the final one.
pub(super) const INTERIM_MAX: u32 = 32;

/// The way back.
pub(super) struct Download<'a> {
    pub(super) from: Answer<'a>,
    pub(super) buffer: &'a mut Buffer,
    pub(super) to: Outlet<'a>,
    pub(super) pending: &'a mut Vec<u8>,
    pub(super) fields: &'a mut Vec<Field>,
    pub(super) timer: &'a mut Timer,
    pub(super) worker: &'a Worker,
    pub(super) retired: &'a AtomicBool,
    pub(super) retires: Option<Instant>,
    /// Whether the backend is asked to switch protocols.
    pub(super) upgrade: bool,
    pub(super) request: Incoming<'a>,
    pub(super) bounds: Bounds<'a>,
    pub(super) set_cookie: Option<SetCookie<'a>>,
    pub(super) progress: &'a Progress,
    pub(super) moved: &'a AtomicU64,
    /// Nothing is read from the client: a reset there ends the wait for an answer nobody takes.
    pub(super) watched: bool,
}

/// Where a response comes from.
pub(super) enum Answer<'a> {
    H1(&'a Transport),
    H2 { response: ResponseFuture, content: Option<RecvStream> },
}

#[derive(Debug)]
pub(super) enum DownloadError {
    /// The backend closed without a byte of a response.
    Silent,
    /// It closed in the middle.
    Truncated,
    /// It says that it has not acted on the request, and will not (RFC 9113 section 8.7).
    Unprocessed,
    /// The request does not fit the backend's version of HTTP: nothing of it was sent.
    Unsayable,
    Malformed(&'static str),
    /// A success instead of the tunnel that was asked for.
    NotSwitched,
    TimedOut,
    ClientGone,
    Cut,
}

impl<'a> Download<'a> {
    pub(super) async fn run(&mut self) -> Result<Delivered, DownloadError> {
        self.pending.clear();
        if matches!(self.from, Answer::H2 { .. }) {
            // In a box of its own, as below: requests between two sides of HTTP/1.1 are the smaller for it.
            return Box::pin(self.run_stream()).await;
        }
        let (head, length) = self.final_head().await?;
        if head.switches {
            return self.switch(&head, length).await;
        }
        if self.request.asks_for_tunnel() && (200..300).contains(&head.status) {
            // To a client of HTTP/2 that would say that the tunnel is open.
            return Err(DownloadError::NotSwitched);
        }
        let head_at = Instant::now();
        let (framing, keep_client) = self.manner(&head, head_at);
        let bytes = &self.buffer.bytes()[..length];
        let early_status = self.grpc_status(bytes);
        let (beside, date) = (self.beside(framing, keep_client), || self.worker.http_date());
        forward::response_head(self.pending, bytes, &head, self.fields, beside, date);
        self.buffer.consume(length);
        Progress::set(&self.progress.response_started);
        let late_status =
            if self.begin_stream(head.body)? { None } else { self.body(head.body, framing).await? };
        Ok(self.delivered(&head, head_at, keep_client, early_status.or(late_status)))
    }

    /// How the response reaches the client, and whether its connection stays.
    pub(super) fn manner(&self, head: &ResponseHead, head_at: Instant) -> (Framing, bool) {
        let to_stream = matches!(self.to, Outlet::H2(_));
        let framing =
            if to_stream { Framing::AsIs } else { forward::framing(head.body, self.request.head.minor) };
        let sent = Progress::get(&self.progress.sent);
        let old = self.retires.is_some_and(|retires| head_at >= retires);
        let leaving = old || self.worker.stage().is_leaving() || self.retired.load(Ordering::Acquire);
        let keep = self.request.head.keep_alive && sent && framing != Framing::UntilClose && !leaving;
        (framing, keep)
    }

    /// What the client is told with it.
    pub(super) fn beside(&self, framing: Framing, keep_client: bool) -> Beside<'a> {
        // A stream ends by itself, and so says nothing of its connection.
        let keep = keep_client || matches!(self.to, Outlet::H2(_));
        Beside { framing, keep, minor: self.request.head.minor, set_cookie: self.set_cookie }
    }

    /// `status` is of gRPC, where there is any.
    pub(super) fn delivered(
        &self,
        head: &ResponseHead,
        head_at: Instant,
        keep_client: bool,
        status: Option<u32>,
    ) -> Delivered {
        let quiet = self.buffer.is_empty();
        Delivered {
            status: head.status,
            failed: head.status >= 500 || status.is_some_and(grpc::is_failure),
            keep_client,
            keep_upstream: head.keep_alive && quiet && Progress::get(&self.progress.sent),
            wants_rest: head.status < 400 && head.keep_alive,
            head_at,
            ended_at: Instant::now(),
        }
    }

    /// What the head of the response itself says, of a call that did not come to any content.
    fn grpc_status(&self, bytes: &[u8]) -> Option<u32> {
        if matches!(self.to, Outlet::H1(_)) {
            return None;
        }
        let named = |field: &&Field| field.name.slice(bytes).eq_ignore_ascii_case(b"grpc-status");
        grpc::parse_status(self.fields.iter().find(named)?.value.slice(bytes))
    }

    /// Sends the head, where the client speaks HTTP/2. Says whether that was all.
    fn begin_stream(&mut self, body: BodyLength) -> Result<bool, DownloadError> {
        let Outlet::H2(responder) = &mut self.to else { return Ok(false) };
        let ends = body == BodyLength::None;
        let head = http2::response(self.pending)
            .ok_or(DownloadError::Malformed("the response cannot be said in HTTP/2"))?;
        self.pending.clear();
        responder.send_head(head, ends).map_err(|_| DownloadError::ClientGone)?;
        Ok(ends)
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
            self.interim().await?;
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
        if let Outlet::H2(responder) = &mut self.to {
            open_tunnel(responder, self.pending, &self.request)?;
            self.pending.clear();
        }
        self.buffer.consume(length);
        Progress::set(&self.progress.response_started);
        if matches!(self.to, Outlet::H1(_)) {
            self.interim().await?;
        }
        Ok(Delivered {
            status: head.status,
            failed: false,
            keep_client: false,
            keep_upstream: false,
            wants_rest: false,
            head_at,
            ended_at: head_at,
        })
    }

    /// Passes an interim response on.
    pub(super) async fn interim(&mut self) -> Result<(), DownloadError> {
        match &mut self.to {
            Outlet::H1(to) => {
                let stage = self.worker.stage();
                let mut pace = Pace { timer: self.timer, stage, not_after: self.bounds.not_after };
                let written = write_parts(&mut pace, to, self.bounds.client.write_idle, [self.pending]).await;
                self.pending.clear();
                written.map_err(|_| DownloadError::ClientGone)
            }
            Outlet::H2(responder) => {
                let head = http2::response(self.pending);
                self.pending.clear();
                head.map_or(Ok(()), |head| responder.send_interim(head))
                    .map_err(|_| DownloadError::ClientGone)
            }
        }
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
        self.await_answer(|from, buffer, context| match from {
            Answer::H1(from) => {
                buffer.poll_fill(context, from).map(|read| head_bytes_read(read, nothing_yet))
            }
            Answer::H2 { .. } => Poll::Ready(Err(DownloadError::Truncated)),
        })
        .await?;
        Progress::set(&self.progress.heard);
        Ok(())
    }

    /// Waits for what `poll` finds of the answer, as long as the backend may take for it and the client is there.
    pub(super) async fn await_answer<T>(
        &mut self,
        mut poll: impl FnMut(&mut Answer<'_>, &mut Buffer, &mut Context<'_>) -> Poll<Result<T, DownloadError>>,
    ) -> Result<T, DownloadError> {
        let (from, buffer) = (&mut self.from, &mut *self.buffer);
        let (to, watched) = (&mut self.to, &mut self.watched);
        let wait = std::future::poll_fn(|context| match poll(from, buffer, context) {
            Poll::Pending if has_left(to, watched, context) => Poll::Ready(Err(DownloadError::ClientGone)),
            polled => polled,
        });
        let timeout = self.bounds.pool.response_header_timeout;
        // One deadline for the whole header section: a byte now and then does not buy more time.
        let deadline = || Some(tokio::time::Instant::from_std(*self.progress.sending_over.get()? + timeout));
        let awaited =
            self.timer.limit_until(self.worker.stage(), deadline, self.bounds.not_after, wait).await;
        awaited.map_err(interrupted)?
    }

    /// Moves the body. Says the status of gRPC, where the trailers have one.
    pub(super) async fn body(
        &mut self,
        body: BodyLength,
        framing: Framing,
    ) -> Result<Option<u32>, DownloadError> {
        let pace = Pace { timer: self.timer, stage: self.worker.stage(), not_after: self.bounds.not_after };
        let (read_idle, write_idle) = (self.bounds.pool.response_idle_timeout, self.bounds.client.write_idle);
        let (buffer, pending, moved) = (&mut *self.buffer, &mut *self.pending, self.moved);
        let moved = match (&mut self.from, &mut self.to) {
            (Answer::H1(from), Outlet::H1(to)) => {
                let (content_max, pipes) = (None, self.worker.pipes());
                let mut relay = Relay {
                    from,
                    buffer,
                    to,
                    pending,
                    pace,
                    read_idle,
                    write_idle,
                    content_max,
                    moved,
                    pipes,
                };
                relay.run(body, framing).await.map(|()| None)
            }
            (from, to) => {
                let from = match from {
                    Answer::H1(stream) => Source::H1 { stream, buffer, body: Body::new(body) },
                    Answer::H2 { content: Some(content), .. } => Source::H2(content),
                    Answer::H2 { content: None, .. } => return Ok(None),
                };
                let to = match to {
                    Outlet::H1(stream) => Sink::H1 { stream, pending, framing },
                    Outlet::H2(responder) => match responder.body() {
                        Some(stream) => Sink::H2(stream),
                        None => return Ok(None),
                    },
                };
                // The answer to HEAD, and 204 and 304, have no content, whatever a backend sends.
                let content_max = (body == BodyLength::None).then_some(0);
                let mut carry = Carry { from, to, pace, read_idle, write_idle, content_max, moved };
                Box::pin(carry.run()).await
            }
        };
        moved.map_err(|error| match error {
            RelayError::SenderGone => DownloadError::Truncated,
            RelayError::SenderTimedOut => DownloadError::TimedOut,
            RelayError::Malformed(detail) => DownloadError::Malformed(detail),
            RelayError::TooLarge => DownloadError::Malformed("content where there must be none"),
            RelayError::ReceiverGone | RelayError::ReceiverTimedOut => DownloadError::ClientGone,
            RelayError::Cut => DownloadError::Cut,
        })
    }
}

/// Tells a client of HTTP/2 that its stream is a tunnel (RFC 8441 section 5): `text` says so in HTTP/1.1.
fn open_tunnel(responder: &mut Responder, text: &[u8], request: &Incoming<'_>) -> Result<(), DownloadError> {
    let unsayable = DownloadError::Malformed("the response cannot be said in HTTP/2");
    let mut head = http2::response(text).ok_or(unsayable)?;
    let key = request.values(b"sec-websocket-key").next().unwrap_or_default();
    let proof = head.headers_mut().remove(header::SEC_WEBSOCKET_ACCEPT);
    if !proof.is_some_and(|proof| http2::accepts_websocket(key, proof.as_bytes())) {
        return Err(DownloadError::Malformed("the backend does not prove that it speaks WebSocket"));
    }
    *head.status_mut() = StatusCode::OK;
    responder.send_head(head, false).map_err(|_| DownloadError::ClientGone)
}

/// Why there is no response on a stream.
pub(super) fn refused(error: &h2::Error) -> DownloadError {
    let is_refusal = error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_remote() && is_refusal {
        // Streams that a GOAWAY leaves out are told so; those that it does not go on.
        return DownloadError::Unprocessed;
    }
    if error.is_library() {
        return DownloadError::Malformed("the backend breaks the rules of HTTP/2");
    }
    if error.is_io() { DownloadError::Silent } else { DownloadError::Truncated }
}

/// Whether the client has left for good. Its next request, or that it has nothing more to say, is no such sign: it still
/// awaits the answer.
fn has_left(to: &mut Outlet<'_>, watched: &mut bool, context: &mut Context<'_>) -> bool {
    match to {
        Outlet::H2(responder) => responder.poll_reset(context).is_ready(),
        Outlet::H1(_) if !*watched => false,
        Outlet::H1(client) => match client.tcp().poll_peek(context, &mut ReadBuf::new(&mut [0])) {
            Poll::Ready(Err(_)) => true,
            Poll::Ready(Ok(_)) => {
                *watched = false;
                false
            }
            Poll::Pending => false,
        },
    }
}

fn interrupted(why: Interrupted) -> DownloadError {
    match why {
        Interrupted::TimedOut => DownloadError::TimedOut,
        Interrupted::Cut => DownloadError::Cut,
    }
}

fn head_bytes_read(read: io::Result<usize>, nothing_yet: bool) -> Result<(), DownloadError> {
    match read {
        Ok(count) if count > 0 => Ok(()),
        _ if nothing_yet => Err(DownloadError::Silent),
        _ => Err(DownloadError::Truncated),
    }
}
