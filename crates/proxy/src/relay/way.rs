//! One direction: in which order it delivers, fetches and ends, whatever is at its ends.

use std::task::{Context, Poll, ready};

use crate::splice::IN_ONE_GO;
use crate::transport::Transport;

/// What lies between a sender and a receiver. What is moved on the way is added to `moved`, in bytes.
pub(crate) trait Way {
    /// Hands over what was fetched before.
    fn poll_deliver(&mut self, context: &mut Context<'_>, moved: &mut u64) -> Poll<Result<(), Fault>>;

    /// Takes once what the sender has to say: how much that was, 1 or more, or `None` at its end. `buffer` may be used for
    /// this call alone. Everything has been delivered before.
    fn poll_fetch(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
        moved: &mut u64,
    ) -> Poll<Result<Option<u64>, Fault>>;

    /// Tells the receiver that the sender has ended.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Fault>>;

    /// Whether the receiver has said that it takes nothing any more. It is asked when all is over, too.
    fn is_refused(&mut self, _: &mut Context<'_>) -> bool {
        false
    }

    /// Whose connection is to be looked at, because it is not read from while the receiver is slow.
    fn held_up(&self) -> Option<&Transport> {
        None
    }
}

/// What broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Sender,
    Receiver,
    /// The receiver takes nothing any more, and wants nothing passed on of what it has said before.
    ReceiverReset,
}

/// A way, and how far it has been gone.
pub(super) struct Course<W> {
    way: W,
    stage: Stage,
    /// Bytes since they were last asked for.
    moved: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// The sender has ended; the receiver is to be told.
    Ending,
    Over,
}

impl<W: Way> Course<W> {
    pub(super) fn new(way: W) -> Self {
        Self { way, stage: Stage::Open, moved: 0 }
    }

    /// Moves what there is to move. Ready when the sender has ended, or something broke; nothing is moved after that.
    /// `buffer` is empty, and for this call alone.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut Vec<u8>,
    ) -> Poll<Result<(), Fault>> {
        if self.way.is_refused(context) {
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

    fn poll_moving(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<Result<(), Fault>> {
        let mut in_one_go = 0;
        loop {
            ready!(self.way.poll_deliver(context, &mut self.moved))?;
            if self.stage == Stage::Ending {
                return self.way.poll_end(context);
            }
            if in_one_go >= IN_ONE_GO {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            match ready!(self.way.poll_fetch(context, buffer, &mut self.moved))? {
                Some(count) => in_one_go += count,
                None => self.stage = Stage::Ending,
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Bytes moved since this was last asked.
    pub(super) fn take_moved(&mut self) -> u64 {
        std::mem::take(&mut self.moved)
    }

    /// As [`Way::held_up`]; nobody's when it is over.
    pub(super) fn held_up(&self) -> Option<&Transport> {
        if self.is_over() { None } else { self.way.held_up() }
    }
}
