//! What a strategy may choose from.

use std::ops::Range;
use std::sync::Arc;

use super::snapshot::Member;
use super::tried::Tried;

/// The members that may be picked now: never empty, weights positive.
///
/// "Nobody is eligible", panic mode and phases were decided before this exists, so no strategy can get them
/// wrong, and a weight is honoured whoever is down: 5:1:1 with the 5 down is 50/50. The only thing a strategy
/// must look at is [`Eligible::excluded`], which is true for members that this request has tried already; at
/// least one is not.
#[derive(Clone, Copy, Debug)]
pub struct Eligible<'a> {
    candidates: &'a [Candidate],
    tried: &'a Tried,
}

/// A position among the eligible members of one snapshot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct MemberIdx(u32);

/// An eligible member with what a scan reads copied beside it: one pointer to follow instead of two.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    /// The effective one: its part of the plan in whole numbers.
    pub(crate) weight: u32,
    pub(crate) serial: u64,
    pub(crate) load: Arc<crate::load::BackendLoad>,
    pub(crate) member: Arc<Member>,
}

impl<'a> Eligible<'a> {
    /// `None` when there is nobody, or nobody that was not tried.
    #[inline]
    pub(crate) fn new(candidates: &'a [Candidate], tried: &'a Tried) -> Option<Self> {
        let from = Self { candidates, tried };
        // Serials differ, so more candidates than tries leave one over.
        let one_left = candidates.len() > tried.len() || from.indices().any(|idx| !from.excluded(idx));
        one_left.then_some(from)
    }

    /// How many there are, those tried already included. At least 1.
    #[inline]
    #[expect(clippy::len_without_is_empty, reason = "never empty by construction")]
    pub fn len(&self) -> usize {
        self.candidates.len()
    }

    /// Every position, in configured order.
    pub fn indices(&self) -> impl Iterator<Item = MemberIdx> + use<> {
        (0..self.candidates.len() as u32).map(MemberIdx)
    }

    /// Whether this request has tried the member: it must not be picked.
    #[inline]
    pub fn excluded(&self, idx: MemberIdx) -> bool {
        !self.tried.is_empty() && self.tried.contains(self.candidates[idx.get()].serial)
    }

    /// Whether nobody is excluded: a first attempt.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.tried.is_empty()
    }

    /// The member's effective weight, 1..=65535: what tiers, zones and slow start leave of the configured one.
    #[inline]
    pub fn weight(&self, idx: MemberIdx) -> u32 {
        self.candidates[idx.get()].weight
    }

    /// The member's live leases, at this moment.
    #[inline]
    pub fn in_flight(&self, idx: MemberIdx) -> u32 {
        self.candidates[idx.get()].load.in_flight()
    }

    /// These positions, each with its candidate: for scans.
    #[inline]
    pub(crate) fn loads(
        &self,
        positions: Range<usize>,
    ) -> impl Iterator<Item = (MemberIdx, &'a Candidate)> + use<'a> {
        let first = positions.start;
        let position = move |(i, candidate)| (MemberIdx((first + i) as u32), candidate);
        self.candidates[positions].iter().enumerate().map(position)
    }

    /// What a lease begins with.
    #[inline]
    pub(crate) fn candidate(&self, idx: MemberIdx) -> &'a Candidate {
        &self.candidates[idx.get()]
    }

    /// The member itself.
    #[inline]
    pub fn member(&self, idx: MemberIdx) -> &'a Arc<Member> {
        &self.candidates[idx.get()].member
    }
}

impl MemberIdx {
    /// A position; it is the caller's to keep it below [`Eligible::len`].
    #[inline]
    pub fn new(position: u32) -> Self {
        Self(position)
    }

    /// The position, for indexing.
    #[inline]
    pub fn get(self) -> usize {
        self.0 as usize
    }
}

impl Candidate {
    pub(crate) fn new(member: &Arc<Member>, weight: u32) -> Self {
        Self { weight, serial: member.serial, load: Arc::clone(&member.load), member: Arc::clone(member) }
    }
}
