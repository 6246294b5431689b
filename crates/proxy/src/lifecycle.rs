//! The phase of the process, as every connection sees it.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use crate::status::Lifecycle;

/// The phase, and whether its deadline has passed. Read on every request, so two plain atomics.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    phase: AtomicU8,
    cut: AtomicBool,
}

impl Stage {
    pub(crate) fn lifecycle(&self) -> Lifecycle {
        match self.phase.load(Ordering::Acquire) {
            0 => Lifecycle::Starting,
            1 => Lifecycle::Serving,
            2 => Lifecycle::Lame,
            3 => Lifecycle::Draining,
            _ => Lifecycle::Closed,
        }
    }

    /// Phases only move forward.
    pub(crate) fn advance_to(&self, phase: Lifecycle) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }

    /// Whether responses should ask clients to go elsewhere.
    pub(crate) fn is_leaving(&self) -> bool {
        self.lifecycle() >= Lifecycle::Lame
    }

    /// Whether idle connections should close.
    pub(crate) fn is_draining(&self) -> bool {
        self.lifecycle() >= Lifecycle::Draining
    }

    /// Ends everything that still runs, once each task has been woken.
    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_only_move_forward() {
        let stage = Stage::default();
        for phase in [Lifecycle::Serving, Lifecycle::Draining, Lifecycle::Lame, Lifecycle::Closed] {
            let before = stage.lifecycle();
            stage.advance_to(phase);
            assert_eq!(stage.lifecycle(), before.max(phase));
        }
    }
}
