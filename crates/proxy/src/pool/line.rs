//! A connection that wakes nobody until somebody waits for it.
//!
//! The runtime watches every socket that it knows, and each answer to a check that arrives wakes its thread, which may
//! share a core with a worker. The answers of a large pool come all the time. Here they are left where they are until
//! all of them can be looked at in one go.

use std::io::{self, Read as _, Write as _};
use std::task::{Context, Poll, Waker};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::transport::Transport;
use crate::upstream::is_silent;

/// Room for the usual answer, so that it takes one read.
const USUAL: usize = 2048;

#[derive(Debug)]
pub(crate) struct Line(State);

#[derive(Debug)]
enum State {
    /// Known to nobody but us.
    Quiet(std::net::TcpStream),
    /// Watched by the runtime; with TLS always.
    Watched(Transport),
    /// Between the two, and after an error.
    Lost,
}

impl Line {
    pub(crate) fn watched(stream: Transport) -> Self {
        Self(State::Watched(stream))
    }

    /// Hidden from the runtime, for as long as nobody reads.
    pub(crate) fn quiet(self) -> io::Result<Self> {
        match self.0 {
            State::Watched(Transport::Plain(stream)) => {
                stream.into_std().map(|stream| Self(State::Quiet(stream)))
            }
            state => Ok(Self(state)),
        }
    }

    /// Whether it is open and nothing has arrived.
    pub(crate) fn is_silent(&self) -> bool {
        match &self.0 {
            State::Quiet(stream) => is_silent(stream),
            State::Watched(stream) => stream.is_silent(true),
            State::Lost => false,
        }
    }

    /// Sends a few bytes, which an idle connection takes at once. Whether it did.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        match &mut self.0 {
            State::Quiet(stream) => matches!(stream.write(bytes), Ok(count) if count == bytes.len()),
            State::Watched(stream) => {
                let mut context = Context::from_waker(Waker::noop());
                let sent = stream.poll_send(&mut context, &[bytes]);
                matches!(sent, Poll::Ready(Ok(count)) if count == bytes.len())
                    && stream.poll_flush(&mut context).is_ready()
            }
            State::Lost => false,
        }
    }

    /// What has arrived, if anything has. An end of the stream is an error.
    pub(crate) fn take_arrived(&mut self, into: &mut Vec<u8>) -> io::Result<()> {
        let State::Quiet(stream) = &mut self.0 else { return Ok(()) };
        let mut bytes = [0; USUAL];
        match stream.read(&mut bytes) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            count => {
                into.extend_from_slice(&bytes[..count?]);
                Ok(())
            }
        }
    }

    /// Waits for more. `Ok(0)` is the end of the stream.
    pub(crate) async fn read(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        if let State::Quiet(_) = &self.0
            && let State::Quiet(stream) = std::mem::replace(&mut self.0, State::Lost)
        {
            self.0 = State::Watched(Transport::Plain(TcpStream::from_std(stream)?));
        }
        let State::Watched(stream) = &mut self.0 else { return Ok(0) };
        into.reserve(USUAL);
        stream.read_buf(into).await
    }
}
