//! How near to the weights each strategy promises to stay.

use std::collections::BTreeMap;

use evenkeel_core::{BackendId, StrategyKind};

use crate::pools::Keys;

/// The largest deviation from the exact count that is allowed.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bound {
    /// This many requests, however many were sent.
    Requests(f64),
    /// What chance explains: for a count of `n` draws with probability `p`, `n·KL(count/n ‖ p)` exceeds `t`
    /// with probability at most `2·e^-t` (Chernoff, Hoeffding 1963: valid at any `n`, also if `p` is a mean
    /// of several).
    Chance,
    /// As much, about a share that is off by no more than this part of it: what tables and points cannot hit.
    Near(f64),
}

/// Sequential requests without a key, or any number of threads where the strategy does not look at load.
pub(crate) fn bound(strategy: StrategyKind) -> Bound {
    match strategy {
        // Any stretch of a smooth schedule is the difference of two prefixes, each less than one turn off.
        // Nobody is asked here: without answers prequal goes by the rule of least-request.
        StrategyKind::RoundRobin | StrategyKind::LeastRequest | StrategyKind::Prequal => Bound::Requests(2.0),
        StrategyKind::Random | StrategyKind::P2c | StrategyKind::PeakEwma => Bound::Chance,
        // Without a key they do as least-request does.
        StrategyKind::Maglev | StrategyKind::Ring | StrategyKind::Rendezvous => Bound::Requests(2.0),
    }
}

/// The same for requests whose keys differ, with tables of the default size.
pub(crate) fn bound_with(keys: Keys, strategy: StrategyKind) -> Bound {
    match (keys, strategy) {
        // Less than one entry of 65,537, which is 1.5 % of a share of a thousandth.
        (Keys::Random, StrategyKind::Maglev) => Bound::Near(0.02),
        // Six standard deviations at 160 points.
        (Keys::Random, StrategyKind::Ring) => Bound::Near(0.5),
        (Keys::Random, StrategyKind::Rendezvous) => Bound::Chance,
        _ => bound(strategy),
    }
}

/// What every member got against what it should have got (`share`, sums to 1).
pub(crate) fn check(bound: Bound, counted: &BTreeMap<BackendId, (u64, f64)>) -> Result<(), String> {
    let total: u64 = counted.values().map(|(count, _)| count).sum();
    for (id, (count, share)) in counted {
        let (count, n) = (*count as f64, total as f64);
        let fits = match bound {
            Bound::Requests(most) => (count - n * share).abs() <= most,
            Bound::Chance => n * kl(count / n, *share) <= CHANCE_NATS,
            Bound::Near(part) => {
                let nearest = (count / n).clamp(share * (1.0 - part), (share * (1.0 + part)).min(1.0));
                n * kl(count / n, nearest) <= CHANCE_NATS
            }
        };
        if !fits {
            return Err(format!("{id} got {count} of {n}, should be {:.1} ({bound:?})", n * share));
        }
    }
    Ok(())
}

/// Kullback–Leibler divergence of two coins, in nats.
fn kl(q: f64, p: f64) -> f64 {
    let part = |q: f64, p: f64| if q > 0.0 { q * (q / p).ln() } else { 0.0 };
    if (q - p).abs() < 1e-12 { 0.0 } else { part(q, p) + part(1.0 - q, 1.0 - p) }
}

/// A false alarm in 10^10 comparisons.
const CHANCE_NATS: f64 = 24.0;

#[test]
fn the_bounds_see_a_skew() {
    let counted = |a, b| BTreeMap::from([(BackendId::new("a"), (a, 0.5)), (BackendId::new("b"), (b, 0.5))]);
    for (bound, fair, unfair) in [
        (Bound::Requests(2.0), (501, 499), (503, 497)),
        (Bound::Chance, (560, 440), (620, 380)),
        (Bound::Near(0.1), (610, 390), (670, 330)),
    ] {
        assert_eq!(check(bound, &counted(fair.0, fair.1)), Ok(()));
        assert!(check(bound, &counted(unfair.0, unfair.1)).is_err());
    }
    let nobody = BTreeMap::from([(BackendId::new("a"), (5, 1.0)), (BackendId::new("down"), (1, 0.0))]);
    assert!(check(Bound::Chance, &nobody).is_err(), "a single request to one that should get none");
}
