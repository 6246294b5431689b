//! Which part of all keys is at home at each member.

use super::snapshot::PoolSnapshot;

/// Keys that are asked for, for each member and in all.
const KEYS_EACH: usize = 64;
const KEYS_MIN: usize = 4096;
const KEYS_MAX: usize = 65_536;
/// Steps of the golden ratio spread keys over a table more evenly than random ones would be.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl PoolSnapshot {
    /// The part of all keys that the strategy's table sends to each member as long as nothing is in the way, by serial,
    /// 0.0..=1.0; all together 1. Empty where no key decides. Right within a tenth of a share. Takes some ten
    /// microseconds to milliseconds, by strategy and members: not for picks.
    pub fn homes(&self) -> Vec<(u64, f64)> {
        let Some(choice) = &self.choice else { return Vec::new() };
        let mut counts = vec![0_u32; self.candidates.len()];
        let keys = (KEYS_EACH * counts.len()).clamp(KEYS_MIN, KEYS_MAX);
        let mut key: u64 = 0;
        for _ in 0..keys {
            key = key.wrapping_add(STEP);
            match choice.picker.home(key) {
                Some(idx) => counts[idx.get()] += 1,
                None => return Vec::new(),
            }
        }
        let serials = self.candidates.iter().map(|candidate| candidate.serial);
        serials.zip(counts.iter().map(|count| f64::from(*count) / keys as f64)).collect()
    }
}
