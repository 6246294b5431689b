//! One connection to a server of HTTP/2, with prior knowledge over plain TCP.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::event::{Event, Outcome, Response, status};
use super::frame::Frame;
use super::reader::FrameReader;
use crate::wait::PATIENCE;

/// What a client sends first (RFC 9113 section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A connection that does only what it is told: it acknowledges nothing and opens no window by itself.
#[derive(Debug)]
pub struct Client {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    buffer: Vec<u8>,
    frames: FrameReader,
    /// What came and was not asked for yet.
    seen: VecDeque<Event>,
    closed: bool,
}

/// What belongs to one stream.
enum Piece {
    Fields(crate::http::Fields, bool),
    Data(Vec<u8>, bool),
    End(Outcome),
}

impl Client {
    /// Opens a TCP connection and says nothing.
    ///
    /// # Errors
    /// What connecting gives.
    pub async fn silent(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reader, writer) = stream.into_split();
        let (buffer, seen) = (Vec::new(), VecDeque::new());
        Ok(Self { reader, writer, buffer, frames: FrameReader::new(), seen, closed: false })
    }

    /// Opens a connection with the preface and these settings, waits for the server's and acknowledges them.
    ///
    /// # Errors
    /// When the server does not do its part.
    pub async fn connect_with(address: SocketAddr, settings: &[(u16, u32)]) -> io::Result<Self> {
        let mut client = Self::silent(address).await?;
        client.handshake(settings).await.map_err(io::Error::other)?;
        Ok(client)
    }

    /// Sends the preface and these settings, waits for the server's and acknowledges them. Gives the server's.
    ///
    /// # Errors
    /// When the server does not do its part.
    pub async fn handshake(&mut self, settings: &[(u16, u32)]) -> Result<Vec<(u16, u32)>, String> {
        let preface = [PREFACE, &Frame::settings(settings).bytes()].concat();
        self.send_bytes(preface).await.map_err(|error| format!("preface: {error}"))?;
        let theirs = self.settings().await?;
        self.send([Frame::settings_ack()]).await.map_err(|error| format!("acknowledge: {error}"))?;
        self.acknowledged().await?;
        Ok(theirs)
    }

    /// The same with empty SETTINGS.
    ///
    /// # Panics
    /// When the server does not do its part.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, &[]).await.unwrap_or_else(|error| panic!("HTTP/2 to {address}: {error}"))
    }

    /// Sends frames.
    ///
    /// # Errors
    /// What writing gives.
    pub async fn send(&mut self, frames: impl IntoIterator<Item = Frame>) -> io::Result<()> {
        let bytes: Vec<u8> = frames.into_iter().flat_map(|frame| frame.bytes()).collect();
        self.send_bytes(bytes).await
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// What writing gives.
    pub async fn send_bytes(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.writer.write_all(bytes.as_ref()).await
    }

    /// Tells the peer that nothing more comes; still reads.
    ///
    /// # Errors
    /// What shutting down gives.
    pub async fn finish_sending(&mut self) -> io::Result<()> {
        self.writer.shutdown().await
    }

    /// The first thing, of those that came and those that come, for which `pick` gives a value. It is taken out.
    ///
    /// # Errors
    /// When it does not come before the connection closes or within `limit`, with what came instead.
    pub async fn find_within<T>(
        &mut self,
        limit: Duration,
        what: &str,
        mut pick: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, String> {
        let deadline = Instant::now() + limit;
        let mut looked = 0;
        loop {
            while let Some(event) = self.seen.get(looked) {
                if let Some(value) = pick(event) {
                    self.seen.remove(looked);
                    return Ok(value);
                }
                looked += 1;
            }
            if self.closed {
                let closed = pick(&Event::Closed);
                return closed.ok_or_else(|| format!("closed without {what}; came: {:?}", self.seen));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, self.read()).await {
                Ok(read) => read.map_err(|error| format!("before {what}: {error}"))?,
                Err(_) => return Err(format!("no {what} within {limit:?}; came: {:?}", self.seen)),
            }
        }
    }

    /// The same within [`PATIENCE`].
    ///
    /// # Errors
    /// As [`Client::find_within`].
    pub async fn find<T>(&mut self, what: &str, pick: impl FnMut(&Event) -> Option<T>) -> Result<T, String> {
        self.find_within(PATIENCE, what, pick).await
    }

    /// Allows the server's dynamic table so many bytes; SETTINGS that say so must have been acknowledged.
    pub fn allow_table(&mut self, size: usize) {
        self.frames.allow_table(size);
    }

    /// The server's SETTINGS.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn settings(&mut self) -> Result<Vec<(u16, u32)>, String> {
        let pick = |event: &Event| match event {
            Event::Settings(values) => Some(values.clone()),
            _ => None,
        };
        self.find("SETTINGS", pick).await
    }

    /// Waits until our SETTINGS have been acknowledged.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn acknowledged(&mut self) -> Result<(), String> {
        self.find("the acknowledgement of SETTINGS", |event| (*event == Event::SettingsAck).then_some(()))
            .await
    }

    /// Sends PING and waits for the answer: what was sent before has been read by then.
    ///
    /// # Errors
    /// When that does not come.
    pub async fn ping(&mut self) -> Result<(), String> {
        const PAYLOAD: [u8; 8] = *b"evenkeel";
        self.send([Frame::ping(PAYLOAD)]).await.map_err(|error| format!("PING: {error}"))?;
        let answer = Event::Ping(true, PAYLOAD.to_vec());
        self.find("the answer to PING", |event| (*event == answer).then_some(())).await
    }

    /// The code of a GOAWAY, which must come.
    ///
    /// # Errors
    /// When it does not.
    pub async fn goaway(&mut self) -> Result<u32, String> {
        let pick = |event: &Event| match event {
            Event::GoAway(_, code) => Some(*code),
            _ => None,
        };
        self.find("GOAWAY", pick).await
    }

    /// Waits until the server has closed the connection.
    ///
    /// # Errors
    /// When it does not.
    pub async fn closed(&mut self) -> Result<(), String> {
        self.find("the end of the connection", |event| (*event == Event::Closed).then_some(())).await
    }

    /// What becomes of the request on `stream`.
    ///
    /// # Errors
    /// When nothing comes of it in time, or the server breaks the rules.
    pub async fn outcome(&mut self, stream: u32) -> Result<Outcome, String> {
        let mut response = Response::default();
        loop {
            let what = format!("more of stream {stream}");
            match self.find(&what, |event| piece(event, stream)).await? {
                Piece::End(outcome) => return Ok(outcome),
                Piece::Data(content, end) => {
                    if response.fields.is_empty() {
                        return Err("content before a field section".to_owned());
                    }
                    response.body.extend_from_slice(&content);
                    if end {
                        return Ok(Outcome::Response(response));
                    }
                }
                Piece::Fields(fields, end) => {
                    add(&mut response, fields, end)?;
                    if end {
                        return Ok(Outcome::Response(response));
                    }
                }
            }
        }
    }

    /// The whole response on `stream`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn response(&mut self, stream: u32) -> Result<Response, String> {
        match self.outcome(stream).await? {
            Outcome::Response(response) => Ok(response),
            other => Err(format!("{other} instead of a response on stream {stream}")),
        }
    }

    /// The first, of what came and was not asked for, that `wanted` accepts. It stays.
    pub fn came(&self, wanted: impl Fn(&Event) -> bool) -> Option<Event> {
        self.seen.iter().find(|event| wanted(event)).cloned()
    }

    /// Reads once. Loses nothing when it is dropped half-way.
    async fn read(&mut self) -> io::Result<()> {
        self.buffer.reserve(32 * 1024);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => self.closed = true,
            Err(error) if is_end(&error) => self.closed = true,
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        while let Some(event) = self.frames.next(&mut self.buffer)? {
            self.seen.push_back(event);
        }
        Ok(())
    }
}

/// What an event says about a stream.
fn piece(event: &Event, stream: u32) -> Option<Piece> {
    match event {
        Event::Fields(of, fields, end) if *of == stream => Some(Piece::Fields(fields.clone(), *end)),
        Event::Data(of, content, end) if *of == stream => Some(Piece::Data(content.clone(), *end)),
        Event::Reset(of, code) if *of == stream => Some(Piece::End(Outcome::Reset(*code))),
        Event::GoAway(last, code) if *last < stream || *code != 0 => Some(Piece::End(Outcome::GoAway(*code))),
        Event::Closed => Some(Piece::End(Outcome::Closed)),
        _ => None,
    }
}

/// Puts a field section where it belongs.
fn add(response: &mut Response, fields: crate::http::Fields, end: bool) -> Result<(), String> {
    match status(&fields) {
        0 if !response.fields.is_empty() && end => response.trailers = fields,
        100..200 if response.fields.is_empty() && !end => response.interim.push(fields),
        200..600 if response.fields.is_empty() => response.fields = fields,
        _ => return Err(format!("a field section that does not belong here: {fields:?}")),
    }
    Ok(())
}

fn is_end(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe)
}
