//! The shares that a pool's configuration produces and those that are meant.

use evenkeel_core::Intent;

use crate::decode::{BackendDraft, PoolDraft};

/// One enabled backend's part of the requests.
pub(super) struct Share<'a> {
    pub(super) backend: &'a BackendDraft,
    /// By the weights.
    pub(super) planned: f64,
    /// By the intent.
    pub(super) meant: f64,
}

/// The shares of the enabled backends while all are healthy.
pub(super) fn shares(pool: &PoolDraft) -> Vec<Share<'_>> {
    let intent = pool.intent();
    let enabled = || pool.backends.value.iter().filter(|backend| backend.enabled.value);
    let weight = |backend: &BackendDraft| f64::from(backend.weight.value.get());
    let wanted = |backend: &BackendDraft| match intent {
        Intent::Equal => 1.0,
        Intent::Capacity => backend.capacity.unwrap_or(1.0),
        Intent::Weights => weight(backend),
    };
    let weights: f64 = enabled().map(weight).sum();
    let wants: f64 = enabled().map(wanted).sum();
    enabled()
        .map(|backend| Share { backend, planned: weight(backend) / weights, meant: wanted(backend) / wants })
        .collect()
}

/// The smallest whole weights in these proportions, where there are small ones.
pub(super) fn whole_weights(proportions: &[f64]) -> Option<Vec<u32>> {
    let least = proportions.iter().copied().fold(f64::INFINITY, f64::min);
    let scaled = |factor: u32| -> Option<Vec<u32>> {
        let whole = |proportion: &f64| {
            let exact = proportion / least * f64::from(factor);
            let near = exact.round();
            // Within 1 % of the proportion asked for, and a weight that exists.
            ((near - exact).abs() <= exact * 0.01 && near <= 65_535.0).then_some(near as u32)
        };
        proportions.iter().map(whole).collect()
    };
    (1..=20).find_map(scaled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_become_small_weights() {
        assert_eq!(whole_weights(&[2.0, 1.0]), Some(vec![2, 1]));
        assert_eq!(whole_weights(&[1.5, 1.0, 0.5]), Some(vec![3, 2, 1]));
        assert_eq!(whole_weights(&[2.5, 1.0]), Some(vec![5, 2]));
        assert_eq!(whole_weights(&[1e9, 1.0]), None);
    }
}
