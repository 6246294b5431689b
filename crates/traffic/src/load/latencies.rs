//! Latencies and their percentiles.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Counts of latencies, each known to 0.1 %, in memory that does not grow with their number: up to 90 KiB.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// In microseconds.
    histogram: Histogram<u32>,
    /// Exact, in microseconds.
    sum: f64,
}

/// What a distribution comes to, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many there are.
    pub count: u64,
    /// The mean.
    pub mean_ms: f64,
    /// Half are below.
    pub p50_ms: f64,
    /// 90 % are below.
    pub p90_ms: f64,
    /// 99 % are below.
    pub p99_ms: f64,
    /// 99.9 % are below.
    pub p999_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Longer ones count as this: an hour.
const LONGEST: u64 = 3_600_000_000;

impl Latencies {
    /// Three significant digits.
    pub fn new() -> Self {
        Self::with_digits(3)
    }

    /// Two, for what is shown in a picture: up to 14 KiB.
    pub(super) fn coarse() -> Self {
        Self::with_digits(2)
    }

    fn with_digits(digits: u8) -> Self {
        let histogram = Histogram::new(digits).expect("a histogram of 1 to 5 digits can always be made");
        Self { histogram, sum: 0.0 }
    }

    /// Takes in one, in nanoseconds.
    pub fn record(&mut self, nanos: u64) {
        let micros = (nanos / 1_000).min(LONGEST);
        self.sum += nanos as f64 / 1e3;
        // It grows to what comes, and an hour is within what it can grow to.
        self.histogram.record(micros).ok();
    }

    /// Takes in what others hold.
    pub fn add(&mut self, other: &Self) {
        self.sum += other.sum;
        self.histogram.add(&other.histogram).ok();
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.histogram.len()
    }

    /// The smallest that this part, 0.0..=1.0, of all is not above; zero without any.
    pub fn quantile(&self, part: f64) -> Duration {
        if self.histogram.is_empty() {
            return Duration::ZERO;
        }
        Duration::from_micros(self.histogram.value_at_quantile(part).min(self.histogram.max()))
    }

    /// The mean; zero without any.
    pub fn mean(&self) -> Duration {
        Duration::from_nanos((self.sum * 1e3 / self.count().max(1) as f64) as u64)
    }

    /// How many are above it, to the resolution.
    pub fn above(&self, limit: Duration) -> u64 {
        let micros = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX).min(LONGEST);
        let below = self.histogram.count_between(0, micros);
        self.count().saturating_sub(below)
    }

    /// The usual figures.
    pub fn summary(&self) -> Summary {
        let quantile = |part| millis(self.quantile(part));
        Summary {
            count: self.count(),
            mean_ms: millis(self.mean()),
            p50_ms: quantile(0.5),
            p90_ms: quantile(0.9),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: quantile(1.0),
        }
    }
}

impl Default for Latencies {
    fn default() -> Self {
        Self::new()
    }
}

/// In milliseconds, to the microsecond.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_exact_to_three_digits() {
        let mut latencies = Latencies::new();
        (1..=10_000).for_each(|number| latencies.record(number * 1_000_000));
        let summary = latencies.summary();
        for (value, expected) in [
            (summary.p50_ms, 5_000.0),
            (summary.p90_ms, 9_000.0),
            (summary.p99_ms, 9_900.0),
            (summary.p999_ms, 9_990.0),
            (summary.max_ms, 10_000.0),
            (summary.mean_ms, 5_000.5),
        ] {
            assert!((value / expected - 1.0).abs() < 0.001, "{value} {expected}");
        }
        assert_eq!(latencies.above(Duration::from_secs(5)).abs_diff(5_000) / 10, 0);
    }

    #[test]
    fn nothing_and_too_much_are_taken() {
        let mut latencies = Latencies::new();
        assert_eq!(latencies.summary(), Summary::default());
        latencies.record(u64::MAX);
        assert!((latencies.quantile(1.0).as_secs_f64() / 3600.0 - 1.0).abs() < 0.001);
        let mut other = Latencies::coarse();
        other.record(1_000);
        other.add(&latencies);
        assert_eq!(other.count(), 2);
    }
}
