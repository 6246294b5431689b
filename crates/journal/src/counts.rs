//! How many events there have been.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::kinds::Kind;

/// Events since start, by kind.
#[derive(Debug)]
pub(crate) struct Counts([AtomicU64; Kind::ALL.len()]);

impl Default for Counts {
    fn default() -> Self {
        Self([const { AtomicU64::new(0) }; Kind::ALL.len()])
    }
}

impl Counts {
    pub(crate) fn add(&self, kind: Kind) {
        if let Some(count) = self.0.get(kind as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.iter().zip(&self.0).map(|(kind, count)| (*kind, count.load(Ordering::Relaxed)))
    }
}
