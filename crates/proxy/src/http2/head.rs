//! Heads between HTTP/2's form and HTTP/1.1's.
//!
//! Inside, a request's head is the text of HTTP/1.1: what routes, hashes, rewrites and logs requests has one form to know,
//! and one set of rules says what it means. Here that text is made of what a peer sent as fields, with the places of all its
//! parts, and fields of the text that is sent on.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use memchr::memchr;

use crate::http1::{Field, FieldKind, Line, Span};

/// Fields that usual heads have at most.
const FIELDS_USUAL: usize = 16;

/// What makes a request malformed (RFC 9113 section 8.1.1): its stream is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Writes a request's head as HTTP/1.1 has it, and says where in it everything lies: for a parser there would be nothing
/// left to find. `ends` when no content follows.
///
/// # Errors
/// What RFC 9113 section 8 forbids and the protocol engine lets through.
pub(crate) fn write_request<B>(
    out: &mut Vec<u8>,
    fields: &mut Vec<Field>,
    request: &Request<B>,
    ends: bool,
) -> Result<Line, Malformed> {
    let sent = request.headers();
    let authority = authority(request.uri(), sent)?;
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if request.uri().scheme_str().is_some_and(|scheme| !is_http(scheme)) {
        return Err(Malformed(":scheme is neither http nor https"));
    }
    out.clear();
    fields.clear();
    let method = put(out, request.method().as_str().as_bytes());
    out.push(b' ');
    let target = put(out, target(request, authority)?);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    put_field(out, fields, b"Host", authority);
    put_cookies(out, fields, sent)?;
    for (name, value) in sent {
        if ![header::HOST, header::COOKIE].contains(name) {
            put_field(out, fields, name.as_str().as_bytes(), trimmed(value)?);
        }
    }
    if !ends && !sent.contains_key(header::CONTENT_LENGTH) {
        put_field(out, fields, b"Transfer-Encoding", b"chunked");
    }
    out.extend_from_slice(b"\r\n");
    Ok(Line { method, target, minor: 1 })
}

fn target<'a, B>(request: &'a Request<B>, authority: &'a [u8]) -> Result<&'a [u8], Malformed> {
    if request.method() == Method::CONNECT {
        return Ok(authority);
    }
    let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
    let asks_for_all = path == "*" && request.method() == Method::OPTIONS;
    if !path.starts_with('/') && !asks_for_all {
        return Err(Malformed(":path does not begin with a slash"));
    }
    Ok(path.as_bytes())
}

/// Whom the request is for. Where both say it, they must agree (RFC 9113 section 8.3.1).
pub(super) fn authority<'a>(uri: &'a Uri, fields: &'a HeaderMap) -> Result<&'a [u8], Malformed> {
    let mut hosts = fields.get_all(header::HOST).iter().map(HeaderValue::as_bytes);
    let (host, more) = (hosts.next(), hosts.next());
    if more.is_some() {
        return Err(Malformed("more than one Host field"));
    }
    match (uri.authority().map(|authority| authority.as_str().as_bytes()), host) {
        (Some(authority), Some(host)) if !authority.eq_ignore_ascii_case(host) => {
            Err(Malformed("Host differs from :authority"))
        }
        (Some(authority), _) => Ok(authority),
        (None, Some(host)) => Ok(host),
        (None, None) => Err(Malformed("neither :authority nor Host")),
    }
}

/// Peers may split a cookie field for the sake of compression; HTTP/1.1 has one (RFC 9113 section 8.2.3).
pub(super) fn put_cookies(
    out: &mut Vec<u8>,
    fields: &mut Vec<Field>,
    sent: &HeaderMap,
) -> Result<(), Malformed> {
    if !sent.contains_key(header::COOKIE) {
        return Ok(());
    }
    let name = put(out, b"cookie");
    out.extend_from_slice(b": ");
    let start = out.len();
    for (place, crumb) in sent.get_all(header::COOKIE).iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"" } else { b"; " });
        out.extend_from_slice(trimmed(crumb)?);
    }
    fields.push(Field { name, value: Span::new(start, out.len()), kind: FieldKind::Other });
    out.extend_from_slice(b"\r\n");
    Ok(())
}

pub(super) fn put_field(out: &mut Vec<u8>, fields: &mut Vec<Field>, name: &[u8], value: &[u8]) {
    let kind = FieldKind::as_treated(name);
    let name = put(out, name);
    out.extend_from_slice(b": ");
    let value = put(out, value);
    out.extend_from_slice(b"\r\n");
    fields.push(Field { name, value, kind });
}

/// Appends `part`; says where it lies.
pub(super) fn put(out: &mut Vec<u8>, part: &[u8]) -> Span {
    let start = out.len();
    out.extend_from_slice(part);
    Span::new(start, out.len())
}

/// A value that white space does not surround (RFC 9113 section 8.2.1).
pub(super) fn trimmed(value: &HeaderValue) -> Result<&[u8], Malformed> {
    let value = value.as_bytes();
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if blank(value.first()) || blank(value.last()) {
        return Err(Malformed("white space around a field value"));
    }
    Ok(value)
}

/// Writes a response's head as HTTP/1.1 has it, and says where in it its fields lie.
pub(crate) fn write_response(out: &mut Vec<u8>, fields: &mut Vec<Field>, response: &Response<()>) {
    out.clear();
    fields.clear();
    let status = response.status();
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in response.headers() {
        put_field(out, fields, name.as_str().as_bytes(), without_blanks(value));
    }
    out.extend_from_slice(b"\r\n");
}

/// A value without white space around it, which means nothing (RFC 9110 section 5.5) and must not be there.
pub(crate) fn without_blanks(value: &HeaderValue) -> &[u8] {
    let mut value = value.as_bytes();
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The request that `text`, a head as it would go to an HTTP/1.1 backend, is over HTTP/2.
///
/// `None` when it cannot be said there.
pub(crate) fn request(text: &[u8], scheme: Scheme, takes_trailers: bool) -> Option<Request<()>> {
    let text = Bytes::copy_from_slice(text);
    let line_end = memchr(b'\r', &text)?;
    let mut line = text[..line_end].split(|&byte| byte == b' ');
    let (method, target) = (line.next()?, line.next()?);
    let mut fields = HeaderMap::with_capacity(FIELDS_USUAL);
    let host = put_lines(&mut fields, &text, line_end + 2)?;
    let target_start = method.len() + 1;
    let target =
        PathAndQuery::from_maybe_shared(text.slice(target_start..target_start + target.len())).ok()?;
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(Authority::from_maybe_shared(host?).ok()?)
        .path_and_query(target)
        .build()
        .ok()?;
    if takes_trailers {
        fields.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = uri;
    *request.version_mut() = Version::HTTP_2;
    *request.headers_mut() = fields;
    Some(request)
}

/// The response that `text`, a head as it would go to an HTTP/1.1 client, is over HTTP/2.
///
/// `None` when it cannot be said there.
pub(crate) fn response(text: &[u8]) -> Option<Response<()>> {
    let text = Bytes::copy_from_slice(text);
    let line_end = memchr(b'\r', &text)?;
    let status = StatusCode::from_bytes(text.get(9..12)?).ok()?;
    let mut response = Response::new(());
    *response.status_mut() = status;
    *response.version_mut() = Version::HTTP_2;
    response.headers_mut().reserve(FIELDS_USUAL);
    put_lines(response.headers_mut(), &text, line_end + 2)?;
    Some(response)
}

/// The fields of a trailer section in HTTP/1.1's form, its empty line included.
pub(crate) fn trailers(section: &[u8]) -> Option<HeaderMap> {
    let mut fields = HeaderMap::new();
    put_lines(&mut fields, &Bytes::copy_from_slice(section), 0)?;
    Some(fields)
}

/// Appends the fields of whole lines.
pub(crate) fn append_lines(fields: &mut HeaderMap, lines: &[u8]) -> Option<()> {
    put_lines(fields, &Bytes::from([lines, b"\r\n"].concat()), 0).map(drop)
}

/// Appends the fields of a trailer section that may be one: none that would frame, address or route the message.
pub(crate) fn write_trailers(out: &mut Vec<u8>, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if may_trail(name) {
            for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
    }
}

/// Trailer fields as they are passed on over HTTP/2.
pub(crate) fn passed_trailers(mut trailers: HeaderMap) -> HeaderMap {
    let dropped = |name: &&HeaderName| !may_trail(name);
    let dropped: Vec<HeaderName> = trailers.keys().filter(dropped).cloned().collect();
    for name in dropped {
        trailers.remove(name);
    }
    trailers
}

/// Whether a trailer field frames, addresses and routes nothing, and says nothing that Evenkeel alone may say.
fn may_trail(name: &HeaderName) -> bool {
    FieldKind::as_treated(name.as_str().as_bytes()) == FieldKind::Other
}

/// Appends the fields from `at` up to the empty line; says the value of Host. Values stay where they are: `text` is shared.
/// What holds for one HTTP/1.1 connection only is left out (RFC 9113 section 8.2.2).
fn put_lines(fields: &mut HeaderMap, text: &Bytes, mut at: usize) -> Option<Option<Bytes>> {
    let mut host = None;
    loop {
        let end = at + memchr(b'\r', text.get(at..)?)?;
        if end == at {
            return Some(host);
        }
        let colon = at + memchr(b':', &text[at..end])?;
        let start = colon + 1 + usize::from(text.get(colon + 1) == Some(&b' '));
        let value = text.slice(start.min(end)..end);
        match FieldKind::of(&text[at..colon]) {
            FieldKind::Host => host = Some(value),
            FieldKind::Connection | FieldKind::TransferEncoding | FieldKind::HopByHop => {}
            kind => {
                let name = HeaderName::from_bytes(&text[at..colon]).ok()?;
                let mut value = HeaderValue::from_maybe_shared(value).ok()?;
                value.set_sensitive(is_unique(kind));
                fields.append(name, value);
            }
        }
        at = end + 2;
    }
}

/// Whether the value of such a field is never twice the same. It stays out of the peer's table then (RFC 7541 section
/// 6.2.3), where it would drive out what does come again. The engine goes through all values of a name it has there, too.
pub(crate) fn is_unique(kind: FieldKind) -> bool {
    kind == FieldKind::RequestId
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{parse_request, understand};

    fn get(uri: &str) -> http::request::Builder {
        Request::builder().method("GET").uri(uri)
    }

    fn written(request: http::request::Builder, ends: bool) -> Result<String, Malformed> {
        let (mut out, mut fields) = (b"old".to_vec(), Vec::new());
        let line = write_request(&mut out, &mut fields, &request.body(()).unwrap(), ends)?;
        let (mut parsed, understood) = (Vec::new(), understand(&out, line, &mut fields));
        // Nobody else parses it: what it is said to be is what a parser finds.
        assert_eq!(format!("{understood:?}"), format!("{:?}", parse_request(&out, 100, &mut parsed)));
        assert_eq!(format!("{fields:?}"), format!("{parsed:?}"));
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_request_becomes_a_head_of_http_1_1() {
        let request =
            get("https://h.example:8443/a?b=c").header("accept", "*/*").header("x", "1").header("x", "2");
        assert_eq!(
            written(request, true).unwrap(),
            "GET /a?b=c HTTP/1.1\r\nHost: h.example:8443\r\naccept: */*\r\nx: 1\r\nx: 2\r\n\r\n"
        );
        assert_eq!(
            written(get("http://h/").header("host", "H"), false).unwrap(),
            "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let sized = get("/").header("host", "h").header("content-length", "5");
        assert_eq!(written(sized, false).unwrap(), "GET / HTTP/1.1\r\nHost: h\r\ncontent-length: 5\r\n\r\n");
    }

    #[test]
    fn crumbs_become_one_cookie() {
        let request = get("http://h/").header("cookie", "a=1").header("x", "y").header("cookie", "b=2; c=3");
        assert_eq!(
            written(request, true).unwrap(),
            "GET / HTTP/1.1\r\nHost: h\r\ncookie: a=1; b=2; c=3\r\nx: y\r\n\r\n"
        );
    }

    #[test]
    fn malformed_requests_are_refused() {
        for request in [
            get("/"),
            get("http://h/").header("host", "other"),
            get("/").header("host", "h").header("host", "h"),
            get("http://h/").header("x", " y"),
            get("http://h/").header("x", "y\t"),
            get("http://h/").header("cookie", "a=1 "),
            get("*").header("host", "h"),
            get("ftp://h/"),
        ] {
            assert!(written(request, true).is_err());
        }
    }

    #[test]
    fn a_head_becomes_a_request_without_what_holds_for_one_connection() {
        let text = b"POST /a?b HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\nVia:x\r\nEmpty: \r\n\r\n";
        let request = request(text, Scheme::HTTP, true).unwrap();
        assert_eq!(
            (request.method().as_str(), request.uri().to_string()),
            ("POST", "http://h:1/a?b".to_owned())
        );
        let fields: Vec<(&str, &str)> =
            request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(fields, [("x-a", "1"), ("via", "x"), ("empty", ""), ("te", "trailers")]);
    }

    #[test]
    fn only_the_id_of_a_request_stays_out_of_the_backends_table() {
        let text = b"GET / HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nX-Request-Id: 1f\r\n\r\n";
        let request = request(text, Scheme::HTTP, false).unwrap();
        let sensitive = |name: &str| request.headers()[name].is_sensitive();
        assert_eq!((sensitive("x-request-id"), sensitive("x-a")), (true, false));
    }

    #[test]
    fn responses_go_both_ways() {
        let text = b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nConnection: close\r\n\r\n";
        let response = response(text).unwrap();
        let mut out = Vec::new();
        write_response(&mut out, &mut Vec::new(), &response);
        assert_eq!(out, b"HTTP/1.1 404 Not Found\r\nset-cookie: a\r\nset-cookie: b\r\n\r\n");
    }

    #[test]
    fn trailers_may_not_frame_or_route() {
        let mut map = HeaderMap::new();
        for name in ["grpc-status", "content-length", "host", "transfer-encoding", "x_client_cert_verify"] {
            map.insert(HeaderName::from_static(name), HeaderValue::from_static("0"));
        }
        let mut out = Vec::new();
        write_trailers(&mut out, &map);
        assert_eq!(out, b"grpc-status: 0\r\n");
        assert_eq!(passed_trailers(map).len(), 1);
        assert_eq!(trailers(b"a: b\r\n\r\n").unwrap()["a"], "b");
    }
}
