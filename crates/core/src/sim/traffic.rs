//! When requests come, and with which keys.

use super::law::exponential;
use super::scenario::{Arrivals, Keys};
use crate::rng::Rng;
use crate::strategy::PickKey;
use crate::units::Nanos;

/// The times of requests.
#[derive(Debug)]
pub(super) struct Clock {
    arrivals: Arrivals,
    rng: Rng,
}

/// The keys of requests.
#[derive(Debug)]
pub(super) struct KeySource {
    /// Running sums of the keys' chances, where they differ.
    sums: Vec<f64>,
    n: u32,
    /// So that two seeds do not share their keys.
    salt: u64,
    rng: Rng,
}

impl Clock {
    pub(super) fn new(arrivals: Arrivals, rng: Rng) -> Self {
        Self { arrivals, rng }
    }

    /// How many requests are under way at the beginning: one of open traffic brings the next, one of each client the
    /// client's next.
    pub(super) fn begin_with(&self) -> u64 {
        match self.arrivals {
            Arrivals::Closed { clients, .. } => u64::from(clients.max(1)),
            _ => 1,
        }
    }

    /// Whether the next request waits for an answer.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.arrivals, Arrivals::Closed { .. })
    }

    /// When the request after one that came, or was answered, at `now` comes.
    pub(super) fn next(&mut self, now: Nanos) -> Nanos {
        let wait = match self.arrivals {
            Arrivals::Poisson { rate } => exponential(&mut self.rng) * gap(rate),
            Arrivals::Constant { rate } => gap(rate),
            Arrivals::Closed { think, .. } => think.draw(&mut self.rng),
            Arrivals::Ramp { from, to, over } => self.ramp(now, from, to, over.as_nanos() as f64),
        };
        Nanos(now.0.saturating_add(wait.round() as u64))
    }

    /// Thinning: of arrivals at the highest rate, each is kept with the chance that its time has of it.
    fn ramp(&mut self, now: Nanos, from: f64, to: f64, over: f64) -> f64 {
        let (highest, mut wait) = (from.max(to), 0.0);
        let left = over - now.0 as f64;
        while wait < left {
            wait += exponential(&mut self.rng) * gap(highest);
            let rate = from + (to - from) * (now.0 as f64 + wait) / over;
            if wait < left && self.rng.unit() * highest <= rate {
                return wait;
            }
        }
        // From its end on the rate is constant, and chance has no memory.
        left.max(0.0) + exponential(&mut self.rng) * gap(to)
    }
}

impl KeySource {
    pub(super) fn new(keys: Keys, mut rng: Rng) -> Self {
        let (n, sums) = match keys {
            Keys::None => (0, Vec::new()),
            Keys::Uniform { n } => (n, Vec::new()),
            Keys::Zipf { n, s } => (n, zipf(n, s)),
        };
        Self { sums, n, salt: rng.next_u64(), rng }
    }

    pub(super) fn next(&mut self) -> PickKey {
        if self.n == 0 {
            return PickKey::NONE;
        }
        let key = match self.sums.last() {
            None => self.rng.below(self.n),
            Some(whole) => {
                let at = self.rng.unit() * whole;
                (self.sums.partition_point(|sum| *sum <= at) as u32).min(self.n - 1)
            }
        };
        PickKey::from_hash(Rng::from_seed(self.salt ^ u64::from(key)).next_u64())
    }
}

fn zipf(n: u32, s: f64) -> Vec<f64> {
    let chance = |k: u32| f64::from(k).powf(-s);
    let mut sum = 0.0;
    (1..=n)
        .map(chance)
        .map(|chance| {
            sum += chance;
            sum
        })
        .collect()
}

/// Nanoseconds between two requests. A rate that is none counts as one in 31 years.
fn gap(rate: f64) -> f64 {
    1e9 / rate.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::time::Duration;

    /// Requests in each of the first seconds.
    fn seconds(arrivals: Arrivals, count: usize) -> Vec<u32> {
        let mut clock = Clock::new(arrivals, Rng::from_seed(9));
        let (mut now, mut seconds) = (Nanos::ZERO, vec![0; count]);
        loop {
            now = clock.next(now);
            match seconds.get_mut((now.0 / 1_000_000_000) as usize) {
                Some(second) => *second += 1,
                None => return seconds,
            }
        }
    }

    #[test]
    fn rates_are_kept() {
        assert_eq!(seconds(Arrivals::Constant { rate: 500.0 }, 3), [499, 500, 500]);
        let poisson: u32 = seconds(Arrivals::Poisson { rate: 500.0 }, 40).iter().sum();
        // Standard deviation: 141.
        assert!(poisson.abs_diff(20_000) < 500, "{poisson}");
    }

    #[test]
    fn a_ramp_rises_in_a_straight_line_and_stays() {
        let ramp = Arrivals::Ramp { from: 0.0, to: 2_000.0, over: Duration::from_secs(4) };
        let seconds = seconds(ramp, 6);
        for (second, expected) in seconds.iter().zip([250_u32, 750, 1_250, 1_750, 2_000, 2_000]) {
            assert!(second.abs_diff(expected) < 5 * expected.isqrt(), "{seconds:?}");
        }
    }

    #[test]
    fn popularity_falls_as_one_over_k() {
        let mut keys = KeySource::new(Keys::Zipf { n: 100, s: 1.0 }, Rng::from_seed(2));
        let mut counts: HashMap<u64, u32> = HashMap::new();
        for _ in 0..100_000 {
            *counts.entry(keys.next().hash().expect("a key")).or_default() += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        // The sum of 1/k up to 100 is 5.187.
        assert!(counts[0].abs_diff(19_278) < 500 && counts[1].abs_diff(9_639) < 400, "{counts:?}");
        assert_eq!(counts.len(), 100);
    }

    #[test]
    fn without_keys_there_are_none_and_with_one_there_is_one() {
        let hashes = |keys| {
            let mut source = KeySource::new(keys, Rng::from_seed(2));
            [source.next().hash(), source.next().hash()]
        };
        assert_eq!(hashes(Keys::None), [None, None]);
        let [first, second] = hashes(Keys::Uniform { n: 1 });
        assert!(first.is_some() && first == second);
    }
}
