//! What one client may do on one connection, and what clients have done.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evenkeel_config::{Http2, Listener};

use super::frames::Flood;

/// Bounds of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Http2Bounds {
    /// As configured.
    pub(crate) settings: Http2,
    /// For the preface and the first settings.
    pub(crate) handshake: Duration,
}

impl Http2Bounds {
    /// `None` where HTTP/2 is not spoken.
    pub(crate) fn of(listener: &Listener) -> Option<Self> {
        let settings = listener.http2.clone()?;
        Some(Self { settings, handshake: listener.timeouts.handshake })
    }
}

/// What the clients of a listener have done over HTTP/2.
#[derive(Debug, Default)]
pub(crate) struct Http2Counts {
    /// Connections on which it was spoken.
    pub(crate) connections: AtomicU64,
    /// Streams begun.
    pub(crate) streams: AtomicU64,
    /// Streams refused because too many were still being wound up.
    pub(crate) refused: AtomicU64,
    /// Streams reset because their request was malformed.
    pub(crate) malformed: AtomicU64,
    /// Connections ended for their behaviour, by [`Flood`].
    pub(crate) floods: [AtomicU64; Flood::ALL.len()],
}

impl Http2Counts {
    pub(super) fn flooded(&self, flood: Flood) {
        self.floods[flood as usize].fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flood_has_its_counter() {
        let counts = Http2Counts::default();
        for (place, flood) in Flood::ALL.into_iter().enumerate() {
            counts.flooded(flood);
            assert_eq!(counts.floods[place].load(Ordering::Relaxed), 1, "{flood:?}");
        }
    }
}
