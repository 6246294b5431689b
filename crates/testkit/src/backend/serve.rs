//! Connections of a backend.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::reply::{Reply, Step};
use super::{HEALTH_PATH, Received, Shared, lock};
use crate::http::{Digest, Fields, Head, Wire, pattern};

/// Bytes of a message that are kept.
const KEPT_MAX: usize = 1 << 20;
/// Connections may idle this long between requests: longer than any test.
const PATIENCE: Duration = Duration::from_secs(300);

/// Serves connections until told to stop; then they are all closed when this returns.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let number = shared.connections.fetch_add(1, Ordering::Relaxed);
                    let connection = Connection::new(stream, number, Arc::clone(&shared));
                    connections.spawn(connection.run());
                }
                Err(error) => panic!("accept: {error}"),
            },
            _ = &mut stopped => break,
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

struct Connection {
    wire: Wire<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    number: usize,
    shared: Arc<Shared>,
    _open: Open,
}

/// What comes after a reply.
#[derive(PartialEq, Eq)]
enum Then {
    Next,
    Close,
    Reset,
}

impl Connection {
    fn new(stream: TcpStream, number: usize, shared: Arc<Shared>) -> Self {
        stream.set_nodelay(true).ok();
        let (reader, writer) = stream.into_split();
        let wire = Wire::new(reader, PATIENCE, KEPT_MAX);
        Self { wire, writer, number, _open: Open::new(&shared), shared }
    }

    /// Errors are the peer's business: what was received tells the test.
    async fn run(mut self) {
        while let Ok(Some(head)) = self.wire.head().await {
            match self.request(head).await {
                Ok(Then::Next) => {}
                Ok(Then::Close) | Err(_) => return,
                Ok(Then::Reset) => {
                    self.writer.as_ref().set_zero_linger().ok();
                    // Dropping this half in the ordinary way would say a polite goodbye first.
                    return self.writer.forget();
                }
            }
        }
    }

    async fn request(&mut self, head: Head) -> io::Result<Then> {
        if head.target() == HEALTH_PATH {
            self.shared.checks.fetch_add(1, Ordering::Relaxed);
            let reply = lock(&self.shared.health).clone();
            self.wire.take_recorded();
            return self.reply(reply, &head, None).await;
        }
        self.shared.requests.fetch_add(1, Ordering::Relaxed);
        let _busy = Busy::new(&self.shared);
        let answer = Arc::clone(&*lock(&self.shared.answer));
        let reply = answer(&head);
        let record = self.record(&head);
        let shared = Arc::clone(&self.shared);
        let _permit = match &shared.capacity {
            Some((slots, service)) => {
                let permit = slots.acquire().await.ok();
                tokio::time::sleep(*service).await;
                permit
            }
            None => None,
        };
        self.reply(reply, &head, Some(record)).await
    }

    /// Remembers a request from its head on; gives its place in the list.
    fn record(&mut self, head: &Head) -> usize {
        let received = Received {
            connection: self.number,
            raw: self.wire.take_recorded(),
            head: head.clone(),
            body: Vec::new(),
            digest: Digest::new(),
            trailers: Fields::new(),
            whole: false,
        };
        let mut list = lock(&self.shared.received);
        list.push(received);
        list.len() - 1
    }

    async fn reply(&mut self, reply: Reply, head: &Head, record: Option<usize>) -> io::Result<Then> {
        for step in reply.steps {
            match step {
                Step::ReadBody => self.read_body(head, record).await?,
                Step::Send(bytes) => self.writer.write_all(&bytes).await?,
                Step::SendPattern(length) => self.send_pattern(length).await?,
                Step::Drip(bytes, piece, pause) => {
                    for piece in bytes.chunks(piece) {
                        tokio::time::sleep(pause).await;
                        self.writer.write_all(piece).await?;
                    }
                }
                Step::Pause(pause) => tokio::time::sleep(pause).await,
                Step::Pass(gate) => gate.pass().await,
                Step::Echo => {
                    loop {
                        let bytes = self.wire.some(usize::MAX).await?;
                        if bytes.is_empty() {
                            break;
                        }
                        self.writer.write_all(&bytes).await?;
                    }
                    return Ok(Then::Close);
                }
                Step::Hang => {
                    while !self.wire.some(usize::MAX).await?.is_empty() {}
                    return Ok(Then::Close);
                }
                Step::Close => return Ok(Then::Close),
                Step::Reset => return Ok(Then::Reset),
            }
        }
        Ok(Then::Next)
    }

    async fn read_body(&mut self, head: &Head, record: Option<usize>) -> io::Result<()> {
        let framing = head.request_framing()?;
        let shared = Arc::clone(&self.shared);
        let with_record = |change: &mut dyn FnMut(&mut Received)| {
            let mut list = lock(&shared.received);
            if let Some(received) = record.and_then(|index| list.get_mut(index)) {
                change(received);
            }
        };
        let mut sink = |piece: &[u8]| {
            with_record(&mut |received| {
                received.digest.add(piece);
                let room = KEPT_MAX.saturating_sub(received.body.len());
                received.body.extend_from_slice(&piece[..piece.len().min(room)]);
            });
        };
        let trailers = self.wire.body(framing, &mut sink).await;
        let raw = self.wire.take_recorded();
        with_record(&mut |received| {
            received.raw.extend_from_slice(&raw);
            received.whole = trailers.is_ok();
            received.trailers = trailers.as_ref().cloned().unwrap_or_default();
        });
        trailers.map(|_| ())
    }

    async fn send_pattern(&mut self, length: u64) -> io::Result<()> {
        let mut sent = 0;
        while sent < length {
            let piece = pattern(sent, (length - sent).min(1 << 16) as usize);
            self.writer.write_all(piece).await?;
            sent += piece.len() as u64;
        }
        Ok(())
    }
}

/// Counts a request as begun and not answered while it lives.
struct Busy(Arc<Shared>);

impl Busy {
    fn new(shared: &Arc<Shared>) -> Self {
        let before = shared.busy.fetch_add(1, Ordering::Relaxed);
        shared.busiest.fetch_max(before + 1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Counts a connection as open while it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
