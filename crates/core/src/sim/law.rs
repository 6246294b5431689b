//! How long things take.

use std::time::Duration;

use crate::rng::Rng;

/// The distribution of a time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Law {
    /// Always the same.
    Constant(Duration),
    /// Without memory.
    Exponential {
        /// Its mean.
        mean: Duration,
    },
    /// Now and then much longer: what the latency of most services looks like.
    LogNormal {
        /// Its mean.
        mean: Duration,
        /// Standard deviation of its logarithm: 1 has a 99th percentile of 6.2 means.
        sigma: f64,
    },
    /// A heavy tail: the chance to last longer than x falls as x to the power of -`shape`.
    Pareto {
        /// Its mean.
        mean: Duration,
        /// Above 1, or there is no mean; the variance is finite above 2 only.
        shape: f64,
    },
}

impl Law {
    /// The mean.
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Constant(mean)
            | Self::Exponential { mean }
            | Self::LogNormal { mean, .. }
            | Self::Pareto { mean, .. } => mean,
        }
    }

    /// One time, in nanoseconds.
    pub(super) fn draw(&self, rng: &mut Rng) -> f64 {
        let mean = self.mean().as_nanos() as f64;
        match *self {
            Self::Constant(_) => mean,
            Self::Exponential { .. } => mean * exponential(rng),
            Self::LogNormal { sigma, .. } => mean * (sigma * normal(rng) - sigma * sigma / 2.0).exp(),
            Self::Pareto { shape, .. } => {
                let shape = shape.max(SHAPE_MIN);
                mean * (shape - 1.0) / shape * (exponential(rng) / shape).exp()
            }
        }
    }
}

/// With mean 1, by inversion.
pub(super) fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.unit()).ln()
}

/// Standard normal: Box and Muller, "A note on the generation of random normal deviates", 1958. Its second number is
/// not kept, so that every draw takes as much from the stream.
fn normal(rng: &mut Rng) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (std::f64::consts::TAU * rng.unit()).cos()
}

/// What a shape of 1 or less counts as.
const SHAPE_MIN: f64 = 1.01;

#[cfg(test)]
mod tests {
    use super::*;

    const MEAN: Duration = Duration::from_millis(10);

    /// Mean, and the parts above twice and above five times the mean.
    fn drawn(law: Law) -> (f64, f64, f64) {
        let (mut rng, draws) = (Rng::from_seed(3), 200_000);
        let all: Vec<f64> = (0..draws).map(|_| law.draw(&mut rng) / MEAN.as_nanos() as f64).collect();
        let above = |limit: f64| all.iter().filter(|one| **one > limit).count() as f64 / f64::from(draws);
        (all.iter().sum::<f64>() / f64::from(draws), above(2.0), above(5.0))
    }

    #[track_caller]
    fn check(law: Law, above_two: f64, above_five: f64) {
        let (mean, two, five) = drawn(law);
        assert!((mean - 1.0).abs() < 0.02, "mean {mean}");
        // Standard deviations: 0.0008 and 0.0003 at most.
        assert!((two - above_two).abs() < 0.003 && (five - above_five).abs() < 0.0015, "{two} {five}");
    }

    /// Tails worked out from the distribution functions.
    #[test]
    fn means_and_tails_are_those_of_the_distributions() {
        check(Law::Constant(MEAN), 0.0, 0.0);
        check(Law::Exponential { mean: MEAN }, 0.1353, 0.0067);
        check(Law::LogNormal { mean: MEAN, sigma: 1.0 }, 0.1164, 0.0175);
        check(Law::Pareto { mean: MEAN, shape: 3.0 }, 0.0370, 0.0024);
    }

    #[test]
    fn a_shape_without_a_mean_is_taken_for_the_nearest_that_has_one() {
        let law = Law::Pareto { mean: MEAN, shape: 0.0 };
        let mut rng = Rng::from_seed(1);
        assert!((0..1000).all(|_| law.draw(&mut rng).is_finite()));
    }
}
