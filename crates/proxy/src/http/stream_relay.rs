//! A tunnel between a stream of HTTP/2 and a connection: the end of the stream is the end of what its side has to say, a
//! reset is a reset (RFC 8441 section 5.1).

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};

use crate::relay::{Fault, Way};
use crate::transport::Transport;

/// From the client's stream to the backend.
pub(super) struct Up<'a> {
    from: &'a mut RecvStream,
    to: &'a Transport,
    /// Read, and not taken by the backend yet: so long the client has no window for more.
    held: Bytes,
}

/// From the backend to the client's stream.
pub(super) struct Down<'a> {
    from: &'a Transport,
    to: &'a mut SendStream<Bytes>,
    /// Read, and not taken by the stream yet.
    held: Bytes,
}

impl<'a> Up<'a> {
    pub(super) fn new(from: &'a mut RecvStream, to: &'a Transport) -> Self {
        Self { from, to, held: Bytes::new() }
    }
}

impl<'a> Down<'a> {
    /// `early` goes first.
    pub(super) fn new(from: &'a Transport, to: &'a mut SendStream<Bytes>, early: Vec<u8>) -> Self {
        Self { from, to, held: early.into() }
    }
}

impl Way for Up<'_> {
    fn poll_deliver(&mut self, context: &mut Context<'_>, moved: &mut u64) -> Poll<Result<(), Fault>> {
        while !self.held.is_empty() {
            let taken = match ready!(self.to.poll_send(context, &[&self.held])) {
                Ok(taken) if taken > 0 => taken,
                _ => return Poll::Ready(Err(Fault::Receiver)),
            };
            self.held.advance(taken);
            *moved += taken as u64;
            if self.from.flow_control().release_capacity(taken).is_err() {
                return Poll::Ready(Err(Fault::Sender));
            }
        }
        self.to.poll_flush(context).map_err(|_| Fault::Receiver)
    }

    fn poll_fetch(
        &mut self,
        context: &mut Context<'_>,
        _: &mut Vec<u8>,
        _: &mut u64,
    ) -> Poll<Result<Option<u64>, Fault>> {
        Poll::Ready(match ready!(self.from.poll_data(context)) {
            Some(Ok(piece)) => {
                // An empty piece counts, too: a flood of them must not hold this thread.
                let count = piece.len().max(1) as u64;
                self.held = piece;
                Ok(Some(count))
            }
            Some(Err(_)) => Err(Fault::Sender),
            None => Ok(None),
        })
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        // A backend that has closed meanwhile needs not be told.
        self.to.poll_finish(context).map(|_| Ok(()))
    }

    // Nobody is held up: a stream that is reset says so, whether it is read from or not (see [`Down`]).
}

impl Way for Down<'_> {
    fn poll_deliver(&mut self, context: &mut Context<'_>, moved: &mut u64) -> Poll<Result<(), Fault>> {
        while !self.held.is_empty() {
            self.to.reserve_capacity(self.held.len());
            // The engine tells of room when there comes to be more, not of what there is.
            let room = match self.to.capacity() {
                0 => match ready!(self.to.poll_capacity(context)) {
                    Some(Ok(room)) if room > 0 => room,
                    _ => return Poll::Ready(Err(Fault::Receiver)),
                },
                room => room,
            };
            let piece = self.held.split_to(room.min(self.held.len()));
            *moved += piece.len() as u64;
            if self.to.send_data(piece, false).is_err() {
                return Poll::Ready(Err(Fault::Receiver));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_fetch(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        _: &mut u64,
    ) -> Poll<Result<Option<u64>, Fault>> {
        buffer.clear();
        let count = ready!(self.from.poll_recv(context, buffer)).map_err(|_| Fault::Sender)?;
        if count > 0 {
            self.held = Bytes::copy_from_slice(buffer);
        }
        Poll::Ready(Ok((count > 0).then_some(count as u64)))
    }

    fn poll_end(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let told = self.to.send_data(Bytes::new(), true);
        Poll::Ready(told.map_err(|_| Fault::Receiver))
    }

    /// Also when it has been told all there is: nothing is read from a client whose backend does not read, and so nothing
    /// else says that it has gone.
    fn is_refused(&mut self, context: &mut Context<'_>) -> bool {
        self.to.poll_reset(context).is_ready()
    }
}
