//! Passive ejection: how long a member is out, and how many may be.

use std::time::Duration;

use super::event::PassiveSpec;
use crate::units::Nanos;

/// One member's ejections.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ejections {
    /// When the running ejection ends.
    pub(super) until: Option<Nanos>,
    /// Ejections so far, since the last quiet period.
    pub(super) count: u32,
    /// How long the last one was meant to last.
    pub(super) length: Duration,
    /// When the last one ended.
    last_end: Nanos,
}

impl Ejections {
    /// Takes the member out from `now` on: n times the base for the n-th time, up to the maximum.
    pub(super) fn eject(&mut self, spec: &PassiveSpec, now: Nanos) {
        let quiet_since = self.last_end.saturating_add(spec.base.saturating_mul(QUIET_BASES));
        if self.count > 0 && now >= quiet_since {
            self.count = 0;
        }
        self.count = self.count.saturating_add(1);
        self.length = spec.base.saturating_mul(self.count).min(spec.max);
        self.until = Some(now.saturating_add(self.length));
    }

    /// Lets the member back in.
    pub(super) fn end(&mut self, now: Nanos) {
        self.until = None;
        self.last_end = now;
    }
}

/// How many of `enabled` members may be out at once.
pub(super) fn cap(spec: &PassiveSpec, enabled: usize) -> usize {
    // The epsilon keeps 0.3 × 10 = 2.9999… from becoming 2.
    let share = (spec.max_ejected.get() * enabled as f64 + 1e-9) as usize;
    if enabled < 2 { 0 } else { share.max(1) }
}

/// Ejections are forgotten after this many times the base without one.
const QUIET_BASES: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Ratio;

    fn spec(max_ejected: f64) -> PassiveSpec {
        PassiveSpec {
            consecutive: 5,
            base: Duration::from_secs(10),
            max: Duration::from_secs(25),
            max_ejected: Ratio::new(max_ejected).unwrap(),
            error_share: None,
        }
    }

    #[test]
    fn each_ejection_is_longer_until_the_maximum_and_quiet_forgives() {
        let (spec, mut ejections) = (spec(0.5), Ejections::default());
        let mut now = Nanos::from_secs(1);
        for seconds in [10, 20, 25, 25] {
            ejections.eject(&spec, now);
            assert_eq!(ejections.length, Duration::from_secs(seconds));
            now = ejections.until.expect("out");
            ejections.end(now);
        }
        ejections.eject(&spec, now.saturating_add(Duration::from_millis(99_999)));
        assert_eq!(ejections.count, 5);
        let back = ejections.until.expect("out");
        ejections.end(back);
        ejections.eject(&spec, back.saturating_add(Duration::from_secs(100)));
        assert_eq!((ejections.count, ejections.length), (1, Duration::from_secs(10)));
    }

    #[test]
    fn the_cap_rounds_down_but_lets_one_of_two_go() {
        let caps: Vec<_> = [0, 1, 2, 3, 10].iter().map(|n| cap(&spec(0.3), *n)).collect();
        assert_eq!(caps, [0, 0, 1, 1, 3]);
        assert_eq!((cap(&spec(0.0), 5), cap(&spec(1.0), 5)), (1, 5));
    }
}
