//! How a backend fails: how often lately, how fast, and how far that puts it back.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::units::Nanos;

/// Written when an attempt fails, and only then: in good times it costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    /// When the last one was.
    at: AtomicU64,
    /// How many attempts had begun then.
    attempt: AtomicU64,
    /// Attempts for each failure, moving average, as the bits of an `f64`; 0 while there was no failure.
    gap: AtomicU64,
    /// Time that the failed attempts took, moving average in nanoseconds, as the bits of an `f64`.
    took: AtomicU64,
    /// The same, summed over all.
    took_sum: AtomicU64,
}

impl Failures {
    /// An attempt failed, the `attempt`-th that was begun or an earlier one.
    #[cold]
    pub(crate) fn note(&self, attempt: u64, took: Duration, now: Nanos) {
        let last = self.attempt.swap(attempt, Ordering::Relaxed);
        // One that ends well after a failure of a later one is not told from it.
        let gap = (attempt.saturating_sub(last) as f64).clamp(1.0, LONGEST_GAP);
        let nanos = took.as_nanos() as f64;
        let before = self.gap();
        // The first is no more than one after a long time without.
        let (longest, mean) =
            if before == 0.0 { (LONGEST_GAP, nanos) } else { (before, toward(load(&self.took), nanos)) };
        store(&self.took, mean);
        store(&self.gap, toward(longest, gap));
        self.took_sum.fetch_add(nanos as u64, Ordering::Relaxed);
        self.at.store(now.0, Ordering::Relaxed);
    }

    /// Whether there were any in the last five seconds.
    #[inline]
    pub(crate) fn are_recent(&self, now: Nanos) -> bool {
        self.gap() != 0.0 && now.since(Nanos(self.at.load(Ordering::Relaxed))) < RECENT
    }

    /// The part of the recent attempts that failed, 0.0..=1.0, when `begun` attempts have begun: one over the mean
    /// number of attempts from failure to failure, or since the last failure if that is more. About the last ten
    /// failures count.
    pub(crate) fn share(&self, begun: u64) -> f64 {
        let gap = self.gap();
        let since = begun.saturating_sub(self.attempt.load(Ordering::Relaxed)) as f64;
        if gap == 0.0 { 0.0 } else { 1.0 / gap.max(since) }
    }

    /// How long the recent failed attempts took.
    pub(crate) fn mean(&self) -> Duration {
        Duration::from_nanos(load(&self.took) as u64)
    }

    /// How long all failed attempts took together.
    pub(crate) fn total(&self) -> Duration {
        Duration::from_nanos(self.took_sum.load(Ordering::Relaxed))
    }

    /// What that many failures in a row weigh. Kept for good, they would keep a backend that has recovered out for
    /// good, for a success is what ends the row; so they weigh half as much for each [`HALVING`] without another.
    #[cold]
    pub(crate) fn handicap(&self, row: u32, now: Nanos) -> u32 {
        let age = now.since(Nanos(self.at.load(Ordering::Relaxed)));
        let halvings = (age.as_nanos() / HALVING.as_nanos()).min(31) as u32;
        row.min(HANDICAP_MAX) >> halvings
    }

    #[inline]
    fn gap(&self) -> f64 {
        load(&self.gap)
    }
}

#[inline]
fn load(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}

fn store(bits: &AtomicU64, number: f64) {
    bits.store(number.to_bits(), Ordering::Relaxed);
}

fn toward(before: f64, next: f64) -> f64 {
    before + (next - before) / 4.0
}

/// Fewer failures in a row than this weigh nothing: with one attempt in ten failing everywhere, a row of three begins
/// once in a thousand.
pub(crate) const ROW_MIN: u32 = 3;
/// More do not weigh more. Enough that others have to be busy before a backend that only fails is picked beside its one
/// trial every [`HALVING`] × 5; small enough that it is picked when all others drown.
const HANDICAP_MAX: u32 = 16;
const HALVING: Duration = Duration::from_secs(1);
/// Nobody is judged by what is longer ago: what it is like now can be learned only by trying it.
const RECENT: Duration = Duration::from_secs(5);
/// A gap counts as no longer than this, so that the first failures after years without any show.
const LONGEST_GAP: f64 = 64.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_that_of_recent_attempts() {
        let failures = Failures::default();
        assert_eq!(failures.share(1_000_000), 0.0);
        for attempt in 1_000_001..=1_000_040 {
            failures.note(attempt, Duration::from_millis(2), Nanos::ZERO);
        }
        assert!(failures.share(1_000_040) > 0.99, "all fail after a million that did not");
        assert!((failures.share(1_001_040) - 0.001).abs() < 1e-9, "a thousand have not failed since");
        for fifth in 1..=40 {
            failures.note(1_001_040 + 5 * fifth, Duration::from_millis(2), Nanos::ZERO);
        }
        assert!((failures.share(1_001_240) - 0.2).abs() < 0.001);
        assert_eq!(failures.mean(), Duration::from_millis(2));
        assert_eq!(failures.total(), Duration::from_millis(160));
    }

    #[test]
    fn a_row_weighs_less_and_less_until_it_is_tried_again() {
        let failures = Failures::default();
        failures.note(9, Duration::ZERO, Nanos::from_secs(50));
        let after = |millis| failures.handicap(40, Nanos::from_millis(50_000 + millis));
        assert_eq!([0, 999, 1_000, 2_500, 4_999, 5_000].map(after), [16, 16, 8, 4, 1, 0]);
        assert_eq!((failures.handicap(3, Nanos::from_secs(50)), after(u64::MAX / 2_000_000)), (3, 0));
    }
}
