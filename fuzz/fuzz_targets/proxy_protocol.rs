//! A PROXY header is read in one way only, however it is cut; and what is read can be written and read again.
#![no_main]

use evenkeel_config::ProxyVersion;
use evenkeel_proxy::proxy_protocol::{HEADER_MAX, Read, read, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (usize, &[u8])| {
    let (cut, bytes) = input;
    let whole = read(bytes);
    assert!(bytes.len() < HEADER_MAX || whole != Ok(Read::Partial), "this many bytes are enough to tell");
    let part = &bytes[..cut % (bytes.len() + 1)];
    match read(part) {
        Ok(Read::Partial) => {}
        // Once it is clear what it is, nothing that follows changes it.
        clear => assert_eq!(clear, whole),
    }
    let Ok(Read::Whole { header, length }) = whole else { return };
    assert!((1..=bytes.len().min(HEADER_MAX)).contains(&length));
    let Some(ends) = header.ends else { return };
    for version in [ProxyVersion::V1, ProxyVersion::V2] {
        let mut again = Vec::new();
        write(&mut again, version, ends, &header.details);
        let Ok(Read::Whole { header: reread, length }) = read(&again) else { panic!("{again:?}") };
        assert_eq!((reread.ends, length), (Some(ends), again.len()));
        assert!(version == ProxyVersion::V1 || reread.details == header.details);
    }
});
