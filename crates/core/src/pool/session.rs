//! Finding the member that a session sticks to.

use std::sync::Arc;

use super::slot::Slot;
use crate::id::BackendId;

/// FNV-1a with 64 bits (Fowler, Noll and Vo): the same in every process.
pub(super) fn hash(id: &BackendId) -> u64 {
    id.as_str().bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
}

/// Members by hash, for a binary search. Of two with the same hash, which chance will not bring about, the first
/// counts.
pub(super) fn table(slots: &[Slot]) -> Arc<[(u64, u32)]> {
    let mut table: Vec<(u64, u32)> =
        slots.iter().enumerate().map(|(position, slot)| (slot.member.session(), position as u32)).collect();
    table.sort_unstable();
    table.dedup_by_key(|(hash, _)| *hash);
    table.into()
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

#[cfg(test)]
mod tests {
    use super::*;

    /// The published test vectors.
    #[test]
    fn hashes_as_published() {
        let hashes = ["", "a", "foobar"].map(|text| hash(&BackendId::new(text)));
        assert_eq!(hashes, [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
    }
}
