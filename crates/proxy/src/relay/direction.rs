//! One direction between two connections.

use std::io;
use std::task::{Context, Poll, ready};

use crate::splice::{Pipe, Pipes};
use crate::transport::Transport;

use super::way::{Fault, Way};

/// A splice that moves less was not worth its pipe: the next piece is copied.
const BULK_MIN: usize = 16 * 1024;

/// From one connection to the other.
pub(super) struct Direction<'a> {
    from: &'a Transport,
    to: &'a Transport,
    pipes: &'a Pipes,
    /// Read, and not taken by the receiver yet.
    held: Vec<u8>,
    /// So much of it has been.
    taken: usize,
    /// The same in the kernel.
    pipe: Option<Pipe<'a>>,
    /// There was more than one read takes.
    bulk: bool,
    /// Nothing has failed to be spliced.
    spliceable: bool,
}

impl<'a> Direction<'a> {
    pub(super) fn new(from: &'a Transport, to: &'a Transport, pipes: &'a Pipes, held: Vec<u8>) -> Self {
        Self {
            from,
            to,
            pipes,
            held,
            taken: 0,
            pipe: None,
            bulk: false,
            spliceable: from.plain().is_some() && to.plain().is_some(),
        }
    }

    fn poll_hand_over(&mut self, context: &mut Context<'_>, moved: &mut u64) -> Poll<io::Result<()>> {
        while self.taken < self.held.len() {
            let written = ready!(self.to.poll_send(context, &[&self.held[self.taken..]]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *moved += written as u64;
            self.taken += written;
        }
        if self.taken > 0 {
            self.held = Vec::new();
            self.taken = 0;
        }
        if let (Some(pipe), Some(to)) = (&mut self.pipe, self.to.plain()) {
            while !pipe.is_empty() {
                let written = ready!(pipe.poll_drain(context, to))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                *moved += written as u64;
            }
        }
        self.to.poll_flush(context)
    }
}

impl Way for Direction<'_> {
    fn poll_deliver(&mut self, context: &mut Context<'_>, moved: &mut u64) -> Poll<Result<(), Fault>> {
        self.poll_hand_over(context, moved).map_err(|_| Fault::Receiver)
    }

    /// What is copied is also written, as far as that goes at once.
    fn poll_fetch(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        moved: &mut u64,
    ) -> Poll<Result<Option<u64>, Fault>> {
        if self.bulk
            && self.spliceable
            && let Some(from) = self.from.plain()
            && let Some(mut pipe) = self.pipe.take().or_else(|| self.pipes.take())
        {
            match ready!(pipe.poll_fill(context, from, u64::MAX)) {
                Ok(count) => {
                    self.bulk = count >= BULK_MIN;
                    self.pipe = Some(pipe);
                    return Poll::Ready(Ok((count > 0).then_some(count as u64)));
                }
                // An urgent byte, say. What has arrived can still be read; if it is broken, reading will say so.
                Err(_) => self.spliceable = false,
            }
        }
        self.pipe = None;
        buffer.clear();
        let count = ready!(self.from.poll_recv(context, buffer)).map_err(|_| Fault::Sender)?;
        self.bulk = count == buffer.capacity();
        if count == 0 {
            return Poll::Ready(Ok(None));
        }
        let written = match self.to.poll_send(context, &[buffer]) {
            Poll::Ready(Ok(written)) => written,
            Poll::Ready(Err(_)) => return Poll::Ready(Err(Fault::Receiver)),
            Poll::Pending => 0,
        };
        *moved += written as u64;
        if written < count {
            self.held = buffer[written..].to_vec();
        }
        Poll::Ready(Ok(Some(count as u64)))
    }

    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        // A receiver that has closed meanwhile needs not be told.
        self.to.poll_finish(context).map(|_| Ok(()))
    }

    fn held_up(&self) -> Option<&Transport> {
        let waits = !self.held.is_empty() || self.pipe.as_ref().is_some_and(|pipe| !pipe.is_empty());
        waits.then_some(self.from)
    }
}
