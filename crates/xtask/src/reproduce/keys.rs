//! Strategies that go by the request's key: how evenly, and what moves.

use evenkeel_core::{PickKey, PoolSpec, Rng, StrategyKind};

use super::pools::{Asked, named, pool, strategy};
use super::row::{Effort, Found, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "maglev_share",
        claim: "the largest share of 1,000 backends, tables of 65,537 and 655,373 entries",
        source: "Eisenbud et al. 2016 (NSDI): within 1 % from 100 entries a backend on",
        target: "at most 1.01 of the mean",
        strategies: &["maglev"],
        check: maglev_share,
    },
    Row {
        name: "maglev_weights",
        claim: "weights 5, 1, 1, 1: shares of the keys",
        source: "fill credit by weight",
        target: "0.625, 0.125 x 3",
        strategies: &["maglev"],
        check: maglev_weights,
    },
    Row {
        name: "maglev_moves",
        claim: "10 of 1,000 backends leave, tables of 65,537 and 655,373: keys that move (1 % must)",
        source: "the design, simulated beforehand: 3.39 and 1.59 %",
        target: "at most 4 and 2 %",
        strategies: &["maglev"],
        check: maglev_moves,
    },
    Row {
        name: "no_needless",
        claim: "10 of 1,000 backends leave: keys that move though their backend stayed (ring and rendezvous)",
        source: "Karger et al. 1997; Thaler and Ravishankar 1996",
        target: "0",
        strategies: &["ring", "rendezvous"],
        check: no_needless,
    },
    Row {
        name: "rendezvous_share",
        claim: "65,537 and 655,373 keys over 1,000 backends: the largest share, over the mean",
        source: "Eisenbud et al. 2016 (NSDI), one draw: 49.5 and 12.3 % more",
        target: "43 +- 3 % and 12.8 +- 1.5 %: what chance gives on average",
        strategies: &["rendezvous"],
        check: rendezvous_share,
    },
    Row {
        name: "ring_share",
        claim: "standard deviation of the shares at 100 and 1,000 points a backend",
        source: "Lamping and Veach 2014",
        target: "0.0997 and 0.0316 +- 5 %",
        strategies: &["ring"],
        check: ring_share,
    },
    Row {
        name: "bounded",
        claim: "2,000 requests with Zipf(1) keys held by 20 backends, bound 1.25: nobody beyond c m / n, rounded up",
        source: "Mirrokni et al. 2016",
        target: "never",
        strategies: &["maglev", "ring", "rendezvous"],
        check: bounded,
    },
];

/// Entries of Maglev's table, small and large.
const TABLES: [u32; 2] = [65_537, 655_373];
const MANY: usize = 1_000;
/// Backends that leave.
const LEAVING: usize = 10;

fn maglev_share(_: Effort) -> Found {
    let peaks = TABLES.map(|size| {
        let counts = Asked::new(table(&[1; MANY], size), 1).counts(evenly(u64::from(size)));
        peak(&counts)
    });
    Found {
        got: format!("{:.4} and {:.4}", peaks[0], peaks[1]),
        pass: peaks.iter().all(|peak| *peak <= 1.01),
    }
}

fn maglev_weights(_: Effort) -> Found {
    let size = TABLES[0];
    let counts = Asked::new(table(&[5, 1, 1, 1], size), 1).counts(evenly(u64::from(size)));
    let shares: Vec<f64> = counts.iter().map(|count| *count as f64 / f64::from(size)).collect();
    let right = |(share, expected): (&f64, f64)| (share - expected).abs() < 0.0005;
    Found {
        got: shares.iter().map(|share| format!("{share:.3}")).collect::<Vec<_>>().join(", "),
        pass: shares.iter().zip([0.625, 0.125, 0.125, 0.125]).all(right),
    }
}

fn maglev_moves(_: Effort) -> Found {
    let moved = TABLES.map(|size| {
        let (moved, _) = moves(&table(&[1; MANY], size), evenly(u64::from(size)));
        moved * 100.0
    });
    Found { got: format!("{:.2} and {:.2} %", moved[0], moved[1]), pass: moved[0] <= 4.0 && moved[1] <= 2.0 }
}

fn no_needless(effort: Effort) -> Found {
    let keys = effort.pick(100_000, 10_000);
    let found = ["ring", "rendezvous"].map(|name| {
        let (moved, needless) = moves(&pool(strategy(name), &[1; MANY]), by_chance(keys, 5));
        (needless, (0.005..0.02).contains(&moved))
    });
    Found {
        got: format!("{} and {}", found[0].0, found[1].0),
        pass: found.iter().all(|(needless, as_many)| *needless == 0 && *as_many),
    }
}

/// The mean of the largest of 1,000 Poisson numbers with means of 65.5 and 655.
fn rendezvous_share(effort: Effort) -> Found {
    let over = |keys: u64, seed| {
        let mut asked = Asked::new(pool(strategy("rendezvous"), &[1; MANY]), 1);
        (peak(&asked.counts(by_chance(keys, seed))) - 1.0) * 100.0
    };
    let mean = |keys, draws: u64| (0..draws).map(|seed| over(keys, seed)).sum::<f64>() / draws as f64;
    let [few, many] =
        [(65_537, effort.pick(30, 10)), (655_373, effort.pick(5, 1))].map(|(keys, draws)| mean(keys, draws));
    Found {
        got: format!("{few:.1} and {many:.1} %"),
        pass: (few - 43.0).abs() <= 3.0 && (many - 12.8).abs() <= effort.pick(1.5, 3.0),
    }
}

fn ring_share(effort: Effort) -> Found {
    let deviations = [100, 1_000].map(|points| deviation(points, effort.pick(20, 5)));
    let near = |got: f64, expected| Found::near(got, expected, 0.05, effort).pass;
    Found {
        got: format!("{:.4} and {:.4}", deviations[0], deviations[1]),
        pass: near(deviations[0], 0.0997) && near(deviations[1], 0.0316),
    }
}

/// Of the shares of 100 backends, as part of their mean, over so many rings.
fn deviation(points: u32, rings: u32) -> f64 {
    let (members, keys) = (100, 500_000_u64);
    let mean = keys as f64 / f64::from(members);
    let squares = |ring: u32| -> f64 {
        let mut spec = named(&format!("ring{ring}-"), strategy("ring"), &vec![1; members as usize]);
        spec.settings.ring_points = points;
        let counts = Asked::new(spec, 1).counts(evenly(keys));
        counts.iter().map(|count| (*count as f64 / mean - 1.0).powi(2)).sum()
    };
    ((0..rings).map(squares).sum::<f64>() / f64::from(rings * members)).sqrt()
}

fn bounded(effort: Effort) -> Found {
    let worst = ["maglev", "ring", "rendezvous"]
        .map(|name| (0..effort.pick(20, 5)).map(|seed| beyond(name, seed)).max().unwrap_or(i64::MAX));
    Found {
        got: if worst.iter().all(|beyond| *beyond <= 0) {
            "never".to_owned()
        } else {
            format!("by {worst:?}")
        },
        pass: worst.iter().all(|beyond| *beyond <= 0),
    }
}

/// By how much anybody ever is beyond the bound.
fn beyond(name: &str, seed: u64) -> i64 {
    let (members, factor) = (20, 1.25);
    let mut spec = pool(strategy(name), &[1; 20]);
    spec.settings.bound = Some(factor);
    let mut asked = Asked::new(spec, seed);
    let mut keys = Zipf::new(2_000, seed);
    let (mut counts, mut held, mut worst) = (vec![0_i64; members], Vec::new(), i64::MIN);
    for requests in 1..=2_000_i64 {
        let Some((position, lease)) = asked.hold(keys.next()) else { return i64::MAX };
        counts[position] += 1;
        held.push(lease);
        let bound = (factor * requests as f64 / members as f64).ceil() as i64;
        worst = worst.max(counts[position] - bound);
    }
    drop(held);
    worst
}

/// Keys of which the k-th is as frequent as 1/k.
struct Zipf {
    sums: Vec<f64>,
    rng: Rng,
    salt: u64,
}

impl Zipf {
    fn new(n: u32, seed: u64) -> Self {
        let mut sum = 0.0;
        let sums = (1..=n).map(|k| {
            sum += 1.0 / f64::from(k);
            sum
        });
        Self { sums: sums.collect(), rng: Rng::from_seed(seed), salt: seed << 32 }
    }

    fn next(&mut self) -> PickKey {
        let at = self.rng.unit() * self.sums.last().copied().unwrap_or_default();
        let key = self.sums.partition_point(|sum| *sum <= at) as u64;
        PickKey::from_hash(Rng::from_seed(self.salt ^ key).next_u64())
    }
}

/// The part of the keys that goes elsewhere once the first backends have left, and how many of those needlessly.
fn moves(spec: &PoolSpec, keys: impl Iterator<Item = PickKey>) -> (f64, u64) {
    let mut left = spec.clone();
    left.members.drain(..LEAVING);
    let (mut before, mut after) = (Asked::new(spec.clone(), 1), Asked::new(left, 1));
    let (mut all, mut moved, mut needless) = (0_u64, 0_u64, 0_u64);
    for key in keys {
        let (Some(from), Some(to)) = (before.ask(key), after.ask(key)) else { continue };
        all += 1;
        let same = from == to + LEAVING;
        moved += u64::from(!same);
        needless += u64::from(!same && from >= LEAVING);
    }
    (moved as f64 / all as f64, needless)
}

fn table(weights: &[u32], size: u32) -> PoolSpec {
    let mut spec = pool(strategy("maglev"), weights);
    spec.settings.table_size = size;
    spec
}

/// Hashes at equal distances: as many as a table has entries, each entry once.
pub(super) fn evenly(count: u64) -> impl Iterator<Item = PickKey> {
    let hash = move |index: u64| ((u128::from(2 * index + 1) << 63) / u128::from(count)) as u64;
    (0..count).map(move |index| PickKey::from_hash(hash(index)))
}

pub(super) fn by_chance(count: u64, seed: u64) -> impl Iterator<Item = PickKey> {
    let mut rng = Rng::from_seed(seed);
    (0..count).map(move |_| PickKey::from_hash(rng.next_u64()))
}

/// The most, over the mean.
pub(super) fn peak(counts: &[u64]) -> f64 {
    let most = counts.iter().max().copied().unwrap_or_default();
    most as f64 * counts.len() as f64 / counts.iter().sum::<u64>() as f64
}

/// Whether any registered strategy goes by keys.
pub(super) fn any() -> bool {
    StrategyKind::ALL.iter().any(|kind| kind.registration().keyed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_keys_meet_every_entry_of_a_table_once() {
        for size in [2_u64, 7, 251, 65_537] {
            let entries = evenly(size).map(|key| (u128::from(key.hash().unwrap()) * u128::from(size)) >> 64);
            assert!(entries.eq(0..u128::from(size)), "{size}");
        }
    }

    #[test]
    fn a_peak_is_relative_to_the_mean() {
        assert_eq!(peak(&[1, 2, 3]), 1.5);
    }
}
