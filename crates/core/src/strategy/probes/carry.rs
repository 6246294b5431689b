//! Whole numbers whose mean is a fraction.

use std::sync::atomic::{AtomicU64, Ordering};

/// Asked often, it answers 2 and 3 by turns for 2.5: what is left over is carried to the next.
#[derive(Debug, Default)]
pub(super) struct Carry {
    /// In parts of [`ONE`].
    each: AtomicU64,
    sum: AtomicU64,
}

impl Carry {
    pub(super) fn set(&self, each: f64) {
        self.each.store((each * ONE as f64).round() as u64, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn next(&self) -> u32 {
        let each = self.each.load(Ordering::Relaxed);
        let before = self.sum.fetch_add(each, Ordering::Relaxed);
        // The sum may wrap: its whole part does so, too.
        ((before.wrapping_add(each) / ONE).wrapping_sub(before / ONE) & WHOLE) as u32
    }
}

const ONE: u64 = 1 << 20;
/// What is left of a sum for its whole part, as far as it fits an answer.
const WHOLE: u64 = (1 << 31) - 1;
