//! The better of two random choices, by latency.

use super::burden::{Burden, Scale};
use super::pair::Pair;
use super::{Ask, Picked, Picker, Registration, StrategyKind};
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::Nanos;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::PeakEwma,
    name: "peak_ewma",
    summary: "of two drawn by weight, the one with less latency × requests in flight for its weight",
    honours_weights: true,
    keyed: false,
    timed: true,
    probed: false,
    build: |input| {
        let (pair, scale) = (Pair::new(input.weights), Scale::new(input.weights));
        Box::new(PeakEwma { pair, scale, decay: input.settings.decay.as_nanos() as f64 })
    },
};

/// Cost = latency × (in flight + 1) / weight over two candidates as in `p2c` (Finagle's `PeakEwma`). The latency is
/// kept by the backend: see [`Latency`](crate::latency::Latency).
///
/// - One whose latency is not known, or has been forgotten, is compared as if it were as fast as the other. So it
///   neither waits until the others are as slow as some penalty, nor gets everything until its first answer.
/// - Latencies that are more than [`FURTHEST`] times apart count as that. The latency already contains the wait that
///   the requests in flight cause, so their product counts it twice, and a member that is slow for good would hardly be
///   picked at all. So no member is passed over for another that has [`FURTHEST`] times as much in flight for its
///   weight.
/// - If the first is idle, its weight has been honoured by drawing it, and latency alone may speak for the second. If
///   that is idle, too, and their weights differ, only a latency that is [`FASTER`] times less: of like members with
///   weights 5:1:1 the heavy one gets 0.67 of an idle pool, and 0.42 if any difference counted, for who is picked more
///   often sees more peaks.
#[derive(Debug)]
struct PeakEwma {
    pair: Pair,
    scale: Scale,
    /// In nanoseconds.
    decay: f64,
}

/// One of the two.
struct Contender {
    burden: Burden,
    /// In nanoseconds; 0 if it is not known.
    latency: f64,
}

impl Picker for PeakEwma {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, ask: Ask, rng: &mut Rng) -> Picked {
        let first = self.pair.first(from, rng);
        let Some(second) = self.pair.second(from, first, rng) else {
            return Picked::by_algorithm(first);
        };
        let [a, b] = [first, second].map(|idx| self.contender(from, idx, ask.now));
        Picked::by_algorithm(if b.beats(&a) { second } else { first })
    }
}

impl PeakEwma {
    #[inline]
    fn contender(&self, from: &Eligible<'_>, idx: MemberIdx, now: Nanos) -> Contender {
        let candidate = from.candidate(idx);
        let latency = candidate.load.latency().nanos(now, self.decay);
        Contender { burden: self.scale.of(idx, candidate, now), latency }
    }
}

impl Contender {
    /// Whether the second of two, this, is preferred to the first.
    #[inline]
    fn beats(&self, first: &Self) -> bool {
        let slower = self.times_slower_than(first);
        let (ours, theirs) = (self.burden.load as f64 * slower, first.burden.load as f64);
        if first.burden.is_free() {
            let by_weight = self.burden.is_free() && self.burden.weight != first.burden.weight;
            if by_weight { ours * FASTER < theirs } else { ours < theirs }
        } else {
            ours * (first.burden.weight as f64) < theirs * self.burden.weight as f64
                && first.burden.tolerance().admits(&self.burden)
        }
    }

    #[inline]
    fn times_slower_than(&self, other: &Self) -> f64 {
        let known = self.latency > 0.0 && other.latency > 0.0;
        if known { (self.latency / other.latency).clamp(1.0 / FURTHEST, FURTHEST) } else { 1.0 }
    }
}

const FURTHEST: f64 = 4.0;
/// What looks like this is chance: a peak more or less.
const FASTER: f64 = 2.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lease::Outcome;
    use crate::strategy::fixture::Members;

    const TEN: Nanos = Nanos(10_000_000_000);

    /// Weight, in flight, latency in ms.
    type Case = (u32, u32, u64);

    /// The first and the second of two; whether the second is picked.
    const TABLE: [(Case, Case, bool); 13] = [
        ((1, 2, 10), (1, 2, 10), false),
        ((1, 2, 10), (1, 1, 10), true),
        // 3 × 10 against 2 × 14 and 2 × 16.
        ((1, 2, 10), (1, 1, 14), true),
        ((1, 2, 10), (1, 1, 16), false),
        // 6 × 10 / 2 against 4 × 10 / 1.
        ((2, 5, 10), (1, 3, 10), false),
        ((2, 7, 10), (1, 2, 10), true),
        // Idle: by latency, if the weights differ only where it differs much.
        ((1, 0, 10), (1, 0, 9), true),
        ((1, 0, 10), (5, 0, 10), false),
        ((5, 0, 10), (1, 0, 6), false),
        ((5, 0, 10), (1, 0, 4), true),
        // Unknown: as the other.
        ((1, 1, 10), (1, 0, 0), true),
        ((1, 0, 0), (1, 0, 1), false),
        // A thousand times as slow is four times.
        ((1, 4, 1), (1, 0, 1_000), true),
    ];

    #[test]
    fn the_cost_is_latency_times_load_for_the_weight() {
        for (first, second, expected) in TABLE {
            let members = Members::new(&[first.0, second.0]);
            for (position, (_, in_flight, latency)) in [first, second].into_iter().enumerate() {
                members.busy(position, in_flight);
                if latency > 0 {
                    members.answered(position, Outcome::Ok, latency, TEN);
                }
            }
            let (pair, scale) = (Pair::new(&members.weights()), Scale::new(&members.weights()));
            let strategy = PeakEwma { pair, scale, decay: 10e9 };
            members.eligible(|from| {
                let [a, b] = [0, 1].map(|position| strategy.contender(from, MemberIdx::new(position), TEN));
                assert_eq!(b.beats(&a), expected, "{first:?} {second:?}");
            });
        }
    }
}
