//! Taking turns: a schedule and the cursor that all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::pool::{Eligible, MemberIdx};

/// Where the pool is in its schedule. One per pool, shared by every worker and kept across reloads: cursors
/// of their own would put the workers' first turns on the same backend.
///
/// On a line pair of its own, because every pick writes it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Cursor(AtomicU64);

/// A schedule and the pool's cursor. Each turn is taken exactly once, whoever takes it.
#[derive(Debug)]
pub struct Rotation {
    cursor: Arc<Cursor>,
    table: Box<[u32]>,
    len: Divisor,
    entry: Entry,
    /// What to add to the cursor for a position in the table.
    offset: u64,
}

/// A number to take remainders by without dividing, which costs tens of cycles on many processors.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    by: u64,
    /// 2^64 / `by`, rounded down, or one less.
    inverse: u64,
}

/// Where a rotation begins: a first turn, then the table from a position on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// Turns taken before.
    pub(crate) began: u64,
    /// Whose the first turn is.
    pub(crate) first: u32,
    /// Where in the table the second one is.
    pub(crate) then: usize,
}

impl Cursor {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(0)))
    }

    /// Turns taken so far.
    pub(crate) fn now(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Divisor {
    /// `by` is not 0.
    fn new(by: u64) -> Self {
        Self { by, inverse: u64::MAX / by }
    }

    /// The inverse is too small by 1 at most, and so `x · inverse / 2^64`, rounded down, is the quotient or one
    /// less.
    #[inline]
    fn remainder(self, x: u64) -> u64 {
        let quotient = ((u128::from(x) * u128::from(self.inverse)) >> 64) as u64;
        let rest = x.wrapping_sub(quotient.wrapping_mul(self.by));
        if rest >= self.by { rest - self.by } else { rest }
    }
}

impl Rotation {
    pub(crate) fn new(cursor: Arc<Cursor>, table: Box<[u32]>, entry: Entry) -> Self {
        let len = table.len() as u64;
        let offset = (entry.then as u64 + len - (entry.began + 1) % len) % len;
        Self { cursor, len: Divisor::new(len), table, entry, offset }
    }

    /// One cycle: positions among the members.
    pub(crate) fn table(&self) -> &[u32] {
        &self.table
    }

    /// Whose turns it has been since it began, when the cursor is at `now`; whole cycles are left out.
    pub(crate) fn begun(&self, now: u64) -> impl Iterator<Item = u32> {
        let turns = now.saturating_sub(self.entry.began);
        let rest = turns.saturating_sub(1) as usize % self.table.len();
        let first = (turns > 0).then_some(self.entry.first);
        first.into_iter().chain(self.table.iter().copied().cycle().skip(self.entry.then).take(rest))
    }

    /// Takes turns until one belongs to a member that is not excluded. The turns of excluded members are used
    /// up, so that those of all others stay exact.
    #[inline]
    pub fn next(&self, from: &Eligible<'_>) -> MemberIdx {
        let idx = self.turn();
        if from.is_whole() || !from.excluded(idx) { idx } else { self.next_open(from) }
    }

    #[inline]
    fn turn(&self) -> MemberIdx {
        let taken = self.cursor.0.fetch_add(1, Ordering::Relaxed);
        if taken == self.entry.began {
            return MemberIdx::new(self.entry.first);
        }
        let position = self.len.remainder(taken.wrapping_add(self.offset));
        MemberIdx::new(self.table[position as usize])
    }

    #[cold]
    fn next_open(&self, from: &Eligible<'_>) -> MemberIdx {
        let open = |idx: &MemberIdx| !from.excluded(*idx);
        // Within one cycle everyone has a turn, unless other workers take those we wait for.
        let by_turn = (1..self.table.len()).map(|_| self.turn()).find(open);
        by_turn.or_else(|| from.indices().find(open)).unwrap_or(MemberIdx::new(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn a_remainder_is_what_division_leaves() {
        let mut rng = Rng::from_seed(5);
        let odd = (0..200).map(|_| u64::from(rng.below(1 << 24)) + 1).collect::<Vec<_>>();
        let mut rng = Rng::from_seed(6);
        for by in (1..70).chain((0..63).map(|bit| 1 << bit)).chain(odd) {
            let divisor = Divisor::new(by);
            let multiple = (rng.next_u64() / by) * by;
            let near =
                [0, by, multiple, u64::MAX / by * by].map(|x| [x.wrapping_sub(1), x, x.wrapping_add(1)]);
            for x in near.into_iter().flatten().chain([u64::MAX, rng.next_u64()]) {
                assert_eq!(divisor.remainder(x), x % by, "{x} by {by}");
            }
        }
    }
}
