//! The one place where the data path reads the time for core.

use std::time::Instant;

use evenkeel_core::Nanos;

/// Translates the system's monotonic clock to core's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    /// Time zero is now.
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(self) -> Nanos {
        self.at(Instant::now())
    }

    pub(crate) fn at(self, instant: Instant) -> Nanos {
        Nanos(instant.saturating_duration_since(self.origin).as_nanos() as u64)
    }

    pub(crate) fn instant(self, at: Nanos) -> Instant {
        self.origin + std::time::Duration::from_nanos(at.0)
    }
}
