//! `[listener.NAME]` and `[[route]]`.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use evenkeel_core::{HostPattern, PoolId};

use super::{Allow, ServerTls};

/// `[listener.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// The NAME.
    pub name: String,
    /// Address to accept on.
    pub bind: SocketAddr,
    /// What clients speak.
    pub protocol: Protocol,
    /// Of a layer-4 listener: where all goes, with `TlsPassthrough` what no route is for. `None` with the others, whose
    /// `pool` has become a route.
    pub pool: Option<PoolId>,
    /// `Some` exactly with `Https`.
    pub tls: Option<ServerTls>,
    /// Bounds of HTTP/2; `None` when `http2 = false` and with layer 4.
    pub http2: Option<Http2>,
    /// Who begins a connection with a PROXY header; `None` is nobody.
    pub accept_proxy: Option<AcceptProxy>,
    /// Send every client to HTTPS; only with `Http`.
    pub https_redirect: Option<HttpsRedirect>,
    /// Bounds of a listener for datagrams; the defaults with the others.
    pub udp: UdpBounds,
    /// A client connection that is older gets no further request; `None` is unbounded. HTTP only.
    pub connection_age: Option<Duration>,
    /// Peers whose forwarded headers (X-Forwarded-*, Forwarded, X-Request-Id) are believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Bounds on what a client may send.
    pub limits: Limits,
    /// Bounds on how long a client may take.
    pub timeouts: ClientTimeouts,
    /// Warnings about it that are meant.
    pub allow: Vec<Allow>,
}

/// What the clients of a listener speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP in clear.
    Http,
    /// HTTP over TLS that ends here.
    Https,
    /// Anything over TCP, passed on byte by byte.
    Tcp,
    /// Datagrams.
    Udp,
    /// TLS that ends at the backend; the server name that the client asks for chooses it.
    TlsPassthrough,
}

impl Protocol {
    const ALL: [Self; 5] = [Self::Http, Self::Https, Self::Tcp, Self::Udp, Self::TlsPassthrough];

    /// As in the configuration file.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::TlsPassthrough => "tls_passthrough",
        }
    }

    /// Whether it has requests that are balanced one by one.
    pub fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.as_str() == name)
    }
}

/// Bounds of one HTTP/2 connection of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// Requests at a time, 1 or more.
    pub streams: u32,
    /// Bytes of a request's fields, decoded: the listener's `limits.header_bytes`.
    pub header_list_bytes: u32,
    /// Streams that may end in a reset, by either side, within [`crate::defaults::RESETS_WITHIN`]; then the connection
    /// ends.
    pub resets: u32,
    /// Bytes of a request body that may come before they have been passed on, for each stream.
    pub window_bytes: u32,
    /// How often a silent connection is asked whether it is still there; `None` never.
    pub ping_interval: Option<Duration>,
}

/// `accept_proxy = { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcceptProxy {
    /// Peers whose PROXY header is believed, one block or more; bytes of others are not looked at.
    pub from: Vec<IpRange>,
    /// Whether a connection that does not begin with a header that is believed is refused.
    pub required: bool,
}

/// `https_redirect = 443`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpsRedirect {
    /// Where clients find HTTPS; 443 is not written into the new location.
    pub port: u16,
}

/// `udp = { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpBounds {
    /// A session without a datagram either way ends after this.
    pub idle: Duration,
    /// Sessions at a time, over all workers, 1 or more.
    pub sessions: usize,
    /// Replies that are due for each datagram of a client; when all have come the session ends. `None` any number.
    pub replies: Option<u32>,
    /// Sessions that may begin within a second, over all workers; `None` any number.
    pub new_per_second: Option<u32>,
}

/// An address block in CIDR notation; a bare address is a block of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IpRange {
    /// First address of the block (host bits are zero).
    pub network: IpAddr,
    /// Leading bits that must agree: 0..=32 or 0..=128.
    pub prefix_len: u8,
}

/// Bounds on what one client may send.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Open connections on this listener, 1 or more; further ones wait in the kernel's queue.
    pub connections: usize,
    /// Bytes of request line plus header fields; more is 431 (414 when the request line alone is too long).
    pub header_bytes: usize,
    /// Header fields; more is 431.
    pub headers: usize,
    /// Bytes of body; more is 413. `None` is unlimited.
    pub body_bytes: Option<u64>,
}

/// Bounds on how long a client may take.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientTimeouts {
    /// From the first byte of a request to the end of its header fields; then 408.
    pub request_header: Duration,
    /// Between two reads of a request body; then 408.
    pub request_body_idle: Duration,
    /// Between two writes of a response that the client does not take; then the connection is cut.
    pub write_idle: Duration,
    /// An idle connection between requests; then it is closed.
    pub keep_alive: Duration,
    /// A PROXY header, the TLS handshake and the beginning of HTTP/2 together; then the connection is cut.
    pub handshake: Duration,
    /// A tunnel (an upgraded connection, or one of layer 4) without a byte either way; then it is cut.
    pub tunnel_idle: Duration,
}

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Only on this listener; `None` is every HTTP listener, `http` or `https`.
    pub listener: Option<String>,
    /// Which hosts; with TLS that is passed on, which server names.
    pub host: HostMatch,
    /// Path prefix by whole segments: `/api` holds for `/api` and `/api/x`, not `/apix`. Begins with `/`.
    pub path: String,
    /// Only TLS clients that offer this protocol; with `TlsPassthrough` alone.
    pub alpn: Option<String>,
    /// Target.
    pub pool: PoolId,
    /// Warnings about it that are meant.
    pub allow: Vec<Allow>,
}

/// Which `Host` a route is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// No `host` key.
    Any,
    /// `example.com`, lower case, no port.
    Exact(String),
    /// `*.example.com`: any name below `example.com`; holds `example.com`, lower case.
    Wildcard(String),
}

impl HostMatch {
    /// As a route table takes it.
    pub fn pattern(&self) -> HostPattern<'_> {
        match self {
            Self::Any => HostPattern::Any,
            Self::Exact(name) => HostPattern::Exact(name),
            Self::Wildcard(name) => HostPattern::Below(name),
        }
    }
}
