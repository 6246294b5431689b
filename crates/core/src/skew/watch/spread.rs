//! How far counts spread around what is expected of them, beside counts that are drawn one by one.

use super::super::{Count, Latched};

/// Learns the design effect of counts that come in clusters: a queue makes all who stand in it slow, a transfer brings all
/// its bytes to one backend. It is the variance of the counts over that of as many drawn one by one, and so many of them
/// count as one (Kish 1965).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread {
    squares: f64,
    variance: f64,
    ticks: u32,
}

/// Of what has been learned, so much is left after a tick: half after four minutes.
const KEPT: f64 = 0.997;
/// Clusters do not end with a tick: what they add in one they add in so many.
const ACROSS_TICKS: f64 = 2.0;
/// Until something else is seen counts are drawn one by one: that is believed as if counts of this variance had shown it.
const BELIEF: f64 = 20.0;
/// Ticks in which there could have been counts before anything is known.
const TICKS_MIN: u32 = 10;

impl Spread {
    /// Takes in the raw counts of a tick, but for backends that have been found to be off: how far the others are from each
    /// other is what is usual.
    pub(super) fn learn(&mut self, counts: &[Count], found: &[Latched]) {
        let is_found = |count: &&Count| found.iter().any(|one| one.finding.backend == count.backend);
        let others = || counts.iter().filter(|count| !is_found(count));
        let total: f64 = others().map(|count| count.observed).sum();
        let shares: f64 = others().map(|count| count.share).sum();
        let (squares, variance) = others().fold((0.0, 0.0), |(squares, variance), count| {
            let share = count.share / shares.max(f64::MIN_POSITIVE);
            let off = count.observed - total * share;
            (squares + off * off, variance + total * share * (1.0 - share))
        });
        if shares > 0.0 {
            self.squares = self.squares * KEPT + squares;
            self.variance = self.variance * KEPT + variance;
            self.ticks = self.ticks.saturating_add(1);
        }
    }

    /// So many count as one, 1.0 and up; `None` while too little has been seen.
    pub(super) fn design_effect(&self) -> Option<f64> {
        let in_a_tick = ((self.squares + BELIEF) / (self.variance + BELIEF)).max(1.0);
        (self.ticks >= TICKS_MIN).then_some(1.0 + ACROSS_TICKS * (in_a_tick - 1.0))
    }
}

/// Counts in units of a design effect.
pub(super) fn corrected(counts: &[Count], design_effect: f64) -> Vec<Count> {
    counts.iter().map(|count| Count { observed: count.observed / design_effect, ..*count }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Of so many ticks of 60 clusters of this size, each at one of three.
    fn learned(ticks: u32, size: f64) -> Option<f64> {
        let (mut spread, mut rng) = (Spread::default(), Rng::from_seed(4));
        for _ in 0..ticks {
            let mut at = [0.0; 3];
            (0..60).for_each(|_| at[rng.below(3) as usize] += size);
            let counts: Vec<Count> =
                at.iter().zip(0..).map(|(n, id)| Count::new(id, *n, 1.0 / 3.0)).collect();
            spread.learn(&counts, &[]);
        }
        spread.design_effect()
    }

    #[test]
    fn it_is_the_size_of_the_clusters() {
        for size in [1.0, 9.0, 1e6] {
            let beyond = learned(2_000, size).expect("known") - 1.0;
            assert!((beyond - ACROSS_TICKS * (size - 1.0)).abs() < 0.2 * size, "{size}: {beyond}");
        }
        assert_eq!(learned(9, 1.0), None);
    }
}
