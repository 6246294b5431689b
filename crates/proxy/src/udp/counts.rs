//! What a listener for datagrams has seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::rate::Rate;
use crate::listen::Listener;

/// Of one listener, shared by its workers.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Sessions that began.
    pub(crate) begun: AtomicU64,
    /// Sessions open now.
    pub(crate) open: AtomicU64,
    ended: [AtomicU64; End::ALL.len()],
    lost: [AtomicU64; Lost::ALL.len()],
    dropped: [AtomicU64; Dropped::ALL.len()],
    pub(super) rate: Rate,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// No datagram either way for `udp.idle`, or none of the replies that were due.
    Idle,
    /// All replies have come.
    Answered,
    /// It had to make room for another one.
    Evicted,
    /// The listener is gone, or the process is shutting down, and its time was up.
    Cut,
}

/// Why a session has no backend any more; with the next datagram it gets another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its backend refused it: the port is closed, or there is no way there.
    Refused,
    /// Its backend may not be used any more, or is no longer in the pool of the listener.
    Left,
}

/// Why a datagram went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// A client without a session, while as many as may be are in use.
    Sessions,
    /// A client without a session, faster than sessions may begin.
    Rate,
    /// Nobody may be picked.
    NoBackend,
    /// Every backend has as many sessions as it may have.
    BackendLimit,
    /// This process is out of files, ports or memory.
    Resources,
    /// A client without a session, while the listener is closing.
    Closing,
    /// A backend or the way to it did not take it.
    Backend,
    /// The way to the client did not take it.
    Client,
    /// It was larger than any datagram may be.
    Truncated,
    /// The kernel's buffer was full because workers did not keep up.
    Kernel,
}

/// A session that counts as open until this is dropped.
#[derive(Debug)]
pub(super) struct Open {
    listener: Arc<Listener>,
}

impl Open {
    /// Counts one more, unless there are as many as may be.
    pub(super) fn reserve(listener: &Arc<Listener>, max: usize) -> Option<Self> {
        let more = |open: u64| (open < max as u64).then_some(open + 1);
        listener.udp.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Self { listener: Arc::clone(listener) })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.listener.udp.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Counts {
    pub(crate) fn ended(&self, why: End) -> u64 {
        self.ended[why as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn lost(&self, why: Lost) -> u64 {
        self.lost[why as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self, why: Dropped) -> u64 {
        self.dropped[why as usize].load(Ordering::Relaxed)
    }

    pub(super) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn end(&self, why: End) {
        self.ended[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn lose_backend(&self, why: Lost) {
        self.lost[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn drop_datagrams(&self, why: Dropped, datagrams: u64) {
        self.dropped[why as usize].fetch_add(datagrams, Ordering::Relaxed);
    }
}

impl End {
    /// In the order of the counters.
    pub(crate) const ALL: [Self; 4] = [Self::Idle, Self::Answered, Self::Evicted, Self::Cut];

    /// The name in metrics and logs.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Answered => "answered",
            Self::Evicted => "evicted",
            Self::Cut => "cut",
        }
    }
}

impl Lost {
    /// In the order of the counters.
    pub(crate) const ALL: [Self; 2] = [Self::Refused, Self::Left];

    /// The name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Left => "left",
        }
    }
}

impl Dropped {
    /// In the order of the counters.
    pub(crate) const ALL: [Self; 10] = [
        Self::Sessions,
        Self::Rate,
        Self::NoBackend,
        Self::BackendLimit,
        Self::Resources,
        Self::Closing,
        Self::Backend,
        Self::Client,
        Self::Truncated,
        Self::Kernel,
    ];

    /// The name in metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Rate => "rate",
            Self::NoBackend => "no_backend",
            Self::BackendLimit => "backend_limit",
            Self::Resources => "resources",
            Self::Closing => "closing",
            Self::Backend => "backend",
            Self::Client => "client",
            Self::Truncated => "truncated",
            Self::Kernel => "kernel",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_indexed_by_position() {
        assert!(End::ALL.iter().enumerate().all(|(index, why)| *why as usize == index));
        assert!(Lost::ALL.iter().enumerate().all(|(index, why)| *why as usize == index));
        assert!(Dropped::ALL.iter().enumerate().all(|(index, why)| *why as usize == index));
    }
}
