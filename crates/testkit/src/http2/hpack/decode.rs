//! Field sections read strictly (RFC 7541).

use super::huffman;
use super::table::Table;
use crate::http::Fields;

/// One direction of a connection.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    /// The size that the reader has allowed.
    allowed: usize,
}

impl Decoder {
    /// A decoder whose owner has announced so many bytes of dynamic table.
    pub fn new(allowed: usize) -> Self {
        Self { table: Table::new(allowed), allowed }
    }

    /// From now on its owner allows so many bytes, and the peer has heard of it.
    pub fn allow(&mut self, size: usize) {
        self.allowed = size;
        self.table.resize(size);
    }

    /// The field lines of a whole section.
    ///
    /// # Errors
    /// What is wrong with it: an index that is not there, an integer or a string beyond the end, a size that was not
    /// allowed or comes after a field line, a string that is not UTF-8.
    pub fn decode(&mut self, section: &[u8]) -> Result<Fields, String> {
        let mut input = Input { rest: section };
        let mut fields = Fields::new();
        while let Some(&first) = input.rest.first() {
            let (name, value) = match first {
                0x80.. => {
                    let index = input.integer(7)?;
                    self.table.get(index).ok_or_else(|| format!("no entry {index}"))?
                }
                0x40..0x80 => {
                    let (name, value) = self.literal(&mut input, 6)?;
                    self.table.add(name.clone(), value.clone());
                    (name, value)
                }
                0x20..0x40 => {
                    let size = input.integer(5)?;
                    if !fields.is_empty() || size > self.allowed {
                        return Err(format!("a table of {size} after {} lines", fields.len()));
                    }
                    self.table.resize(size);
                    continue;
                }
                _ => self.literal(&mut input, 4)?,
            };
            fields.push((text(name)?, text(value)?));
        }
        Ok(fields)
    }

    fn literal(&self, input: &mut Input<'_>, prefix: u32) -> Result<(Vec<u8>, Vec<u8>), String> {
        let name = match input.integer(prefix)? {
            0 => input.string()?,
            index => self.table.get(index).ok_or_else(|| format!("no name {index}"))?.0,
        };
        Ok((name, input.string()?))
    }
}

struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn byte(&mut self) -> Result<u8, String> {
        let (&first, rest) = self.rest.split_first().ok_or("a field section ends early")?;
        self.rest = rest;
        Ok(first)
    }

    fn integer(&mut self, prefix: u32) -> Result<usize, String> {
        let most = (1_usize << prefix) - 1;
        let mut value = usize::from(self.byte()?) & most;
        if value < most {
            return Ok(value);
        }
        for shift in (0..28).step_by(7) {
            let byte = self.byte()?;
            value += usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err("an integer beyond 28 bits".to_owned())
    }

    fn string(&mut self) -> Result<Vec<u8>, String> {
        let coded = self.rest.first().is_some_and(|first| first & 0x80 != 0);
        let length = self.integer(7)?;
        let (string, rest): (&'a [u8], _) =
            self.rest.split_at_checked(length).ok_or("a string ends early")?;
        self.rest = rest;
        if coded { huffman::decode(string) } else { Ok(string.to_vec()) }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, String> {
    String::from_utf8(bytes).map_err(|error| format!("not UTF-8: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    /// RFC 7541 appendix C.4: three requests of one connection, Huffman coded.
    #[test]
    fn requests_of_the_rfc() {
        let mut decoder = Decoder::new(4096);
        let first = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let second = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
        let third = b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        let common = [field(":method", "GET"), field(":scheme", "http"), field(":path", "/")];
        let authority = field(":authority", "www.example.com");
        let mut expected = common.to_vec();
        expected.push(authority.clone());
        assert_eq!(decoder.decode(first).unwrap(), expected);
        expected.push(field("cache-control", "no-cache"));
        assert_eq!(decoder.decode(second).unwrap(), expected);
        let expected = [
            field(":method", "GET"),
            field(":scheme", "https"),
            field(":path", "/index.html"),
            authority,
            field("custom-key", "custom-value"),
        ];
        assert_eq!(decoder.decode(third).unwrap(), expected);
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for wrong in [
            &b"\x80"[..],    // index 0
            b"\xbe",         // nothing there yet
            b"\x40\x01a",    // no value
            b"\x40\x05a",    // beyond the end
            b"\x82\x3e",     // a size after a field line
            b"\x3f\xe2\x1f", // a table of 4097
            b"\x3f\xff\xff\xff\xff\xff\x01",
            b"\x00\x01a\x01\xff",
        ] {
            assert!(Decoder::new(4096).decode(wrong).is_err(), "{wrong:x?}");
        }
        assert_eq!(Decoder::new(4096).decode(b"\x3f\xe1\x1f\x82").unwrap(), [field(":method", "GET")]);
    }
}
