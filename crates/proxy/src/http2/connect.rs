//! WebSocket over HTTP/2 (RFC 8441): a client that asks by CONNECT for a stream to become a tunnel.
//!
//! Inside, and at the backend, it is the request to upgrade that HTTP/1.1 has for the same, so that what holds for those
//! holds for these. The key that belongs to that form, and the proof that the backend has understood it (RFC 6455 section
//! 4), are between Evenkeel and the backend alone.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_core::Rng;
use h2::ext::Protocol;
use http::Request;
use http::header::{self, HeaderName};
use http::uri::PathAndQuery;

use crate::http1::{Field, Line};

use super::head::{Malformed, authority, put, put_cookies, put_field, trimmed};

/// What RFC 6455 section 1.3 puts behind a key before it is digested.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// Fields of the form that HTTP/1.1 has, which RFC 8441 section 5.1 leaves out of this one.
const KEY: HeaderName = header::SEC_WEBSOCKET_KEY;
const ACCEPT: HeaderName = header::SEC_WEBSOCKET_ACCEPT;

/// Whether the request asks for a WebSocket. Other protocols are not to be had here.
pub(super) fn asks_for_websocket<B>(request: &Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    protocol.is_some_and(|protocol| protocol.as_str().eq_ignore_ascii_case("websocket"))
}

/// Writes the head of a request to upgrade, with a key of its own.
///
/// # Errors
/// What a request of this kind must not have.
pub(super) fn write_upgrade<B>(
    out: &mut Vec<u8>,
    fields: &mut Vec<Field>,
    request: &Request<B>,
    rng: &mut Rng,
) -> Result<Line, Malformed> {
    let (sent, uri) = (request.headers(), request.uri());
    let authority = authority(uri, sent)?;
    let Some(path) = uri.path_and_query().map(PathAndQuery::as_str).filter(|path| path.starts_with('/'))
    else {
        return Err(Malformed("extended CONNECT without a :path"));
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(Malformed(":scheme is neither http nor https"));
    }
    if sent.contains_key(header::CONTENT_LENGTH) {
        return Err(Malformed("extended CONNECT with a Content-Length"));
    }
    out.clear();
    fields.clear();
    let method = put(out, b"GET");
    out.push(b' ');
    let target = put(out, path.as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    put_field(out, fields, b"Host", authority);
    put_field(out, fields, b"Connection", b"Upgrade");
    put_field(out, fields, b"Upgrade", b"websocket");
    put_field(out, fields, b"Sec-WebSocket-Key", key(rng).as_bytes());
    put_cookies(out, fields, sent)?;
    for (name, value) in sent {
        if ![header::HOST, header::COOKIE, KEY, ACCEPT].contains(name) {
            put_field(out, fields, name.as_str().as_bytes(), trimmed(value)?);
        }
    }
    out.extend_from_slice(b"\r\n");
    Ok(Line { method, target, minor: 1 })
}

/// Whether this is the answer that the key calls for: who gives another has not understood the question.
pub(crate) fn accepts(key: &[u8], answer: &[u8]) -> bool {
    let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &[key, GUID].concat());
    STANDARD.encode(digest).as_bytes() == answer
}

fn key(rng: &mut Rng) -> String {
    let mut bytes = [0; KEY_BYTES];
    for half in bytes.chunks_mut(8) {
        half.copy_from_slice(&rng.next_u64().to_ne_bytes());
    }
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{parse_request, understand};

    fn ask(protocol: &'static str, uri: &str) -> http::request::Builder {
        Request::builder().method("CONNECT").uri(uri).extension(Protocol::from_static(protocol))
    }

    fn written(request: http::request::Builder) -> Result<String, Malformed> {
        let (mut out, mut fields) = (b"old".to_vec(), Vec::new());
        let line = write_upgrade(&mut out, &mut fields, &request.body(()).unwrap(), &mut Rng::from_seed(1))?;
        let (mut parsed, understood) = (Vec::new(), understand(&out, line, &mut fields));
        assert_eq!(format!("{understood:?}"), format!("{:?}", parse_request(&out, 100, &mut parsed)));
        assert_eq!(format!("{fields:?}"), format!("{parsed:?}"));
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn only_a_websocket_is_asked_for() {
        let asks = |request: http::request::Builder| asks_for_websocket(&request.body(()).unwrap());
        assert!(asks(ask("websocket", "https://h/")) && asks(ask("WebSocket", "https://h/")));
        assert!(!asks(ask("connect-udp", "https://h/")));
        assert!(!asks(Request::builder().method("CONNECT").uri("h:1")));
    }

    #[test]
    fn it_becomes_a_request_to_upgrade_with_a_key_of_our_own() {
        let request = ask("websocket", "https://h:1/chat?a=b")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "theirs")
            .header("sec-websocket-accept", "theirs")
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let text = written(request).unwrap();
        let key = text.split("Sec-WebSocket-Key: ").nth(1).unwrap().split('\r').next().unwrap();
        assert_eq!(STANDARD.decode(key).unwrap().len(), KEY_BYTES);
        let rest = text.replace(key, "KEY");
        assert_eq!(
            rest,
            "GET /chat?a=b HTTP/1.1\r\nHost: h:1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: KEY\r\ncookie: a=1; b=2\r\nsec-websocket-version: 13\r\n\r\n"
        );
    }

    #[test]
    fn what_such_a_request_must_not_have_is_refused() {
        for request in [
            ask("websocket", "h:1"),
            ask("websocket", "ftp://h/"),
            ask("websocket", "https://h/").header("content-length", "0"),
            ask("websocket", "https://h/").header("x", " y"),
            ask("websocket", "https://h/").header("host", "other"),
        ] {
            assert!(written(request).is_err());
        }
    }

    /// The example of RFC 6455 section 1.3.
    #[test]
    fn the_answer_proves_that_the_question_was_understood() {
        let key = b"dGhlIHNhbXBsZSBub25jZQ==";
        assert!(accepts(key, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert!(!accepts(key, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOp="));
        assert!(!accepts(b"other", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
}
