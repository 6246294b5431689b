//! The client's side of a request: a connection of HTTP/1.1, or one stream of an HTTP/2 connection.

use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};

use crate::http2::Link;
use crate::transport::Transport;
use crate::turn::has_left;

/// Where a request came from and its response goes.
pub(crate) enum Client {
    H1(Transport),
    H2(Box<Stream>),
}

/// One stream.
pub(crate) struct Stream {
    pub(crate) link: Arc<Link>,
    /// As it came.
    pub(crate) request: Request<()>,
    pub(crate) receive: RecvStream,
    pub(crate) respond: Responder,
}

/// Where the content of a request is read from.
pub(crate) enum Inlet<'a> {
    H1(&'a Transport),
    H2(&'a mut RecvStream),
}

/// Where a response is written to.
pub(crate) enum Outlet<'a> {
    H1(&'a Transport),
    H2(&'a mut Responder),
}

/// The response of one stream.
pub(crate) struct Responder {
    head: SendResponse<Bytes>,
    body: Option<SendStream<Bytes>>,
}

impl Client {
    /// The bytes below. Those of an HTTP/2 connection belong to all its streams.
    pub(crate) fn transport(&self) -> &Transport {
        match self {
            Self::H1(transport) => transport,
            Self::H2(stream) => stream.link.transport(),
        }
    }

    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::H2(_))
    }

    /// The request as it came, where it came over HTTP/2.
    pub(crate) fn sent(&self) -> Option<&Request<()>> {
        match self {
            Self::H1(_) => None,
            Self::H2(stream) => Some(&stream.request),
        }
    }

    /// Reading and writing, which go on at the same time.
    pub(crate) fn sides(&mut self) -> (Inlet<'_>, Outlet<'_>) {
        match self {
            Self::H1(transport) => (Inlet::H1(transport), Outlet::H1(transport)),
            Self::H2(stream) => (Inlet::H2(&mut stream.receive), Outlet::H2(&mut stream.respond)),
        }
    }

    /// Whether the client has given the request up before anything was done for it. A connection that has closed its
    /// sending side only is taken at its word. Once `watched` is false its end cannot be seen, for bytes lie before it.
    pub(crate) fn has_left(&mut self, watched: &mut bool, context: &mut Context<'_>) -> bool {
        match self {
            Self::H2(stream) => stream.respond.poll_reset(context).is_ready(),
            Self::H1(transport) => {
                let mut socket = watched.then(|| transport.tcp());
                let left = has_left(&mut socket, context);
                *watched = socket.is_some();
                left
            }
        }
    }
}

impl Responder {
    pub(crate) fn new(head: SendResponse<Bytes>) -> Self {
        Self { head, body: None }
    }

    /// # Errors
    /// The client has left.
    pub(crate) fn send_interim(&mut self, response: Response<()>) -> io::Result<()> {
        self.head.send_informational(response).map_err(gone)
    }

    /// Begins the final response, which is whole with that if it `ends`.
    ///
    /// # Errors
    /// The client has left.
    pub(crate) fn send_head(&mut self, response: Response<()>, ends: bool) -> io::Result<()> {
        self.body = Some(self.head.send_response(response, ends).map_err(gone)?);
        Ok(())
    }

    /// What follows the head, once that has been sent.
    pub(crate) fn body(&mut self) -> Option<&mut SendStream<Bytes>> {
        self.body.as_mut()
    }

    /// Ready when the client does not want the response any more, or its connection is gone.
    pub(crate) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let reset = match &mut self.body {
            Some(body) => body.poll_reset(context),
            None => self.head.poll_reset(context),
        };
        reset.map(drop)
    }

    /// Ends the stream before its response is whole.
    pub(crate) fn reset(&mut self, reason: Reason) {
        self.head.send_reset(reason);
    }
}

fn gone(error: h2::Error) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, error)
}
