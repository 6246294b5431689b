//! Evenkeel's own access logs.

use std::borrow::Cow;

use serde::Deserialize;

use super::number;
use crate::entry::{Entry, path_of, without_query};
use crate::time::{Times, digits, since_1970};

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
    #[serde(borrow, default)]
    path: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a str>,
    /// Of connections of layer 4 only.
    #[serde(borrow, default)]
    protocol: Option<&'a str>,
    #[serde(default)]
    attempts: u64,
    #[serde(default)]
    response_bytes: u64,
    #[serde(default)]
    total_ms: Option<f64>,
    /// Tells these lines from other JSON.
    #[serde(rename = "generation")]
    _generation: u64,
}

/// An `Option<Cow>` would always be a copy.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

pub(super) fn json(line: &[u8]) -> Option<Entry<'_>> {
    if line.first() != Some(&b'{') {
        return None;
    }
    let read: Line<'_> = serde_json::from_slice(line).ok()?;
    Some(Entry {
        at: Some(since_1970(read.time)?),
        pool: read.pool.unwrap_or_default().as_bytes(),
        backends: read.backend.unwrap_or_default().as_bytes(),
        status: read.status,
        duration_ms: read.total_ms,
        bytes: read.response_bytes,
        client: borrowed(read.client),
        path: read.path.map_or(&b""[..], |path| without_query(borrowed(path.0))),
        retries: read.attempts.saturating_sub(1),
        failed: read.error.is_some_and(|error| is_failure(error.as_bytes())),
        is_connection: read.protocol.is_some(),
        only_addresses: false,
    })
}

/// Nothing if it has an escape in it.
fn borrowed<'a>(text: Cow<'a, str>) -> &'a [u8] {
    match text {
        Cow::Borrowed(text) => text.as_bytes(),
        Cow::Owned(_) => b"",
    }
}

/// `client - - [time] "request" status bytes "referer" "agent" key=value ...`
pub(super) fn combined<'a>(line: &'a [u8], times: &mut Times) -> Option<Entry<'a>> {
    let own = memchr::memmem::rfind(line, b"\" listener=")?;
    let value =
        |key: &[u8]| line[own + 2..].split(|&byte| byte == b' ').find_map(|pair| pair.strip_prefix(key));
    let open = memchr::memchr(b'[', line)?;
    let close = open + memchr::memchr(b']', &line[open..])?;
    let request = line.get(close + 3..)?;
    let (request, rest) = request.split_at(quoted_length(request)?);
    let request = request.strip_suffix(b"\"")?;
    let is_connection = memchr::memmem::find(request, b" HTTP/").is_none() && request != b"-";
    let mut words = rest.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let status = u16::try_from(digits(words.next()?)?).ok()?;
    Some(Entry {
        at: Some(times.common(&line[open + 1..close])?),
        pool: value(b"pool=")?,
        backends: value(b"backend=")?,
        status,
        duration_ms: value(b"total_ms=").and_then(|text| number(text.trim_ascii())),
        bytes: digits(words.next()?)?.unsigned_abs(),
        client: &line[..memchr::memchr(b' ', line)?],
        path: if is_connection { b"" } else { path_of(request) },
        retries: value(b"attempts=").and_then(digits).unwrap_or(0).unsigned_abs().saturating_sub(1),
        failed: value(b"error=").is_some_and(is_failure),
        is_connection,
        only_addresses: false,
    })
}

/// Whether it is the backend that has failed, of what a line may say in `error`. Over HTTP the status says it as well.
fn is_failure(error: &[u8]) -> bool {
    let failures: [&[u8]; 5] =
        [b"connection_refused", b"connection_t", b"destination_ip_", b"backend_reset", b"tls_"];
    failures.iter().any(|failure| error.starts_with(failure))
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
        let line = "192.0.2.1 - - [21/Nov/2026:12:54:47 +0000] \"GET /a?\\\"b HTTP/1.1\" 200 5 \"-\" \"x \\\" y\" listener=web \
                    pool=p backend=b reason=algorithm attempts=2 generation=7 error=- id=id picked_ms=-1.000 \
                    connected_ms=-1.000 header_ms=3.000 total_ms=4.500\n";
        let from_text = combined(line.as_bytes(), &mut Times::default()).unwrap();
        let object = r#"{"attempts":2,"backend":"b","client":"192.0.2.1","connected_ms":null,"error":null,"generation":7,
            "header_ms":3.0,"host":"h","listener":"web","method":"GET","path":"/a?b","picked_ms":null,"pool":"p",
            "reason":"algorithm","referer":null,"request_bytes":0,"request_id":"id","response_bytes":5,"status":200,
            "time":1795265687.123,"total_ms":4.5,"user_agent":"x"}"#;
        assert_eq!(json(object.as_bytes()).unwrap(), from_text);
        assert_eq!((from_text.backends, from_text.duration_ms, from_text.bytes), (&b"b"[..], Some(4.5), 5));
        assert_eq!((from_text.path, from_text.retries, from_text.is_error()), (&b"/a"[..], 1, false));
        assert!(!from_text.is_connection);
    }

    #[test]
    fn connections_of_layer_4_fail_without_a_status() {
        let line = "192.0.2.1 - - [21/Nov/2026:12:54:47 +0000] \"tls_passthrough a.example\" 0 5 \"-\" \"-\" listener=db \
                    pool=p backend=b reason=algorithm attempts=1 generation=7 error=backend_reset id=- picked_ms=1.0 \
                    connected_ms=1.0 header_ms=-1.0 total_ms=900.0";
        let from_text = combined(line.as_bytes(), &mut Times::default()).unwrap();
        assert!(from_text.is_connection && from_text.is_error());
        let object = r#"{"attempts":1,"backend":"b","client":"192.0.2.1","error":"backend_reset","generation":7,"path":null,
            "pool":"p","protocol":"tls_passthrough","response_bytes":5,"server_name":"a.example","status":0,
            "time":1795265687.0,"total_ms":900.0}"#;
        assert_eq!(json(object.as_bytes()).unwrap(), from_text);
        let left = object.replace("backend_reset", "client_reset");
        assert!(!json(left.as_bytes()).unwrap().is_error(), "the client's doing");
    }

    #[test]
    fn other_lines_are_not_taken_for_it() {
        for line in ["", "{}", "{\"time\":1}", "a - - [x] \"GET\" 200 5 \"-\" \"-\"", "\" listener="] {
            assert_eq!(json(line.as_bytes()), None, "{line}");
            assert_eq!(combined(line.as_bytes(), &mut Times::default()), None, "{line}");
        }
        let far = r#"{"client":"a","generation":7,"status":200,"time":1e300}"#;
        assert_eq!(json(far.as_bytes()), None, "no such time");
    }
}
