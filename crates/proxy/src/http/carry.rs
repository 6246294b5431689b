//! Moves a message body where one side or both speak HTTP/2.
//!
//! One piece is under way at a time: it is taken when the receiver has taken the one before, and the sender's window
//! opens only then. So a slow receiver slows the sender, and memory stays at the window that the sender was given.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::{RecvStream, SendStream};
use http::HeaderMap;

use crate::http1::{BodyLength, ChunkDecoder, Step};
use crate::http2;
use crate::transport::Transport;

use super::body::RelayError;
use super::buffer::Buffer;
use super::client::Responder;
use super::forward::Framing;
use super::grpc;
use super::io::{Pace, write_parts};

/// A body and its two ends, of which at least one is a stream of HTTP/2.
pub(crate) struct Carry<'a> {
    pub(crate) from: Source<'a>,
    pub(crate) to: Sink<'a>,
    pub(crate) pace: Pace<'a>,
    /// Longest wait for the sender.
    pub(crate) read_idle: Duration,
    /// Longest wait for the receiver.
    pub(crate) write_idle: Duration,
    /// Largest acceptable content.
    pub(crate) content_max: Option<u64>,
    /// Rises by the content moved.
    pub(crate) moved: &'a AtomicU64,
}

/// Where a body comes from.
pub(crate) enum Source<'a> {
    H1 { stream: &'a Transport, buffer: &'a mut Buffer, body: Body },
    H2(&'a mut RecvStream),
}

/// What is still to come of a body over HTTP/1.1.
pub(crate) enum Body {
    Length(u64),
    Chunked(ChunkDecoder),
    UntilClose,
}

/// Where a body goes.
pub(crate) enum Sink<'a> {
    /// `pending` is written first: the head.
    H1 {
        stream: &'a Transport,
        pending: &'a mut Vec<u8>,
        framing: Framing,
    },
    H2(&'a mut SendStream<Bytes>),
}

/// What a sender says next.
enum Part {
    Content { bytes: Bytes, is_last: bool },
    End(Option<HeaderMap>),
}

impl Body {
    pub(crate) fn new(length: BodyLength) -> Self {
        match length {
            BodyLength::None => Self::Length(0),
            BodyLength::Length(length) => Self::Length(length),
            BodyLength::Chunked => Self::Chunked(ChunkDecoder::default()),
            BodyLength::UntilClose => Self::UntilClose,
        }
    }
}

impl Carry<'_> {
    /// Moves the whole body. Says the status of gRPC, where the trailers have one.
    pub(crate) async fn run(&mut self) -> Result<Option<u32>, RelayError> {
        let mut content: u64 = 0;
        loop {
            match self.next().await? {
                Part::Content { bytes, is_last } => {
                    let length = bytes.len();
                    content += length as u64;
                    if self.content_max.is_some_and(|max| content > max) {
                        return Err(RelayError::TooLarge);
                    }
                    self.pass(bytes, is_last).await?;
                    self.moved.fetch_add(length as u64, Ordering::Relaxed);
                    self.from.release(length)?;
                    if is_last {
                        return Ok(None);
                    }
                }
                Part::End(trailers) => {
                    let status = trailers.as_ref().and_then(grpc::status);
                    self.finish(trailers).await?;
                    return Ok(status);
                }
            }
        }
    }

    /// Waits for the next part, and no longer than the receiver wants any.
    async fn next(&mut self) -> Result<Part, RelayError> {
        loop {
            if let Some(part) = self.from.buffered()? {
                return Ok(part);
            }
            // A head must not wait for content that may be long in coming.
            self.flush().await?;
            let (from, to) = (&mut self.from, &mut self.to);
            let more = std::future::poll_fn(|context| {
                if let Poll::Ready(more) = from.poll_more(context) {
                    return Poll::Ready(more);
                }
                match to {
                    Sink::H2(stream) => stream.poll_reset(context).map(|_| Err(RelayError::ReceiverGone)),
                    Sink::H1 { .. } => Poll::Pending,
                }
            });
            let Pace { timer, stage, not_after } = &mut self.pace;
            match timer.limit(stage, self.read_idle, *not_after, more).await {
                Ok(more) => {
                    if let Some(part) = more? {
                        return Ok(part);
                    }
                }
                Err(interrupted) => return Err(RelayError::awaiting_sender(interrupted)),
            }
        }
    }

    async fn pass(&mut self, mut bytes: Bytes, is_last: bool) -> Result<(), RelayError> {
        match &mut self.to {
            Sink::H1 { stream, pending, framing } => {
                let chunked = *framing == Framing::Chunked;
                if chunked && !bytes.is_empty() {
                    write!(pending, "{:x}\r\n", bytes.len()).ok();
                }
                let end: &[u8] = match (chunked, bytes.is_empty(), is_last) {
                    (false, ..) | (true, true, false) => b"",
                    (true, false, false) => b"\r\n",
                    (true, false, true) => b"\r\n0\r\n\r\n",
                    (true, true, true) => b"0\r\n\r\n",
                };
                write_parts(&mut self.pace, stream, self.write_idle, [pending, &bytes, end]).await?;
                pending.clear();
                Ok(())
            }
            Sink::H2(stream) => {
                if bytes.is_empty() {
                    return end_stream(stream, is_last);
                }
                send_all(stream, &mut bytes, is_last, &mut self.pace, self.write_idle).await
            }
        }
    }

    async fn flush(&mut self) -> Result<(), RelayError> {
        if let Sink::H1 { stream, pending, .. } = &mut self.to
            && !pending.is_empty()
        {
            write_parts(&mut self.pace, stream, self.write_idle, [pending]).await?;
            pending.clear();
        }
        Ok(())
    }

    async fn finish(&mut self, trailers: Option<HeaderMap>) -> Result<(), RelayError> {
        match &mut self.to {
            Sink::H1 { pending, framing, .. } => {
                if *framing == Framing::Chunked {
                    pending.extend_from_slice(b"0\r\n");
                    if let Some(trailers) = &trailers {
                        http2::write_trailers(pending, trailers);
                    }
                    pending.extend_from_slice(b"\r\n");
                }
                self.flush().await
            }
            Sink::H2(stream) => match trailers.map(http2::passed_trailers).filter(|map| !map.is_empty()) {
                Some(trailers) => stream.send_trailers(trailers).map_err(|_| RelayError::ReceiverGone),
                None => end_stream(stream, true),
            },
        }
    }
}

/// Sends a response whose text, head and body, is `whole`.
pub(crate) async fn send_whole(
    responder: &mut Responder,
    whole: &[u8],
    pace: &mut Pace<'_>,
    idle: Duration,
) -> Result<(), RelayError> {
    let head = memchr::memmem::find(whole, b"\r\n\r\n").map_or(whole.len(), |end| end + 4);
    let response = http2::response(&whole[..head]).ok_or(RelayError::ReceiverGone)?;
    let mut body = Bytes::copy_from_slice(&whole[head..]);
    responder.send_head(response, body.is_empty()).map_err(|_| RelayError::ReceiverGone)?;
    let Some(stream) = responder.body().filter(|_| !body.is_empty()) else { return Ok(()) };
    send_all(stream, &mut body, true, pace, idle).await
}

/// Sends `bytes` as the receiver's window opens.
async fn send_all(
    stream: &mut SendStream<Bytes>,
    bytes: &mut Bytes,
    is_last: bool,
    pace: &mut Pace<'_>,
    idle: Duration,
) -> Result<(), RelayError> {
    while !bytes.is_empty() {
        let room = room(stream, bytes.len(), pace, idle).await?;
        let piece = bytes.split_to(room.min(bytes.len()));
        let ends = is_last && bytes.is_empty();
        stream.send_data(piece, ends).map_err(|_| RelayError::ReceiverGone)?;
    }
    Ok(())
}

fn end_stream(stream: &mut SendStream<Bytes>, ends: bool) -> Result<(), RelayError> {
    if !ends {
        return Ok(());
    }
    stream.send_data(Bytes::new(), true).map_err(|_| RelayError::ReceiverGone)
}

/// Waits until the stream takes some of `wanted` bytes.
async fn room(
    stream: &mut SendStream<Bytes>,
    wanted: usize,
    pace: &mut Pace<'_>,
    idle: Duration,
) -> Result<usize, RelayError> {
    stream.reserve_capacity(wanted);
    if stream.capacity() > 0 {
        return Ok(stream.capacity());
    }
    let capacity = std::future::poll_fn(|context| stream.poll_capacity(context));
    match pace.timer.limit(pace.stage, idle, pace.not_after, capacity).await {
        Ok(Some(Ok(room))) if room > 0 => Ok(room),
        Ok(_) => Err(RelayError::ReceiverGone),
        Err(interrupted) => Err(super::io::WriteError::Interrupted(interrupted).into()),
    }
}

impl Source<'_> {
    /// What can be said without waiting.
    fn buffered(&mut self) -> Result<Option<Part>, RelayError> {
        match self {
            Self::H1 { buffer, body, .. } => body.next(buffer),
            Self::H2(_) => Ok(None),
        }
    }

    /// `None` when there is more to be looked at.
    fn poll_more(&mut self, context: &mut std::task::Context<'_>) -> Poll<Result<Option<Part>, RelayError>> {
        match self {
            Self::H1 { stream, buffer, body } => match buffer.poll_fill(context, stream) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(Ok(count)) if count > 0 => Poll::Ready(Ok(None)),
                Poll::Ready(Ok(_)) if matches!(body, Body::UntilClose) => {
                    Poll::Ready(Ok(Some(Part::End(None))))
                }
                Poll::Ready(_) => Poll::Ready(Err(RelayError::SenderGone)),
            },
            Self::H2(stream) => poll_stream(stream, context).map(|part| part.map(Some)),
        }
    }

    /// Lets the sender go on by so much.
    fn release(&mut self, length: usize) -> Result<(), RelayError> {
        match self {
            Self::H1 { .. } => Ok(()),
            Self::H2(stream) => {
                stream.flow_control().release_capacity(length).map_err(|_| RelayError::SenderGone)
            }
        }
    }
}

fn poll_stream(
    stream: &mut RecvStream,
    context: &mut std::task::Context<'_>,
) -> Poll<Result<Part, RelayError>> {
    match stream.poll_data(context) {
        Poll::Pending => return Poll::Pending,
        Poll::Ready(Some(Ok(bytes))) => {
            let is_last = stream.is_end_stream();
            return Poll::Ready(Ok(Part::Content { bytes, is_last }));
        }
        Poll::Ready(Some(Err(_))) => return Poll::Ready(Err(RelayError::SenderGone)),
        Poll::Ready(None) => {}
    }
    // A reset without error, by which a server asks for no more of a request (RFC 9113 section 8.1), ends nothing by
    // itself: behind the end of the content the engine does not tell of it, and before it the rest is missing.
    let trailers = stream.poll_trailers(context);
    trailers.map(|trailers| trailers.map(Part::End).map_err(|_| RelayError::SenderGone))
}

impl Body {
    /// What the buffer holds of it.
    fn next(&mut self, buffer: &mut Buffer) -> Result<Option<Part>, RelayError> {
        match self {
            Self::Length(0) => Ok(Some(Part::End(None))),
            _ if buffer.is_empty() => Ok(None),
            Self::Length(left) => {
                let length = (*left).min(buffer.bytes().len() as u64);
                *left -= length;
                let is_last = *left == 0;
                Ok(Some(Part::Content { bytes: taken(buffer, 0, length as usize), is_last }))
            }
            Self::UntilClose => {
                let length = buffer.bytes().len();
                Ok(Some(Part::Content { bytes: taken(buffer, 0, length), is_last: false }))
            }
            Self::Chunked(decoder) => {
                match decoder.next(buffer.bytes()).map_err(|error| RelayError::Malformed(error.0))? {
                    Step::Data { skip, length } => {
                        Ok(Some(Part::Content { bytes: taken(buffer, skip, length), is_last: false }))
                    }
                    Step::More { skip } => {
                        buffer.consume(skip);
                        if buffer.is_full() {
                            return Err(RelayError::Malformed("the trailer section is too large"));
                        }
                        Ok(None)
                    }
                    Step::End { skip, length } => {
                        buffer.consume(skip);
                        let trailers = trailers(&buffer.bytes()[..length])?;
                        buffer.consume(length);
                        Ok(Some(Part::End(trailers)))
                    }
                }
            }
        }
    }
}

fn trailers(section: &[u8]) -> Result<Option<HeaderMap>, RelayError> {
    if section.is_empty() {
        return Ok(None);
    }
    let malformed = RelayError::Malformed("invalid trailer section");
    http2::trailers(section).map(Some).ok_or(malformed)
}

fn taken(buffer: &mut Buffer, skip: usize, length: usize) -> Bytes {
    let bytes = Bytes::copy_from_slice(&buffer.bytes()[skip..skip + length]);
    buffer.consume(skip + length);
    bytes
}
