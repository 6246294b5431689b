//! Picking from a snapshot: the strategy chooses, limits are kept, sessions are found again.

use super::eligible::{Candidate, Eligible};
use super::snapshot::PoolSnapshot;
use super::tried::Tried;
use crate::lease::{Lease, Reason, Refusal};
use crate::rng::Rng;
use crate::strategy::{Ask, PickKey, Picked};
use crate::units::Nanos;

impl PoolSnapshot {
    /// One pick for a request without a key; `None` for whatever refusal. See [`PoolSnapshot::pick_keyed`].
    #[inline]
    pub fn pick(&self, tried: &Tried, rng: &mut Rng, now: Nanos) -> Option<Lease> {
        self.pick_keyed(tried, PickKey::NONE, rng, now).ok()
    }

    /// One pick: no allocation, no lock.
    ///
    /// A member that has as many leases as it may have is passed over for the one with room that has the fewest for
    /// its weight; only when nobody the plan names has room, or is left to try, for one that serves in a tier or zone
    /// further away. There a third attempt goes, too, when all so far were where the plan says.
    ///
    /// The reason is `Retry` when something was tried, else `Spill` when the choice was full, else `Panic` in panic
    /// mode, else `Failover` in another tier than the first and `Spill` in another zone than the local one, else
    /// `OnlyChoice` when one member is eligible, else what decided: `Algorithm`, `Hash` or `Spill`.
    ///
    /// # Errors
    /// [`Refusal::Full`] when only limits are in the way, [`Refusal::Nobody`] when nobody is eligible, or nobody that
    /// is not in `tried`.
    #[inline]
    pub fn pick_keyed(
        &self,
        tried: &Tried,
        key: PickKey,
        rng: &mut Rng,
        now: Nanos,
    ) -> Result<Lease, Refusal> {
        if tried.len() >= FIRST_CHOICES
            && let Some(lease) = self.pick_further(tried, now)
        {
            return Ok(lease);
        }
        let (Some(from), Some(choice)) = (Eligible::new(&self.candidates, tried), &self.choice) else {
            return self.pick_beside(tried, now);
        };
        let picked = choice.picker.pick(&from, Ask { key, now }, rng);
        debug_assert!(!from.excluded(picked.idx), "{} picked a tried member", self.strategy);
        let (chosen, reason) = (from.candidate(picked.idx), self.reason(tried, picked));
        if self.limited && chosen.member.placement.max_in_flight.is_some() {
            let lease = Lease::try_begin(&chosen.member, reason, self.epoch, self.decay, now);
            return lease.map_or_else(|| self.pick_beside(tried, now), Ok);
        }
        Ok(Lease::begin(chosen, reason, self.epoch, self.decay, now))
    }

    /// The member whose [`Member::session`](crate::Member::session) this is, if it serves, or drains and could serve,
    /// and has room. `None` sends the request to [`PoolSnapshot::pick_keyed`]. No allocation, no lock.
    pub fn pick_session(&self, session: u64, tried: &Tried, now: Nanos) -> Option<Lease> {
        let found = self.sessions.binary_search_by_key(&session, |(hash, _)| *hash).ok()?;
        let view = &self.members[self.sessions[found].1 as usize];
        if !view.keeps_sessions || tried.contains(view.member.serial) {
            return None;
        }
        Lease::try_begin(&view.member, Reason::Sticky, self.epoch, self.decay, now)
    }

    #[inline]
    fn reason(&self, tried: &Tried, picked: Picked) -> Reason {
        if !tried.is_empty() {
            return Reason::Retry;
        }
        // No list means that all have the same.
        match self.reasons.get(picked.idx.get()).copied().unwrap_or(self.reason) {
            Reason::Algorithm => picked.reason,
            reason => reason,
        }
    }

    /// Whoever has room among those in reserve, if all that were tried are of those that the plan names: where a whole
    /// tier dies at once, nobody knows for some time, and one more attempt there would be for nothing.
    #[cold]
    fn pick_further(&self, tried: &Tried, now: Nanos) -> Option<Lease> {
        let planned = self.candidates.iter().filter(|candidate| tried.contains(candidate.serial)).count();
        if self.reserve.is_empty() || planned < tried.len() {
            return None;
        }
        self.pick_roomiest(self.reserve.chunk_by(same_tier), Reason::Retry, tried, now)
    }

    /// Whoever has room, first among those that the plan names, then tier by tier among those in reserve.
    #[cold]
    fn pick_beside(&self, tried: &Tried, now: Nanos) -> Result<Lease, Refusal> {
        let reason = if tried.is_empty() { Reason::Spill } else { Reason::Retry };
        let groups = std::iter::once(&*self.candidates).chain(self.reserve.chunk_by(same_tier));
        if let Some(lease) = self.pick_roomiest(groups, reason, tried, now) {
            return Ok(lease);
        }
        let mut all = self.candidates.iter().chain(&self.reserve);
        let untried = all.any(|candidate| !tried.contains(candidate.serial));
        Err(if untried { Refusal::Full } else { Refusal::Nobody })
    }

    fn pick_roomiest<'a>(
        &self,
        groups: impl IntoIterator<Item = &'a [Candidate]>,
        reason: Reason,
        tried: &Tried,
        now: Nanos,
    ) -> Option<Lease> {
        for group in groups {
            // Losing the last place to another thread is rare, and then somebody else has begun.
            while let Some(roomiest) = roomiest(group, tried) {
                if let Some(lease) = Lease::try_begin(&roomiest.member, reason, self.epoch, self.decay, now) {
                    return Some(lease);
                }
            }
        }
        None
    }
}

fn same_tier(a: &Candidate, b: &Candidate) -> bool {
    a.member.placement.tier == b.member.placement.tier
}

/// Attempts that stay with those that the plan names while others are in reserve: with the three that a request has by
/// default, the last is elsewhere.
const FIRST_CHOICES: usize = 2;

/// The one with the fewest leases for its weight of those that may have one more; the first of equals.
fn roomiest<'a>(group: &'a [Candidate], tried: &Tried) -> Option<&'a Candidate> {
    let mut best: Option<(u64, &Candidate)> = None;
    for candidate in group.iter().filter(|candidate| !tried.contains(candidate.serial)) {
        let in_flight = candidate.load.in_flight();
        let limit = candidate.member.placement.max_in_flight;
        if limit.is_some_and(|limit| in_flight >= limit.get()) {
            continue;
        }
        let load = u64::from(in_flight) + 1;
        let better = |(least, found): &(u64, &Candidate)| {
            load * u64::from(found.weight) < least * u64::from(candidate.weight)
        };
        if best.as_ref().is_none_or(better) {
            best = Some((load, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}
