//! A health check over HTTP, on the connection of the check before when that can be.
//!
//! Most of what a check costs both sides is opening a connection. A kept one may only say yes: whatever else comes of it
//! is asked again on a new one, so that a connection that has gone stale never counts against a backend. Now and then a
//! check opens a new one although the old one would do: a backend that has stopped accepting must not go unnoticed.
//! Answers on kept connections are not looked at when they arrive but some time later, those of many backends in one go.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::http1::{BodyLength, ChunkDecoder, HeadScanner, Method, ResponseHead, Scan, Step, parse_response};
use crate::tls::Securely;
use crate::transport::Transport;
use crate::upstream::is_local;

use super::line::Line;

/// More than this is not the header of an answer to a health check.
const HEAD_MAX: usize = 16 * 1024;
/// A longer body is not read; the connection is then closed.
const BODY_MAX: u64 = 64 * 1024;
/// One check of so many is made on a new connection.
const RENEWED_EVERY: u32 = 20;

/// What is asked, and which answer is a yes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HttpCheck<'a> {
    pub(crate) path: &'a str,
    pub(crate) host: &'a str,
    /// Inclusive ranges of status codes.
    pub(crate) expect_status: &'a [(u16, u16)],
    /// What a new connection begins with.
    pub(crate) first: &'a [u8],
}

/// The connection of one backend between its checks.
#[derive(Debug)]
pub(crate) struct Reuse {
    /// A share of the files of the process: who gets none opens a connection for each check.
    files: Arc<Semaphore>,
    /// From a question on a kept connection to the first look at its answer.
    look_after: Duration,
    /// From there to the end of patience with it: time must be left to ask on a new one.
    give_up_after: Duration,
    kept: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    line: Line,
    /// Checks made on it.
    checks: u32,
    _file: OwnedSemaphorePermit,
}

/// What a check has come to.
#[derive(Debug)]
pub(crate) struct Verdict {
    /// The error is the reason in words; `None` when this process was out of files or ports, which says nothing about
    /// the backend.
    pub(crate) result: Option<Result<(), String>>,
    /// What has not been read yet; to be finished once the result has been passed on.
    pub(crate) rest: Option<Rest>,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Rest {
    line: Line,
    checks: u32,
    bytes: Vec<u8>,
    body: BodyLength,
}

impl Reuse {
    /// Nothing yet.
    pub(crate) fn new(files: Arc<Semaphore>, look_after: Duration, give_up_after: Duration) -> Self {
        Self { files, look_after, give_up_after, kept: None }
    }

    /// Asks on the kept connection. `None` when there is none that can be used once more, and unless the answer is yes.
    async fn ask(&mut self, check: HttpCheck<'_>) -> Option<Verdict> {
        let Kept { mut line, checks, .. } = self.kept.take()?;
        let asked = checks < RENEWED_EVERY && line.is_silent() && line.send(check.request(true).as_bytes());
        if !asked {
            return None;
        }
        tokio::time::sleep(self.look_after).await;
        let mut bytes = Vec::new();
        line.take_arrived(&mut bytes).ok()?;
        let head = tokio::time::timeout(self.give_up_after, head(&mut line, &mut bytes)).await.ok()?;
        let head = head.ok().filter(|head| check.accepts(head.status))?;
        let rest = head.keep_alive.then_some(Rest { line, checks: checks + 1, bytes, body: head.body });
        Some(Verdict { result: Some(Ok(())), rest })
    }

    /// Reads the rest of an answer, and keeps the connection for the next check.
    pub(crate) async fn finish(&mut self, rest: Rest) {
        let checks = rest.checks;
        let Some(line) = rest.read().await.and_then(|line| line.quiet().ok()) else { return };
        let file = Arc::clone(&self.files).try_acquire_owned().ok();
        self.kept = file.map(|file| Kept { line, checks, _file: file });
    }
}

/// Asks once. Without `reuse`, or when nothing is kept, on a connection of its own, with TLS if `securely` says how.
pub(crate) async fn ask(
    address: SocketAddr,
    securely: Option<Securely>,
    check: HttpCheck<'_>,
    reuse: Option<&mut Reuse>,
) -> Verdict {
    let keeps = reuse.is_some();
    if let Some(reuse) = reuse
        && let Some(yes) = reuse.ask(check).await
    {
        return yes;
    }
    let answer = match connect(address, check.first, securely).await {
        None => return Verdict { result: None, rest: None },
        Some(Err(reason)) => Err(reason),
        Some(Ok(stream)) => exchange(stream, check, keeps).await,
    };
    match answer {
        Ok((head, rest)) if check.accepts(head.status) => Verdict { result: Some(Ok(())), rest },
        Ok((head, _)) => Verdict { result: Some(Err(format!("status {}", head.status))), rest: None },
        Err(reason) => Verdict { result: Some(Err(reason)), rest: None },
    }
}

/// Opens a connection, sends `first` on it and shakes hands. `None` when this process is out of files or ports.
pub(crate) async fn connect(
    address: SocketAddr,
    first: &[u8],
    securely: Option<Securely>,
) -> Option<Result<Transport, String>> {
    let mut tcp = match TcpStream::connect(address).await {
        Err(error) if is_local(&error) => return None,
        Err(error) => return Some(Err(error.to_string())),
        Ok(tcp) => tcp,
    };
    if !first.is_empty()
        && let Err(error) = tcp.write_all(first).await
    {
        return Some(Err(error.to_string()));
    }
    Some(match securely {
        None => Ok(Transport::Plain(tcp)),
        Some(securely) => securely.over(tcp).await.map_err(|error| format!("TLS: {error}")),
    })
}

impl HttpCheck<'_> {
    fn accepts(&self, status: u16) -> bool {
        self.expect_status.iter().any(|&(from, to)| (from..=to).contains(&status))
    }

    fn request(&self, keeps: bool) -> String {
        let Self { path, host, .. } = self;
        let version = env!("CARGO_PKG_VERSION");
        let connection = if keeps { "" } else { "Connection: close\r\n" };
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: evenkeel-health/{version}\r\n\
             Accept: */*\r\n{connection}\r\n"
        )
    }
}

/// Question and header of the answer. The rest is there when the connection may be used again after it.
async fn exchange(
    mut stream: Transport,
    check: HttpCheck<'_>,
    keeps: bool,
) -> Result<(ResponseHead, Option<Rest>), String> {
    stream.write_all(check.request(keeps).as_bytes()).await.map_err(|error| error.to_string())?;
    stream.flush().await.map_err(|error| error.to_string())?;
    let (mut line, mut bytes) = (Line::watched(stream), Vec::new());
    let head = head(&mut line, &mut bytes).await?;
    let rest = (keeps && head.keep_alive).then_some(Rest { line, checks: 1, bytes, body: head.body });
    Ok((head, rest))
}

/// Reads up to the end of the final header, and leaves what follows it in `bytes`.
async fn head(line: &mut Line, bytes: &mut Vec<u8>) -> Result<ResponseHead, String> {
    let mut scanner = HeadScanner::default();
    let mut fields = Vec::new();
    loop {
        while let Scan::Complete(length) = scanner.advance(bytes) {
            let head = parse_response(&bytes[..length], Method::Get, &mut fields)
                .map_err(|malformed| format!("not an HTTP response: {}", malformed.detail))?;
            bytes.drain(..length);
            if !head.is_interim() {
                return Ok(head);
            }
            scanner = HeadScanner::default();
        }
        if scanner.clone().advance(bytes) == Scan::BareLf || bytes.len() > HEAD_MAX {
            return Err("not an HTTP response".to_owned());
        }
        if line.read(bytes).await.map_err(|error| error.to_string())? == 0 {
            return Err("closed without an answer".to_owned());
        }
    }
}

impl Rest {
    /// The connection, when the body ends where it says and is not too long.
    async fn read(mut self) -> Option<Line> {
        match self.body {
            BodyLength::None => {}
            BodyLength::Length(length) if length <= BODY_MAX => {
                while (self.bytes.len() as u64) < length {
                    self.more().await?;
                }
                self.bytes.drain(..usize::try_from(length).ok()?);
            }
            BodyLength::Chunked => self.chunks().await?,
            BodyLength::Length(_) | BodyLength::UntilClose => return None,
        }
        // What follows has not been asked for.
        self.bytes.is_empty().then_some(self.line)
    }

    async fn chunks(&mut self) -> Option<()> {
        let mut decoder = ChunkDecoder::default();
        let mut left = BODY_MAX;
        loop {
            let (consumed, done) = match decoder.next(&self.bytes).ok()? {
                Step::Data { skip, length } => (skip + length, false),
                Step::End { skip, length } => (skip + length, true),
                Step::More { skip } => {
                    self.bytes.drain(..skip);
                    self.more().await?;
                    continue;
                }
            };
            self.bytes.drain(..consumed);
            left = left.checked_sub(consumed as u64)?;
            if done {
                return Some(());
            }
        }
    }

    async fn more(&mut self) -> Option<()> {
        let read = self.line.read(&mut self.bytes).await.ok()?;
        (read > 0 && self.bytes.len() as u64 <= BODY_MAX).then_some(())
    }
}

#[cfg(test)]
#[path = "http_check_tests.rs"]
mod tests;
