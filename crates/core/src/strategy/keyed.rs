//! What hashing strategies have in common: the key's order of the members, those who may not be picked, the bound.

use super::bounded::Bound;
use super::least_request::LeastRequest;
use super::rendezvous::Rendezvous;
use super::{Ask, BuildInput, Picked, Picker};
use crate::lease::Reason;
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;

/// The order in which a key prefers the members: the same for the same names and weights, wherever it is asked.
pub(super) trait HashOrder: Send + Sync {
    /// The first in the key's order that is open. `None` when none was among those that a bounded number of steps
    /// looks at.
    fn first(&self, key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<MemberIdx>;
}

/// A picker from an order. A tried member, or one at its bound, is passed over for the next in the key's order, so a
/// key has a stable second choice, too. A request without a key must not share one hash with all others like it: it
/// goes where least-request would send it.
pub(super) struct Keyed<O> {
    order: O,
    /// Where the order's steps end: all members, in an order of its own.
    rest: Rendezvous,
    bound: Option<Bound>,
    keyless: LeastRequest,
}

impl<O: HashOrder> Keyed<O> {
    pub(super) fn new(order: O, input: &BuildInput<'_>) -> Self {
        Self {
            order,
            rest: Rendezvous::new(input),
            bound: input.settings.bound.map(|factor| Bound::new(factor, input.weights)),
            keyless: LeastRequest::new(input),
        }
    }

    #[inline]
    fn first(&self, key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<MemberIdx> {
        self.order.first(key, &open).or_else(|| self.rest.first(key, &open))
    }

    /// The next in the key's order that has room for one more of `requests`; the least loaded if nobody has.
    #[cold]
    fn spill(&self, from: &Eligible<'_>, ask: Ask, key: u64, requests: f64, rng: &mut Rng) -> MemberIdx {
        let room = |bound: &Bound, idx| bound.has_room(from.candidate(idx), requests);
        let open = |idx| !from.excluded(idx) && self.bound.as_ref().is_none_or(|bound| room(bound, idx));
        self.first(key, open).unwrap_or_else(|| self.keyless.pick(from, ask, rng).idx)
    }
}

impl<O: HashOrder> Picker for Keyed<O> {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, ask: Ask, rng: &mut Rng) -> Picked {
        let Some(key) = ask.key.hash() else { return self.keyless.pick(from, ask, rng) };
        let Some(home) = self.first(key, |idx| !from.excluded(idx)) else {
            return self.keyless.pick(from, ask, rng);
        };
        let full = self.bound.as_ref().and_then(|bound| bound.requests_if_full(from, home, rng));
        let Some(requests) = full else { return Picked { idx: home, reason: Reason::Hash } };
        let idx = self.spill(from, ask, key, requests, rng);
        Picked { idx, reason: if idx == home { Reason::Hash } else { Reason::Spill } }
    }

    fn home(&self, key: u64) -> Option<MemberIdx> {
        self.first(key, |_| true)
    }
}
