//! Requests that go together: those of a key, of a client's session, of a connection. How uneven that is, and who has most.

use std::collections::HashMap;

use super::super::{Drained, Popular, Tolerance};
use super::reading::Sums;

/// Told apart for certain: whoever has more than one request in so many of late.
const REMEMBERED: usize = 64;
/// With fewer samples of late nothing is said.
const SAMPLES_MIN: f64 = 20.0;

/// A key and what it asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HotKey {
    /// The hash of the key: see [`PickKey`](crate::PickKey).
    pub key: u64,
    /// Serial of the backend that most of it goes to.
    pub backend: u64,
    /// Its part of the pool's requests, 0.0..=1.0, of late.
    pub share: f64,
}

/// How unevenly requests of late came in clusters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// How many requests count as one, because they were decided together: Σm²/Σm over clusters of m, 1.0 and up.
    pub design_effect: f64,
    /// As many clusters of one size would spread as unevenly: requests over the design effect.
    pub effective: f64,
    /// The part of the requests that the largest makes, 0.0..=1.0.
    pub top_share: f64,
}

/// Bounded: see [`Popular`].
#[derive(Clone, Debug)]
pub(super) struct Clusters {
    popular: Popular<u64>,
    samples: f64,
    weight: f64,
}

/// What each backend had of late, and what it should have: parts of all, by serial.
pub(super) type Shares = HashMap<u64, (f64, f64)>;

impl Clusters {
    pub(super) fn new() -> Self {
        Self { popular: Popular::new(REMEMBERED), samples: 0.0, weight: 1.0 }
    }

    /// One tick's samples; older ones count less, as in [`Sums`].
    pub(super) fn add(&mut self, drained: &Drained) {
        let older = 1.0 - Sums::NEW;
        self.popular.age(older);
        self.samples = self.samples * older + drained.samples.len() as f64;
        if !drained.samples.is_empty() {
            self.weight += (drained.weight - self.weight) * Sums::NEW;
        }
        for (cluster, backend) in &drained.samples {
            self.popular.add(cluster, *backend, drained.weight);
        }
    }

    /// `None` while there is too little to go by.
    pub(super) fn spread(&self) -> Option<Spread> {
        let total = self.popular.total();
        if self.samples < SAMPLES_MIN || total <= 0.0 {
            return None;
        }
        let all = self.popular.top(REMEMBERED);
        let squares: f64 = all.iter().map(|often| often.count * often.count).sum();
        let counted: f64 = all.iter().map(|often| often.count).sum();
        // A cluster of m of which one in w was sampled shows as m on average, with m·w more in the square.
        let sampling = (self.weight - 1.0) * counted;
        let design_effect = ((squares - sampling).max(0.0) / total).max(1.0);
        let top_share = all.first().map_or(0.0, |often| often.count / total);
        Some(Spread { design_effect, effective: total / design_effect, top_share })
    }

    /// The fewest of the most popular keys without which every backend would be inside its band, and whether there are
    /// such: else those that were tried. `keyed`: the part of the requests that have a key.
    pub(super) fn fewest(&self, shares: &Shares, keyed: f64, tolerance: Tolerance) -> (Vec<HotKey>, bool) {
        let total = self.popular.total();
        let (mut left, mut rest) = (shares.clone(), 1.0);
        let mut taken = Vec::new();
        if self.samples < SAMPLES_MIN {
            return (taken, false);
        }
        for often in self.popular.top(REMEMBERED) {
            if are_inside(&left, rest, tolerance) {
                return (taken, true);
            }
            let (backend, there) = often.place;
            let share = keyed * there.min(often.count) / total;
            let Some((had, _)) = left.get_mut(&backend).filter(|(had, due)| *had > *due * rest) else {
                continue;
            };
            *had = (*had - share).max(0.0);
            rest = f64::max(rest - share, f64::MIN_POSITIVE);
            taken.push(HotKey { key: *often.name, backend, share: keyed * often.count / total });
        }
        let explained = are_inside(&left, rest, tolerance);
        (taken, explained)
    }
}

fn are_inside(left: &Shares, rest: f64, tolerance: Tolerance) -> bool {
    left.values().all(|(had, due)| {
        let (lower, upper) = tolerance.band(*due);
        let share = had / rest;
        share >= lower && upper.is_none_or(|upper| share <= upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drained(samples: impl IntoIterator<Item = (u64, u64)>, weight: f64) -> Drained {
        Drained { samples: samples.into_iter().collect(), weight }
    }

    /// A thousand keys that are asked for alike, over three backends, and what is `more`.
    fn clusters(more: &[(u64, u64)]) -> Clusters {
        let mut clusters = Clusters::new();
        let alike = (1000..2000).map(|key| (key, key % 3));
        clusters.add(&drained(alike.chain(more.iter().copied()), 1.0));
        clusters
    }

    fn shares(had: [f64; 3]) -> Shares {
        had.iter().enumerate().map(|(at, had)| (at as u64, (*had, 1.0 / 3.0))).collect()
    }

    #[test]
    fn one_key_that_makes_the_difference_is_the_only_one_named() {
        let clusters = clusters(&[(7, 1); 1000]);
        let third = 1.0 / 6.0;
        let had = shares([third, third + 0.5, third]);
        let (keys, explained) = clusters.fewest(&had, 1.0, Tolerance::KEYED_INTENT);
        assert!(explained);
        assert_eq!(keys.len(), 1);
        assert_eq!((keys[0].key, keys[0].backend), (7, 1));
        assert!((keys[0].share - 0.5).abs() < 0.05, "{keys:?}");
        let (keys, _) = clusters.fewest(&had, 0.5, Tolerance::KEYED_INTENT);
        assert!((keys[0].share - 0.25).abs() < 0.03, "half of the requests have no key");
    }

    #[test]
    fn keys_that_are_asked_for_alike_explain_nothing() {
        let (_, explained) = clusters(&[]).fewest(&shares([0.9, 0.05, 0.05]), 1.0, Tolerance::KEYED_INTENT);
        assert!(!explained);
        let (keys, explained) = Clusters::new().fewest(&shares([0.9, 0.05, 0.05]), 1.0, Tolerance::INTENT);
        assert_eq!((keys, explained), (Vec::new(), false), "nothing has been seen");
    }

    #[test]
    fn a_few_that_make_most_count_as_few() {
        let (alike, uneven) = (clusters(&[]), clusters(&[(7, 1); 1000]));
        assert!(alike.spread().unwrap().design_effect < 1.5, "{:?}", alike.spread());
        let spread = uneven.spread().unwrap();
        assert!((spread.design_effect / 500.0 - 1.0).abs() < 0.1, "{spread:?}");
        assert!((spread.top_share - 0.5).abs() < 0.05, "{spread:?}");
        assert!((3.0..5.0).contains(&spread.effective), "{spread:?}");
        assert_eq!(Clusters::new().spread(), None);
    }

    /// One of 16 is taken: 60 of a connection that has had 960.
    #[test]
    fn what_is_sampled_is_counted_back() {
        let mut clusters = Clusters::new();
        for _ in 0..50 {
            clusters.add(&drained((0..60).map(|_| (1, 1)).chain((0..60).map(|_| (2, 1))), 16.0));
        }
        let spread = clusters.spread().unwrap();
        let requests = 2.0 * 960.0 * 10.0;
        assert!((spread.design_effect / (requests / 2.0) - 1.0).abs() < 0.05, "{spread:?}");
        assert!((spread.top_share - 0.5).abs() < 0.01);
    }
}
