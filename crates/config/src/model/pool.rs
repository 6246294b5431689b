//! `[pool.NAME]` and its backends.

use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_core::{
    BackendId, Intent, Placement, PoolId, Ratio, Shaping, StrategyKind, StrategySettings, Weight,
};

use super::{Allow, Expect, Health, Passive, UpstreamTls};

/// `[pool.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Pool {
    /// The NAME.
    pub id: PoolId,
    /// How it picks.
    pub strategy: StrategyKind,
    /// What the strategy is told beside the weights.
    pub settings: StrategySettings,
    /// What a hashing strategy goes by; `None` with the others.
    pub hash: Option<HashKey>,
    /// Whether keys that make traffic uneven are told as they are, not by their hash.
    pub show_keys: bool,
    /// Slow start, tiers, zones, subset.
    pub shaping: Shaping,
    /// Sessions that keep their backend; `None` when off.
    pub sticky: Option<Sticky>,
    /// Where requests wait while every backend is at its `max_in_flight`.
    pub queue: Queue,
    /// How `prequal` asks backends how they are; `None` with the others.
    pub probe: Option<LoadProbe>,
    /// What the operator means the shares to be.
    pub intent: Intent,
    /// At least one, in file order.
    pub backends: Vec<Backend>,
    /// What its backends speak to HTTP listeners.
    pub protocol: UpstreamProtocol,
    /// TLS towards the backends; `None` is clear text.
    pub tls: Option<UpstreamTls>,
    /// The PROXY header that begins each connection to a backend; `None` is none.
    pub send_proxy: Option<ProxyVersion>,
    /// Requests at a time on one HTTP/2 connection, 1 or more.
    pub streams_max: u32,
    /// Whether requests may switch the protocol of their connection, as WebSocket does.
    pub upgrade: bool,
    /// Active checks; `None` when off.
    pub health: Option<Health>,
    /// Ejection on consecutive failures; `None` when `passive = false`.
    pub passive: Option<Passive>,
    /// Below this share of healthy backends all are used; 0 never.
    pub panic_threshold: Ratio,
    /// Bounds on how long a backend may take.
    pub timeouts: UpstreamTimeouts,
    /// Reuse of connections to backends.
    pub keep_alive: UpstreamKeepAlive,
    /// Attempts for one request in all, 1 or more; only a request that was never processed is tried again.
    pub max_attempts: u32,
    /// What it must hold to; `None` is nothing.
    pub expect: Option<Expect>,
    /// Warnings about it that are meant.
    pub allow: Vec<Allow>,
}

/// What backends speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// `"http1"`: HTTP/1.1.
    Http1,
    /// `"http2"`: HTTP/2; without TLS, by prior knowledge (RFC 9113, section 3.3).
    Http2,
}

/// Versions of the PROXY header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// `"v1"`: a line of text.
    V1,
    /// `"v2"`: binary.
    V2,
}

/// One entry of `backends`.
#[derive(Clone, Debug, PartialEq)]
pub struct Backend {
    /// `name`, or the address as written.
    pub id: BackendId,
    /// Where it is.
    pub address: BackendAddress,
    /// Share relative to the others.
    pub weight: Weight,
    /// Relative size of the machine, above 0; `None` when not declared.
    pub capacity: Option<f64>,
    /// False takes it out of balancing without removing its entry.
    pub enabled: bool,
    /// Tier, zone, limit, draining.
    pub placement: Placement,
    /// Warnings about it that are meant.
    pub allow: Vec<Allow>,
}

/// `hash = { ... }`: what requests are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// `header = "X-User"`: the value of a request field.
    Header(String),
    /// `cookie = "session"`: the value of a cookie.
    Cookie(String),
    /// `query = "user"`: the value of a query parameter.
    Query(String),
    /// `path = true`: the path, without its query.
    Path,
    /// `source = true`: the client's address, as far as these prefixes.
    Source {
        /// Bits of an IPv4 address, 1..=32.
        ipv4: u8,
        /// Bits of an IPv6 address, 1..=128.
        ipv6: u8,
    },
}

/// `sticky = { ... }`: a cookie of ours names the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// Name of the cookie.
    pub cookie: String,
    /// How long the browser keeps it; `None` until it is closed.
    pub ttl: Option<Duration>,
    /// Path of the cookie.
    pub path: String,
    /// Sent over TLS only.
    pub secure: bool,
    /// Hidden from scripts.
    pub http_only: bool,
    /// Sent along from other sites.
    pub same_site: SameSite,
}

/// The attribute of a cookie that says whether other sites' requests carry it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// When a link is followed.
    Lax,
    /// Always; needs `secure`.
    None,
}

/// `queue = { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests that may wait; 0 answers 503 at once.
    pub size: usize,
    /// How long one waits; then 503.
    pub timeout: Duration,
    /// Request field whose number says who goes first, 0..=9, 9 first, 4 when absent; `None` is first come, first
    /// served.
    pub priority: Option<String>,
}

/// `probe = { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadProbe {
    /// Asked by GET. An `endpoint-load-metrics` field of the answer says how many requests are in flight.
    pub path: String,
    /// A probe that takes longer says nothing.
    pub timeout: Duration,
}

/// Address of a backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BackendAddress {
    /// `10.0.0.1:80`, `[::1]:80`
    Socket(SocketAddr),
    /// `app.internal:80`: resolved at start and again every [`crate::defaults::RESOLVE_INTERVAL`].
    Name {
        /// Host name.
        host: String,
        /// Port.
        port: u16,
    },
}

/// Bounds on how long a backend may take.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamTimeouts {
    /// To open a connection; then 504 or another backend.
    pub connect: Duration,
    /// From the end of the request to the response header; then 504.
    pub response_header: Duration,
    /// Between two reads of a response body; then the connection is cut.
    pub response_idle: Duration,
    /// The whole request, first byte in to last byte out; `None` is unbounded.
    pub total: Option<Duration>,
}

/// Reuse of connections to backends.
#[derive(Clone, Debug, PartialEq)]
pub struct UpstreamKeepAlive {
    /// Idle connections kept per backend and worker; 0 opens one for each request.
    pub idle_max: usize,
    /// An idle one is closed after this.
    pub idle_timeout: Duration,
    /// None is reused when older than this.
    pub max_age: Duration,
}
