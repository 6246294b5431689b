//! Frames read strictly from what a server sends.

use std::io;

use super::event::Event;
use super::frame::{Frame, flag, kind};
use super::hpack::Decoder;
use crate::http::Fields;

/// Longer payloads must be allowed by SETTINGS, which this client does not do.
const PAYLOAD_MAX: usize = 16_384;
const HEADER: usize = 9;

/// Turns bytes into events; keeps the state of field sections.
#[derive(Debug)]
pub(super) struct FrameReader {
    decoder: Decoder,
    /// Stream, whether it ends, and what has come of a field section that goes on.
    section: Option<(u32, bool, Vec<u8>)>,
}

impl FrameReader {
    pub(super) fn new() -> Self {
        Self { decoder: Decoder::new(4096), section: None }
    }

    pub(super) fn allow_table(&mut self, size: usize) {
        self.decoder.allow(size);
    }

    /// The next event in `buffer`, whose bytes are removed; `None` when there is no whole one.
    ///
    /// # Errors
    /// `InvalidData` when the server breaks RFC 9113 or RFC 7541.
    pub(super) fn next(&mut self, buffer: &mut Vec<u8>) -> io::Result<Option<Event>> {
        while let Some(frame) = take_frame(buffer)? {
            if let Some(event) = self.event(frame)? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn event(&mut self, frame: Frame) -> io::Result<Option<Event>> {
        if self.section.is_some() != (frame.kind == kind::CONTINUATION) {
            return Err(broken("a field section is interrupted, or continued without one", &frame));
        }
        let stream = frame.stream;
        let on_stream = matches!(
            frame.kind,
            kind::DATA | kind::HEADERS | kind::RST_STREAM | kind::CONTINUATION | kind::PRIORITY
        );
        let on_connection = matches!(frame.kind, kind::SETTINGS | kind::PING | kind::GOAWAY);
        if on_stream && (stream == 0 || stream.is_multiple_of(2)) || on_connection && stream != 0 {
            return Err(broken("it does not belong on this stream", &frame));
        }
        Ok(Some(match frame.kind {
            kind::DATA => {
                let end = frame.has(flag::END_STREAM);
                Event::Data(stream, content(frame)?, end)
            }
            kind::HEADERS => {
                let (end, whole) = (frame.has(flag::END_STREAM), frame.has(flag::END_HEADERS));
                if frame.has(flag::PRIORITY) {
                    return Err(broken("a server has no priorities", &frame));
                }
                return self.fragment(stream, end, whole, content(frame)?);
            }
            kind::CONTINUATION => {
                let (whole, fragment) = (frame.has(flag::END_HEADERS), &frame.payload);
                let Some((other, end, mut section)) = self.section.take() else { return Ok(None) };
                if other != stream {
                    return Err(broken("a field section goes on elsewhere", &frame));
                }
                section.extend_from_slice(fragment);
                return self.fragment(stream, end, whole, section);
            }
            kind::RST_STREAM => Event::Reset(stream, word(&frame, 4, 0)?),
            kind::SETTINGS if frame.has(flag::ACK) && frame.payload.is_empty() => Event::SettingsAck,
            kind::SETTINGS => Event::Settings(settings(&frame)?),
            kind::PING if frame.payload.len() == 8 => Event::Ping(frame.has(flag::ACK), frame.payload),
            kind::GOAWAY if frame.payload.len() >= 8 => {
                let code = word(&frame, frame.payload.len(), 4)?;
                Event::GoAway(word(&frame, frame.payload.len(), 0)?, code)
            }
            kind::WINDOW_UPDATE => {
                let increment = word(&frame, 4, 0)?;
                if increment == 0 || increment > i32::MAX as u32 {
                    return Err(broken("an increment out of range", &frame));
                }
                Event::WindowUpdate(stream, increment)
            }
            kind::PING | kind::GOAWAY | kind::PUSH_PROMISE => {
                return Err(broken("not allowed, or of a wrong length", &frame));
            }
            _ => Event::Other(frame),
        }))
    }

    fn fragment(
        &mut self,
        stream: u32,
        end: bool,
        whole: bool,
        section: Vec<u8>,
    ) -> io::Result<Option<Event>> {
        if !whole {
            self.section = Some((stream, end, section));
            return Ok(None);
        }
        let fields = self.decoder.decode(&section).map_err(invalid)?;
        check_fields(&fields).map_err(invalid)?;
        Ok(Some(Event::Fields(stream, fields, end)))
    }
}

fn take_frame(buffer: &mut Vec<u8>) -> io::Result<Option<Frame>> {
    let Some((header, rest)) = buffer.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [a, b, c, kind, flags, s, t, u, v] = *header;
    let length = u32::from_be_bytes([0, a, b, c]) as usize;
    let stream = u32::from_be_bytes([s, t, u, v]);
    if length > PAYLOAD_MAX || stream > i32::MAX as u32 {
        return Err(invalid(format!("a frame header of {header:x?}")));
    }
    let Some(payload) = rest.get(..length) else { return Ok(None) };
    let frame = Frame { kind, flags, stream, payload: payload.to_vec() };
    buffer.drain(..HEADER + length);
    Ok(Some(frame))
}

/// The payload without padding.
fn content(mut frame: Frame) -> io::Result<Vec<u8>> {
    if !frame.has(flag::PADDED) {
        return Ok(frame.payload);
    }
    let padding = frame.payload.first().copied().map(usize::from);
    match padding.and_then(|padding| frame.payload.len().checked_sub(1 + padding)) {
        Some(length) => {
            frame.payload.remove(0);
            frame.payload.truncate(length);
            Ok(frame.payload)
        }
        None => Err(broken("more padding than payload", &frame)),
    }
}

fn settings(frame: &Frame) -> io::Result<Vec<(u16, u32)>> {
    let (settings, rest) = frame.payload.as_chunks::<6>();
    if frame.has(flag::ACK) || !rest.is_empty() {
        return Err(broken("SETTINGS of a wrong length", frame));
    }
    let setting =
        |&[a, b, c, d, e, f]: &[u8; 6]| (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]));
    Ok(settings.iter().map(setting).collect())
}

/// Four bytes of a payload that must be `length` long.
fn word(frame: &Frame, length: usize, at: usize) -> io::Result<u32> {
    let bytes = frame.payload.get(at..at + 4).and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    match bytes {
        Some(bytes) if frame.payload.len() == length => Ok(u32::from_be_bytes(bytes)),
        _ => Err(broken("a payload of a wrong length", frame)),
    }
}

/// What holds for every field section of a response (RFC 9113 section 8.2, 8.3).
fn check_fields(fields: &Fields) -> Result<(), String> {
    let mut regular = false;
    for (name, value) in fields {
        let pseudo = name.starts_with(':');
        if pseudo && (regular || name != ":status") {
            return Err(format!("the pseudo-header field {name} here"));
        }
        regular |= !pseudo;
        let hop = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];
        if name.is_empty()
            || name.bytes().any(|byte| byte.is_ascii_uppercase())
            || hop.contains(&name.as_str())
        {
            return Err(format!("the field name {name:?}"));
        }
        if value.contains(['\r', '\n', '\0']) || value.trim_matches([' ', '\t']) != value {
            return Err(format!("the field value {value:?}"));
        }
    }
    Ok(())
}

fn broken(what: &str, frame: &Frame) -> io::Error {
    let shown = &frame.payload[..frame.payload.len().min(40)];
    let Frame { kind, flags, stream, .. } = frame;
    invalid(format!("{what}: type {kind:#x}, flags {flags:#x}, stream {stream}, {shown:x?}"))
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

#[cfg(test)]
mod tests {
    use super::super::hpack::block;
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<Event>> {
        let (mut reader, mut buffer, mut events) = (FrameReader::new(), bytes.to_vec(), Vec::new());
        while let Some(event) = reader.next(&mut buffer)? {
            events.push(event);
        }
        Ok(events)
    }

    #[test]
    fn a_field_section_in_pieces_is_one_event() {
        let section = block(&[(":status", "200"), ("a", "b")]);
        let bytes = [
            Frame::headers(1, flag::END_STREAM, &section[..5]).padded(3).bytes(),
            Frame::continuation(1, flag::NONE, &section[5..8]).bytes(),
            Frame::continuation(1, flag::END_HEADERS, &section[8..]).bytes(),
            Frame::ping([0; 8]).bytes(),
        ]
        .concat();
        let fields =
            [(":status", "200"), ("a", "b")].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let expected = [Event::Fields(1, fields.to_vec(), true), Event::Ping(false, vec![0; 8])];
        assert_eq!(read(&bytes).unwrap(), expected);
        assert!(read(&bytes[..bytes.len() - 1]).unwrap().len() == 1, "half a frame is none");
    }

    #[test]
    fn a_server_that_breaks_the_rules_is_caught() {
        let fields = |fields: &[(&str, &str)]| Frame::headers(1, flag::END_HEADERS, block(fields)).bytes();
        for (name, bytes) in [
            ("too long", Frame::data(1, 0, vec![0; PAYLOAD_MAX + 1]).bytes()),
            ("PING of 7", Frame::new(kind::PING, 0, 0, [0; 7]).bytes()),
            ("RST_STREAM of 5", Frame::new(kind::RST_STREAM, 0, 1, [0; 5]).bytes()),
            ("DATA on 0", Frame::data(0, 0, "x").bytes()),
            ("HEADERS on 2", Frame::headers(2, flag::END_HEADERS, []).bytes()),
            ("SETTINGS on 1", Frame::new(kind::SETTINGS, 0, 1, []).bytes()),
            ("an increment of 0", Frame::window_update(1, 0).bytes()),
            ("padding beyond the end", Frame::new(kind::DATA, flag::PADDED, 1, [2, 0]).bytes()),
            ("continued without a begin", Frame::continuation(1, flag::END_HEADERS, []).bytes()),
            ("upper case", fields(&[(":status", "200"), ("A", "b")])),
            ("connection", fields(&[(":status", "200"), ("connection", "close")])),
            ("a pseudo-header field late", fields(&[("a", "b"), (":status", "200")])),
            ("an unknown one", fields(&[(":path", "/")])),
            ("CR in a value", fields(&[("a", "b\rc")])),
        ] {
            assert!(read(&bytes).is_err(), "{name}");
        }
        let interrupted = [Frame::headers(1, 0, []).bytes(), Frame::ping([0; 8]).bytes()].concat();
        assert!(read(&interrupted).is_err());
    }
}
