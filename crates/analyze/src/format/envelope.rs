//! What other programs put around each line of a log on its way.

use std::borrow::Cow;

use serde::Deserialize;

use crate::time::Times;

/// What stands around each line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// Syslog's head, as RFC 3164 or RFC 5424 has it, or as files of syslog daemons and `journalctl` do.
    Syslog,
    /// `journalctl -o export`: each field a line, the log's in `MESSAGE`.
    Journal,
    /// Containers': `TIME stdout F line`.
    Container,
    /// An object with the line in `log`, `MESSAGE` or `message`, as Docker and `journalctl -o json` write.
    Object,
    /// Nothing.
    None,
}

/// A line of a file, as an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened<'a> {
    /// What is in it.
    Line(&'a [u8]),
    /// Of the envelope only.
    Empty,
    /// It is none of these.
    Other,
}

#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow, alias = "MESSAGE", alias = "message")]
    log: Cow<'a, str>,
}

impl Envelope {
    /// What there are; nothing comes last.
    pub(crate) const ALL: [Self; 5] =
        [Self::Syslog, Self::Journal, Self::Container, Self::Object, Self::None];

    /// What is in it; copied into `copy` where it cannot be read in place.
    pub(crate) fn open<'a>(self, line: &'a [u8], copy: &'a mut Vec<u8>) -> Opened<'a> {
        let inner = match self {
            Self::None => Some(line),
            Self::Syslog => syslog(line),
            Self::Container => container(line),
            Self::Object => object(line, copy),
            Self::Journal => match line.strip_prefix(b"MESSAGE=") {
                None if is_field(line) => return Opened::Empty,
                inner => inner,
            },
        };
        inner.map_or(Opened::Other, Opened::Line)
    }
}

fn syslog(line: &[u8]) -> Option<&[u8]> {
    let bare = without_priority(line);
    if let Some(rest) = bare.strip_prefix(b"1 ")
        && bare.len() < line.len()
    {
        return structured(rest);
    }
    let mut rest = after_time(bare)?;
    // A host, which some leave out, and a tag with a colon.
    for _ in 0..3 {
        let (word, after) = word(rest)?;
        rest = after;
        if word.ends_with(b":") {
            return Some(rest);
        }
    }
    None
}

/// Without `<134>`.
fn without_priority(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"<") else { return line };
    match memchr::memchr(b'>', rest) {
        Some(end) if (1..=3).contains(&end) && rest[..end].iter().all(u8::is_ascii_digit) => &rest[end + 1..],
        _ => line,
    }
}

/// Behind `Nov 21 12:54:47 ` or `2026-11-21T12:54:47.123+00:00 `.
fn after_time(line: &[u8]) -> Option<&[u8]> {
    let shape = [(3, b' '), (6, b' '), (9, b':'), (12, b':'), (15, b' ')];
    if shape.iter().all(|&(at, byte)| line.get(at) == Some(&byte)) {
        return Some(&line[16..]);
    }
    let (time, rest) = word(line)?;
    Times::default().iso(time).map(|_| rest)
}

/// RFC 5424 behind the version: `TIME HOST APP PROCESS MESSAGE-ID DATA line`.
fn structured(line: &[u8]) -> Option<&[u8]> {
    let mut rest = line;
    for _ in 0..5 {
        (_, rest) = word(rest)?;
    }
    match rest.strip_prefix(b"- ") {
        Some(line) => Some(line),
        None => {
            let mut escaped = false;
            let mut quoted = false;
            let end = rest.windows(2).position(|pair| {
                let ends = pair == b"] " && !quoted;
                quoted ^= pair[0] == b'"' && !escaped;
                escaped = pair[0] == b'\\' && !escaped;
                ends
            })?;
            rest.starts_with(b"[").then_some(&rest[end + 2..])
        }
    }
    .map(|line| line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line))
}

fn container(line: &[u8]) -> Option<&[u8]> {
    let (time, rest) = word(line)?;
    let (stream, rest) = word(rest)?;
    let (_whole, rest) = word(rest)?;
    Times::default().iso(time)?;
    matches!(stream, b"stdout" | b"stderr").then_some(rest)
}

fn object<'a>(line: &'a [u8], copy: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if line.first() != Some(&b'{') {
        return None;
    }
    let wrapped: Wrapped<'a> = serde_json::from_slice(line).ok()?;
    match wrapped.log {
        Cow::Borrowed(text) => Some(text.trim_end().as_bytes()),
        Cow::Owned(text) => {
            copy.clear();
            copy.extend_from_slice(text.trim_end().as_bytes());
            Some(copy)
        }
    }
}

/// `__CURSOR=...`, `_PID=7`, or nothing, which ends an entry.
fn is_field(line: &[u8]) -> bool {
    let name = &line[..memchr::memchr(b'=', line).unwrap_or(0)];
    let is_name = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
    line.is_empty() || (!name.is_empty() && name.iter().all(is_name))
}

fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = memchr::memchr(b' ', line)?;
    Some((&line[..space], &line[space + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_opened() {
        let inside = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET / HTTP/1.1\" 200 5";
        let escaped = inside.replace('"', "\\\"");
        for (envelope, line) in [
            (Envelope::Syslog, format!("Nov 21 12:54:47 host nginx: {inside}")),
            (Envelope::Syslog, format!("<190>Nov  1 12:54:47 host nginx: {inside}")),
            (Envelope::Syslog, format!("<134>Nov 21 12:54:47 haproxy[7]: {inside}")),
            (Envelope::Syslog, format!("2026-11-21T12:54:47.123456+01:00 host haproxy[7]: {inside}")),
            (Envelope::Syslog, format!("<134>1 2026-11-21T12:54:47Z host nginx 7 - - {inside}")),
            (
                Envelope::Syslog,
                format!("<134>1 2026-11-21T12:54:47Z h n 7 - [a b=\"\\\"] x\"][c d=\"e\"] {inside}"),
            ),
            (Envelope::Syslog, format!("<134>1 2026-11-21T12:54:47Z host nginx 7 - - \u{feff}{inside}")),
            (Envelope::Journal, format!("MESSAGE={inside}")),
            (Envelope::Container, format!("2026-11-21T12:54:47.123456789Z stdout F {inside}")),
            (Envelope::Object, format!("{{\"log\":\"{escaped}\\n\",\"stream\":\"stdout\",\"time\":\"x\"}}")),
            (Envelope::Object, format!("{{\"__CURSOR\":\"s=1\",\"MESSAGE\":\"{escaped}\"}}")),
            (Envelope::None, inside.to_owned()),
        ] {
            let mut copy = Vec::new();
            assert_eq!(envelope.open(line.as_bytes(), &mut copy), Opened::Line(inside.as_bytes()), "{line}");
        }
    }

    #[test]
    fn other_lines_are_not_taken_for_it() {
        let mut copy = Vec::new();
        for line in [
            "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET / HTTP/1.1\" 200 5",
            "{\"log\":7}",
            "<999999>1 x",
            "<134>1 2026-11-21T12:54:47Z host nginx 7 - [a",
            "Nov 21 12:54:47 host",
            "2026-11-21T12:54:47Z",
        ] {
            for envelope in &Envelope::ALL[..4] {
                assert_eq!(envelope.open(line.as_bytes(), &mut copy), Opened::Other, "{envelope:?} {line}");
            }
        }
        for line in ["", "_PID=7", "__REALTIME_TIMESTAMP=1"] {
            assert_eq!(Envelope::Journal.open(line.as_bytes(), &mut copy), Opened::Empty, "{line}");
        }
    }
}
