//! Anchored least-request: exact round robin while the pool is idle, the least loaded for its weight when it
//! is not.

use std::sync::Arc;

use super::burden::{Burden, Scale};
use super::rotation::Rotation;
use super::{Ask, BuildInput, Picked, Picker, Registration, StrategyKind};
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::Nanos;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::LeastRequest,
    name: "least_request",
    summary: "the next in turn if it is idle, else the one with the fewest requests in flight for its weight",
    honours_weights: true,
    keyed: false,
    timed: false,
    probed: false,
    build: |input| Box::new(LeastRequest::new(input)),
};

/// The anchor is the next slot of the weighted schedule. Taking it when it is idle is what plain
/// least-request lacks: at low load that sends everything to the heaviest, or to the first in the list.
#[derive(Debug)]
pub(super) struct LeastRequest {
    rotation: Arc<Rotation>,
    scale: Scale,
}

/// The best so far, and who may still take its place.
struct Search {
    scale: Scale,
    now: Nanos,
    anchor: Burden,
    best: Burden,
}

impl Picker for LeastRequest {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, ask: Ask, rng: &mut Rng) -> Picked {
        let anchor = self.anchor(from, ask.now);
        Picked::by_algorithm(self.choose(anchor, from, ask.now, rng))
    }
}

impl LeastRequest {
    pub(super) fn new(input: &BuildInput<'_>) -> Self {
        Self { rotation: Arc::clone(input.rotation), scale: Scale::new(input.weights) }
    }

    /// Whose turn it is.
    #[inline]
    pub(super) fn anchor(&self, from: &Eligible<'_>, now: Nanos) -> Burden {
        let idx = self.rotation.next(from);
        self.scale.of(idx, from.candidate(idx), now)
    }

    /// Whom to pick if it is the turn of that one.
    #[inline]
    pub(super) fn choose(&self, anchor: Burden, from: &Eligible<'_>, now: Nanos, rng: &mut Rng) -> MemberIdx {
        if anchor.is_free() {
            return anchor.idx;
        }
        let search = Search { scale: self.scale, now, anchor, best: anchor };
        if from.len() <= SCAN_MAX { search.scan(from) } else { search.sample(from, rng) }
    }
}

impl Search {
    /// All of them, from the anchor round to it again; a tie goes to the first from the anchor.
    fn scan(mut self, from: &Eligible<'_>) -> MemberIdx {
        let (anchor, scale, now) = (self.anchor.idx.get(), self.scale, self.now);
        for others in [anchor + 1..from.len(), 0..anchor] {
            from.loads(others).for_each(|(idx, other)| self.meet(from, scale.of(idx, other, now)));
        }
        self.best.idx
    }

    /// The anchor and a few others: nearly as good as all of them at a cost that does not grow. One that is drawn
    /// twice is met twice, which costs less than to see to it that it is not.
    fn sample(mut self, from: &Eligible<'_>, rng: &mut Rng) -> MemberIdx {
        let len = from.len() as u32;
        let drawn: [MemberIdx; SAMPLES] = std::array::from_fn(|_| MemberIdx::new(rng.below(len)));
        // All are read before the first is compared, so that the processor waits for them at once.
        let others = drawn.map(|idx| self.scale.of(idx, from.candidate(idx), self.now));
        others.into_iter().for_each(|other| self.meet(from, other));
        self.best.idx
    }

    /// Gives way to one that is strictly better and not excluded.
    #[inline]
    fn meet(&mut self, from: &Eligible<'_>, other: Burden) {
        if other.is_below(&self.best) && self.anchor.tolerance().admits(&other) && !from.excluded(other.idx) {
            self.best = other;
        }
    }
}

/// Up to this many members are all looked at: about 100 ns, the price of a few cache misses.
const SCAN_MAX: usize = 128;
/// Above it, this many beside the anchor. At 100 members, five come within 5 % of a full scan's 99th
/// percentile.
const SAMPLES: usize = 5;
