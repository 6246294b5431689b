//! What holds for requests and responses alike.

use evenkeel_proxy::http1::{ChunkDecoder, Field, HeadScanner, Scan, Step};

/// Where the head ends, found in one piece and in two, which must agree.
pub fn head_length(bytes: &[u8], cut: usize) -> Option<usize> {
    let whole = HeadScanner::default().advance(bytes);
    let mut scanner = HeadScanner::default();
    let pieces = match scanner.advance(&bytes[..cut % (bytes.len() + 1)]) {
        Scan::Partial => scanner.advance(bytes),
        found => found,
    };
    assert_eq!(whole, pieces, "the cut matters");
    match whole {
        Scan::Complete(length) => Some(length),
        Scan::Partial | Scan::BareLf => None,
    }
}

/// Names and values can be sent on without becoming something else.
pub fn check_fields(head: &[u8], fields: &[Field]) {
    for field in fields {
        let (name, value) = (field.name.slice(head), field.value.slice(head));
        assert!(
            !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':'),
            "{name:?}"
        );
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{value:?}");
    }
}

/// Content decoded in one piece and in two, which must agree on every byte and on the verdict.
pub fn check_chunks(bytes: &[u8], cut: usize) {
    let whole = decode(&[bytes]);
    let (first, second) = bytes.split_at(cut % (bytes.len() + 1));
    assert_eq!(whole, decode(&[first, second]), "the cut matters");
}

/// Content, and the bytes the body took when it ended; `None` when it is malformed.
fn decode(pieces: &[&[u8]]) -> Option<(Vec<u8>, Option<usize>)> {
    let mut decoder = ChunkDecoder::default();
    let (mut input, mut content, mut taken) = (Vec::new(), Vec::new(), 0);
    for piece in pieces {
        input.extend_from_slice(piece);
        loop {
            match decoder.next(&input).ok()? {
                Step::Data { skip, length } => {
                    assert!(length > 0 && skip + length <= input.len());
                    content.extend_from_slice(&input[skip..skip + length]);
                    input.drain(..skip + length);
                    taken += skip + length;
                }
                Step::More { skip } => {
                    input.drain(..skip);
                    taken += skip;
                    break;
                }
                Step::End { skip, length } => {
                    assert!(decoder.is_done() && skip + length <= input.len());
                    return Some((content, Some(taken + skip + length)));
                }
            }
        }
    }
    Some((content, None))
}
