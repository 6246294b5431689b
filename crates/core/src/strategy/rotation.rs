//! Taking turns: a schedule and the cursor that all workers share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::schedule::schedule;
use crate::pool::{Eligible, MemberIdx};
use crate::units::Weight;

/// Where the pool is in its schedule. One per pool, shared by every worker and kept across reloads: cursors of their own
/// would put the workers' first turns on the same backend.
///
/// On a line pair of its own, because every pick writes it.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Cursor(AtomicU64);

/// A schedule and the pool's cursor. Each turn is taken exactly once, whoever takes it.
#[derive(Debug)]
pub struct Rotation {
    cursor: Arc<Cursor>,
    /// What to add to the cursor for a position in the table.
    offset: u64,
    table: Box<[u32]>,
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

impl Rotation {
    /// A rotation over these weights whose next turn is `table[start]`.
    pub(crate) fn new(cursor: Arc<Cursor>, weights: &[Weight]) -> Self {
        Self {
            cursor,
            offset: 0,
            table: schedule(weights),
        }
    }

    /// Makes `start` the position of the turn after `taken` turns.
    pub(crate) fn start_at(&mut self, start: usize, taken: u64) {
        let len = self.table.len() as u64;
        self.offset = (start as u64 + len - taken % len) % len;
    }

    /// One cycle: positions among the members.
    pub(crate) fn table(&self) -> &[u32] {
        &self.table
    }

    /// Where in the table the turn after `taken` turns is.
    #[inline]
    pub(crate) fn position(&self, taken: u64) -> usize {
        (taken.wrapping_add(self.offset) % self.table.len() as u64) as usize
    }

    /// Takes turns until one belongs to a member that is not excluded. The turns of excluded members are used up, so
    /// that those of all others stay exact.
    #[inline]
    pub fn next(&self, from: &Eligible<'_>) -> MemberIdx {
        let idx = self.turn();
        if from.excluded(idx) {
            self.next_open(from)
        } else {
            idx
        }
    }

    #[inline]
    fn turn(&self) -> MemberIdx {
        let taken = self.cursor.0.fetch_add(1, Ordering::Relaxed);
        MemberIdx::new(self.table[self.position(taken)])
    }

    #[cold]
    fn next_open(&self, from: &Eligible<'_>) -> MemberIdx {
        let open = |idx: &MemberIdx| !from.excluded(*idx);
        // Within one cycle everyone has a turn, unless other workers take those we wait for.
        let by_turn = (1..self.table.len()).map(|_| self.turn()).find(open);
        by_turn
            .or_else(|| from.indices().find(open))
            .unwrap_or(MemberIdx::new(0))
    }
}
