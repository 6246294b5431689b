//! Whom to pick from: decided once per snapshot, outside strategies.

use super::slot::Slot;
use super::snapshot::{Mode, Phase};
use crate::units::Ratio;

/// The counts that the mode is decided by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Census {
    /// Neither disabled nor draining, and in the subset.
    pub(super) enabled: usize,
    /// Of those, those serving.
    pub(super) healthy: usize,
    /// Of those, those of which nothing is known yet: not checked, or their names not looked up.
    pub(super) pending: usize,
    /// Of those, those with an address: what panic mode picks from.
    pub(super) reachable: usize,
}

impl Census {
    pub(super) fn of(slots: &[Slot]) -> Self {
        let mut census = Self::default();
        for slot in slots.iter().filter(|slot| slot.counts()) {
            census.enabled += 1;
            census.healthy += usize::from(slot.phase == Phase::Serving);
            census.pending += usize::from(slot.is_pending());
            census.reachable += usize::from(slot.member.address.is_some());
        }
        census
    }

    /// Panic needs bad news, not missing news: members of which nothing is known yet count as if they would
    /// turn out healthy. So a pool that starts, or grows, does not panic into backends that nobody has
    /// checked, and one whose checks failed panics even if one result is still out.
    pub(super) fn mode(self, panic_threshold: Ratio) -> Mode {
        let hopeful = (self.healthy + self.pending) as f64;
        if self.reachable > 0 && hopeful < panic_threshold.get() * self.enabled as f64 {
            Mode::Panic
        } else if self.healthy > 0 {
            Mode::Normal
        } else {
            Mode::Empty
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(healthy: usize, pending: usize, enabled: usize, threshold: f64) -> Mode {
        Census { enabled, healthy, pending, reachable: enabled }.mode(Ratio::new(threshold).unwrap())
    }

    #[test]
    fn panics_on_bad_news_only() {
        assert_eq!(mode(0, 3, 3, 0.5), Mode::Empty, "starting");
        assert_eq!(mode(1, 2, 3, 0.5), Mode::Normal, "first result in");
        assert_eq!(mode(2, 6, 8, 0.5), Mode::Normal, "growing");
        assert_eq!(mode(0, 1, 3, 0.5), Mode::Panic, "two failed, one unknown");
        assert_eq!(mode(1, 0, 2, 0.5), Mode::Normal, "half of two is not below half");
        assert_eq!(mode(1, 0, 3, 0.5), Mode::Panic);
        assert_eq!(mode(0, 0, 3, 0.0), Mode::Empty, "panic is off");
        assert_eq!(mode(0, 0, 0, 1.0), Mode::Empty);
        assert_eq!(mode(0, 3, 3, 1.0), Mode::Empty, "the highest threshold does not change what is unknown");
    }

    #[test]
    fn cannot_panic_into_nowhere() {
        let nowhere = Census { enabled: 2, healthy: 0, pending: 0, reachable: 0 };
        assert_eq!(nowhere.mode(Ratio::ONE), Mode::Empty);
    }
}
