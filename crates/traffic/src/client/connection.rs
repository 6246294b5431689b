//! One connection and the exchanges on it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::Uri;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use super::failure::Failure;
use super::{Answer, Dial, Request, Target, Version};

/// An open connection. What is under way when the last of its handles is dropped is given up.
#[derive(Debug)]
pub struct Connection {
    sender: Sender,
    scheme: &'static str,
    authority: String,
    timeout: Duration,
    opened: Duration,
    _driver: Arc<Driver>,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// The task that reads and writes.
#[derive(Debug)]
struct Driver(JoinHandle<()>);

/// Bytes of the head of an answer in HTTP/1.1.
const HEAD_MAX: usize = 64 * 1024;
/// The same in HTTP/2, decoded.
const HEADER_LIST_MAX: u32 = 64 * 1024;

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Connection {
    /// Connects, with TLS where the target says so.
    ///
    /// # Errors
    /// [`Failure`]; after the timeout of `dial` at the latest.
    pub async fn open(target: &Target, dial: &Dial) -> Result<Self, Failure> {
        let began = Instant::now();
        let opening = Self::open_at_leisure(target, dial);
        let opened = tokio::time::timeout(dial.timeout, opening).await;
        let (sender, driver) = opened.map_err(|_| Failure::Timeout("connection"))??;
        Ok(Self {
            sender,
            scheme: target.scheme(),
            authority: target.authority(),
            timeout: dial.timeout,
            opened: began.elapsed(),
            _driver: Arc::new(driver),
        })
    }

    async fn open_at_leisure(target: &Target, dial: &Dial) -> Result<(Sender, Driver), Failure> {
        let tcp = dial.tcp(target).await?;
        if !target.secure {
            return handshake(tcp, dial.version).await;
        }
        handshake(dial.tls.over(tcp, target, dial.version).await?, dial.version).await
    }

    /// How long it took to open.
    pub fn opened(&self) -> Duration {
        self.opened
    }

    /// Another handle for the same connection, to have several requests on it at a time: HTTP/2 only.
    pub fn again(&self) -> Option<Self> {
        let Sender::Http2(sender) = &self.sender else { return None };
        Some(Self {
            sender: Sender::Http2(sender.clone()),
            scheme: self.scheme,
            authority: self.authority.clone(),
            timeout: self.timeout,
            opened: self.opened,
            _driver: Arc::clone(&self._driver),
        })
    }

    /// Whether another request may be sent, as far as can be known.
    pub fn is_open(&self) -> bool {
        match &self.sender {
            Sender::Http1(sender) => !sender.is_closed(),
            Sender::Http2(sender) => !sender.is_closed(),
        }
    }

    /// Sends a request and reads the answer to its end.
    ///
    /// # Errors
    /// [`Failure`]; after the timeout at the latest. After one in HTTP/1.1 the connection is of no more use.
    pub async fn request(&mut self, request: &Request) -> Result<Answer, Failure> {
        let began = Instant::now();
        let deadline = (began + self.timeout).into();
        let message = self.message(request)?;
        let answered = timeout_at(deadline, self.send(message)).await;
        let response = answered.map_err(|_| Failure::Timeout("answer"))??;
        let first_byte = began.elapsed();
        let (head, content) = response.into_parts();
        let read = timeout_at(deadline, read(content, request.keep)).await;
        let (body, bytes) = read.map_err(|_| Failure::Timeout("end of the answer"))??;
        let (status, headers) = (head.status.as_u16(), head.headers);
        Ok(Answer { status, headers, body, bytes, first_byte, total: began.elapsed() })
    }

    async fn send(
        &mut self,
        message: http::Request<Full<Bytes>>,
    ) -> Result<http::Response<Incoming>, Failure> {
        let sent = match &mut self.sender {
            Sender::Http1(sender) => {
                sender.ready().await.map_err(|error| Failure::of_exchange(&error))?;
                sender.send_request(message).await
            }
            Sender::Http2(sender) => {
                sender.ready().await.map_err(|error| Failure::of_exchange(&error))?;
                sender.send_request(message).await
            }
        };
        sent.map_err(|error| Failure::of_exchange(&error))
    }

    fn message(&self, request: &Request) -> Result<http::Request<Full<Bytes>>, Failure> {
        let refuse = |error: http::Error| Failure::Request(error.to_string());
        let given = request.host.as_ref().and_then(|host| host.to_str().ok());
        let authority = given.unwrap_or(&self.authority);
        let uri = match &self.sender {
            Sender::Http1(_) => Uri::builder().path_and_query(request.path.as_str()).build(),
            Sender::Http2(_) => Uri::builder()
                .scheme(self.scheme)
                .authority(authority)
                .path_and_query(request.path.as_str())
                .build(),
        };
        let mut message = http::Request::builder()
            .method(request.method.clone())
            .uri(uri.map_err(refuse)?)
            .body(Full::new(request.body.clone()))
            .map_err(refuse)?;
        *message.headers_mut() = request.fields.clone();
        if matches!(self.sender, Sender::Http1(_)) {
            let host =
                authority.parse().map_err(|_| Failure::Request(format!("{authority:?} is no host")))?;
            message.headers_mut().insert(http::header::HOST, host);
        }
        Ok(message)
    }
}

async fn handshake<T>(io: T, version: Version) -> Result<(Sender, Driver), Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let io = TokioIo::new(io);
    let failed = |error: hyper::Error| Failure::of_exchange(&error);
    match version {
        Version::Http1 => {
            let (sender, connection) =
                http1::Builder::new().max_buf_size(HEAD_MAX).handshake(io).await.map_err(failed)?;
            // What goes wrong is told to whoever waits for an answer.
            let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
            Ok((Sender::Http1(sender), Driver(driver)))
        }
        Version::Http2 => {
            let (sender, connection) = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(HEADER_LIST_MAX)
                .handshake(io)
                .await
                .map_err(failed)?;
            let driver = tokio::spawn(async move { connection.await.unwrap_or_default() });
            Ok((Sender::Http2(sender), Driver(driver)))
        }
    }
}

/// The beginning of a body, and its length.
async fn read(mut content: Incoming, keep: usize) -> Result<(Vec<u8>, u64), Failure> {
    let (mut kept, mut bytes) = (Vec::new(), 0);
    while let Some(frame) = content.frame().await {
        let frame = frame.map_err(|error| Failure::of_exchange(&error))?;
        if let Some(data) = frame.data_ref() {
            bytes += data.len() as u64;
            let room = keep - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok((kept, bytes))
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
