//! Whatever arrives, and however it is cut, is read in one way only.
#![no_main]

mod message;

use evenkeel_proxy::http1::{BodyLength, FIELDS_MAX, parse_request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let Some(length) = message::head_length(bytes, cut) else { return };
    let (head, rest) = bytes.split_at(length);
    let mut fields = Vec::new();
    let Ok(request) = parse_request(head, FIELDS_MAX, &mut fields) else { return };
    assert!(request.minor <= 1);
    assert!(request.minor == 0 || !request.host.slice(head).is_empty(), "HTTP/1.1 has a host");
    assert!(!request.method_span.slice(head).is_empty());
    message::check_fields(head, &fields);
    if request.body == BodyLength::Chunked {
        assert_eq!(request.minor, 1, "chunks are unknown to HTTP/1.0");
        message::check_chunks(rest, cut);
    }
    let mut few = Vec::new();
    let accepted = parse_request(head, fields.len(), &mut few);
    assert!(accepted.is_ok(), "the limit is inclusive");
});
