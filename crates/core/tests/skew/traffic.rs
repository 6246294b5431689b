//! Requests drawn by lot.

use evenkeel_core::skew::{Count, Detector, Finding};
use evenkeel_core::{Nanos, Rng};

/// A pool whose requests are drawn by `actual` shares and held against `expected` ones.
pub(crate) struct Traffic {
    pub(crate) detector: Detector,
    pub(crate) now: Nanos,
    rng: Rng,
}

impl Traffic {
    pub(crate) fn new(detector: Detector, seed: u64) -> Self {
        Self { detector, now: Nanos::ZERO, rng: Rng::from_seed(seed) }
    }

    /// One second with so many requests.
    pub(crate) fn tick(&mut self, requests: u32, actual: &[f64], expected: &[f64]) -> Vec<Finding> {
        let mut counts = vec![0_u32; actual.len()];
        for _ in 0..requests {
            counts[drawn(self.rng.unit(), actual)] += 1;
        }
        let counts: Vec<f64> = counts.into_iter().map(f64::from).collect();
        self.exactly(&counts, expected)
    }

    /// One second with these very counts.
    pub(crate) fn exactly(&mut self, observed: &[f64], expected: &[f64]) -> Vec<Finding> {
        self.now = self.now.saturating_add(std::time::Duration::from_secs(1));
        let counts = observed.iter().zip(expected).zip(0..);
        let counts: Vec<Count> =
            counts.map(|((&observed, &share), id)| Count::new(id, observed, share)).collect();
        self.detector.observe(self.now, &counts)
    }
}

fn drawn(mut lot: f64, shares: &[f64]) -> usize {
    for (index, share) in shares.iter().enumerate() {
        lot -= share;
        if lot < 0.0 {
            return index;
        }
    }
    shares.iter().rposition(|&share| share > 0.0).expect("somebody has a share")
}

/// Weights as shares.
pub(crate) fn shares(weights: &[f64]) -> Vec<f64> {
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}
