//! Anchored least-request: exact round robin while the pool is idle, the least loaded for its weight when it
//! is not.

use std::sync::Arc;

use super::rotation::Rotation;
use super::{PickKey, Picker, Registration, StrategyKind};
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::LeastRequest,
    name: "least_request",
    summary: "the next in turn if it is idle, else the one with the fewest requests in flight for its weight",
    honours_weights: true,
    build: |input| Box::new(LeastRequest { rotation: Arc::clone(input.rotation) }),
};

/// The anchor is the next slot of the weighted schedule. Taking it when it is idle is what plain
/// least-request lacks: at low load that sends everything to the heaviest, or to the first in the list.
#[derive(Debug)]
struct LeastRequest {
    rotation: Arc<Rotation>,
}

/// The best so far: compared by (in flight + 1) / weight without dividing.
struct Best {
    idx: MemberIdx,
    /// In flight + 1: what it would be with this request.
    load: u64,
    weight: u64,
}

impl Picker for LeastRequest {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, _: PickKey, rng: &mut Rng) -> MemberIdx {
        let anchor = self.rotation.next(from);
        let best = Best::at(from, anchor);
        if best.load == 1 {
            anchor
        } else if from.len() <= SCAN_MAX {
            scan(from, best)
        } else {
            sample(from, best, rng)
        }
    }
}

/// All of them, from the anchor round to it again; a tie goes to the first from the anchor.
fn scan(from: &Eligible<'_>, mut best: Best) -> MemberIdx {
    let anchor = best.idx.get();
    for position in (anchor + 1..from.len()).chain(0..anchor) {
        best.meet(from, MemberIdx::new(position as u32));
    }
    best.idx
}

/// The anchor and a few others, all different: nearly as good as all of them at a cost that does not grow.
fn sample(from: &Eligible<'_>, mut best: Best, rng: &mut Rng) -> MemberIdx {
    let len = from.len() as u32;
    let anchor = best.idx;
    let mut seen = [anchor; SAMPLES];
    let mut taken = 0;
    while taken < SAMPLES {
        let idx = MemberIdx::new(rng.below(len));
        if idx == anchor || seen[..taken].contains(&idx) {
            continue;
        }
        seen[taken] = idx;
        taken += 1;
        best.meet(from, idx);
    }
    best.idx
}

impl Best {
    #[inline]
    fn at(from: &Eligible<'_>, idx: MemberIdx) -> Self {
        Self { idx, load: u64::from(from.in_flight(idx)) + 1, weight: u64::from(from.weight(idx)) }
    }

    /// Gives way to one that is strictly better and not excluded.
    #[inline]
    fn meet(&mut self, from: &Eligible<'_>, idx: MemberIdx) {
        let other = Self::at(from, idx);
        if other.load * self.weight < self.load * other.weight && !from.excluded(idx) {
            *self = other;
        }
    }
}

/// Up to this many members are all looked at: about 100 ns, the price of a few cache misses.
const SCAN_MAX: usize = 128;
/// Above it, this many beside the anchor. At 100 members, five come within 5 % of a full scan's 99th
/// percentile.
const SAMPLES: usize = 5;
