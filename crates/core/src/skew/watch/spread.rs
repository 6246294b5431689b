//! How far counts spread around what is expected of them, beside counts that are drawn one by one.

use super::super::Count;

/// Learns the design effect of counts that come in clusters: a queue makes all who stand in it slow, a transfer brings all
/// its bytes to one backend. It is the variance of the counts over that of as many drawn one by one, and so many of them
/// count as one (Kish 1965).
#[derive(Clone, Copy, Debug)]
pub(super) struct Spread {
    squares: f64,
    variance: f64,
    most: f64,
}

/// Of what has been learned, so much is left after a tick: half after four minutes.
const KEPT: f64 = 0.997;
/// What is believed in the beginning counts as much as counts of this variance: enough that one tick does not turn it.
const BELIEF: f64 = 20.0;

impl Spread {
    /// Counts one by one until something else is learned; never more than `most` count as one.
    pub(super) fn new(most: f64) -> Self {
        Self { squares: BELIEF, variance: BELIEF, most }
    }

    /// Takes in the raw counts of a tick.
    pub(super) fn learn(&mut self, counts: &[Count]) {
        let total: f64 = counts.iter().map(|count| count.observed).sum();
        let (squares, variance) = counts.iter().fold((0.0, 0.0), |(squares, variance), count| {
            let off = count.observed - total * count.share;
            (squares + off * off, variance + total * count.share * (1.0 - count.share))
        });
        if variance > 0.0 {
            self.squares = self.squares * KEPT + squares;
            self.variance = self.variance * KEPT + variance;
        }
    }

    /// So many count as one, 1.0 and up.
    pub(super) fn design_effect(&self) -> f64 {
        (self.squares / self.variance).clamp(1.0, self.most)
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

    /// Ticks of 60 clusters of this size, each at one of three.
    fn learned(size: f64, most: f64) -> f64 {
        let (mut spread, mut rng) = (Spread::new(most), Rng::from_seed(4));
        for _ in 0..2_000 {
            let mut at = [0.0; 3];
            (0..60).for_each(|_| at[rng.below(3) as usize] += size);
            let counts: Vec<Count> = at.iter().zip(0..).map(|(n, id)| Count::new(id, *n, 1.0 / 3.0)).collect();
            spread.learn(&counts);
        }
        spread.design_effect()
    }

    #[test]
    fn it_is_the_size_of_the_clusters() {
        assert!((learned(1.0, 100.0) - 1.0).abs() < 0.15, "{}", learned(1.0, 100.0));
        assert!((learned(9.0, 100.0) - 9.0).abs() < 1.5, "{}", learned(9.0, 100.0));
        assert_eq!(learned(9.0, 4.0), 4.0);
        assert_eq!(Spread::new(8.0).design_effect(), 1.0);
    }
}
