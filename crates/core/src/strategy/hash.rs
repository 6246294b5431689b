//! Hashes that are the same in every process, on every platform and in every version, so that instances which
//! share nothing send a key to the same backend.

use twox_hash::XxHash3_64;

use crate::id::BackendId;
use crate::rng::mix;

/// The hash of what a request is told apart by: a header, a cookie, a path. XXH3 with 64 bits and seed 0, whose
/// results are fixed since xxHash 0.8.
///
/// Anybody can compute it, and so make keys that meet on one backend: where clients are not trusted, bound the
/// load ([`StrategySettings::bound`](super::StrategySettings::bound)).
pub fn key(bytes: &[u8]) -> u64 {
    XxHash3_64::oneshot(bytes)
}

/// The hash of a backend's name. Every purpose has a hash of its own, independent of the others.
pub(super) fn name(id: &BackendId, purpose: u64) -> u64 {
    XxHash3_64::oneshot_with_seed(purpose, id.as_str().as_bytes())
}

/// One hash of two that are well mixed in themselves.
#[inline]
pub(super) fn pair(key: u64, name: u64) -> u64 {
    mix(key ^ name)
}

/// Another hash of the same key: the next of splitmix64's sequence, which has no short cycles.
#[inline]
pub(super) fn again(hash: u64) -> u64 {
    mix(hash.wrapping_add(0x9e37_79b9_7f4a_7c15))
}

/// A place in 0..n by the upper bits, without dividing; `n` is not 0.
#[inline]
pub(super) fn place(hash: u64, n: usize) -> usize {
    ((u128::from(hash) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The empty input is a test vector of xxHash itself. Were one of these to change, every key would move when
    /// instances are upgraded one after the other.
    #[test]
    fn hashes_stay_what_they_are() {
        assert_eq!(key(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(key(b"a cookie of 20 bytes"), 0x385e_d91c_ba2f_f753);
        assert_eq!(name(&BackendId::new("10.0.0.1:8080"), 1), 0xf416_90d1_81e7_684e);
        assert_eq!(again(pair(1, 2)), 0xd0bb_866a_ae32_8182);
    }

    #[test]
    fn places_cover_the_range_evenly() {
        assert_eq!((place(0, 7), place(u64::MAX, 7)), (0, 6));
        let mut counts = [0; 7];
        let mut hash = 1;
        for _ in 0..70_000 {
            hash = again(hash);
            counts[place(hash, 7)] += 1_u32;
        }
        // The standard deviation is 93.
        assert!(counts.iter().all(|count| count.abs_diff(10_000) < 500), "{counts:?}");
    }
}
