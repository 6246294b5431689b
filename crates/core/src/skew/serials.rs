//! Maps by serial: a look at ten thousand backends takes tens of lookups of each, and a hash that strangers cannot foresee
//! would be most of its time. Serials are our own.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// By [`Member::serial`](crate::Member::serial), or another number that is counted up.
pub(crate) type BySerial<T> = HashMap<u64, T, BuildHasherDefault<Mixed>>;
/// Some of them.
pub(crate) type Serials = HashSet<u64, BuildHasherDefault<Mixed>>;

/// Multiplies once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mixed(u64);

/// 2^64 over the golden ratio: neighbours come to lie far apart (Knuth, "Sorting and Searching", 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(GOLDEN);
        // Maps look at both ends.
        self.0 = product ^ (product >> 32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_come_to_lie_apart() {
        let hash = |number: u64| {
            let mut mixed = Mixed::default();
            mixed.write_u64(number);
            mixed.finish()
        };
        let ends = |from: u64| -> (HashSet<u64>, HashSet<u64>) {
            let hashes = || (from..from + 1_000).map(hash);
            (hashes().map(|hash| hash & 1023).collect(), hashes().map(|hash| hash >> 57).collect())
        };
        for from in [1, 1 << 20, 1 << 40] {
            let (low, high) = ends(from);
            assert!(low.len() > 500 && high.len() == 128, "{} {}", low.len(), high.len());
        }
    }
}
