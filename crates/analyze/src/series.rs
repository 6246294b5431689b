//! Counts over time, in bounded memory.

use std::collections::{BTreeMap, HashMap};

/// Slices of time that are kept; when there are more, each two become one.
const SLICES: usize = 8192;

/// What was counted in one slice of time at one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counts {
    pub(crate) attempts: u64,
    pub(crate) errors: u64,
    pub(crate) slow: u64,
}

/// Counts of one pool by slice and backend.
#[derive(Debug)]
pub(crate) struct Series {
    /// Seconds of a slice: a power of two.
    width: i64,
    slices: BTreeMap<i64, HashMap<usize, Counts>>,
}

impl Default for Series {
    fn default() -> Self {
        Self { width: 1, slices: BTreeMap::new() }
    }
}

impl Series {
    /// The counts of a backend, by its index, at a time in seconds.
    pub(crate) fn at(&mut self, second: i64, backend: usize) -> &mut Counts {
        while self.slices.len() >= SLICES && !self.slices.contains_key(&second.div_euclid(self.width)) {
            self.halve();
        }
        self.slices.entry(second.div_euclid(self.width)).or_default().entry(backend).or_default()
    }

    fn halve(&mut self) {
        self.width *= 2;
        for (slice, counts) in std::mem::take(&mut self.slices) {
            let wider = self.slices.entry(slice.div_euclid(2)).or_default();
            for (backend, more) in counts {
                let sum = wider.entry(backend).or_default();
                sum.attempts += more.attempts;
                sum.errors += more.errors;
                sum.slow += more.slow;
            }
        }
    }

    /// Seconds of a slice.
    pub(crate) fn width(&self) -> i64 {
        self.width
    }

    /// Each slice by its first second, in order.
    pub(crate) fn slices(&self) -> impl Iterator<Item = (i64, &HashMap<usize, Counts>)> {
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
        let total: u64 =
            series.slices().flat_map(|(_, counts)| counts.values()).map(|counts| counts.attempts).sum();
        assert_eq!(total, 100_000);
        assert_eq!(series.slices().next().unwrap().0, 0);
    }
}
