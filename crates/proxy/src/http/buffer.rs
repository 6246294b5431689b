//! Byte buffers that are filled from a socket, and the set of them that one request needs.

use std::io;
use std::task::{Context, Poll, ready};

use crate::http1::Field;
use crate::transport::Transport;

use super::timer::Timer;

/// What a buffer for bodies starts with: a body of 16 KiB, a size that much software writes in, with its head takes one
/// read.
const INITIAL: usize = 20 * 1024;
/// What a buffer starts with that waits for a request: room for nearly every head. A client that never ends one holds no
/// more.
const HEAD_INITIAL: usize = 4 * 1024;
/// What it grows to while a body keeps filling it: what the kernel takes at once for a client (`UNSENT_MAX` of the
/// listening socket). More would be written in parts, with a wait after each, and leave the processor's cache.
const LARGEST: usize = 32 * 1024;

/// What a set of buffers has together that no body has flowed through, and whose heads were usual ones.
const SMALL: usize = 4 * 1024;

/// Bytes read and not yet consumed.
#[derive(Debug)]
pub(crate) struct Buffer {
    data: Vec<u8>,
    /// What lies before has been consumed.
    start: usize,
    initial: usize,
}

impl Buffer {
    /// Takes no memory before the first read: a client that is slow with its head needs nothing to read a response.
    fn new(initial: usize) -> Self {
        Self { data: Vec::new(), start: 0, initial }
    }

    /// What has been read and not consumed.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.data[self.start..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.data.len()
    }

    /// Whether a read would find no room even after moving the bytes to the front.
    pub(crate) fn is_full(&self) -> bool {
        !self.is_empty() && self.start == 0 && self.data.len() == self.data.capacity()
    }

    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.data.len() - self.start);
        self.start += count;
        if self.is_empty() {
            self.clear();
        }
    }

    /// Drops everything.
    pub(crate) fn clear(&mut self) {
        self.start = 0;
        self.data.clear();
    }

    /// Makes room for a body to flow through.
    pub(crate) fn reserve_for_body(&mut self) {
        self.reserve(INITIAL);
    }

    /// Makes room for `capacity` unconsumed bytes in all.
    pub(crate) fn reserve(&mut self, capacity: usize) {
        if self.data.capacity() < capacity {
            self.data.reserve_exact(capacity - self.data.len());
        }
    }

    /// Reads once. `Ok(0)` is the end of the stream. There must be room.
    ///
    /// A read that fills an empty buffer enlarges it for the next one: bodies of many megabytes then cost few system
    /// calls, small ones no memory.
    pub(crate) fn poll_fill(
        &mut self,
        context: &mut Context<'_>,
        from: &Transport,
    ) -> Poll<io::Result<usize>> {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.initial);
        }
        if self.start > 0 && self.data.len() == self.data.capacity() {
            self.data.drain(..self.start);
            self.start = 0;
        }
        let was_empty = self.data.is_empty();
        let count = ready!(from.poll_recv(context, &mut self.data))?;
        if was_empty && count == self.data.capacity() && count < LARGEST {
            self.reserve(LARGEST.min(2 * count));
        }
        Poll::Ready(Ok(count))
    }

    pub(crate) async fn fill(&mut self, from: &Transport) -> io::Result<usize> {
        std::future::poll_fn(|context| self.poll_fill(context, from)).await
    }

    fn reset(&mut self) {
        self.clear();
        self.data.shrink_to(INITIAL);
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
    /// For a stream of HTTP/2: a connection has one of its own, but a stream is over before it has paid off.
    pub(crate) timer: Timer,
    /// For a body on its way to the backend.
    pub(crate) upload_timer: Timer,
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
            timer: Timer::default(),
            upload_timer: Timer::default(),
        })
    }

    /// Whether it holds next to no memory.
    pub(crate) fn is_small(&self) -> bool {
        let buffers = self.input.data.capacity() + self.from_backend.data.capacity();
        let heads = self.head.capacity() + self.to_backend.capacity() + self.to_client.capacity();
        let fields = size_of::<Field>() * (self.fields.capacity() + self.response_fields.capacity());
        buffers + heads + fields <= SMALL
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
    use tokio::io::AsyncWriteExt;

    use super::super::socket::tests::connection;
    use super::*;

    #[tokio::test]
    async fn grows_only_while_reads_fill_it() {
        let (near, mut far) = connection().await;
        let near = Transport::Plain(near);
        let sending = tokio::spawn(async move { far.write_all(&vec![7; 64 * LARGEST]).await });
        let mut buffer = Buffer::new(INITIAL);
        let mut sizes = Vec::new();
        loop {
            let count = buffer.fill(&near).await.unwrap();
            if count == 0 {
                break;
            }
            sizes.push(count);
            buffer.consume(count);
        }
        sending.await.unwrap().unwrap();
        assert!(sizes[0] <= INITIAL, "{sizes:?}");
        assert_eq!(sizes.iter().max(), Some(&LARGEST), "{sizes:?}");
        buffer.reset();
        assert_eq!(buffer.data.capacity(), INITIAL);
    }

    #[tokio::test]
    async fn unconsumed_bytes_move_to_the_front() {
        let (near, mut far) = connection().await;
        let near = Transport::Plain(near);
        let mut buffer = Buffer::new(16);
        for part in [b"0123456789", &b"abcdef"[..]] {
            far.write_all(part).await.unwrap();
            buffer.fill(&near).await.unwrap();
        }
        assert!(buffer.is_full());
        buffer.consume(14);
        assert!(!buffer.is_full());
        far.write_all(b"XY").await.unwrap();
        buffer.fill(&near).await.unwrap();
        assert_eq!(buffer.bytes(), b"efXY");
    }
}
