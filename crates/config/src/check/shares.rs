//! The shares that a pool's configuration produces and those that are meant.

use std::collections::BTreeMap;

use evenkeel_core::Intent;

use crate::decode::{BackendDraft, PoolDraft};

/// The backends of a tier that requests without a session may go to.
pub(super) struct Tier<'a> {
    pub(super) number: u8,
    /// While the tier takes every request and all of it are healthy, over the instances in all zones. Not empty.
    pub(super) shares: Vec<Share<'a>>,
}

/// One backend's part of the requests.
pub(super) struct Share<'a> {
    pub(super) backend: &'a BackendDraft,
    /// By the weights.
    pub(super) planned: f64,
    /// By the intent.
    pub(super) meant: f64,
}

/// The tiers of a pool that have a backend for new requests, the first first.
pub(super) fn tiers(pool: &PoolDraft) -> Vec<Tier<'_>> {
    let mut tiers: BTreeMap<u8, Vec<&BackendDraft>> = BTreeMap::new();
    for backend in pool.open() {
        tiers.entry(backend.tier.value).or_default().push(backend);
    }
    let tier = |(number, members): (u8, Vec<_>)| Tier { number, shares: shares(pool.intent(), &members) };
    tiers.into_iter().map(tier).collect()
}

fn shares<'a>(intent: Intent, backends: &[&'a BackendDraft]) -> Vec<Share<'a>> {
    let weight = |backend: &BackendDraft| f64::from(backend.weight.value.get());
    let wanted = |backend: &BackendDraft| match intent {
        Intent::Equal => 1.0,
        Intent::Capacity => backend.capacity.unwrap_or(1.0),
        Intent::Weights => weight(backend),
    };
    let weights: f64 = backends.iter().map(|backend| weight(backend)).sum();
    let wants: f64 = backends.iter().map(|backend| wanted(backend)).sum();
    let share = |backend: &&'a BackendDraft| Share {
        backend,
        planned: weight(backend) / weights,
        meant: wanted(backend) / wants,
    };
    backends.iter().map(share).collect()
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
