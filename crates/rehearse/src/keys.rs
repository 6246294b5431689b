//! Which keys requests have, and how often.

use evenkeel_core::{PickKey, Rng};

/// All keys, the most popular first.
#[derive(Clone, Debug)]
pub(crate) struct Keyspace {
    pub(crate) count: u32,
    pub(crate) zipf: f64,
    /// What all keys have, where the first has 1.
    whole: f64,
    salt: u64,
}

/// So many of the most popular keys, and what they stand for.
pub(crate) struct Sample {
    /// Key and its part of the requests.
    pub(crate) keys: Vec<(PickKey, f64)>,
    /// The part of all others.
    pub(crate) rest: f64,
}

impl Keyspace {
    pub(crate) fn new(count: u32, zipf: f64, seed: u64) -> Self {
        let (count, zipf) = (count.max(1), zipf.max(0.0));
        Self { count, zipf, whole: harmonic(count, zipf), salt: Rng::from_seed(seed).next_u64() }
    }

    /// As popular as it takes for the first key to have this part of the requests.
    pub(crate) fn with_top(count: u32, top: f64, seed: u64) -> Self {
        let (mut low, mut high) = (0.0, ZIPF_MAX);
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if Self::new(count, middle, seed).top() < top { low = middle } else { high = middle }
        }
        Self::new(count, low, seed)
    }

    /// The part of the requests that the most popular key has.
    pub(crate) fn top(&self) -> f64 {
        1.0 / self.whole
    }

    pub(crate) fn sample(&self, most: u64) -> Sample {
        let taken = u64::from(self.count).min(most.max(1)) as u32;
        let whole = self.whole;
        let key = |k: u32| {
            (PickKey::from_hash(Rng::from_seed(self.salt ^ u64::from(k)).next_u64()), self.part(k) / whole)
        };
        // Where all are alike any so many stand for all of them.
        if self.zipf == 0.0 {
            let part = 1.0 / f64::from(taken);
            return Sample { keys: (1..=taken).map(|k| (key(k).0, part)).collect(), rest: 0.0 };
        }
        let keys: Vec<_> = (1..=taken).map(key).collect();
        let rest = 1.0 - keys.iter().map(|(_, part)| part).sum::<f64>();
        Sample { keys, rest: rest.max(0.0) }
    }

    /// Where the k-th key goes beside the first.
    fn part(&self, k: u32) -> f64 {
        f64::from(k).powf(-self.zipf)
    }
}

/// The sum of k^-s for k from 1 to n: of the first thousand exactly, of the others by the integral around them, which is
/// right to six digits.
fn harmonic(n: u32, s: f64) -> f64 {
    let first = n.min(EXACT);
    let exact: f64 = (1..=first).map(|k| f64::from(k).powf(-s)).sum();
    let (from, to) = (f64::from(first) + 0.5, f64::from(n) + 0.5);
    let rest = if (s - 1.0).abs() < 1e-9 {
        (to / from).ln()
    } else {
        (to.powf(1.0 - s) - from.powf(1.0 - s)) / (1.0 - s)
    };
    exact + rest
}

/// Keys whose parts are summed one by one.
const EXACT: u32 = 1000;
/// Beyond this the first key has nearly everything.
const ZIPF_MAX: f64 = 10.0;
/// Enough for three digits.
const HALVINGS: u32 = 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_series() {
        for s in [0.0, 0.5, 1.0, 1.5, 3.0] {
            let exact: f64 = (1..=50_000).map(|k| f64::from(k).powf(-s)).sum();
            assert!((harmonic(50_000, s) / exact - 1.0).abs() < 1e-6, "{s}");
        }
    }

    #[test]
    fn parts_sum_to_the_whole_and_fall_as_told() {
        for (zipf, most) in [(0.0, 1000), (0.0, 10), (1.0, 1000), (1.0, 10)] {
            let sample = Keyspace::new(100, zipf, 1).sample(most);
            let sum: f64 = sample.keys.iter().map(|(_, part)| part).sum();
            assert!((sum + sample.rest - 1.0).abs() < 1e-9, "{zipf} {most}: {sum}");
            assert_eq!(sample.keys.len() as u64, most.min(100));
        }
        let keys = Keyspace::new(100, 1.0, 1);
        let sample = keys.sample(1000);
        // The sum of 1/k up to 100 is 5.187.
        assert!(
            (keys.top() - 1.0 / 5.187).abs() < 1e-4 && (sample.keys[1].1 - keys.top() / 2.0).abs() < 1e-9
        );
    }
}
