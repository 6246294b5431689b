//! A client that sends exactly the bytes it is told to and reads strictly.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use crate::http::{Digest, Head, Response, Wire, pattern};
use crate::wait::PATIENCE;

/// One connection. Reads give up after [`PATIENCE`] without a byte.
#[derive(Debug)]
pub struct Client {
    wire: Wire<OwnedReadHalf>,
    writer: OwnedWriteHalf,
    local: SocketAddr,
}

impl Client {
    /// Opens a connection.
    ///
    /// # Panics
    /// When that fails.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).await.unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    /// Opens a connection.
    ///
    /// # Errors
    /// What connecting gives.
    pub async fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        let (reader, writer) = stream.into_split();
        Ok(Self { wire: Wire::new(reader, PATIENCE, 0), writer, local })
    }

    /// Its own address.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Sends `bytes` as they are.
    ///
    /// # Errors
    /// What writing gives.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.writer.write_all(bytes.as_ref()).await
    }

    /// Sends `bytes` as they are.
    ///
    /// # Panics
    /// When the peer does not take them.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap_or_else(|error| panic!("send: {error}"));
    }

    /// Sends `length` bytes of [`pattern`].
    ///
    /// # Errors
    /// What writing gives.
    pub async fn send_pattern(&mut self, length: u64) -> io::Result<()> {
        let mut sent = 0;
        while sent < length {
            let piece = pattern(sent, (length - sent).min(1 << 16) as usize);
            self.writer.write_all(piece).await?;
            sent += piece.len() as u64;
        }
        Ok(())
    }

    /// Tells the peer that nothing more comes; still reads.
    ///
    /// # Panics
    /// When the connection is gone.
    pub async fn finish_sending(&mut self) {
        self.writer.shutdown().await.unwrap_or_else(|error| panic!("shut down: {error}"));
    }

    /// The next response with its body, the answer to a request with `method`. It is whole, or this is an error.
    ///
    /// # Errors
    /// `UnexpectedEof` when the peer closes early, `InvalidData` when it breaks HTTP, `TimedOut` when it is silent.
    pub async fn try_response(&mut self, method: &str) -> io::Result<Response> {
        let mut body = Vec::new();
        let mut response = self.response_into(method, &mut |piece| body.extend_from_slice(piece)).await?;
        response.body = body;
        Ok(response)
    }

    /// The next response to a GET.
    ///
    /// # Panics
    /// When it is not a whole, valid response.
    pub async fn response(&mut self) -> Response {
        self.response_to("GET").await
    }

    /// The next response, the answer to a request with `method`.
    ///
    /// # Panics
    /// When it is not a whole, valid response.
    pub async fn response_to(&mut self, method: &str) -> Response {
        self.try_response(method).await.unwrap_or_else(|error| panic!("response to {method}: {error}"))
    }

    /// The next response, its content digested but not kept.
    ///
    /// # Errors
    /// As [`Client::try_response`].
    pub async fn digested_response(&mut self, method: &str) -> io::Result<Response> {
        self.response_into(method, &mut |_| ()).await
    }

    /// One head, interim or final, without a body.
    ///
    /// # Errors
    /// As [`Client::try_response`].
    pub async fn try_head(&mut self) -> io::Result<Head> {
        let head = self.wire.head().await?;
        head.ok_or_else(|| {
            io::Error::new(io::ErrorKind::UnexpectedEof, "the peer closed instead of answering")
        })
    }

    /// At most `limit` bytes of whatever the peer sends next; none when it has closed.
    ///
    /// # Errors
    /// What reading gives.
    pub async fn read_some(&mut self, limit: usize) -> io::Result<Vec<u8>> {
        self.wire.some(limit).await
    }

    /// Everything until the peer closes.
    ///
    /// # Errors
    /// What reading gives: a reset is an error.
    pub async fn read_to_close(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let piece = self.wire.some(usize::MAX).await?;
            if piece.is_empty() {
                return Ok(bytes);
            }
            bytes.extend_from_slice(&piece);
        }
    }

    /// Checks that the peer closes, or resets, without another byte.
    ///
    /// # Panics
    /// When it sends something or stays open.
    pub async fn expect_close(&mut self) {
        match self.wire.some(200).await {
            Ok(bytes) if bytes.is_empty() => {}
            Ok(bytes) => panic!("a close was due, but this came: {:?}", String::from_utf8_lossy(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("a close was due: {error}"),
        }
    }

    /// Sends a GET for `path` on `host` and reads the answer.
    ///
    /// # Panics
    /// When it is not a whole, valid response.
    pub async fn get(&mut self, host: &str, path: &str) -> Response {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        self.response().await
    }

    async fn response_into(
        &mut self,
        method: &str,
        sink: &mut (dyn FnMut(&[u8]) + Send),
    ) -> io::Result<Response> {
        let mut interim = Vec::new();
        loop {
            let head = self.try_head().await?;
            if head.status()? < 200 {
                head.response_framing(method)?;
                interim.push(head);
                continue;
            }
            let framing = head.response_framing(method)?;
            let mut digest = Digest::new();
            let mut both = |piece: &[u8]| {
                digest.add(piece);
                sink(piece);
            };
            let trailers = self.wire.body(framing, &mut both).await?;
            return Ok(Response { head, interim, body: Vec::new(), digest, framing, trailers });
        }
    }
}
