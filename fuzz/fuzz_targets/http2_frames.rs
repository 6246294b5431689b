//! What is noticed of the frames of a connection does not depend on how its bytes are cut.
#![no_main]

use evenkeel_proxy::http2_fuzzed::judged;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (resets, step, bytes) = input;
    let whole = judged([bytes], u32::from(resets));
    let pieces = judged(bytes.chunks(usize::from(step).max(1)), u32::from(resets));
    assert_eq!(whole, pieces, "the cut matters");
    // A walker that loses its place takes payload for heads: what it says must hold for every beginning, too.
    let half = judged([&bytes[..bytes.len() / 2]], u32::from(resets));
    assert!(half.0.is_none() || half.0 == whole.0, "{half:?}, then {whole:?}");
    assert!(half.1.is_none() || half.1 == whole.1, "{half:?}, then {whole:?}");
});
