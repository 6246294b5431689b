//! What a member carries, as strategies that look at requests in flight compare it.

use crate::pool::MemberIdx;
use crate::pool::eligible::Candidate;
use crate::units::{Nanos, Weight};

/// The scale on which the members of one pool are compared: by (in flight + 1) / weight, without dividing.
///
/// A member that fails fast has little in flight, and would win traffic by failing: a black hole. So its failures in a
/// row weigh like requests in flight: [`BackendLoad::failing`](crate::BackendLoad::failing) of them on the lightest
/// member, and in proportion on others, so that whatever its weight, it is put back by the same. While nobody fails
/// nothing changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scale {
    lightest: u64,
}

/// One member on that scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Burden {
    pub(super) idx: MemberIdx,
    /// In flight + 1: what it would be with this request; and what its failures weigh.
    pub(super) load: u64,
    pub(super) weight: u64,
    /// 0 when it does not fail.
    failing: u32,
    idle: bool,
}

impl Scale {
    /// For members of these weights.
    pub(super) fn new(weights: &[Weight]) -> Self {
        Self { lightest: weights.iter().map(|weight| u64::from(weight.get())).min().unwrap_or(1) }
    }

    /// The member as it is now.
    #[inline]
    pub(super) fn of(self, idx: MemberIdx, candidate: &Candidate, now: Nanos) -> Burden {
        let (in_flight, failing) = (candidate.load.in_flight(), candidate.load.failing(now));
        self.burden(idx, in_flight, candidate.weight, failing)
    }

    #[inline]
    fn burden(self, idx: MemberIdx, in_flight: u32, weight: u32, failing: u32) -> Burden {
        let weight = u64::from(weight);
        let handicap = if failing == 0 { 0 } else { self.handicap(failing, weight) };
        Burden { idx, load: u64::from(in_flight) + 1 + handicap, weight, failing, idle: in_flight == 0 }
    }

    #[cold]
    fn handicap(self, failing: u32, weight: u64) -> u64 {
        (u64::from(failing) * weight).div_ceil(self.lightest)
    }
}

impl Burden {
    /// Whether it can be taken as it is: nothing in flight, and it does not fail.
    #[inline]
    pub(super) fn is_free(&self) -> bool {
        self.load == 1
    }

    /// Whether it carries strictly less for its weight.
    #[inline]
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.load * other.weight < other.load * self.weight
    }

    /// How much another may fail and be preferred to this one, whose turn it is.
    ///
    /// Idle, it gives way only to one that fails less. Else, as soon as all fail, the heaviest would get everything: of
    /// members that are idle, (in flight + 1) / weight says nothing but who is heaviest.
    #[inline]
    pub(super) fn tolerance(&self) -> Tolerance {
        Tolerance(if self.idle { self.failing } else { u32::MAX })
    }
}

/// Failures below which another is preferred.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tolerance(u32);

impl Tolerance {
    /// Whether that one may be preferred.
    #[inline]
    pub(super) fn admits(self, other: &Burden) -> bool {
        other.failing < self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scale(weights: &[u32]) -> Scale {
        Scale::new(&weights.iter().map(|weight| Weight::new(*weight).unwrap()).collect::<Vec<_>>())
    }

    fn of(scale: Scale, in_flight: u32, weight: u32, failing: u32) -> Burden {
        scale.burden(MemberIdx::new(0), in_flight, weight, failing)
    }

    #[test]
    fn is_compared_by_weight() {
        let scale = scale(&[1, 6]);
        for (less, more) in [((0, 1), (1, 1)), ((4, 6), (1, 2)), ((2, 4), (2, 3))] {
            let (less, more) = (of(scale, less.0, less.1, 0), of(scale, more.0, more.1, 0));
            assert!(less.is_below(&more) && !more.is_below(&less), "{less:?} {more:?}");
        }
        let (half, quarters) = (of(scale, 0, 2, 0), of(scale, 1, 4, 0));
        assert!(!half.is_below(&quarters) && !quarters.is_below(&half), "1/2 is 2/4");
    }

    /// Sixteen failures put anybody back by 16 requests on the lightest: also one of 50 times the weight, which idle
    /// carries next to nothing.
    #[test]
    fn failures_put_heavy_and_light_back_alike() {
        let scale = scale(&[50, 1, 1]);
        let (heavy, light) = (of(scale, 0, 50, 16), of(scale, 0, 1, 16));
        assert_eq!((heavy.load, light.load), (1 + 800, 1 + 16));
        for well in 0..15 {
            assert!(of(scale, well, 1, 0).is_below(&heavy), "{well} in flight on a light one");
        }
        assert!(heavy.is_below(&of(scale, 16, 1, 0)), "not for ever");
    }

    #[test]
    fn only_an_idle_one_is_particular() {
        let scale = scale(&[1]);
        let (well, failing) = (of(scale, 0, 1, 0), of(scale, 5, 1, 4));
        let (idle, busy) = (of(scale, 0, 1, 4), of(scale, 1, 1, 4));
        assert!(idle.tolerance().admits(&well) && !idle.tolerance().admits(&failing));
        assert!(busy.tolerance().admits(&well) && busy.tolerance().admits(&failing));
        assert!(well.is_free() && !busy.is_free() && !idle.is_free());
    }
}
