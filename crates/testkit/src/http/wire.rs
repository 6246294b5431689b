//! Reads messages from a connection, piece by piece, and records exactly what was read.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::digest::Digest;
use super::head::{Fields, Framing, Head, invalid, parse_field};

/// A head never gets longer than this in a test.
const LINE_MAX: usize = 1 << 20;

/// A response as a client got it.
#[derive(Clone, Debug)]
pub struct Response {
    /// Of the final response.
    pub head: Head,
    /// Of the interim (1xx) responses before it.
    pub interim: Vec<Head>,
    /// Content, transfer coding removed; empty when only digested.
    pub body: Vec<u8>,
    /// Length and checksum of the content.
    pub digest: Digest,
    /// How the content was framed.
    pub framing: Framing,
    /// Trailer fields.
    pub trailers: Fields,
}

impl Response {
    /// Status code of the final response.
    pub fn status(&self) -> u16 {
        self.head.status().unwrap_or_default()
    }

    /// The content as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A field of the final response.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.head.field(name)
    }
}

/// A reader with a buffer.
#[derive(Debug)]
pub(crate) struct Wire<R> {
    io: R,
    buffer: Vec<u8>,
    at: usize,
    recorded: Vec<u8>,
    record_max: usize,
    pub(crate) patience: Duration,
}

impl<R: AsyncRead + Unpin> Wire<R> {
    /// Gives up when `patience` passes without a byte, and records the first `record_max` bytes of each message.
    pub(crate) fn new(io: R, patience: Duration, record_max: usize) -> Self {
        Self { io, buffer: Vec::new(), at: 0, recorded: Vec::new(), record_max, patience }
    }

    /// What was read since the last call.
    pub(crate) fn take_recorded(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.recorded)
    }

    /// The next message head, or `None` when the peer closed before its first byte.
    pub(crate) async fn head(&mut self) -> io::Result<Option<Head>> {
        let mut raw = Vec::new();
        loop {
            let Some(line) = self.line().await? else {
                return if raw.is_empty() { Ok(None) } else { Err(early("in a head", &raw)) };
            };
            raw.extend_from_slice(&line);
            if line == b"\r\n" {
                return Head::parse(&raw).map(Some);
            }
        }
    }

    /// A body; its content goes to `sink`. Gives the trailer fields.
    pub(crate) async fn body(
        &mut self,
        framing: Framing,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> io::Result<Fields> {
        match framing {
            Framing::None => Ok(Fields::new()),
            Framing::Length(length) => self.content(length, sink).await.map(|()| Fields::new()),
            Framing::Chunked => self.chunks(sink).await,
            Framing::UntilClose => {
                while self.available().await? > 0 {
                    let length = self.buffer.len() - self.at;
                    sink(self.consume(length));
                }
                Ok(Fields::new())
            }
        }
    }

    /// At most `limit` bytes of whatever comes next; nothing when the peer has closed.
    pub(crate) async fn some(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        let available = self.available().await?;
        Ok(self.consume(available.min(limit)).to_vec())
    }

    async fn chunks(&mut self, sink: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<Fields> {
        loop {
            let line = self.line().await?.ok_or_else(|| early("before a chunk", b""))?;
            let size = line.strip_suffix(b"\r\n").unwrap_or_default();
            let size = size.split(|&byte| byte == b';').next().unwrap_or_default();
            let digits = std::str::from_utf8(size).ok().filter(|text| !text.starts_with('+'));
            let size = digits.and_then(|text| u64::from_str_radix(text, 16).ok());
            match size.ok_or_else(|| invalid("not a chunk size", &line))? {
                0 => return self.trailers().await,
                size => self.content(size, sink).await?,
            }
            match self.line().await?.as_deref() {
                Some(b"\r\n") => {}
                other => return Err(invalid("no line end after a chunk", other.unwrap_or_default())),
            }
        }
    }

    async fn trailers(&mut self) -> io::Result<Fields> {
        let mut fields = Fields::new();
        loop {
            let line = self.line().await?.ok_or_else(|| early("in the trailer section", b""))?;
            if line == b"\r\n" {
                return Ok(fields);
            }
            let text = String::from_utf8_lossy(&line);
            fields.push(parse_field(text.trim_end_matches("\r\n"))?);
        }
    }

    async fn content(&mut self, length: u64, sink: &mut (dyn FnMut(&[u8]) + Send)) -> io::Result<()> {
        let mut left = length;
        while left > 0 {
            let available = self.available().await?;
            if available == 0 {
                return Err(early(&format!("{left} bytes before the end of a body"), b""));
            }
            let piece = left.min(available as u64) as usize;
            sink(self.consume(piece));
            left -= piece as u64;
        }
        Ok(())
    }

    /// The next line with its CR LF, or `None` when the peer closed before its first byte.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        while self.available().await? > 0 {
            let rest = &self.buffer[self.at..];
            let end = rest.iter().position(|&byte| byte == b'\n').map(|index| index + 1);
            let length = end.unwrap_or(rest.len());
            line.extend_from_slice(self.consume(length));
            if end.is_some() {
                return if line.ends_with(b"\r\n") {
                    Ok(Some(line))
                } else {
                    Err(invalid("a bare LF", &line))
                };
            }
            if line.len() > LINE_MAX {
                return Err(invalid("an endless line", &line));
            }
        }
        if line.is_empty() { Ok(None) } else { Err(early("in a line", &line)) }
    }

    /// Bytes that can be consumed; reads when there are none. 0 when the peer has closed.
    async fn available(&mut self) -> io::Result<usize> {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.buffer.reserve(64 * 1024);
            self.at = 0;
            // A test may give up waiting and try again: nothing may be lost or made up by that.
            let read = tokio::time::timeout(self.patience, self.io.read_buf(&mut self.buffer)).await;
            let read = read
                .unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the peer says nothing")));
            read?;
        }
        Ok(self.buffer.len() - self.at)
    }

    fn consume(&mut self, length: usize) -> &[u8] {
        let bytes = &self.buffer[self.at..self.at + length];
        self.at += length;
        let room = self.record_max.saturating_sub(self.recorded.len());
        self.recorded.extend_from_slice(&bytes[..length.min(room)]);
        bytes
    }
}

fn early(place: &str, bytes: &[u8]) -> io::Error {
    let shown = String::from_utf8_lossy(bytes);
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the peer closed {place} {shown:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(framing: Framing, bytes: &[u8]) -> io::Result<(Vec<u8>, Fields)> {
        let mut wire = Wire::new(bytes, Duration::from_secs(1), usize::MAX);
        let mut content = Vec::new();
        let trailers = wire.body(framing, &mut |piece| content.extend_from_slice(piece)).await?;
        assert_eq!(wire.take_recorded(), bytes);
        Ok((content, trailers))
    }

    #[tokio::test]
    async fn reads_chunks_and_trailers() {
        let (content, trailers) =
            body(Framing::Chunked, b"3;x=y\r\nabc\r\n0a\r\n0123456789\r\n0\r\nT: v\r\n\r\n").await.unwrap();
        assert_eq!(content, b"abc0123456789");
        assert_eq!(trailers, [("T".to_owned(), "v".to_owned())]);
    }

    #[tokio::test]
    async fn a_body_that_ends_early_is_an_error() {
        for (framing, bytes) in [
            (Framing::Length(4), &b"abc"[..]),
            (Framing::Chunked, b"3\r\nabc\r\n"),
            (Framing::Chunked, b"3\r\nabc\r\n0\r\n"),
            (Framing::Chunked, b"3\r\nab"),
        ] {
            let error = body(framing, bytes).await.expect_err("it ends early");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{bytes:?}");
        }
        for bytes in
            [&b"3\r\nabcd\r\n0\r\n\r\n"[..], b"+3\r\nabc\r\n0\r\n\r\n", b"x\r\n", b"3\nabc\r\n0\r\n\r\n"]
        {
            let error = body(Framing::Chunked, bytes).await.expect_err("it is malformed");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{bytes:?}");
        }
    }
}
