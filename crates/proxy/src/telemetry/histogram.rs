//! A histogram of durations: one atomic add to record, read at scrape time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets in seconds. Dense where app servers answer, up to the usual timeouts.
pub(crate) const BOUNDS: [f64; 18] = [
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, 15.0,
    60.0,
];

/// Counts by bucket, the last one without an upper bound.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    counts: [AtomicU64; BOUNDS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn record(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.partition_point(|&bound| bound < seconds);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(duration.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts of durations up to each bound, then of all; and the sum in seconds.
    pub(crate) fn cumulative(&self) -> ([u64; BOUNDS.len() + 1], f64) {
        let mut total = 0;
        let counts = std::array::from_fn(|bucket| {
            total += self.counts[bucket].load(Ordering::Relaxed);
            total
        });
        (counts, self.sum_nanos.load(Ordering::Relaxed) as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let histogram = Histogram::default();
        for micros in [100, 500, 501, 60_000_000, 60_000_001] {
            histogram.record(Duration::from_micros(micros));
        }
        let (counts, sum) = histogram.cumulative();
        assert_eq!(counts[0], 2);
        assert_eq!(counts[1], 3);
        assert_eq!(counts[BOUNDS.len() - 1], 4);
        assert_eq!(counts[BOUNDS.len()], 5);
        assert!((sum - 120.001_102).abs() < 1e-9, "{sum}");
    }
}
