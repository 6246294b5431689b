//! A request head: parsed, and refused unless it can be read in one way only.

use std::mem::MaybeUninit;

use super::field::{self, Field, FieldKind, Span};
use super::{BodyLength, FIELDS_MAX, Malformed, upgrade};

/// A request head as ranges of the buffer it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead {
    /// The method, as a kind for decisions.
    pub method: Method,
    /// The method, as sent.
    pub method_span: Span,
    /// What is asked for.
    pub target: Target,
    /// Minor version of HTTP/1: 0 or 1.
    pub minor: u8,
    /// Authority for routing and for the `Host` field sent on; empty only in HTTP/1.0.
    pub host: Span,
    /// How its body ends.
    pub body: BodyLength,
    /// Whether the client wants the connection kept.
    pub keep_alive: bool,
    /// Whether it waits for 100 (Continue).
    pub expects_continue: bool,
    /// Whether it asks to switch to another protocol, one that may be tunnelled (RFC 9110 section 7.8). Never one with a
    /// body, nor of HTTP/1.0.
    pub upgrade: bool,
}

/// Methods whose semantics matter to a proxy (RFC 9110 section 9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`: its response has no body.
    Head,
    /// `OPTIONS`
    Options,
    /// `TRACE`: refused, it would echo credentials.
    Trace,
    /// `CONNECT`: refused, Evenkeel is not a tunnel.
    Connect,
    /// All others.
    Other,
}

impl Method {
    fn of(name: &[u8]) -> Self {
        match name {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"OPTIONS" => Self::Options,
            b"TRACE" => Self::Trace,
            b"CONNECT" => Self::Connect,
            _ => Self::Other,
        }
    }

    /// Whether it asks for nothing but an answer (RFC 9110 section 9.2.1).
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// The request target (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Path and query; begins with `/`.
    Path(Span),
    /// An absolute form without a path: `/` is meant.
    Root,
    /// An absolute form without a path but with a query: `/` and this are meant.
    RootQuery(Span),
    /// `*`, for OPTIONS.
    Asterisk,
}

/// Parses `head`, a whole head as found by [`super::HeadScanner`]. `fields` is cleared and filled.
///
/// # Errors
/// [`Malformed`] with the status to answer, when RFC 9112 calls the request invalid or when two recipients
/// might read it differently.
pub fn parse_request(
    head: &[u8],
    fields_max: usize,
    fields: &mut Vec<Field>,
) -> Result<RequestHead, Malformed> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let slots = &mut slots[..fields_max.min(FIELDS_MAX)];
    let mut request = httparse::Request::new(&mut []);
    let parsed =
        httparse::ParserConfig::default().parse_request_with_uninit_headers(&mut request, head, slots);
    match parsed {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => {
            return Err(Malformed::request("the header section does not end where its empty line is"));
        }
        Err(error) => return Err(refuse(error, head)),
    }
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(Malformed::request("incomplete request line"));
    };
    field::collect(head, request.headers, fields);
    let line =
        Line { method: Span::of(head, method.as_bytes()), target: Span::of(head, target.as_bytes()), minor };
    understand(head, line, fields)
}

/// More fields than a request may have.
pub(crate) const TOO_MANY_FIELDS: Malformed = Malformed { status: 431, detail: "too many header fields" };

/// A request line in parts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) method: Span,
    pub(crate) target: Span,
    pub(crate) minor: u8,
}

/// What a request line and the fields behind it mean, whichever version of HTTP they came in. They lie in `head`, and
/// have no bytes in them but those that a method, names and values may have.
///
/// # Errors
/// As of [`parse_request`].
pub(crate) fn understand(head: &[u8], line: Line, fields: &mut [Field]) -> Result<RequestHead, Malformed> {
    let Line { method, target, minor } = line;
    let options = field::connection_options(head, fields)
        .ok_or(Malformed::request("Connection names a field that frames or addresses the message"))?;
    let method_kind = Method::of(method.slice(head));
    let (target, authority) = parse_target(head, target.slice(head), method_kind)?;
    let host = host(head, fields, authority, minor)?;
    let keep_alive = !options.close && (minor == 1 || options.keep_alive);
    let body = body_length(head, fields, minor)?;
    let may_switch = options.upgrade && minor == 1 && body == BodyLength::None;
    Ok(RequestHead {
        method: method_kind,
        method_span: method,
        target,
        minor,
        host,
        body,
        keep_alive,
        expects_continue: expectation(head, fields, minor)?,
        upgrade: may_switch && upgrade::is_offer(head, fields),
    })
}

fn refuse(error: httparse::Error, head: &[u8]) -> Malformed {
    match error {
        httparse::Error::TooManyHeaders => TOO_MANY_FIELDS,
        httparse::Error::Version if names_another_version(head) => {
            Malformed { status: 505, detail: "only HTTP/1.0 and HTTP/1.1 are spoken here" }
        }
        httparse::Error::Version => Malformed::request("invalid HTTP version"),
        httparse::Error::Token => Malformed::request("invalid character in the request line"),
        httparse::Error::HeaderName => Malformed::request("invalid header field name"),
        httparse::Error::HeaderValue => Malformed::request("invalid character in a header field value"),
        httparse::Error::NewLine => Malformed::request("a line does not end in CR LF"),
        _ => Malformed::request("invalid request line"),
    }
}

/// Whether the request line ends in a well-formed version that is not ours.
fn names_another_version(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
    matches!(version, [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
        if major.is_ascii_digit() && minor.is_ascii_digit() && !(*major == b'1' && *minor <= b'1'))
}

fn parse_target(head: &[u8], target: &[u8], method: Method) -> Result<(Target, Option<Span>), Malformed> {
    match method {
        Method::Connect => {
            return Err(Malformed { status: 405, detail: "CONNECT is not offered" });
        }
        Method::Trace => {
            return Err(Malformed { status: 405, detail: "TRACE is not offered" });
        }
        _ => {}
    }
    if !target.iter().all(|&byte| (0x21..0x7f).contains(&byte) && byte != b'#') {
        return Err(Malformed::request("invalid character in the request target"));
    }
    if target.first() == Some(&b'/') {
        return Ok((Target::Path(Span::of(head, target)), None));
    }
    if target == b"*" {
        return match method {
            Method::Options => Ok((Target::Asterisk, None)),
            _ => Err(Malformed::request("the target * is for OPTIONS only")),
        };
    }
    absolute_form(head, target)
}

/// `http://authority/path`: the authority replaces the Host field (RFC 9112 section 3.2.2).
fn absolute_form(head: &[u8], target: &[u8]) -> Result<(Target, Option<Span>), Malformed> {
    let scheme_end = [&b"http://"[..], b"https://"]
        .iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .map(|scheme| scheme.len())
        .ok_or(Malformed::request("the request target is neither a path nor an http URL"))?;
    let rest = &target[scheme_end..];
    let authority_end = rest.iter().position(|&byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(authority_end);
    if authority.is_empty() {
        return Err(Malformed::request("the request target has no authority"));
    }
    let target = match path.first() {
        None => Target::Root,
        Some(b'?') => Target::RootQuery(Span::of(head, path)),
        Some(_) => Target::Path(Span::of(head, path)),
    };
    Ok((target, Some(Span::of(head, authority))))
}

fn host(head: &[u8], fields: &[Field], authority: Option<Span>, minor: u8) -> Result<Span, Malformed> {
    let mut hosts = fields.iter().filter(|field| field.kind == FieldKind::Host);
    let first = hosts.next();
    if hosts.next().is_some() {
        return Err(Malformed::request("more than one Host field"));
    }
    let host = match (first, authority) {
        (None, _) if minor == 1 => return Err(Malformed::request("no Host field")),
        (_, Some(authority)) => authority,
        (Some(field), None) => field.value,
        (None, None) => return Ok(Span::default()),
    };
    for candidate in first.map(|field| field.value).into_iter().chain([host]) {
        if !is_authority(candidate.slice(head)) {
            return Err(Malformed::request("invalid Host"));
        }
    }
    Ok(host)
}

/// `uri-host [":" port]` (RFC 9110 section 7.2), without user information. An empty value is not accepted:
/// it can only mean that the client does not know what it asks for.
fn is_authority(value: &[u8]) -> bool {
    let (name, port) = if value.first() == Some(&b'[') {
        let Some(end) = value.iter().position(|&byte| byte == b']') else {
            return false;
        };
        let inside = &value[1..end];
        let is_address =
            std::str::from_utf8(inside).is_ok_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok());
        if !is_address {
            return false;
        }
        (inside, &value[end + 1..])
    } else {
        let end = value.iter().position(|&byte| byte == b':').unwrap_or(value.len());
        let name = &value[..end];
        if !name.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%".contains(&byte)) {
            return false;
        }
        (name, &value[end..])
    };
    let port_is_valid = match port {
        [] => true,
        [b':'] => true,
        [b':', digits @ ..] => field::content_length(digits).is_some_and(|port| port <= 65_535),
        _ => false,
    };
    !name.is_empty() && port_is_valid
}

fn body_length(head: &[u8], fields: &[Field], minor: u8) -> Result<BodyLength, Malformed> {
    let mut length = None;
    let mut coding = None;
    for field in fields {
        let slot = match field.kind {
            FieldKind::ContentLength => &mut length,
            FieldKind::TransferEncoding => &mut coding,
            _ => continue,
        };
        if slot.replace(field.value.slice(head)).is_some() {
            return Err(Malformed::request(
                "a framing field (Content-Length, Transfer-Encoding) is repeated",
            ));
        }
    }
    match (length, coding) {
        (None, None) => Ok(BodyLength::None),
        (Some(_), Some(_)) => Err(Malformed::request("both Content-Length and Transfer-Encoding")),
        (Some(value), None) => match field::content_length(value) {
            Some(0) => Ok(BodyLength::None),
            Some(length) => Ok(BodyLength::Length(length)),
            None => Err(Malformed::request("invalid Content-Length")),
        },
        (None, Some(_)) if minor == 0 => Err(Malformed::request("Transfer-Encoding in HTTP/1.0")),
        (None, Some(value)) if value.eq_ignore_ascii_case(b"chunked") => Ok(BodyLength::Chunked),
        (None, Some(_)) => {
            Err(Malformed { status: 501, detail: "the only transfer coding understood is chunked" })
        }
    }
}

fn expectation(head: &[u8], fields: &[Field], minor: u8) -> Result<bool, Malformed> {
    let mut expects = false;
    for field in fields.iter().filter(|field| field.kind == FieldKind::Expect) {
        if !field.value.slice(head).eq_ignore_ascii_case(b"100-continue") {
            return Err(Malformed { status: 417, detail: "the only expectation understood is 100-continue" });
        }
        // A server ignores the expectation of an HTTP/1.0 client (RFC 9110 section 10.1.1).
        expects = minor == 1;
    }
    Ok(expects)
}

#[cfg(test)]
#[path = "request_tests.rs"]
mod tests;
