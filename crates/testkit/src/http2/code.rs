//! Error codes (RFC 9113 section 7).

/// No error: a graceful end.
pub const NO_ERROR: u32 = 0x0;
/// What fits no other code.
pub const PROTOCOL_ERROR: u32 = 0x1;
/// The endpoint's own fault.
pub const INTERNAL_ERROR: u32 = 0x2;
/// A window was overrun or overflowed.
pub const FLOW_CONTROL_ERROR: u32 = 0x3;
/// No acknowledgement of SETTINGS in time.
pub const SETTINGS_TIMEOUT: u32 = 0x4;
/// A frame for a stream that is half closed or closed.
pub const STREAM_CLOSED: u32 = 0x5;
/// A frame of a length that its type, or the peer, does not allow.
pub const FRAME_SIZE_ERROR: u32 = 0x6;
/// Refused before anything was done about it.
pub const REFUSED_STREAM: u32 = 0x7;
/// No longer needed.
pub const CANCEL: u32 = 0x8;
/// The state of header compression is lost.
pub const COMPRESSION_ERROR: u32 = 0x9;
/// A tunnel's connection broke.
pub const CONNECT_ERROR: u32 = 0xa;
/// The peer does what might bring a server down.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;

const NAMES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The name of a code as the RFC has it.
pub fn name(code: u32) -> String {
    let name = usize::try_from(code).ok().and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("code {code:#x}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_names() {
        assert_eq!(name(FLOW_CONTROL_ERROR), "FLOW_CONTROL_ERROR");
        assert_eq!(name(ENHANCE_YOUR_CALM), "ENHANCE_YOUR_CALM");
        assert_eq!(name(0xff), "code 0xff");
    }
}
