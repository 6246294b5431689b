//! Moves a message body from one connection to the other, checking its framing on the way.
//!
//! A body is never held back: what has arrived is written before more is read, and nothing is read while a write
//! waits. So a slow receiver slows the sender, and memory stays at one buffer.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;

use crate::http1::{BodyLength, ChunkDecoder, Field, Step, parse_trailers};
use crate::splice::{IN_ONE_GO, Pipe, Pipes, SPLICE_MIN};
use crate::transport::Transport;

use super::buffer::Buffer;
use super::forward::{Framing, put_field};
use super::io::{Pace, WriteError, write_parts};
use super::timer::Interrupted;

/// Content up to this size is gathered behind what is to be written before it, larger ones are written from where they lie.
const GATHER_MAX: usize = 2 * 1024;
/// Gathered bytes are written at this size even if more could be gathered.
const GATHERED_MAX: usize = 16 * 1024;

/// One direction of an exchange.
pub(crate) struct Relay<'a> {
    pub(crate) from: &'a Transport,
    /// Bytes already read from `from`; after the body what follows it stays here.
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) to: &'a Transport,
    /// Bytes to write first: the head.
    pub(crate) pending: &'a mut Vec<u8>,
    pub(crate) pace: Pace<'a>,
    /// Longest wait for the sender.
    pub(crate) read_idle: Duration,
    /// Longest wait for the receiver.
    pub(crate) write_idle: Duration,
    /// Largest acceptable content.
    pub(crate) content_max: Option<u64>,
    /// Rises by the content moved.
    pub(crate) moved: &'a AtomicU64,
    pub(crate) pipes: &'a Pipes,
}

/// Why a body did not arrive whole.
#[derive(Debug)]
pub(crate) enum RelayError {
    /// The sender closed or reset the connection before the end.
    SenderGone,
    /// The sender stopped sending, or the whole request took too long.
    SenderTimedOut,
    /// The sender's framing is invalid.
    Malformed(&'static str),
    /// More content than acceptable.
    TooLarge,
    /// The receiver closed or reset the connection.
    ReceiverGone,
    /// The receiver stopped reading.
    ReceiverTimedOut,
    /// The drain deadline passed.
    Cut,
}

impl RelayError {
    pub(super) fn awaiting_sender(interrupted: Interrupted) -> Self {
        match interrupted {
            Interrupted::TimedOut => Self::SenderTimedOut,
            Interrupted::Cut => Self::Cut,
        }
    }
}

impl From<WriteError> for RelayError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Broken => Self::ReceiverGone,
            WriteError::Interrupted(Interrupted::TimedOut) => Self::ReceiverTimedOut,
            WriteError::Interrupted(Interrupted::Cut) => Self::Cut,
        }
    }
}

impl Relay<'_> {
    /// Writes `pending` and the whole body.
    pub(crate) async fn run(&mut self, body: BodyLength, framing: Framing) -> Result<(), RelayError> {
        match body {
            BodyLength::None => self.flush().await,
            BodyLength::Length(length) => self.by_length(length).await,
            BodyLength::Chunked => self.chunked(framing).await,
            BodyLength::UntilClose => self.until_close(framing).await,
        }
    }

    async fn flush(&mut self) -> Result<(), RelayError> {
        write_parts(&mut self.pace, self.to, self.write_idle, [self.pending]).await?;
        self.pending.clear();
        Ok(())
    }

    /// Reads more; `false` at the end of the stream.
    async fn fill(&mut self) -> Result<bool, RelayError> {
        let fill = self.buffer.fill(self.from);
        match self.pace.timer.limit(self.pace.stage, self.read_idle, self.pace.not_after, fill).await {
            Ok(Ok(count)) => Ok(count > 0),
            Ok(Err(_)) => Err(RelayError::SenderGone),
            Err(interrupted) => Err(RelayError::awaiting_sender(interrupted)),
        }
    }

    async fn by_length(&mut self, length: u64) -> Result<(), RelayError> {
        let mut remaining = length;
        loop {
            let available = self.buffer.bytes().len();
            let take = remaining.min(available as u64) as usize;
            let mut content = &self.buffer.bytes()[..take];
            if take <= GATHER_MAX && !self.pending.is_empty() {
                self.pending.extend_from_slice(content);
                content = &[];
            }
            write_parts(&mut self.pace, self.to, self.write_idle, [self.pending, content]).await?;
            self.pending.clear();
            self.moved.fetch_add(take as u64, Ordering::Relaxed);
            self.buffer.consume(take);
            remaining -= take as u64;
            if remaining == 0 {
                return Ok(());
            }
            if remaining >= SPLICE_MIN
                && let (Some(from), Some(to)) = (self.from.plain(), self.to.plain())
                && let Some(pipe) = self.pipes.take()
            {
                remaining = self.spliced(pipe, (from, to), remaining).await?;
                if remaining == 0 {
                    return Ok(());
                }
            }
            if !self.fill().await? {
                return Err(RelayError::SenderGone);
            }
        }
    }

    /// Moves the rest of a body of known length without copying it. What is left of it must be copied: not everything
    /// can be spliced, nor everywhere.
    async fn spliced(
        &mut self,
        mut pipe: Pipe<'_>,
        (from, to): (&TcpStream, &TcpStream),
        mut remaining: u64,
    ) -> Result<u64, RelayError> {
        debug_assert!(self.buffer.is_empty(), "what was read before goes out before");
        let mut in_one_go = 0;
        while remaining > 0 {
            let Pace { timer, stage, not_after } = &mut self.pace;
            let fill = std::future::poll_fn(|context| pipe.poll_fill(context, from, remaining));
            let count = match timer.limit(stage, self.read_idle, *not_after, fill).await {
                Ok(Ok(0)) => return Err(RelayError::SenderGone),
                Ok(Ok(count)) => count as u64,
                Ok(Err(_)) => return Ok(remaining),
                Err(interrupted) => return Err(RelayError::awaiting_sender(interrupted)),
            };
            self.drain(&mut pipe, to).await?;
            remaining -= count;
            in_one_go += count;
            if in_one_go >= IN_ONE_GO {
                in_one_go = 0;
                tokio::task::yield_now().await;
            }
        }
        Ok(0)
    }

    async fn drain(&mut self, pipe: &mut Pipe<'_>, to: &TcpStream) -> Result<(), RelayError> {
        let Pace { timer, stage, not_after } = &mut self.pace;
        while !pipe.is_empty() {
            let drain = std::future::poll_fn(|context| pipe.poll_drain(context, to));
            let written = match timer.limit(stage, self.write_idle, *not_after, drain).await {
                Ok(Ok(written)) if written > 0 => written as u64,
                Ok(_) => return Err(WriteError::Broken.into()),
                Err(interrupted) => return Err(WriteError::Interrupted(interrupted).into()),
            };
            self.moved.fetch_add(written, Ordering::Relaxed);
        }
        Ok(())
    }

    async fn until_close(&mut self, framing: Framing) -> Result<(), RelayError> {
        loop {
            let available = self.buffer.bytes().len();
            if available > 0 {
                self.write_content(framing, 0, available).await?;
            }
            self.flush().await?;
            if !self.fill().await? {
                break;
            }
        }
        if framing == Framing::Chunked {
            self.pending.extend_from_slice(b"0\r\n\r\n");
        }
        self.flush().await
    }

    async fn chunked(&mut self, framing: Framing) -> Result<(), RelayError> {
        let mut decoder = ChunkDecoder::default();
        let mut content: u64 = 0;
        loop {
            match decoder.next(self.buffer.bytes()).map_err(|error| RelayError::Malformed(error.0))? {
                Step::Data { skip, length } => {
                    content += length as u64;
                    if self.content_max.is_some_and(|max| content > max) {
                        return Err(RelayError::TooLarge);
                    }
                    self.write_content(framing, skip, length).await?;
                }
                Step::More { skip } => {
                    self.buffer.consume(skip);
                    self.flush().await?;
                    if self.buffer.is_full() {
                        return Err(RelayError::Malformed("the trailer section is too large"));
                    }
                    if !self.fill().await? {
                        return Err(RelayError::SenderGone);
                    }
                }
                Step::End { skip, length } => {
                    self.buffer.consume(skip);
                    self.end_of_chunks(framing, length)?;
                    return self.flush().await;
                }
            }
        }
    }

    /// Passes on `length` bytes of content that lie behind `skip` bytes of framing.
    async fn write_content(
        &mut self,
        framing: Framing,
        skip: usize,
        length: usize,
    ) -> Result<(), RelayError> {
        let chunked = framing == Framing::Chunked;
        let content = &self.buffer.bytes()[skip..skip + length];
        if chunked {
            write!(self.pending, "{length:x}\r\n").ok();
        }
        let end: &[u8] = if chunked { b"\r\n" } else { b"" };
        if length <= GATHER_MAX {
            self.pending.extend_from_slice(content);
            self.pending.extend_from_slice(end);
        } else {
            write_parts(&mut self.pace, self.to, self.write_idle, [self.pending, content, end]).await?;
            self.pending.clear();
        }
        self.moved.fetch_add(length as u64, Ordering::Relaxed);
        self.buffer.consume(skip + length);
        if self.pending.len() >= GATHERED_MAX { self.flush().await } else { Ok(()) }
    }

    /// The last chunk and the trailer section of `length` bytes at the front of the buffer.
    fn end_of_chunks(&mut self, framing: Framing, length: usize) -> Result<(), RelayError> {
        let section = &self.buffer.bytes()[..length];
        let mut fields: Vec<Field> = Vec::new();
        if length > 0 {
            parse_trailers(section, &mut fields).map_err(|error| RelayError::Malformed(error.0))?;
        }
        if framing == Framing::Chunked {
            self.pending.extend_from_slice(b"0\r\n");
            for field in &fields {
                put_field(self.pending, section, field);
            }
            self.pending.extend_from_slice(b"\r\n");
        }
        self.buffer.consume(length);
        Ok(())
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
