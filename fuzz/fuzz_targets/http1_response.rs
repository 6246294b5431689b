//! Whatever a backend sends, and however it is cut, is read in one way only.
#![no_main]

mod message;

use evenkeel_proxy::http1::{BodyLength, Method, parse_response};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (bool, usize, &[u8])| {
    let (is_head, cut, bytes) = input;
    let Some(length) = message::head_length(bytes, cut) else { return };
    let (head, rest) = bytes.split_at(length);
    let mut fields = Vec::new();
    let method = if is_head { Method::Head } else { Method::Get };
    let Ok(response) = parse_response(head, method, &mut fields) else { return };
    assert!((100..600).contains(&response.status));
    message::check_fields(head, &fields);
    let bodiless = is_head || response.is_interim() || matches!(response.status, 204 | 304);
    assert!(!bodiless || response.body == BodyLength::None, "{response:?}");
    assert!(response.body != BodyLength::UntilClose || !response.keep_alive, "the end is the end");
    if response.body == BodyLength::Chunked {
        message::check_chunks(rest, cut);
    }
});
