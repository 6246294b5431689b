//! Counts over time, in bounded memory.

use std::collections::BTreeMap;
use std::ops::AddAssign;

/// Slices of time that are kept; when there are more, each two become one.
const SLICES: usize = 8192;

/// What was counted in one slice of time at one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) attempts: u64,
    pub(crate) errors: u64,
    pub(crate) slow: u64,
    pub(crate) bytes: u64,
    /// Requests with a duration, and the sum of its logarithms: a mean that one slow request does not move.
    pub(crate) timed: u64,
    pub(crate) log_ms: f64,
}

/// Counts of a slice, by the index of the backend.
pub(crate) type Slice = BTreeMap<usize, Counts>;

/// Counts of one pool by slice and backend.
#[derive(Debug)]
pub(crate) struct Series {
    /// Seconds of a slice: a power of two.
    width: i64,
    slices: BTreeMap<i64, Slice>,
    cells: usize,
}

impl Default for Series {
    fn default() -> Self {
        Self { width: 1, slices: BTreeMap::new(), cells: 0 }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.attempts += more.attempts;
        self.errors += more.errors;
        self.slow += more.slow;
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.timed += more.timed;
        self.log_ms += more.log_ms;
    }
}

impl Counts {
    /// The geometric mean of durations, in milliseconds.
    pub(crate) fn typical_ms(&self) -> Option<f64> {
        (self.timed > 0).then(|| (self.log_ms / self.timed as f64).exp())
    }
}

impl Series {
    /// The counts of a backend, by its index, at a time in seconds.
    pub(crate) fn at(&mut self, second: i64, backend: usize) -> &mut Counts {
        while self.slices.len() >= SLICES && !self.slices.contains_key(&second.div_euclid(self.width)) {
            self.halve();
        }
        let slice = self.slices.entry(second.div_euclid(self.width)).or_default();
        let cells = &mut self.cells;
        slice.entry(backend).or_insert_with(|| {
            *cells += 1;
            Counts::default()
        })
    }

    /// Makes slices twice as wide.
    pub(crate) fn halve(&mut self) {
        self.width *= 2;
        self.cells = 0;
        for (slice, counts) in std::mem::take(&mut self.slices) {
            let wider = self.slices.entry(slice.div_euclid(2)).or_default();
            let before = wider.len();
            for (backend, more) in counts {
                *wider.entry(backend).or_default() += more;
            }
            self.cells += wider.len() - before;
        }
    }

    /// Counts that are kept.
    pub(crate) fn cells(&self) -> usize {
        self.cells
    }

    /// Whether wider slices would be fewer.
    pub(crate) fn can_halve(&self) -> bool {
        self.slices.len() > 1
    }

    /// Seconds of a slice.
    pub(crate) fn width(&self) -> i64 {
        self.width
    }

    /// Each slice by its first second, in order.
    pub(crate) fn slices(&self) -> impl Iterator<Item = (i64, &Slice)> {
        self.slices.iter().map(|(slice, counts)| (slice * self.width, counts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_time_takes_no_more_memory_than_a_short_one() {
        let mut series = Series::default();
        for second in 0..100_000 {
            series.at(second, (second % 3) as usize).attempts += 1;
        }
        assert!(series.slices.len() <= SLICES);
        assert_eq!(series.width(), 16);
        let of_slice = |counts: &Slice| counts.values().map(|counts| counts.attempts).sum::<u64>();
        assert!(series.slices().all(|(second, counts)| second % 16 == 0 && of_slice(counts) == 16));
        let cells = || series.slices().flat_map(|(_, counts)| counts.values());
        assert_eq!(cells().map(|counts| counts.attempts).sum::<u64>(), 100_000);
        assert_eq!(cells().count(), series.cells());
        assert_eq!(series.slices().next().unwrap().0, 0);
    }

    #[test]
    fn slices_become_wider_by_two() {
        let mut series = Series::default();
        for second in 0..=SLICES as i64 {
            series.at(second, 0).attempts += 1;
        }
        assert_eq!((series.width(), series.slices.len()), (2, SLICES / 2 + 1));
    }

    #[test]
    fn nothing_is_lost_when_slices_become_wider() {
        let full = Counts { attempts: 1, errors: 2, slow: 3, bytes: 4, timed: 2, log_ms: 2.0 };
        let mut series = Series::default();
        for second in [-3, -2, 0, 1] {
            *series.at(second, 0) += full;
        }
        while series.can_halve() && series.width() < 64 {
            series.halve();
        }
        let mut sum = Counts::default();
        series.slices().for_each(|(_, counts)| sum += counts[&0]);
        assert_eq!(series.width(), 64);
        assert_eq!(sum, Counts { attempts: 4, errors: 8, slow: 12, bytes: 16, timed: 8, log_ms: 8.0 });
        assert!((full.typical_ms().unwrap() - std::f64::consts::E).abs() < 1e-9);
    }
}
