//! The figures behind a cause: what somebody has to know to mend it.

use std::collections::HashMap;

use super::super::ledger::TOLD;
use super::super::{Latched, Split};
use super::cause::Evidence;
use super::clusters::Shares;
use super::{Cause, Dimension, HotKey, Spread, Watch};
use crate::lease::Reason;

/// What is known beside the cause of a symptom; each figure only where it belongs to one of the causes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Why {
    /// Further causes, each of at least a fifth of the difference, largest first.
    pub further: Vec<Cause>,
    /// Of [`Cause::HotKey`]: the fewest keys without which shares would be inside their bands, or, where they are not all
    /// of it, those that make a fifth of the difference each. Empty where no few make much of it.
    pub keys: Vec<HotKey>,
    /// Of [`Cause::Ring`]: the part of all keys that is at home at the backend, 0.0..=1.0.
    pub owned: Option<f64>,
    /// Of [`Cause::Stickiness`] and [`Cause::LongLivedConnections`]: how few clients or connections have how much.
    pub spread: Option<Spread>,
    /// Of [`Cause::Retries`]: serial of the backend that fails most.
    pub failing: Option<u64>,
    /// Of [`Cause::Retries`]: attempts for each request, 1.0 and up.
    pub amplification: Option<f64>,
    /// Of [`Cause::Capacity`]: serials of those that were at their limit for a good part of the time.
    pub full: Vec<u64>,
    /// Of [`Cause::HashKeyMissing`]: part of the requests without a key, 0.0..=1.0.
    pub keys_missing: Option<f64>,
}

/// More keys than these are not named.
const KEYS_MAX: usize = 4;

impl Why {
    fn is_about(&self, primary: Cause, cause: Cause) -> bool {
        primary == cause || self.further.contains(&cause)
    }
}

impl Watch {
    pub(super) fn why(
        &self,
        evidence: &Evidence,
        dimension: Dimension,
        latched: &Latched,
        cause: Cause,
        split: Option<&Split>,
    ) -> Why {
        let split = split.filter(|_| dimension == Dimension::Requests);
        let mut why = Why { further: further(evidence, latched, cause, split), ..Why::default() };
        let serial = latched.finding.backend;
        if why.is_about(cause, Cause::HotKey) {
            why.keys = self.hot_keys(serial, split.map_or(0.0, |split| split.difference.abs()));
        }
        if why.is_about(cause, Cause::Ring) {
            why.owned = self.homes.of(serial);
        }
        if why.is_about(cause, Cause::Stickiness) || why.is_about(cause, Cause::LongLivedConnections) {
            why.spread = self.stays.spread();
        }
        if why.is_about(cause, Cause::Retries) {
            why.failing = self.failing_most();
            why.amplification = self.amplification();
        }
        if why.is_about(cause, Cause::Capacity) {
            let full = self.sums.iter().filter(|(_, sums)| sums.is_often_full());
            why.full = full.map(|(serial, _)| *serial).collect();
            why.full.sort_unstable();
        }
        if why.is_about(cause, Cause::HashKeyMissing) {
            why.keys_missing = Some(self.keys_missing);
        }
        why
    }

    /// Those at the backend, or, where it has none of them and so too little, all. Where there is another cause, too, the
    /// popular keys do not explain everything: then those that make a part of the difference worth telling.
    fn hot_keys(&self, serial: u64, difference: f64) -> Vec<HotKey> {
        let (mut keys, explained) = self.keys.fewest(&self.shares(), self.keyed(), self.tolerance);
        keys.retain(|key| explained || key.share >= TOLD * difference);
        let here: Vec<HotKey> = keys.iter().copied().filter(|key| key.backend == serial).collect();
        let mut told = if here.is_empty() { keys } else { here };
        told.truncate(KEYS_MAX);
        told
    }

    /// What each backend had of late and what it should have.
    fn shares(&self) -> Shares {
        let total: f64 = self.sums.values().map(super::Sums::attempts).sum();
        let of = |sums: &super::Sums| (sums.attempts() / total.max(f64::MIN_POSITIVE), sums.account().intent);
        self.sums.iter().map(|(serial, sums)| (*serial, of(sums))).collect()
    }

    /// The part of the attempts that did not fail which each backend had of late.
    pub(super) fn work(&self) -> HashMap<u64, f64> {
        let of = |sums: &super::Sums| (sums.attempts() - sums.failures()).max(0.0);
        let all: f64 = self.sums.values().map(of).sum();
        let part = |sums| of(sums) / all.max(f64::MIN_POSITIVE);
        self.sums.iter().map(|(serial, sums)| (*serial, part(sums))).collect()
    }

    /// The part of the requests that have a key.
    pub(super) fn keyed(&self) -> f64 {
        (1.0 - self.keys_missing).clamp(0.0, 1.0)
    }

    fn failing_most(&self) -> Option<u64> {
        let failing = self.sums.iter().filter(|(_, sums)| sums.failures() > 0.0);
        let most = failing.max_by(|one, other| one.1.failures().total_cmp(&other.1.failures()));
        most.map(|(serial, _)| *serial)
    }

    fn amplification(&self) -> Option<f64> {
        let all: f64 = self.sums.values().map(super::Sums::attempts).sum();
        let again = |sums: &super::Sums| sums.attempts_for(Reason::Retry) + sums.attempts_for(Reason::Hedge);
        let first = all - self.sums.values().map(again).sum::<f64>();
        (first > 0.0).then(|| all / first)
    }
}

fn further(evidence: &Evidence, latched: &Latched, primary: Cause, split: Option<&Split>) -> Vec<Cause> {
    let mut further = Vec::new();
    for (term, _) in split.map(Split::causes).unwrap_or_default() {
        let cause = evidence.cause_of(term, latched);
        if cause != primary && !further.contains(&cause) {
            further.push(cause);
        }
    }
    further
}
