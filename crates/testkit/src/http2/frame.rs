//! Frames as bytes (RFC 9113 sections 4 and 6).

/// Frame types.
pub mod kind {
    /// Content.
    pub const DATA: u8 = 0x0;
    /// The begin of a field section.
    pub const HEADERS: u8 = 0x1;
    /// Priority, which RFC 9113 has given up.
    pub const PRIORITY: u8 = 0x2;
    /// The end of a stream, at once.
    pub const RST_STREAM: u8 = 0x3;
    /// What the sender wants and can do.
    pub const SETTINGS: u8 = 0x4;
    /// The begin of a pushed request.
    pub const PUSH_PROMISE: u8 = 0x5;
    /// A question that wants an echo.
    pub const PING: u8 = 0x6;
    /// The end of a connection.
    pub const GOAWAY: u8 = 0x7;
    /// Leave to send more.
    pub const WINDOW_UPDATE: u8 = 0x8;
    /// More of a field section.
    pub const CONTINUATION: u8 = 0x9;
}

/// Flags of frames.
pub mod flag {
    /// No flag.
    pub const NONE: u8 = 0x0;
    /// Of DATA and HEADERS: the sender's last frame but for CONTINUATION.
    pub const END_STREAM: u8 = 0x1;
    /// Of SETTINGS and PING: the answer.
    pub const ACK: u8 = 0x1;
    /// Of HEADERS and CONTINUATION: the field section ends here.
    pub const END_HEADERS: u8 = 0x4;
    /// Of DATA and HEADERS: there is padding, its length comes first.
    pub const PADDED: u8 = 0x8;
    /// Of HEADERS: five bytes of priority come first.
    pub const PRIORITY: u8 = 0x20;
}

/// Identifiers of settings.
pub mod setting {
    /// Most bytes of the peer's dynamic table.
    pub const HEADER_TABLE_SIZE: u16 = 0x1;
    /// Whether the server may push.
    pub const ENABLE_PUSH: u16 = 0x2;
    /// Most streams that the peer may have open.
    pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
    /// The window of new streams, in bytes.
    pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
    /// The longest payload that is taken.
    pub const MAX_FRAME_SIZE: u16 = 0x5;
    /// The longest field section that is taken (advice).
    pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
    /// Whether extended CONNECT is understood (RFC 8441).
    pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
}

/// One frame, with nothing checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Type.
    pub kind: u8,
    /// Flags.
    pub flags: u8,
    /// Stream, with the reserved bit if it is set.
    pub stream: u32,
    /// What follows the nine bytes of the header.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Any frame.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// DATA.
    pub fn data(stream: u32, flags: u8, content: impl Into<Vec<u8>>) -> Self {
        Self::new(kind::DATA, flags, stream, content)
    }

    /// HEADERS with a part of a field section.
    pub fn headers(stream: u32, flags: u8, fragment: impl Into<Vec<u8>>) -> Self {
        Self::new(kind::HEADERS, flags, stream, fragment)
    }

    /// CONTINUATION.
    pub fn continuation(stream: u32, flags: u8, fragment: impl Into<Vec<u8>>) -> Self {
        Self::new(kind::CONTINUATION, flags, stream, fragment)
    }

    /// PRIORITY: `stream` depends on `on`.
    pub fn priority(stream: u32, on: u32) -> Self {
        Self::new(kind::PRIORITY, flag::NONE, stream, [&on.to_be_bytes()[..], &[15]].concat())
    }

    /// `RST_STREAM`.
    pub fn reset(stream: u32, code: u32) -> Self {
        Self::new(kind::RST_STREAM, flag::NONE, stream, code.to_be_bytes())
    }

    /// SETTINGS with these values.
    pub fn settings(values: &[(u16, u32)]) -> Self {
        let values = values
            .iter()
            .flat_map(|(identifier, value)| identifier.to_be_bytes().into_iter().chain(value.to_be_bytes()));
        Self::new(kind::SETTINGS, flag::NONE, 0, values.collect::<Vec<_>>())
    }

    /// The acknowledgement of SETTINGS.
    pub fn settings_ack() -> Self {
        Self::new(kind::SETTINGS, flag::ACK, 0, [])
    }

    /// PING.
    pub fn ping(payload: [u8; 8]) -> Self {
        Self::new(kind::PING, flag::NONE, 0, payload)
    }

    /// GOAWAY.
    pub fn goaway(last: u32, code: u32) -> Self {
        let payload = [last.to_be_bytes(), code.to_be_bytes()].concat();
        Self::new(kind::GOAWAY, flag::NONE, 0, payload)
    }

    /// `WINDOW_UPDATE`; stream 0 is the connection.
    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(kind::WINDOW_UPDATE, flag::NONE, stream, increment.to_be_bytes())
    }

    /// The same frame with padding of `length` zeros after it, and its length before it.
    #[must_use]
    pub fn padded(mut self, length: u8) -> Self {
        self.flags |= flag::PADDED;
        self.payload.insert(0, length);
        self.payload.resize(self.payload.len() + usize::from(length), 0);
        self
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_with_length(self.payload.len() as u32)
    }

    /// The same with another length in the header than it has.
    pub fn bytes_with_length(&self, length: u32) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(9 + self.payload.len());
        bytes.extend_from_slice(&length.to_be_bytes()[1..]);
        bytes.extend_from_slice(&[self.kind, self.flags]);
        bytes.extend_from_slice(&self.stream.to_be_bytes());
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// Whether a flag is set.
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_nine_bytes_and_a_payload() {
        assert_eq!(Frame::ping(*b"01234567").bytes(), b"\0\0\x08\x06\0\0\0\0\x0001234567");
        assert_eq!(
            Frame::data(1, flag::END_STREAM, "ab").padded(2).bytes(),
            b"\0\0\x05\0\x09\0\0\0\x01\x02ab\0\0"
        );
        assert_eq!(Frame::settings(&[(4, 1)]).bytes(), b"\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\x01");
        assert_eq!(Frame::priority(3, 1).bytes_with_length(4)[..4], *b"\0\0\x04\x02");
    }
}
