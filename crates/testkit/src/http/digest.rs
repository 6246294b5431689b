//! Long bodies without keeping them.

use std::sync::LazyLock;

/// A prime, so that a piece of any usual buffer size that is lost, doubled or swapped changes what follows.
const PERIOD: usize = 65_521;

/// Length and checksum of a body that is too long to keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Bytes seen.
    pub length: u64,
    hash: u64,
}

impl Digest {
    /// Of nothing.
    pub fn new() -> Self {
        Self { length: 0, hash: 0xcbf2_9ce4_8422_2325 }
    }

    /// Of the first `length` bytes of [`pattern`].
    pub fn of_pattern(length: u64) -> Self {
        let mut digest = Self::new();
        let mut left = length;
        while left > 0 {
            let piece = pattern(digest.length, left.min(1 << 16) as usize);
            left -= piece.len() as u64;
            digest.add(piece);
        }
        digest
    }

    /// Appends `bytes`. FNV-1a: every byte changes what follows, and cuts do not matter.
    pub fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self.length += bytes.len() as u64;
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

/// At most `length` bytes of an endless body, from byte `offset` on; at least one when `length` is.
pub fn pattern(offset: u64, length: usize) -> &'static [u8] {
    static BLOCK: LazyLock<Vec<u8>> = LazyLock::new(|| {
        (0..PERIOD as u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 23) as u8).collect()
    });
    let start = (offset % PERIOD as u64) as usize;
    &BLOCK[start..PERIOD.min(start + length)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_do_not_matter_but_order_does() {
        let whole = Digest::of_pattern(200_000);
        let mut pieces = Digest::new();
        while pieces.length < 200_000 {
            pieces.add(pattern(pieces.length, (200_000 - pieces.length).min(777) as usize));
        }
        assert_eq!(whole, pieces);
        let mut swapped = Digest::new();
        swapped.add(pattern(100_000, 1000));
        swapped.add(pattern(0, 1000));
        assert_ne!(swapped, Digest::of_pattern(2000));
    }
}
