//! Rewrites heads: what a backend and a client get to see of the other's.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use crate::http1::{BodyLength, Field, FieldKind, RequestHead, ResponseHead, Target, offered};
use crate::pool::SetCookie;
use crate::tls::Secured;
use crate::transport::Transport;

use super::grpc;
use super::stream_heads::Said;

/// What Evenkeel calls itself in `Via` and `Proxy-Status`.
pub(crate) const PSEUDONYM: &str = "evenkeel";

/// What the fields that are added usually take.
const ADDED: usize = 512;

/// The client, in the forms that heads need; made once a connection.
#[derive(Debug)]
pub(crate) struct ClientNames {
    /// `192.0.2.1` or `2001:db8::1`
    pub(crate) address: Box<str>,
    /// The same as a `Forwarded` node: IPv6 is bracketed and quoted (RFC 7239 section 6).
    node: Box<str>,
    /// What is known from the handshake; `None` without TLS.
    pub(crate) secured: Option<Arc<Secured>>,
    /// What backends of HTTP/2 were told of it last, while it was a stranger.
    pub(super) said: Mutex<Option<Box<Said>>>,
}

impl ClientNames {
    pub(crate) fn new(peer: SocketAddr) -> Self {
        let ip = peer.ip().to_canonical();
        let node = match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("\"[{ip}]\""),
        };
        Self { address: ip.to_string().into(), node: node.into(), secured: None, said: Mutex::default() }
    }

    /// A client that came over `stream`.
    pub(crate) fn over(self, stream: &Transport) -> Self {
        Self { secured: stream.secured().cloned(), ..self }
    }

    /// How it came, as URLs have it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secured.is_some() { "https" } else { "http" }
    }
}

/// A request as it arrived.
#[derive(Clone, Copy)]
pub(crate) struct Incoming<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) head: &'a RequestHead,
    pub(crate) fields: &'a [Field],
    /// Whether what it says of earlier hops is believed.
    pub(crate) from_trusted: bool,
    pub(crate) client: &'a ClientNames,
    pub(crate) request_id: &'a [u8],
    /// Whether it came over HTTP/2; its head has been put into HTTP/1.1's form since.
    pub(crate) over_http2: bool,
}

impl<'a> Incoming<'a> {
    /// Path and query.
    pub(crate) fn path(&self) -> &'a [u8] {
        match self.head.target {
            Target::Path(span) => span.slice(self.bytes),
            Target::Root => b"/",
            Target::RootQuery(span) => span.slice(self.bytes),
            Target::Asterisk => b"*",
        }
    }

    /// Whether it asks for the stream of HTTP/2 that it came on to become a tunnel. What a client of HTTP/1.1 writes to ask
    /// for that would make a request of HTTP/2 malformed, so it is written by Evenkeel.
    pub(crate) fn asks_for_tunnel(&self) -> bool {
        self.over_http2 && self.head.upgrade
    }

    /// Authority: empty only in HTTP/1.0.
    pub(crate) fn host(&self) -> &'a [u8] {
        self.head.host.slice(self.bytes)
    }

    /// Whether it is a call of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        self.values(b"content-type").next().is_some_and(grpc::is_grpc)
    }

    /// Whether the client takes trailers: the one thing that TE may say over HTTP/2.
    pub(crate) fn takes_trailers(&self) -> bool {
        self.values(b"te").any(|value| value.eq_ignore_ascii_case(b"trailers"))
    }

    /// Values of the fields called `name`, in any case, in the order sent.
    pub(crate) fn values<'b>(&self, name: &'b [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'b> {
        let (bytes, fields) = (self.bytes, self.fields);
        let named = fields.iter().filter(move |field| field.name.slice(bytes).eq_ignore_ascii_case(name));
        named.map(move |field| field.value.slice(bytes))
    }
}

/// The request head that the backend at `address` gets. With `upgrade` the protocols that the client offers are offered.
pub(crate) fn request_head(out: &mut Vec<u8>, request: &Incoming<'_>, address: SocketAddr, upgrade: bool) {
    out.clear();
    out.reserve(request.bytes.len() + ADDED);
    put(out, &[request.head.method_span.slice(request.bytes), b" "]);
    if matches!(request.head.target, Target::RootQuery(_)) {
        out.push(b'/');
    }
    put(out, &[request.path(), b" HTTP/1.1\r\nHost: "]);
    if request.head.host.is_empty() {
        // Only HTTP/1.0 may come without; HTTP/1.1 needs one.
        put_display(out, address);
    } else {
        out.extend_from_slice(request.host());
    }
    out.extend_from_slice(b"\r\n");
    put_fields(out, request.bytes, request.fields, |kind| passes_to_backend(kind, request));
    if request.head.body == BodyLength::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if upgrade {
        put_upgrade(out, request.bytes, request.fields);
    }
    add_fields(request, |field, value| {
        out.extend_from_slice(field.line_start());
        put(out, value);
        out.extend_from_slice(b"\r\n");
    });
    if let Some(secured) = &request.client.secured {
        out.extend_from_slice(secured.fields());
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a field of `request` is for the backend. Host is, but goes ahead of the others; what else Evenkeel says of the
/// client or of the connection it says itself.
pub(super) fn passes_to_backend(kind: FieldKind, request: &Incoming<'_>) -> bool {
    match kind {
        FieldKind::Other | FieldKind::UserAgent | FieldKind::Referer | FieldKind::Date => true,
        FieldKind::Expect => request.head.expects_continue,
        FieldKind::ContentLength => true,
        FieldKind::ForwardedOther => request.from_trusted,
        FieldKind::Host
        | FieldKind::TransferEncoding
        | FieldKind::Connection
        | FieldKind::HopByHop
        | FieldKind::RequestId
        | FieldKind::ForwardedFor
        | FieldKind::Forwarded
        | FieldKind::ClientCertificate => false,
    }
}

/// What every request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    ForwardedFor,
    ForwardedProto,
    ForwardedHost,
    Forwarded,
    RequestId,
    Via,
}

impl Added {
    /// Its name as a line begins with it.
    fn line_start(self) -> &'static [u8] {
        match self {
            Self::ForwardedFor => b"X-Forwarded-For: ",
            Self::ForwardedProto => b"X-Forwarded-Proto: ",
            Self::ForwardedHost => b"X-Forwarded-Host: ",
            Self::Forwarded => b"Forwarded: ",
            Self::RequestId => b"X-Request-Id: ",
            Self::Via => b"Via: ",
        }
    }
}

/// Says the names and values, in parts, of what the backend gets beside the client's own fields. What an untrusted client
/// says of itself has been dropped; what a trusted proxy says is kept and added to.
pub(super) fn add_fields(request: &Incoming<'_>, mut add: impl FnMut(Added, &[&[u8]])) {
    let host = request.host();
    let scheme = request.client.scheme().as_bytes();
    add(
        Added::ForwardedFor,
        &[&earlier(request, FieldKind::ForwardedFor), request.client.address.as_bytes()],
    );
    let says = |name: &str| {
        request.from_trusted
            && request.fields.iter().any(|field| {
                field.kind == FieldKind::ForwardedOther
                    && field.name.slice(request.bytes).eq_ignore_ascii_case(name.as_bytes())
            })
    };
    if !says("x-forwarded-proto") {
        add(Added::ForwardedProto, &[scheme]);
    }
    if !host.is_empty() && !says("x-forwarded-host") {
        add(Added::ForwardedHost, &[host]);
    }
    let (before, after): (&[u8], &[u8]) = if host.is_empty() { (b"", b"") } else { (b";host=\"", b"\"") };
    let earlier = earlier(request, FieldKind::Forwarded);
    let node = request.client.node.as_bytes();
    add(Added::Forwarded, &[&earlier, b"for=", node, before, host, after, b";proto=", scheme]);
    add(Added::RequestId, &[request.request_id]);
    // The version that was received, not the one that is sent (RFC 9110 section 7.6.3).
    let version: &[u8] = match (request.over_http2, request.head.minor) {
        (true, _) => b"2.0 ",
        (false, 0) => b"1.0 ",
        (false, _) => b"1.1 ",
    };
    add(Added::Via, &[version, PSEUDONYM.as_bytes()]);
}

/// The values that a trusted proxy sent, each followed by a comma.
fn earlier(request: &Incoming<'_>, kind: FieldKind) -> Vec<u8> {
    let mut values = Vec::new();
    if request.from_trusted {
        for field in request.fields.iter().filter(|field| field.kind == kind && !field.value.is_empty()) {
            put(&mut values, &[field.value.slice(request.bytes), b", "]);
        }
    }
    values
}

/// How the body of a response is framed towards the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// No body, or as many bytes as the head says.
    AsIs,
    /// Chunked, whether the backend's was or not.
    Chunked,
    /// Until the connection closes: for HTTP/1.0 clients.
    UntilClose,
}

/// How a response with `body` reaches a client that speaks HTTP/1.`minor`.
pub(crate) fn framing(body: BodyLength, minor: u8) -> Framing {
    match body {
        BodyLength::None | BodyLength::Length(_) => Framing::AsIs,
        BodyLength::Chunked | BodyLength::UntilClose if minor == 1 => Framing::Chunked,
        BodyLength::Chunked | BodyLength::UntilClose => Framing::UntilClose,
    }
}

/// What the client is told beside the backend's response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beside<'a> {
    pub(crate) framing: Framing,
    /// Whether the connection stays.
    pub(crate) keep: bool,
    /// Minor version of the request: HTTP/1.0 must be told that the connection stays.
    pub(crate) minor: u8,
    pub(crate) set_cookie: Option<SetCookie<'a>>,
}

/// Appends the response head that the client gets to `out`.
pub(crate) fn response_head<D: AsRef<[u8]>>(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &ResponseHead,
    fields: &[Field],
    beside: Beside<'_>,
    date: impl FnOnce() -> D,
) {
    status_line(out, bytes, head);
    put_fields(out, bytes, fields, passes_to_client);
    if !head.has_date {
        put(out, &[b"Date: ", date().as_ref(), b"\r\n"]);
    }
    if let Some(cookie) = beside.set_cookie {
        cookie.put(out);
    }
    if beside.framing == Framing::Chunked {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    if !beside.keep {
        out.extend_from_slice(b"Connection: close\r\n");
    } else if beside.minor == 0 {
        out.extend_from_slice(b"Connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends an interim response, such as 100 (Continue) or 103 (Early Hints).
pub(crate) fn interim_head(out: &mut Vec<u8>, bytes: &[u8], head: &ResponseHead, fields: &[Field]) {
    status_line(out, bytes, head);
    put_fields(out, bytes, fields, passes_to_client);
    out.extend_from_slice(b"\r\n");
}

/// Appends the head of a response after which the connection is a tunnel.
pub(crate) fn switch_head(
    out: &mut Vec<u8>,
    bytes: &[u8],
    head: &ResponseHead,
    fields: &[Field],
    set_cookie: Option<SetCookie<'_>>,
) {
    status_line(out, bytes, head);
    put_fields(out, bytes, fields, passes_to_client);
    if let Some(cookie) = set_cookie {
        cookie.put(out);
    }
    put_upgrade(out, bytes, fields);
    out.extend_from_slice(b"\r\n");
}

/// Both fields that it takes to switch protocols, with those that may be.
fn put_upgrade(out: &mut Vec<u8>, bytes: &[u8], fields: &[Field]) {
    out.extend_from_slice(b"Connection: Upgrade\r\nUpgrade: ");
    for (index, protocol) in offered(bytes, fields).enumerate() {
        put(out, &[if index > 0 { b", " } else { b"" }, protocol]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Whether a field of a response is for the client.
pub(super) fn passes_to_client(kind: FieldKind) -> bool {
    !matches!(kind, FieldKind::TransferEncoding | FieldKind::Connection | FieldKind::HopByHop)
}

fn status_line(out: &mut Vec<u8>, bytes: &[u8], head: &ResponseHead) {
    let digits = [head.status / 100, head.status / 10 % 10, head.status % 10].map(|digit| b'0' + digit as u8);
    put(out, &[b"HTTP/1.1 ", &digits, b" ", head.reason.slice(bytes), b"\r\n"]);
}

/// Appends the lines of the fields that pass. Neighbours that arrived as they are sent are copied together.
fn put_fields(out: &mut Vec<u8>, bytes: &[u8], fields: &[Field], passes: impl Fn(FieldKind) -> bool) {
    let mut together = 0..0;
    for field in fields.iter().filter(|field| passes(field.kind)) {
        let line = field.canonical_line(bytes);
        match line {
            Some(line) if line.start == together.end => together.end = line.end,
            Some(line) => out.extend_from_slice(&bytes[std::mem::replace(&mut together, line)]),
            None => {
                out.extend_from_slice(&bytes[std::mem::replace(&mut together, 0..0)]);
                put_field(out, bytes, field);
            }
        }
    }
    out.extend_from_slice(&bytes[together]);
}

/// Appends one field line.
pub(crate) fn put_field(out: &mut Vec<u8>, bytes: &[u8], field: &Field) {
    put(out, &[field.name.slice(bytes), b": ", field.value.slice(bytes), b"\r\n"]);
}

fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

/// For what is neither frequent nor long.
fn put_display(out: &mut Vec<u8>, value: impl std::fmt::Display) {
    let mut text = String::new();
    if write!(text, "{value}").is_ok() {
        out.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
#[path = "forward_tests.rs"]
pub(crate) mod tests;
