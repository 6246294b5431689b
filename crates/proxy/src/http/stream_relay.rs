//! A tunnel between a stream of HTTP/2 and a connection: the end of the stream is the end of what its side has to say, a
//! reset is a reset (RFC 8441 section 5.1).

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h2::{RecvStream, SendStream};

use crate::relay::{Fault, Way};
use crate::splice::IN_ONE_GO;
use crate::transport::Transport;

/// From the client's stream to the backend.
pub(super) struct Up<'a> {
    from: &'a mut RecvStream,
    to: &'a Transport,
    /// Read, and not taken by the backend yet: so long the client has no window for more.
    held: Bytes,
    stage: Stage,
    moved: u64,
}

/// From the backend to the client's stream.
pub(super) struct Down<'a> {
    from: &'a Transport,
    to: &'a mut SendStream<Bytes>,
    /// Read, and not taken by the stream yet.
    held: Bytes,
    stage: Stage,
    moved: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended; the receiver is to be told.
    Ending,
    Over,
}

impl<'a> Up<'a> {
    pub(super) fn new(from: &'a mut RecvStream, to: &'a Transport) -> Self {
        Self { from, to, held: Bytes::new(), stage: Stage::Open, moved: 0 }
    }

    fn poll_moving(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        let mut in_one_go = 0;
        loop {
            ready!(self.poll_deliver(context))?;
            if self.stage == Stage::Ending {
                // A backend that has closed meanwhile needs not be told.
                return self.to.poll_finish(context).map(|_| Ok(()));
            }
            if in_one_go >= IN_ONE_GO {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.from.poll_data(context)) {
                Some(Ok(piece)) => {
                    // An empty piece counts, too: a flood of them must not hold this thread.
                    in_one_go += piece.len().max(1) as u64;
                    self.held = piece;
                }
                Some(Err(_)) => return Poll::Ready(Err(Fault::Sender)),
                None => self.stage = Stage::Ending,
            }
        }
    }

    fn poll_deliver(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        while !self.held.is_empty() {
            let taken = match ready!(self.to.poll_send(context, &[&self.held])) {
                Ok(taken) if taken > 0 => taken,
                _ => return Poll::Ready(Err(Fault::Receiver)),
            };
            self.held.advance(taken);
            self.moved += taken as u64;
            if self.from.flow_control().release_capacity(taken).is_err() {
                return Poll::Ready(Err(Fault::Sender));
            }
        }
        self.to.poll_flush(context).map_err(|_| Fault::Receiver)
    }
}

impl<'a> Down<'a> {
    /// `early` goes first.
    pub(super) fn new(from: &'a Transport, to: &'a mut SendStream<Bytes>, early: Vec<u8>) -> Self {
        Self { from, to, held: early.into(), stage: Stage::Open, moved: 0 }
    }

    fn poll_moving(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        let mut in_one_go = 0;
        loop {
            ready!(self.poll_deliver(context))?;
            if self.stage == Stage::Ending {
                let told = self.to.send_data(Bytes::new(), true);
                return Poll::Ready(told.map_err(|_| Fault::Receiver));
            }
            if in_one_go >= IN_ONE_GO {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            buffer.clear();
            match ready!(self.from.poll_recv(context, buffer)).map_err(|_| Fault::Sender)? {
                0 => self.stage = Stage::Ending,
                count => {
                    in_one_go += count as u64;
                    self.held = Bytes::copy_from_slice(buffer);
                }
            }
        }
    }

    fn poll_deliver(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
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
            self.moved += piece.len() as u64;
            if self.to.send_data(piece, false).is_err() {
                return Poll::Ready(Err(Fault::Receiver));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Way for Up<'_> {
    fn poll(&mut self, context: &mut Context<'_>, _: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_moving(context);
        if polled.is_ready() {
            self.stage = Stage::Over;
        }
        polled
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// A stream that is reset says so, whether it is read from or not: see [`Down`].
    fn held_up(&self) -> Option<&Transport> {
        None
    }
}

impl Way for Down<'_> {
    fn poll(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        // Also when it has been told all there is: nothing is read from a client whose backend does not read, and so nothing
        // else says that it has gone.
        if self.to.poll_reset(context).is_ready() {
            self.stage = Stage::Over;
            return Poll::Ready(Err(Fault::ReceiverReset));
        }
        if self.is_over() {
            return Poll::Ready(Ok(()));
        }
        let polled = self.poll_moving(context, buffer);
        if polled.is_ready() {
            self.stage = Stage::Over;
        }
        polled
    }

    fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    fn held_up(&self) -> Option<&Transport> {
        None
    }
}
