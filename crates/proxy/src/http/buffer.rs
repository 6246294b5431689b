//! Byte buffers that are filled from a socket, and the set of them that one request needs.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

use crate::http1::Field;

/// What a buffer for bodies starts with.
const INITIAL: usize = 16 * 1024;
/// What a buffer starts with that waits for a request: room for nearly every head. A client that never ends one holds no
/// more.
const HEAD_INITIAL: usize = 4 * 1024;
/// What it grows to while a body keeps filling it: what the kernel takes at once for a client (`UNSENT_MAX` of the
/// listening socket). More would be written in parts, with a wait after each, and leave the processor's cache.
const LARGEST: usize = 32 * 1024;

/// Bytes read and not yet consumed.
#[derive(Debug)]
pub(crate) struct Buffer {
    data: Vec<u8>,
    start: usize,
    end: usize,
    initial: usize,
}

impl Buffer {
    /// Takes no memory before the first read: a client that is slow with its head needs nothing to read a response.
    fn new(initial: usize) -> Self {
        Self { data: Vec::new(), start: 0, end: 0, initial }
    }

    /// What has been read and not consumed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Whether a read would find no room even after moving the bytes to the front.
    pub(crate) fn is_full(&self) -> bool {
        !self.data.is_empty() && self.end - self.start == self.data.len()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.end - self.start);
        self.start += count;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Makes room for a body to flow through.
    pub(crate) fn reserve_for_body(&mut self) {
        self.reserve(INITIAL);
    }

    /// Makes room for `capacity` unconsumed bytes in all.
    pub(crate) fn reserve(&mut self, capacity: usize) {
        if self.data.len() < capacity {
            self.data.resize(capacity, 0);
        }
    }

    /// Reads once. `Ok(0)` is the end of the stream. There must be room.
    ///
    /// A read that fills an empty buffer doubles it for the next one: bodies of many megabytes then cost
    /// few system calls, small ones no memory.
    pub(crate) fn poll_fill<R: AsyncRead + Unpin>(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut R,
    ) -> Poll<io::Result<usize>> {
        if self.data.is_empty() {
            self.data.resize(self.initial, 0);
        }
        if self.start > 0 && self.end == self.data.len() {
            self.data.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        debug_assert!(self.end < self.data.len());
        let mut space = ReadBuf::new(&mut self.data[self.end..]);
        ready!(Pin::new(reader).poll_read(context, &mut space))?;
        let count = space.filled().len();
        let filled_whole = self.end == 0 && count == self.data.len();
        self.end += count;
        if filled_whole && self.data.len() < LARGEST {
            let doubled = self.data.len() * 2;
            self.data.resize(doubled, 0);
        }
        Poll::Ready(Ok(count))
    }

    pub(crate) async fn fill<R: AsyncRead + Unpin>(&mut self, reader: &mut R) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_fill(context, reader)).await
    }

    fn reset(&mut self) {
        self.clear();
        if self.data.len() > INITIAL {
            self.data.truncate(INITIAL);
            self.data.shrink_to_fit();
        }
    }
}

/// All memory that one request in progress needs; an idle connection has none.
#[derive(Debug)]
pub(crate) struct Scratch {
    /// Read from the client.
    pub(crate) input: Buffer,
    /// The request head, moved out of `input` so that the body can flow through it.
    pub(crate) head: Vec<u8>,
    /// Fields of the request head.
    pub(crate) fields: Vec<Field>,
    /// To be written to the backend.
    pub(crate) to_backend: Vec<u8>,
    /// Read from the backend.
    pub(crate) from_backend: Buffer,
    /// Fields of the response head, then of the trailers.
    pub(crate) response_fields: Vec<Field>,
    /// To be written to the client.
    pub(crate) to_client: Vec<u8>,
}

impl Scratch {
    pub(crate) fn new() -> Box<Self> {
        Box::new(Self {
            input: Buffer::new(HEAD_INITIAL),
            head: Vec::new(),
            fields: Vec::new(),
            to_backend: Vec::new(),
            from_backend: Buffer::new(INITIAL),
            response_fields: Vec::new(),
            to_client: Vec::new(),
        })
    }

    /// Makes it fit for another connection, without what one large message made it grow to.
    pub(crate) fn reset(&mut self) {
        self.input.reset();
        self.from_backend.reset();
        for bytes in [&mut self.head, &mut self.to_backend, &mut self.to_client] {
            bytes.clear();
            bytes.shrink_to(INITIAL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn grows_only_while_reads_fill_it() {
        let body = vec![7_u8; 4 * LARGEST];
        let mut reader = &body[..];
        let mut buffer = Buffer::new(INITIAL);
        let mut sizes = Vec::new();
        loop {
            let count = buffer.fill(&mut reader).await.unwrap();
            if count == 0 {
                break;
            }
            sizes.push(count);
            buffer.consume(count);
        }
        assert_eq!(sizes[..3], [INITIAL, LARGEST, LARGEST]);
        assert!(sizes.iter().all(|&size| size <= LARGEST));
        buffer.reset();
        assert_eq!(buffer.data.len(), INITIAL);
    }

    #[tokio::test]
    async fn unconsumed_bytes_move_to_the_front() {
        let mut buffer = Buffer::new(INITIAL);
        let first = vec![1_u8; INITIAL];
        buffer.fill(&mut &first[..INITIAL - 1]).await.unwrap();
        buffer.fill(&mut &first[..1]).await.unwrap();
        assert!(buffer.is_full());
        buffer.consume(INITIAL - 2);
        buffer.fill(&mut &[2_u8, 3][..]).await.unwrap();
        assert_eq!(buffer.bytes(), [1, 1, 2, 3]);
    }
}
