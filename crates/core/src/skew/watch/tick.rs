//! What the tests of one tick look at.

use super::super::serials::BySerial;
use super::reading::{Expected, Reading};
use crate::lease::Reason;
use crate::pool::PoolSnapshot;
use crate::units::Nanos;

/// One tick that has gone by.
#[derive(Clone, Copy)]
pub(super) struct Tick<'a> {
    /// As it is now.
    pub(super) snapshot: &'a PoolSnapshot,
    /// As it was known when the tick began.
    pub(super) expected: &'a Expected,
    /// What has come in it, by serial.
    pub(super) since: &'a BySerial<Reading>,
    pub(super) now: Nanos,
    /// Nothing that picks go by has changed meanwhile, not even for a moment: every pick followed one plan.
    pub(super) steady: bool,
}

/// With more attempts than this part that were repeated, first attempts do not show whose turn it was.
const REPEATED_MAX: f64 = 0.01;

impl Tick<'_> {
    /// Attempts for one reason, at all backends.
    pub(super) fn of_reason(&self, reason: Reason) -> f64 {
        self.since.values().map(|reading| reading.by_reason[reason as usize]).sum()
    }

    /// Whether who got requests can be held against the plan.
    pub(super) fn shows_the_plan(&self) -> bool {
        let attempts: f64 = self.since.values().map(Reading::attempts).sum();
        let repeated = self.of_reason(Reason::Retry) + self.of_reason(Reason::Hedge);
        self.steady && repeated <= REPEATED_MAX * attempts
    }
}
