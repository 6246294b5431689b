//! Numbers with a unit and a range, checked once where they are made.

use std::num::NonZeroU16;
use std::time::Duration;

/// Monotonic time in nanoseconds since an arbitrary start. Core never reads a clock: callers pass this in.
///
/// A plain integer, so that it fits an atomic and a simulator can invent it. Range: 584 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Nanos(pub u64);

/// A backend's weight inside its pool: 1..=65535. Zero does not exist: a backend that must get nothing is
/// disabled.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Weight(NonZeroU16);

/// A share or threshold: 0.0..=1.0, finite.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub struct Ratio(f64);

impl Nanos {
    /// The start of time.
    pub const ZERO: Self = Self(0);

    /// This time plus a duration; the end of time if it would overflow.
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_nanos(duration)))
    }

    /// The time from `earlier` to this one; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds after the start.
    pub fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Milliseconds after the start.
    pub fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }
}

impl Weight {
    /// The weight of a backend that nobody weighed.
    pub const ONE: Self = Self(NonZeroU16::MIN);
    /// The heaviest weight, 65535.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// `None` unless `weight` is in 1..=65535.
    pub fn new(weight: u32) -> Option<Self> {
        u16::try_from(weight).ok().and_then(NonZeroU16::new).map(Self)
    }

    /// The number, 1..=65535.
    pub fn get(self) -> u32 {
        u32::from(self.0.get())
    }
}

impl Ratio {
    /// Nothing.
    pub const ZERO: Self = Self(0.0);
    /// Everything.
    pub const ONE: Self = Self(1.0);

    /// `None` unless `ratio` is a number in 0.0..=1.0.
    pub fn new(ratio: f64) -> Option<Self> {
        (0.0..=1.0).contains(&ratio).then_some(Self(ratio))
    }

    /// The number, 0.0..=1.0.
    pub fn get(self) -> f64 {
        self.0
    }
}

fn whole_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_at_their_edges() {
        assert_eq!(Weight::new(0), None);
        assert_eq!(Weight::new(1), Some(Weight::ONE));
        assert_eq!(Weight::new(65_535), Some(Weight::MAX));
        assert_eq!(Weight::new(65_536), None);
        assert_eq!(Ratio::new(0.0), Some(Ratio::ZERO));
        assert_eq!(Ratio::new(1.0), Some(Ratio::ONE));
        for outside in [-0.001, 1.001, f64::NAN, f64::INFINITY] {
            assert_eq!(Ratio::new(outside), None, "{outside}");
        }
    }

    #[test]
    fn time_saturates_at_both_ends() {
        assert_eq!(Nanos::from_secs(2).since(Nanos::from_millis(500)), Duration::from_millis(1500));
        assert_eq!(Nanos::ZERO.since(Nanos(1)), Duration::ZERO);
        assert_eq!(Nanos(u64::MAX).saturating_add(Duration::from_secs(1)), Nanos(u64::MAX));
        assert_eq!(Nanos::ZERO.saturating_add(Duration::MAX), Nanos(u64::MAX));
    }
}
