//! Heads between HTTP/2's form and HTTP/1.1's.
//!
//! Inside, a head is the text of HTTP/1.1, read by the one strict parser: what routes, hashes, rewrites and logs requests
//! has one form to know. Here that text is made of what a peer sent as fields, and fields of the text that is sent on.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Method, Request, Response, StatusCode, Version};
use memchr::memchr;

use crate::http1::FieldKind;

/// Fields that usual heads have at most.
const FIELDS_USUAL: usize = 16;

/// What makes a request malformed (RFC 9113 section 8.1.1): its stream is reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) &'static str);

/// Writes a request's head as HTTP/1.1 has it. `ends` when no content follows.
///
/// # Errors
/// What RFC 9113 section 8 forbids and the protocol engine lets through.
pub(crate) fn write_request<B>(out: &mut Vec<u8>, request: &Request<B>, ends: bool) -> Result<(), Malformed> {
    let fields = request.headers();
    let authority = authority(request.uri(), fields)?;
    let is_http = |scheme: &str| scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if request.uri().scheme_str().is_some_and(|scheme| !is_http(scheme)) {
        return Err(Malformed(":scheme is neither http nor https"));
    }
    out.clear();
    put(out, &[request.method().as_str().as_bytes(), b" "]);
    if request.method() == Method::CONNECT {
        out.extend_from_slice(authority);
    } else {
        let path = request.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let asks_for_all = path == "*" && request.method() == Method::OPTIONS;
        if !path.starts_with('/') && !asks_for_all {
            return Err(Malformed(":path does not begin with a slash"));
        }
        out.extend_from_slice(path.as_bytes());
    }
    put(out, &[b" HTTP/1.1\r\nHost: ", authority, b"\r\n"]);
    for name in fields.keys() {
        if name == header::COOKIE {
            put_cookies(out, fields)?;
        } else if name != header::HOST {
            put_field(out, fields, name)?;
        }
    }
    if !ends && !fields.contains_key(header::CONTENT_LENGTH) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
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

pub(super) fn put_field(out: &mut Vec<u8>, fields: &HeaderMap, name: &HeaderName) -> Result<(), Malformed> {
    for value in fields.get_all(name) {
        put(out, &[name.as_str().as_bytes(), b": ", trimmed(value)?, b"\r\n"]);
    }
    Ok(())
}

/// Peers may split a cookie field for the sake of compression; HTTP/1.1 has one (RFC 9113 section 8.2.3).
pub(super) fn put_cookies(out: &mut Vec<u8>, fields: &HeaderMap) -> Result<(), Malformed> {
    out.extend_from_slice(b"cookie: ");
    for (place, crumb) in fields.get_all(header::COOKIE).iter().enumerate() {
        put(out, &[if place == 0 { b"" } else { b"; " }, trimmed(crumb)?]);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A value that white space does not surround (RFC 9113 section 8.2.1).
fn trimmed(value: &HeaderValue) -> Result<&[u8], Malformed> {
    let value = value.as_bytes();
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if blank(value.first()) || blank(value.last()) {
        return Err(Malformed("white space around a field value"));
    }
    Ok(value)
}

/// Writes a response's head as HTTP/1.1 has it.
pub(crate) fn write_response<B>(out: &mut Vec<u8>, response: &Response<B>) {
    out.clear();
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    put(out, &[b"HTTP/1.1 ", status.as_str().as_bytes(), b" ", reason.as_bytes(), b"\r\n"]);
    for (name, value) in response.headers() {
        put(out, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The request that `text`, a head as it would go to an HTTP/1.1 backend, is over HTTP/2.
///
/// `None` when it cannot be said there.
pub(crate) fn request(text: &[u8], scheme: Scheme, takes_trailers: bool) -> Option<Request<()>> {
    let text = Bytes::copy_from_slice(text);
    let line_end = memchr(b'\r', &text)?;
    let mut line = text[..line_end].split(|&byte| byte == b' ');
    let (method, target) = (line.next()?, line.next()?);
    let (mut fields, host) = fields(&text, line_end + 2)?;
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
    *response.headers_mut() = fields(&text, line_end + 2)?.0;
    Some(response)
}

/// The fields of a trailer section in HTTP/1.1's form, its empty line included.
pub(crate) fn trailers(section: &[u8]) -> Option<HeaderMap> {
    Some(fields(&Bytes::copy_from_slice(section), 0)?.0)
}

/// Appends the fields of a trailer section that may be one: none that would frame, address or route the message.
pub(crate) fn write_trailers(out: &mut Vec<u8>, trailers: &HeaderMap) {
    for (name, value) in trailers {
        if may_trail(name) {
            put(out, &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"]);
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

/// Fields from `at` up to the empty line, and the value of Host. Values stay where they are: `text` is shared.
/// What holds for one HTTP/1.1 connection only is left out (RFC 9113 section 8.2.2).
fn fields(text: &Bytes, mut at: usize) -> Option<(HeaderMap, Option<Bytes>)> {
    let mut map = HeaderMap::with_capacity(FIELDS_USUAL);
    let mut host = None;
    loop {
        let end = at + memchr(b'\r', text.get(at..)?)?;
        if end == at {
            return Some((map, host));
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
                // Never twice the same, so it stays out of the peer's table (RFC 7541 section 6.2.3), where it would drive
                // out what does come again. The engine goes through all values of a name it has there, too.
                value.set_sensitive(kind == FieldKind::RequestId);
                map.append(name, value);
            }
        }
        at = end + 2;
    }
}

pub(super) fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(uri: &str) -> http::request::Builder {
        Request::builder().method("GET").uri(uri)
    }

    fn written(request: http::request::Builder, ends: bool) -> Result<String, Malformed> {
        let mut out = b"old".to_vec();
        write_request(&mut out, &request.body(()).unwrap(), ends)?;
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
        write_response(&mut out, &response);
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
