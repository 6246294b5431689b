//! Whom to pick from: decided once per snapshot, outside strategies.

use std::collections::BTreeMap;

use super::slot::Slot;
use super::snapshot::{Mode, Phase};
use crate::units::Ratio;

/// The counts that the mode is decided by: of all tiers together, or of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Census {
    /// Neither disabled nor draining, and in the subset.
    pub(super) enabled: usize,
    /// Of those, those serving.
    pub(super) healthy: usize,
    /// Of those, those of which nothing is known yet: not checked, or their names not looked up.
    pending: usize,
    /// Of those, those with an address: what panic mode picks from.
    reachable: usize,
}

/// Panic is for a pool of which no tier is well enough to take the traffic. One that is takes over from those that are
/// not: that is what it is there for, and there is no need to send anything to the dead.
pub(super) fn mode(slots: &[Slot], panic_threshold: Ratio) -> (Mode, Census) {
    let mut tiers: BTreeMap<u8, Census> = BTreeMap::new();
    let mut whole = Census::default();
    for slot in slots.iter().filter(|slot| slot.counts()) {
        whole.add(slot);
        tiers.entry(slot.member.placement.tier).or_default().add(slot);
    }
    (whole.mode(tiers.into_values(), panic_threshold), whole)
}

impl Census {
    fn add(&mut self, slot: &Slot) {
        self.enabled += 1;
        self.healthy += usize::from(slot.phase == Phase::Serving);
        self.pending += usize::from(slot.is_pending());
        self.reachable += usize::from(slot.member.address.is_some());
    }

    fn mode(self, tiers: impl IntoIterator<Item = Self>, panic_threshold: Ratio) -> Mode {
        let in_need = |tier: Self| tier.is_in_need(panic_threshold);
        // Nobody is in no tier, and nobody is reachable then.
        if self.reachable > 0 && tiers.into_iter().all(in_need) {
            Mode::Panic
        } else if self.healthy > 0 {
            Mode::Normal
        } else {
            Mode::Empty
        }
    }

    /// Panic needs bad news, not missing news: members of which nothing is known yet count as if they would
    /// turn out healthy. So a pool that starts, or grows, does not panic into backends that nobody has
    /// checked, and one whose checks failed panics even if one result is still out.
    fn is_in_need(self, panic_threshold: Ratio) -> bool {
        let hopeful = (self.healthy + self.pending) as f64;
        hopeful < panic_threshold.get() * self.enabled as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(healthy: usize, pending: usize, enabled: usize, threshold: f64) -> Mode {
        let pool = Census { enabled, healthy, pending, reachable: enabled };
        pool.mode([pool], Ratio::new(threshold).unwrap())
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
        assert_eq!(nowhere.mode([nowhere], Ratio::ONE), Mode::Empty);
    }
}
