//! The chunked transfer coding (RFC 9112 section 7.1), decoded incrementally.

use super::field::{Field, FieldKind, Span};

/// Digits of a chunk size: 16 hexadecimal digits fill a `u64`.
const SIZE_DIGITS_MAX: u32 = 16;
/// Bytes of chunk extensions in a whole message. They are dropped; a sender of megabytes of them is hostile.
const EXTENSION_BYTES_MAX: u32 = 16 * 1024;
/// Fields of a trailer section.
const TRAILER_FIELDS_MAX: usize = 64;

/// Where in a chunked body the next byte belongs.
#[derive(Clone, Debug)]
pub struct ChunkDecoder {
    state: State,
    extension_bytes: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { value: u64, digits: u32 },
    Extension { size: u64 },
    SizeLf { size: u64 },
    Data { remaining: u64 },
    DataCr,
    DataLf,
    Trailer,
    Done,
}

/// What [`ChunkDecoder::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Drop `skip` bytes of input, the next `length` bytes (1 or more) are content.
    Data {
        /// Framing to drop first.
        skip: usize,
        /// Content that follows it.
        length: usize,
    },
    /// Drop `skip` bytes of input and call again when more has arrived behind the rest.
    More {
        /// Framing to drop.
        skip: usize,
    },
    /// Drop `skip` bytes of input; then comes the trailer section of `length` bytes (0 when there is none,
    /// otherwise with its empty line) that ends the body.
    End {
        /// Framing to drop first.
        skip: usize,
        /// Trailer section that follows it.
        length: usize,
    },
}

/// The body is not validly chunked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkError(pub &'static str);

impl Default for ChunkDecoder {
    fn default() -> Self {
        Self { state: State::Size { value: 0, digits: 0 }, extension_bytes: 0 }
    }
}

impl ChunkDecoder {
    /// Looks at `input`, the bytes not yet consumed.
    ///
    /// # Errors
    /// [`ChunkError`] on anything that RFC 9112 does not allow, including bare LF line ends.
    pub fn next(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        while at < input.len() {
            match self.state {
                State::Data { remaining } => {
                    let length = remaining.min((input.len() - at) as u64) as usize;
                    let left = remaining - length as u64;
                    self.state = if left == 0 { State::DataCr } else { State::Data { remaining: left } };
                    return Ok(Step::Data { skip: at, length });
                }
                State::Trailer => return self.trailer(input, at),
                State::Done => break,
                _ => self.framing_byte(input[at])?,
            }
            at += 1;
        }
        Ok(Step::More { skip: at })
    }

    /// Whether the last chunk and the trailer section have been seen.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn framing_byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS_MAX {
                    return Err(ChunkError("chunk size too large"));
                }
                State::Size { value: value << 4 | u64::from(hex_value(byte)), digits: digits + 1 }
            }
            (State::Size { digits: 0, .. }, _) => return Err(ChunkError("invalid chunk size")),
            (State::Size { value, .. }, b'\r') => State::SizeLf { size: value },
            (State::Size { value, .. }, b';') => State::Extension { size: value },
            (State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES_MAX {
                    return Err(ChunkError("too many chunk extensions"));
                }
                State::Extension { size }
            }
            (State::SizeLf { size: 0 }, b'\n') => State::Trailer,
            (State::SizeLf { size }, b'\n') => State::Data { remaining: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size { value: 0, digits: 0 },
            (State::DataCr | State::DataLf, _) => return Err(ChunkError("chunk data does not end in CR LF")),
            _ => return Err(ChunkError("invalid chunk size line")),
        };
        Ok(())
    }

    /// The trailer section is taken whole, so that its fields can be checked before any is passed on.
    fn trailer(&mut self, input: &[u8], at: usize) -> Result<Step, ChunkError> {
        let section = &input[at..];
        match super::HeadScanner::default().advance(section) {
            super::Scan::Partial => Ok(Step::More { skip: at }),
            super::Scan::BareLf => Err(ChunkError("a trailer line does not end in CR LF")),
            super::Scan::Complete(2) => {
                self.state = State::Done;
                Ok(Step::End { skip: at + 2, length: 0 })
            }
            super::Scan::Complete(length) => {
                self.state = State::Done;
                Ok(Step::End { skip: at, length })
            }
        }
    }
}

/// Parses a trailer section and leaves in `fields` what may be passed on: no framing, routing or
/// connection fields (RFC 9110 section 6.5.1).
pub(crate) fn parse_trailers(section: &[u8], fields: &mut Vec<Field>) -> Result<(), ChunkError> {
    fields.clear();
    let mut slots = [httparse::EMPTY_HEADER; TRAILER_FIELDS_MAX];
    let headers = match httparse::parse_headers(section, &mut slots) {
        Ok(httparse::Status::Complete((length, headers))) if length == section.len() => headers,
        Err(httparse::Error::TooManyHeaders) => return Err(ChunkError("too many trailer fields")),
        _ => return Err(ChunkError("invalid trailer section")),
    };
    for header in headers {
        let name = header.name.as_bytes();
        if FieldKind::as_treated(name) == FieldKind::Other {
            let kind = FieldKind::Other;
            fields.push(Field {
                name: Span::of(section, name),
                value: Span::of(section, header.value),
                kind,
            });
        }
    }
    Ok(())
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Content, trailer section, and what follows.
    type Decoded = (Vec<u8>, Vec<u8>, Vec<u8>);

    /// Decodes `input` fed in pieces of `step` bytes.
    fn decode(input: &[u8], step: usize) -> Result<Option<Decoded>, ChunkError> {
        let mut decoder = ChunkDecoder::default();
        let (mut content, mut pending) = (Vec::new(), Vec::new());
        let mut pieces = input.chunks(step);
        loop {
            match decoder.next(&pending)? {
                Step::Data { skip, length } => {
                    content.extend_from_slice(&pending[skip..skip + length]);
                    pending.drain(..skip + length);
                }
                Step::More { skip } => {
                    pending.drain(..skip);
                    match pieces.next() {
                        Some(piece) => pending.extend_from_slice(piece),
                        None => return Ok(None),
                    }
                }
                Step::End { skip, length } => {
                    let trailer = pending[skip..skip + length].to_vec();
                    let mut rest = pending[skip + length..].to_vec();
                    pieces.for_each(|piece| rest.extend_from_slice(piece));
                    return Ok(Some((content, trailer, rest)));
                }
            }
        }
    }

    #[test]
    fn decodes_however_the_bytes_are_cut() {
        let input = b"5;a=\"b\"\r\nhello\r\n00010\r\n0123456789abcdef\r\n0\r\nX: y\r\n\r\nNEXT";
        for step in 1..input.len() {
            let (content, trailer, rest) = decode(input, step).unwrap().unwrap();
            assert_eq!(content, b"hello0123456789abcdef", "pieces of {step}");
            assert_eq!(trailer, b"X: y\r\n\r\n");
            assert_eq!(rest, b"NEXT");
        }
    }

    #[test]
    fn what_is_cut_short_is_not_an_end() {
        let input = b"5\r\nhello\r\n0\r\nX: y\r\n\r\n";
        for length in 0..input.len() {
            assert_eq!(decode(&input[..length], 3), Ok(None), "first {length} bytes");
        }
    }

    #[test]
    fn refuses_what_others_might_read_differently() {
        for input in [
            &b"\r\n"[..],
            b"x\r\n",
            b" 5\r\nhello\r\n",
            b"5 \r\nhello\r\n",
            b"5\nhello\r\n",
            b"5\r\nhellothere",
            b"5\r\nhello\n",
            b"5\r\nhello\rX",
            b"-5\r\n",
            b"0x5\r\n",
            b"+5\r\n",
            b"fffffffffffffffff\r\n",
            b"5;a\nb\r\n",
            b"5;a\0b\r\n",
            b"5\rX",
            b"0\r\n\n",
            b"0\r\nX: y\n\r\n",
        ] {
            assert!(decode(input, 1).is_err(), "{input:?}");
        }
    }

    #[test]
    fn extensions_are_bounded_over_the_message() {
        let chunk = [b"1;".as_slice(), &[b'e'; 1000], b"\r\nx\r\n"].concat();
        assert!(decode(&chunk.repeat(16), 4096).is_ok());
        assert!(decode(&chunk.repeat(17), 4096).is_err());
    }

    #[test]
    fn trailers_may_not_frame_or_route() {
        let section = b"X: y\r\nContent-Length: 5\r\nHost: evil\r\nConnection: close\r\n\
                        x_client_cert_verify: SUCCESS\r\nDigest: z\r\n\r\n";
        let mut fields = Vec::new();
        parse_trailers(section, &mut fields).unwrap();
        let names: Vec<&[u8]> = fields.iter().map(|field| field.name.slice(section)).collect();
        assert_eq!(names, [&b"X"[..], b"Digest"]);
        assert!(parse_trailers(b"X y: z\r\n\r\n", &mut fields).is_err());
    }
}
