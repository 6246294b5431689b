//! Moves bytes both ways between two connections until both have ended.
//!
//! What is short is copied: one read and one write, by way of a buffer that all relays of a worker share, so that a relay
//! that waits holds none. What a read has not emptied is spliced from then on. An end is passed on while the other
//! direction goes on; a reset ends both.

mod direction;
mod join;
mod way;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use evenkeel_core::Outcome;

use crate::http::Timer;
use crate::transport::Transport;
use crate::worker::Worker;

use direction::Direction;

pub(crate) use join::{Silence, join};
pub(crate) use way::{Fault, Way};

/// What a read takes at most: as much as the kernel takes at once for a client (`UNSENT_MAX` of the listening socket).
pub(crate) const CHUNK: usize = 32 * 1024;

/// Two connections that are to become one.
pub(crate) struct Relay<'a> {
    pub(crate) client: &'a Transport,
    pub(crate) backend: &'a Transport,
    pub(crate) early: Early,
    pub(crate) worker: &'a Worker,
    pub(crate) timer: &'a mut Timer,
    /// Longest time without a byte either way.
    pub(crate) idle: Duration,
    /// When it must end though nobody else does. `None` is never.
    pub(crate) leave: Option<Leave<'a>>,
}

/// What has been read before, and goes first.
#[derive(Debug, Default)]
pub(crate) struct Early {
    pub(crate) to_backend: Vec<u8>,
    pub(crate) to_client: Vec<u8>,
}

/// A listener that may be taken out of the configuration.
#[derive(Clone, Copy)]
pub(crate) struct Leave<'a> {
    /// Whether it has been.
    pub(crate) retired: &'a AtomicBool,
    /// How long the relay may go on then.
    pub(crate) patience: Duration,
}

/// How a relay has ended. All but [`End::Closed`] leave something undelivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides have closed in order.
    Closed,
    /// The backend had said all it had to say, and took no more.
    BackendClosed,
    /// The client reset its connection, or it broke.
    ClientReset,
    /// The backend did.
    BackendReset,
    /// Nobody had anything to say for too long.
    Idle,
    /// The drain deadline passed, or that of its listener.
    Cut,
}

impl End {
    /// What it says of the backend. Whatever the client or this process ended says nothing.
    pub(crate) fn outcome(self) -> Outcome {
        match self {
            Self::Closed | Self::BackendClosed => Outcome::Ok,
            Self::BackendReset => Outcome::ResponseBroken,
            Self::ClientReset | Self::Idle | Self::Cut => Outcome::Cancelled,
        }
    }

    /// What the access log calls it; `None` when both sides closed in order.
    pub(crate) fn error(self) -> Option<&'static str> {
        match self {
            Self::Closed | Self::BackendClosed => None,
            Self::ClientReset => Some("client_reset"),
            Self::BackendReset => Some("backend_reset"),
            Self::Idle => Some("idle"),
            Self::Cut => Some("cut"),
        }
    }
}

/// Bytes that a relay has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moved {
    /// From the client to the backend.
    pub(crate) sent: u64,
    /// From the backend to the client.
    pub(crate) received: u64,
}

impl std::ops::AddAssign for Moved {
    fn add_assign(&mut self, more: Self) {
        self.sent += more.sent;
        self.received += more.received;
    }
}

impl Relay<'_> {
    /// Moves bytes until the end, and tells `report` about them whenever there are no more for the moment.
    ///
    /// The connections stay as they are: where the end is not [`End::Closed`], whoever drops them should reset them.
    pub(crate) fn run(self, report: impl FnMut(Moved)) -> impl Future<Output = End> {
        let Self { client, backend, early, worker, timer, idle, leave } = self;
        let pipes = worker.pipes();
        let up = Direction::new(client, backend, pipes, early.to_backend);
        let down = Direction::new(backend, client, pipes, early.to_client);
        join((up, down), worker, Silence::new(timer, idle, leave), report)
    }
}

#[cfg(test)]
mod tests;
