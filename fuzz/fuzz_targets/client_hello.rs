//! A TLS hello is read in one way only, however it is cut.
#![no_main]

use evenkeel_proxy::client_hello::{Unread, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let whole = read(bytes);
    match read(&bytes[..cut % (bytes.len() + 1)]) {
        Err(Unread::Partial) => {}
        clear => assert_eq!(clear, whole),
    }
    let Ok(hello) = whole else { return };
    if let Some(name) = hello.server_name {
        assert!((1..=253).contains(&name.len()));
        assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && !byte.is_ascii_uppercase()));
    }
    assert!(hello.alpn.iter().all(|protocol| (1..=255).contains(&protocol.len())));
});
