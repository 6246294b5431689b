//! The way there of an exchange: request head and body, in the backend's version of HTTP.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use bytes::Bytes;
use http::Request;

use crate::http1::BodyLength;
use crate::http2;
use crate::transport::Transport;
use crate::worker::Worker;

use super::body::{Relay, RelayError};
use super::buffer::Buffer;
use super::carry::{Body, Carry, Sink, Source};
use super::client::Inlet;
use super::download::{Answer, DownloadError, refused};
use super::exchange::Backend;
use super::forward::{self, Framing, Incoming};
use super::io::Pace;
use super::stream_heads;

/// The two ways of an exchange. A stream is begun with the head; that of HTTP/1.1 is still to be written, and is in `head`.
pub(super) fn begin<'a>(
    backend: Backend<'a>,
    head: &mut Vec<u8>,
    asked: &Incoming<'_>,
    sent: Option<&Request<()>>,
    ends: bool,
) -> Result<(Answer<'a>, Target<'a>), DownloadError> {
    match backend {
        Backend::H1 { stream, address, upgrade } => {
            forward::request_head(head, asked, address, upgrade);
            Ok((Answer::H1(stream), Target::H1(stream)))
        }
        Backend::H2 { mut connection, scheme, address } => {
            let request = match sent {
                Some(sent) => stream_heads::request(asked, sent, scheme),
                None => {
                    forward::request_head(head, asked, address, false);
                    let request = http2::request(head, scheme, asked.takes_trailers());
                    head.clear();
                    request
                }
            };
            let request = request.ok_or(DownloadError::Unsayable)?;
            let (response, body) = connection.send_request(request, ends).map_err(|error| refused(&error))?;
            Ok((Answer::H2 { response, content: None }, Target::H2(body)))
        }
    }
}

/// Where a request goes.
pub(super) enum Target<'a> {
    H1(&'a Transport),
    H2(h2::SendStream<Bytes>),
}

/// The way there, of a request with a body.
pub(super) struct Upload<'a> {
    pub(super) inlet: Inlet<'a>,
    pub(super) buffer: &'a mut Buffer,
    pub(super) to: Target<'a>,
    pub(super) pending: &'a mut Vec<u8>,
    pub(super) pace: Pace<'a>,
    pub(super) read_idle: Duration,
    pub(super) write_idle: Duration,
    pub(super) content_max: Option<u64>,
    pub(super) moved: &'a AtomicU64,
    pub(super) worker: &'a Worker,
}

impl Upload<'_> {
    pub(super) async fn run(self, length: BodyLength) -> Result<(), RelayError> {
        let Self { inlet, buffer, mut to, pending, pace, read_idle, write_idle, content_max, moved, worker } =
            self;
        match (inlet, &mut to) {
            (Inlet::H1(from), Target::H1(to)) => {
                buffer.reserve_for_body();
                let pipes = worker.pipes();
                let mut relay = Relay {
                    from,
                    buffer,
                    to,
                    pending,
                    pace,
                    read_idle,
                    write_idle,
                    content_max,
                    moved,
                    pipes,
                };
                relay.run(length, Framing::Chunked).await
            }
            (from, to) => {
                let from = match from {
                    Inlet::H1(stream) => {
                        buffer.reserve_for_body();
                        Source::H1 { stream, buffer, body: Body::new(length) }
                    }
                    Inlet::H2(stream) => Source::H2(stream),
                };
                let framing = if length == BodyLength::Chunked { Framing::Chunked } else { Framing::AsIs };
                let to = match to {
                    Target::H1(stream) => Sink::H1 { stream, pending, framing },
                    Target::H2(stream) => Sink::H2(stream),
                };
                let mut carry = Carry { from, to, pace, read_idle, write_idle, content_max, moved };
                Box::pin(carry.run()).await.map(drop)
            }
        }
    }
}
