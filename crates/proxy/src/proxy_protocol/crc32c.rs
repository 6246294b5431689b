//! CRC-32C (Castagnoli; RFC 3720 appendix B.4), which version 2 protects its headers with.

/// The polynomial, its bits reversed.
const POLYNOMIAL: u32 = 0x82f6_3b78;

const TABLE: [u32; 256] = table();

/// The checksum of the parts, one after the other.
pub(super) fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let step = |crc: u32, &byte: &u8| TABLE[usize::from((crc as u8) ^ byte)] ^ (crc >> 8);
    !parts.into_iter().flatten().fold(u32::MAX, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::of;

    /// RFC 3720 appendix B.4.
    #[test]
    fn the_examples_of_the_specification() {
        let rising: Vec<u8> = (0..32).collect();
        let falling: Vec<u8> = (0..32).rev().collect();
        for (bytes, expected) in [
            (&[0; 32][..], 0x8a91_36aa),
            (&[0xff; 32], 0x62a8_ab43),
            (&rising, 0x46dd_794e),
            (&falling, 0x113f_db5c),
            (b"123456789", 0xe306_9283),
        ] {
            assert_eq!(of([bytes]), expected, "{bytes:?}");
            assert_eq!(of([&bytes[..3], &bytes[3..]]), expected, "{bytes:?} in two parts");
        }
    }
}
