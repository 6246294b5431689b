//! How many sessions may begin within a second.

use std::sync::atomic::{AtomicU64, Ordering};

use evenkeel_core::Nanos;

/// One second, which is also what may be used at once after a pause.
const SECOND: u64 = 1_000_000_000;

/// The generic cell rate algorithm (ITU-T I.371): one number, the time until which everything so far would have taken
/// at an even pace. Shared by all workers.
#[derive(Debug, Default)]
pub(super) struct Rate {
    /// In nanoseconds of the process' clock.
    taken_until: AtomicU64,
}

impl Rate {
    /// Whether one more may begin when `per_second` may, 1 or more; it is counted then. Never more than twice that many
    /// within any one second.
    pub(super) fn admits(&self, per_second: u32, now: Nanos) -> bool {
        let each = SECOND / u64::from(per_second.max(1));
        let take = |until: u64| {
            let until = until.max(now.0) + each;
            (until <= now.0 + SECOND).then_some(until)
        };
        self.taken_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_a_second_and_then_an_even_pace() {
        let rate = Rate::default();
        let admitted = |from_millis: u64| {
            (0..1_000).filter(|_| rate.admits(50, Nanos::from_millis(from_millis))).count()
        };
        assert_eq!(admitted(5_000), 50);
        assert_eq!(admitted(5_000), 0);
        assert_eq!(admitted(5_019), 0);
        assert_eq!(admitted(5_020), 1);
        assert_eq!(admitted(5_520), 25);
        assert_eq!(admitted(60_000), 50, "no more after a long pause");
    }
}
