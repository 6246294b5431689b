//! Huffman decoding (RFC 7541 section 5.2, appendix B).

/// The symbol that never stands in a string.
const END_OF_STRING: u16 = 256;

/// Symbols by the length of their code in bits. The code is canonical: codes rise with their length, and among those of
/// one length with the symbol, so lengths say it all.
const BY_LENGTH: [(u32, &[u16]); 21] = [
    (5, &[48, 49, 50, 97, 99, 101, 105, 111, 115, 116]),
    (
        6,
        &[
            32, 37, 45, 46, 47, 51, 52, 53, 54, 55, 56, 57, 61, 65, 95, 98, 100, 102, 103, 104, 108, 109,
            110, 112, 114, 117,
        ],
    ),
    (
        7,
        &[
            58, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 89,
            106, 107, 113, 118, 119, 120, 121, 122,
        ],
    ),
    (8, &[38, 42, 44, 59, 88, 90]),
    (10, &[33, 34, 40, 41, 63]),
    (11, &[39, 43, 124]),
    (12, &[35, 62]),
    (13, &[0, 36, 64, 91, 93, 126]),
    (14, &[94, 125]),
    (15, &[60, 96, 123]),
    (19, &[92, 195, 208]),
    (20, &[128, 130, 131, 162, 184, 194, 224, 226]),
    (21, &[153, 161, 167, 172, 176, 177, 179, 209, 216, 217, 227, 229, 230]),
    (
        22,
        &[
            129, 132, 133, 134, 136, 146, 154, 156, 160, 163, 164, 169, 170, 173, 178, 181, 185, 186, 187,
            189, 190, 196, 198, 228, 232, 233,
        ],
    ),
    (
        23,
        &[
            1, 135, 137, 138, 139, 140, 141, 143, 147, 149, 150, 151, 152, 155, 157, 158, 165, 166, 168, 174,
            175, 180, 182, 183, 188, 191, 197, 231, 239,
        ],
    ),
    (24, &[9, 142, 144, 145, 148, 159, 171, 206, 215, 225, 236, 237]),
    (25, &[199, 207, 234, 235]),
    (26, &[192, 193, 200, 201, 202, 205, 210, 213, 218, 219, 238, 240, 242, 243, 255]),
    (27, &[203, 204, 211, 212, 214, 221, 222, 223, 241, 244, 245, 246, 247, 248, 250, 251, 252, 253, 254]),
    (
        28,
        &[
            2, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31,
            127, 220, 249,
        ],
    ),
    (30, &[10, 13, 22, END_OF_STRING]),
];

/// The text of a coded string.
///
/// # Errors
/// On a code that does not exist, the end-of-string symbol, and padding that is longer than 7 bits or not of ones.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut text = Vec::new();
    let (mut code, mut length) = (0_u32, 0_u32);
    for byte in bytes {
        for bit in (0..8).rev() {
            code = (code << 1) | u32::from((byte >> bit) & 1);
            length += 1;
            match symbol(code, length) {
                Some(END_OF_STRING) => return Err("an end-of-string symbol in a string".to_owned()),
                Some(symbol) => {
                    text.push(symbol as u8);
                    (code, length) = (0, 0);
                }
                None if length >= 30 => return Err("no code of Huffman's".to_owned()),
                None => {}
            }
        }
    }
    if length > 7 || code != (1 << length) - 1 {
        return Err(format!("padding of {length} bits, {code:#b}"));
    }
    Ok(text)
}

fn symbol(code: u32, length: u32) -> Option<u16> {
    let (mut first, mut at) = (0_u32, 0);
    for (bits, symbols) in BY_LENGTH {
        if bits > length {
            return None;
        }
        first <<= bits - at;
        at = bits;
        if bits == length {
            let index = code.checked_sub(first)?;
            return symbols.get(index as usize).copied();
        }
        first += symbols.len() as u32;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn the_code_is_complete_and_has_every_symbol_once() {
        let mut symbols: Vec<_> = BY_LENGTH.iter().flat_map(|(_, symbols)| symbols.iter().copied()).collect();
        symbols.sort_unstable();
        assert_eq!(symbols, (0..=256).collect::<Vec<_>>());
        let room: u64 = BY_LENGTH.iter().map(|(bits, symbols)| (symbols.len() as u64) << (30 - bits)).sum();
        assert_eq!(room, 1 << 30, "no code is left, none is taken twice");
        assert!(BY_LENGTH.iter().all(|(_, symbols)| symbols.is_sorted()), "canonical");
    }

    /// RFC 7541 appendices C.4 and C.6.
    #[test]
    fn strings_of_the_rfc() {
        for (coded, text) in [
            ("f1e3c2e5f23a6ba0ab90f4ff", "www.example.com"),
            ("a8eb10649cbf", "no-cache"),
            ("25a849e95ba97d7f", "custom-key"),
            ("25a849e95bb8e8b4bf", "custom-value"),
            ("6402", "302"),
            ("aec3771a4b", "private"),
            ("d07abe941054d444a8200595040b8166e082a62d1bff", "Mon, 21 Oct 2013 20:13:21 GMT"),
            ("9d29ad171863c78f0b97c8e9ae82ae43d3", "https://www.example.com"),
        ] {
            assert_eq!(decode(&hex(coded)).as_deref(), Ok(text.as_bytes()), "{coded}");
        }
    }

    #[test]
    fn wrong_ends_are_refused() {
        // "0" is 00000, then three bits of padding.
        assert_eq!(decode(&[0b0000_0111]).as_deref(), Ok(&b"0"[..]));
        for wrong in [&[0b0000_0110][..], &[0b0000_0111, 0xff], &[0xff, 0xff, 0xff, 0xff]] {
            assert!(decode(wrong).is_err(), "{wrong:?}");
        }
    }
}
