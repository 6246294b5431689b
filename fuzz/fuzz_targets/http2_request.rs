//! Whatever an HTTP/2 request says, the head of HTTP/1.1 that is made of it is one head, and says the same.
#![no_main]

// Its chunks are a matter of HTTP/1.1.
#[allow(dead_code)]
mod message;

use evenkeel_proxy::http1::{BodyLength, FIELDS_MAX, HeadScanner, Scan, parse_request};
use evenkeel_proxy::http2_fuzzed::head_of;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request, Uri};
use libfuzzer_sys::fuzz_target;

/// Refused by the engine before anybody sees them (RFC 9113 section 8.2.2).
const HOP_BY_HOP: [&str; 5] = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/// Names that mean something, which chance would seldom spell; with any other number the name is as it comes.
const NAMES: [&str; 6] = ["cookie", "host", "content-length", "te", "expect", "x"];

/// A number for the name, a name, a value.
type Line<'a> = (u8, &'a [u8], &'a [u8]);
type Input<'a> = (bool, &'a [u8], &'a [u8], &'a [u8], Vec<Line<'a>>);

fuzz_target!(|input: Input<'_>| {
    let (ends, method, authority, path, lines) = input;
    let Some(request) = request(method, authority, path, &lines) else { return };
    let Some(head) = head_of(&request, ends) else { return };
    assert_eq!(HeadScanner::default().advance(&head), Scan::Complete(head.len()), "nothing ends it early");
    let mut fields = Vec::new();
    let Ok(parsed) = parse_request(&head, FIELDS_MAX, &mut fields) else { return };
    message::check_fields(&head, &fields);
    assert_eq!(parsed.method_span.slice(&head), request.method().as_str().as_bytes());
    assert_eq!(parsed.minor, 1);
    let sent = request.headers();
    let crumbs = sent.get_all("cookie").iter().count().saturating_sub(1);
    let hosts = sent.get_all("host").iter().count();
    let lengths = sent.get_all("content-length").iter().count();
    let framing = usize::from(!ends && lengths == 0);
    assert_eq!(fields.len(), sent.len() - crumbs - hosts + 1 + framing, "a field more or less");
    if lengths == 0 {
        let due = if ends { BodyLength::None } else { BodyLength::Chunked };
        assert_eq!(parsed.body, due, "the stream says where the content ends");
    }
});

/// A request as the engine would give it, or `None` where it would refuse it.
fn request(method: &[u8], authority: &[u8], path: &[u8], lines: &[Line<'_>]) -> Option<Request<()>> {
    let mut uri = Uri::builder().path_and_query(path);
    if !authority.is_empty() {
        uri = uri.scheme("http").authority(authority);
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(method).ok()?;
    *request.uri_mut() = uri.build().ok()?;
    for (number, name, value) in lines {
        let known = NAMES.get(usize::from(number % 8)).map(|name| name.as_bytes());
        let name = HeaderName::from_lowercase(known.unwrap_or(name)).ok()?;
        if HOP_BY_HOP.contains(&name.as_str()) {
            return None;
        }
        request.headers_mut().append(name, HeaderValue::from_bytes(value).ok()?);
    }
    Some(request)
}
