//! Field lines as bytes, in whichever form a test wants.

/// A field section of literals that nobody remembers (RFC 7541 section 6.2.2).
pub fn block<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: &[(N, V)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| literal(name, value)).collect()
}

/// A literal without indexing.
pub fn literal(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0], string(name.as_ref()).as_slice(), &string(value.as_ref())].concat()
}

/// A literal that goes into the dynamic table (section 6.2.1).
pub fn incremental(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    [&[0x40], string(name.as_ref()).as_slice(), &string(value.as_ref())].concat()
}

/// An entry of the static or dynamic table (section 6.1).
pub fn indexed(index: u64) -> Vec<u8> {
    integer(0x80, 7, index)
}

/// A new size of the dynamic table (section 6.3).
pub fn resize(size: u64) -> Vec<u8> {
    integer(0x20, 5, size)
}

/// An integer behind the high bits of `first`, in the `prefix` low bits of it and what follows (section 5.1).
pub fn integer(first: u8, prefix: u32, value: u64) -> Vec<u8> {
    let most = (1_u64 << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let mut bytes = vec![first | most as u8];
    let mut rest = value - most;
    while rest >= 0x80 {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A string without Huffman coding (section 5.2).
fn string(text: &[u8]) -> Vec<u8> {
    [integer(0, 7, text.len() as u64).as_slice(), text].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7541 appendix C.1.
    #[test]
    fn integers_of_the_rfc() {
        assert_eq!(integer(0, 5, 10), [0b01010]);
        assert_eq!(integer(0, 5, 1337), [0b11111, 0b1001_1010, 0b1010]);
        assert_eq!(integer(0, 8, 42), [42]);
    }

    /// RFC 7541 appendix C.2.
    #[test]
    fn field_lines_of_the_rfc() {
        assert_eq!(incremental("custom-key", "custom-header"), b"\x40\x0acustom-key\x0dcustom-header");
        assert_eq!(indexed(2), [0x82]);
    }
}
