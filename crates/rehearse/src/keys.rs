//! Which keys requests have, and how often.

use evenkeel_core::{PickKey, Rng};

/// All keys, the most popular first.
#[derive(Clone, Debug)]
pub(crate) struct Keyspace {
    pub(crate) count: u32,
    pub(crate) zipf: f64,
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
        Self { count: count.max(1), zipf: zipf.max(0.0), salt: Rng::from_seed(seed).next_u64() }
    }

    /// The part of the requests that the most popular key has.
    pub(crate) fn top(&self) -> f64 {
        1.0 / self.sum(self.count)
    }

    pub(crate) fn sample(&self, most: u64) -> Sample {
        let taken = u64::from(self.count).min(most.max(1)) as u32;
        let whole = self.sum(self.count);
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

    fn sum(&self, count: u32) -> f64 {
        if self.zipf == 0.0 { f64::from(count) } else { (1..=count).map(|k| self.part(k)).sum() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
