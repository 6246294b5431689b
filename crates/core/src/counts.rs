//! How many leases live and how many were begun, in one word.

use std::sync::atomic::{AtomicU64, Ordering};

/// Both numbers change together at every pick, so one read-modify-write does for both; and whoever reads them
/// sees them as they were at one instant, so that their difference, the leases that have ended, is exact.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    /// Leases begun, modulo 2^32, in the upper half; leases that live in the lower.
    word: AtomicU64,
    /// How often the number begun has reached a multiple of 2^31. Whoever reaches one counts it, a moment
    /// later: see [`begun`].
    halves: AtomicU64,
}

/// Both numbers at one instant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Counted {
    /// Leases begun.
    pub(crate) begun: u64,
    /// Leases that live.
    pub(crate) live: u32,
}

impl Counts {
    /// A lease begins.
    #[inline]
    pub(crate) fn begin(&self) {
        let before = self.word.fetch_add(BEGUN_ONE + 1, Ordering::Release);
        if upper(before) & BELOW_HALF == BELOW_HALF {
            self.reach_half();
        }
    }

    /// A lease begins, unless `limit` or more live. Whoever is told `true` is among those: the count and the comparison
    /// are one step, so that no number of threads gets past the limit.
    #[inline]
    pub(crate) fn try_begin(&self, limit: u32) -> bool {
        let mut seen = self.word.load(Ordering::Relaxed);
        while lower(seen) < limit {
            let begun = seen.wrapping_add(BEGUN_ONE + 1);
            match self.word.compare_exchange_weak(seen, begun, Ordering::Release, Ordering::Relaxed) {
                Ok(before) => {
                    if upper(before) & BELOW_HALF == BELOW_HALF {
                        self.reach_half();
                    }
                    return true;
                }
                Err(now) => seen = now,
            }
        }
        false
    }

    /// A lease ends.
    #[inline]
    pub(crate) fn end(&self) {
        self.word.fetch_sub(1, Ordering::Release);
    }

    /// Leases that live.
    #[inline]
    pub(crate) fn live(&self) -> u32 {
        lower(self.word.load(Ordering::Relaxed))
    }

    /// Both numbers.
    pub(crate) fn read(&self) -> Counted {
        // In this order the halves are at most behind, never ahead.
        let halves = self.halves.load(Ordering::Acquire);
        let word = self.word.load(Ordering::Acquire);
        Counted { begun: begun(halves, upper(word)), live: lower(word) }
    }

    #[cold]
    fn reach_half(&self) {
        self.halves.fetch_add(1, Ordering::Release);
    }
}

impl Counted {
    /// Leases that have ended.
    pub(crate) fn ended(self) -> u64 {
        self.begun - u64::from(self.live)
    }
}

/// The whole number. The top bit of `low` says whether the halves that it stands for are odd; if those counted
/// are not, one is still to be counted.
fn begun(halves: u64, low: u32) -> u64 {
    let missing = (halves & 1) ^ u64::from(low >> 31);
    ((halves + missing) << 31) | u64::from(low & BELOW_HALF)
}

fn upper(word: u64) -> u32 {
    (word >> 32) as u32
}

fn lower(word: u64) -> u32 {
    word as u32
}

const BEGUN_ONE: u64 = 1 << 32;
const BELOW_HALF: u32 = (1 << 31) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Over five halves; all leases but those around a half are left out.
    #[test]
    fn goes_on_past_what_the_word_holds() {
        let (counts, mut expected) = (Counts::default(), 0);
        for _ in 0..5 {
            let skipped = u64::from(BELOW_HALF) - 4;
            counts.word.fetch_add(skipped << 32, Ordering::Relaxed);
            expected += skipped;
            for live in 1..=5 {
                if live % 2 == 0 {
                    assert!(counts.try_begin(live))
                } else {
                    counts.begin()
                }
                expected += 1;
                assert_eq!(counts.read(), Counted { begun: expected, live });
            }
            (0..5).for_each(|_| counts.end());
            assert_eq!((counts.live(), counts.read().ended()), (0, expected));
        }
        assert_eq!(expected, 5 << 31);
    }

    #[test]
    fn a_limit_counts_those_that_live() {
        let counts = Counts::default();
        assert!(counts.try_begin(2) && counts.try_begin(2) && !counts.try_begin(2));
        assert_eq!(counts.read(), Counted { begun: 2, live: 2 }, "one refused is not counted");
        counts.end();
        assert!(counts.try_begin(2) && !counts.try_begin(1));
        assert_eq!(counts.read(), Counted { begun: 3, live: 2 });
    }

    #[test]
    fn a_half_that_is_not_counted_yet_is_not_missed() {
        assert_eq!(begun(0, 1 << 31), 1 << 31);
        assert_eq!(begun(1, 1 << 31), 1 << 31);
        assert_eq!(begun(1, 5), (1 << 32) + 5);
        assert_eq!(begun(2, 5), (1 << 32) + 5);
    }
}
