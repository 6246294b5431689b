//! Evenkeel's own access logs.

use std::borrow::Cow;

use serde::Deserialize;

use super::number;
use crate::entry::Entry;
use crate::time::{Times, digits};

/// Borrowed: what has an escape in it is not worth a copy, names of ours have none.
#[derive(Deserialize)]
struct Line<'a> {
    time: f64,
    #[serde(borrow)]
    client: Cow<'a, str>,
    status: u16,
    #[serde(borrow, default)]
    pool: Option<&'a str>,
    #[serde(borrow, default)]
    backend: Option<&'a str>,
    #[serde(default)]
    response_bytes: u64,
    #[serde(default)]
    total_ms: Option<f64>,
    /// Tells these lines from other JSON.
    #[serde(rename = "generation")]
    _generation: u64,
}

pub(super) fn json(line: &[u8]) -> Option<Entry<'_>> {
    if line.first() != Some(&b'{') {
        return None;
    }
    let read: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(Entry {
        at: Some(read.time as i64),
        pool: read.pool.unwrap_or_default().as_bytes(),
        backends: read.backend.unwrap_or_default().as_bytes(),
        status: read.status,
        duration_ms: read.total_ms,
        bytes: read.response_bytes,
        client: match read.client {
            Cow::Borrowed(client) => client.as_bytes(),
            Cow::Owned(_) => b"",
        },
    })
}

/// `client - - [time] "request" status bytes "referer" "agent" key=value ...`
pub(super) fn combined<'a>(line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
    let own = memchr::memmem::rfind(line, b"\" listener=")?;
    let value =
        |key: &[u8]| line[own + 2..].split(|&byte| byte == b' ').find_map(|pair| pair.strip_prefix(key));
    let open = memchr::memchr(b'[', line)?;
    let close = open + memchr::memchr(b']', &line[open..])?;
    let request = line.get(close + 3..)?;
    let mut words =
        request[quoted_length(request)?..].split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let status = u16::try_from(digits(words.next()?)?).ok()?;
    Some(Entry {
        at: Some(times.common(&line[open + 1..close])?),
        pool: value(b"pool=")?,
        backends: value(b"backend=")?,
        status,
        duration_ms: value(b"total_ms=").and_then(|text| number(text.trim_ascii())),
        bytes: digits(words.next()?)?.unsigned_abs(),
        client: &line[..memchr::memchr(b' ', line)?],
    })
}

/// Up to and with the quote that ends a quoted text, whose first quote has been read.
fn quoted_length(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    let end = text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_say_the_same() {
        let line = "192.0.2.1 - - [21/Nov/2026:12:54:47 +0000] \"GET /a\\\"b HTTP/1.1\" 200 5 \"-\" \"x \\\" y\" listener=web \
                    pool=p backend=b reason=algorithm attempts=1 generation=7 error=- id=id picked_ms=-1.000 \
                    connected_ms=-1.000 header_ms=3.000 total_ms=4.500\n";
        let from_text = combined(line.as_bytes(), &mut Times::default()).unwrap();
        let object = r#"{"attempts":1,"backend":"b","client":"192.0.2.1","connected_ms":null,"error":null,"generation":7,
            "header_ms":3.0,"host":"h","listener":"web","method":"GET","path":"/a\"b","picked_ms":null,"pool":"p",
            "reason":"algorithm","referer":null,"request_bytes":0,"request_id":"id","response_bytes":5,"status":200,
            "time":1795265687.123,"total_ms":4.5,"user_agent":"x"}"#;
        assert_eq!(json(object.as_bytes()).unwrap(), from_text);
        assert_eq!((from_text.backends, from_text.duration_ms, from_text.bytes), (&b"b"[..], Some(4.5), 5));
    }

    #[test]
    fn other_lines_are_not_taken_for_it() {
        for line in ["", "{}", "{\"time\":1}", "a - - [x] \"GET\" 200 5 \"-\" \"-\"", "\" listener="] {
            assert_eq!(json(line.as_bytes()), None, "{line}");
            assert_eq!(combined(line.as_bytes(), &mut Times::default()), None, "{line}");
        }
    }
}
