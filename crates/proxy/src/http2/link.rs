//! The byte stream below one HTTP/2 connection, shared by the protocol engine and by whoever drives it.
//!
//! The engine flushes after every DATA frame. Here a flush does nothing until the engine has said all it has to say for
//! now: then [`Link::poll_out`] hands everything over at once, so that the answers of all streams take one system call
//! and one TLS record.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use evenkeel_config::defaults::RESETS_WITHIN;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::transport::Transport;

use super::frames::{Census, Flood};

/// What is gathered before it is written even though more may come: the content of one TLS record.
const OUT_MAX: usize = 16 * 1024;
/// What is reserved for that at first: a few answers.
const OUT_FIRST: usize = 4 * 1024;
/// What is read at once.
const IN_MAX: usize = 16 * 1024;
/// Length of the client's connection preface (RFC 9113 section 3.4), in front of its first frame.
const PREFACE: usize = 24;

/// One connection's bytes.
#[derive(Debug)]
pub(crate) struct Link {
    transport: Transport,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Read and not taken by the engine yet.
    input: Vec<u8>,
    taken: usize,
    /// Said by the engine and not written yet.
    out: Vec<u8>,
    /// Since when the kernel has taken nothing of `out`.
    stuck: Option<Instant>,
    /// Frames are counted: on connections of clients.
    census: Option<Census>,
    /// Bytes of the preface that are still to come.
    preface: usize,
    window: Instant,
    /// Rises with every read that brought something.
    heard: u64,
}

/// The engine's handle on a [`Link`].
#[derive(Debug)]
pub(crate) struct Io(pub(crate) Arc<Link>);

impl Link {
    /// Of a client that has sent `input` already and may have `resets` streams reset in ten seconds.
    pub(crate) fn of_client(transport: Transport, input: Vec<u8>, resets: u32) -> Self {
        let link = Self::new(transport, Some(Census::new(resets)), PREFACE);
        link.lock().input = input;
        link
    }

    /// To a backend.
    pub(crate) fn of_backend(transport: Transport) -> Self {
        Self::new(transport, None, 0)
    }

    fn new(transport: Transport, census: Option<Census>, preface: usize) -> Self {
        let state = State {
            input: Vec::new(),
            taken: 0,
            out: Vec::new(),
            stuck: None,
            census,
            preface,
            window: Instant::now(),
            heard: 0,
        };
        Self { transport, state: Mutex::new(state) }
    }

    /// What the frames travel over.
    pub(crate) fn transport(&self) -> &Transport {
        &self.transport
    }

    /// What is wrong with the peer.
    pub(crate) fn flood(&self) -> Option<Flood> {
        self.lock().census.as_ref().and_then(Census::flood)
    }

    /// What the peer has most likely done when the engine calls it excessive.
    pub(crate) fn suspected(&self) -> Option<Flood> {
        self.lock().census.as_ref().map(Census::suspected)
    }

    /// Whether the peer's first frame was the one it must be; `None` before it.
    pub(crate) fn began_well(&self) -> Option<bool> {
        self.lock().census.as_ref().and_then(Census::began_well)
    }

    /// Rises when something arrives.
    pub(crate) fn heard(&self) -> u64 {
        self.lock().heard
    }

    /// Since when the peer has taken nothing although there is something.
    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        self.lock().stuck
    }

    /// Memory that a connection without streams need not hold.
    pub(crate) fn shrink(&self) {
        let mut state = self.lock();
        if state.input.is_empty() {
            state.input = Vec::new();
        }
        if state.out.is_empty() {
            state.out = Vec::new();
        }
    }

    /// Writes what the engine has said, until nothing is left.
    pub(crate) fn poll_out(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.lock().poll_out(context, &self.transport)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts the frames of what the engine has got.
    fn arrived(&mut self, bytes: &[u8]) {
        self.heard += u64::from(!bytes.is_empty());
        let preface = self.preface.min(bytes.len());
        self.preface -= preface;
        if let Some(census) = &mut self.census {
            let now = Instant::now();
            if now - self.window >= RESETS_WITHIN {
                self.window = now;
                census.turn();
            }
            census.received(&bytes[preface..]);
        }
    }

    fn poll_in(
        &mut self,
        context: &mut Context<'_>,
        from: &Transport,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.taken == self.input.len() {
            self.taken = 0;
            self.input.clear();
            self.input.reserve(IN_MAX);
            let mut input = std::mem::take(&mut self.input);
            let read = from.poll_recv(context, &mut input);
            self.input = input;
            ready!(read)?;
        }
        let input = std::mem::take(&mut self.input);
        let count = (input.len() - self.taken).min(into.remaining());
        let given = &input[self.taken..self.taken + count];
        into.put_slice(given);
        self.taken += count;
        self.arrived(given);
        self.input = input;
        Poll::Ready(Ok(()))
    }

    fn poll_out(&mut self, context: &mut Context<'_>, to: &Transport) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let sent = to.poll_send(context, &[self.out.as_slice()]);
            let count = ready!(self.progress(sent))?;
            self.out.drain(..count);
        }
        // A TLS session may have taken what the kernel has not.
        let flushed = to.poll_flush(context);
        match flushed {
            Poll::Pending => _ = self.stuck.get_or_insert_with(Instant::now),
            Poll::Ready(_) => self.stuck = None,
        }
        flushed
    }

    /// Grows in two steps, not in ten: it is given back whenever nothing is under way, which is often.
    fn make_room(&mut self, more: usize) {
        let wanted = self.out.len() + more;
        if wanted > self.out.capacity() {
            let capacity = if wanted > OUT_FIRST { OUT_MAX } else { OUT_FIRST };
            self.out.reserve_exact(capacity - self.out.len());
        }
    }

    /// Notes whether the peer takes anything.
    fn progress(&mut self, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &sent {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(_) => self.stuck = None,
            Poll::Pending => {
                self.stuck.get_or_insert_with(Instant::now);
            }
        }
        sent
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        to: &Transport,
        parts: [&[u8]; 2],
    ) -> Poll<io::Result<usize>> {
        let total = parts[0].len() + parts[1].len();
        let taken = loop {
            if self.out.len() + total <= OUT_MAX {
                self.make_room(total);
                self.out.extend_from_slice(parts[0]);
                self.out.extend_from_slice(parts[1]);
                break total;
            }
            let sent = to.poll_send(context, &[self.out.as_slice(), parts[0], parts[1]]);
            let count = ready!(self.progress(sent))?;
            let gathered = count.min(self.out.len());
            self.out.drain(..gathered);
            if count > gathered {
                break count - gathered;
            }
        };
        if let Some(census) = &mut self.census {
            let first = taken.min(parts[0].len());
            census.sent(&parts[0][..first]);
            census.sent(&parts[1][..taken - first]);
        }
        Poll::Ready(Ok(taken))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let link = &self.0;
        let mut state = link.lock();
        if state.census.as_ref().is_some_and(|census| census.flood().is_some()) {
            // Whoever drives the connection ends it when this returns.
            return Poll::Pending;
        }
        state.poll_in(context, &link.transport, into)
    }
}

impl AsyncWrite for Io {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.lock().poll_write(context, &self.0.transport, [bytes, b""])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut some = parts.iter().map(|part| &**part).filter(|part| !part.is_empty());
        let two = [some.next().unwrap_or_default(), some.next().unwrap_or_default()];
        self.0.lock().poll_write(context, &self.0.transport, two)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// Nothing: see the head of this file.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// The engine's last word: all of it goes out.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.0.poll_out(context))?;
        self.0.transport.farewell();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::http::socket::tests::connection;

    fn link(tcp: TcpStream, input: &[u8]) -> (Arc<Link>, Io) {
        let link = Arc::new(Link::of_client(Transport::Plain(tcp), input.to_vec(), 100));
        (Arc::clone(&link), Io(link))
    }

    #[tokio::test]
    async fn what_is_said_goes_out_in_one_piece_and_only_then() {
        let (near, mut far) = connection().await;
        let (link, mut io) = link(near, b"");
        for part in [&b"one "[..], b"two ", b"three"] {
            io.write_all(part).await.unwrap();
            io.flush().await.unwrap();
        }
        let mut got = [0; 64];
        assert!(far.try_read(&mut got).is_err(), "nothing before its time");
        poll_fn(|context| link.poll_out(context)).await.unwrap();
        assert_eq!(far.read(&mut got).await.unwrap(), 13);
        assert_eq!(&got[..13], b"one two three");
    }

    #[tokio::test]
    async fn long_parts_do_not_wait_and_stay_in_order() {
        let (near, mut far) = connection().await;
        let (link, mut io) = link(near, b"");
        let long = vec![b'x'; 5 * OUT_MAX];
        let reading = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            got
        });
        io.write_all(b"first").await.unwrap();
        io.write_all(&long).await.unwrap();
        io.write_all(b"last").await.unwrap();
        poll_fn(|context| link.poll_out(context)).await.unwrap();
        assert!(link.stuck_since().is_none());
        drop((link, io));
        assert_eq!(reading.await.unwrap(), [b"first", &long[..], b"last"].concat());
    }

    #[tokio::test]
    async fn what_is_gathered_grows_in_two_steps_and_is_given_back() {
        let (near, _far) = connection().await;
        let (link, mut io) = link(near, b"");
        for (more, capacity) in [(1, OUT_FIRST), (OUT_FIRST - 1, OUT_FIRST), (1, OUT_MAX)] {
            io.write_all(&vec![0; more]).await.unwrap();
            assert_eq!(link.lock().out.capacity(), capacity);
        }
        poll_fn(|context| link.poll_out(context)).await.unwrap();
        link.shrink();
        assert_eq!(link.lock().out.capacity(), 0);
    }

    #[tokio::test]
    async fn a_peer_that_takes_nothing_is_seen() {
        let (near, _far) = connection().await;
        let (link, mut io) = link(near, b"");
        let more = vec![0; 1 << 20];
        let filling = async { while io.write_all(&more).await.is_ok() {} };
        tokio::time::timeout(std::time::Duration::from_millis(200), filling).await.unwrap_err();
        assert!(link.stuck_since().is_some());
    }

    #[tokio::test]
    async fn what_had_been_read_before_comes_first_and_is_counted_as_it_is_taken() {
        let (near, mut far) = connection().await;
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let input = [&[b'p'; PREFACE][..], &settings].concat();
        let (link, mut io) = link(near, &input);
        far.write_all(b"more").await.unwrap();
        let mut preface = [0; PREFACE];
        io.read_exact(&mut preface).await.unwrap();
        assert_eq!(link.began_well(), None);
        let mut rest = [0; 13];
        io.read_exact(&mut rest).await.unwrap();
        assert_eq!((&rest[..9], &rest[9..], link.began_well()), (&settings[..], &b"more"[..], Some(true)));
    }
}
