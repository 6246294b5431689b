//! The checked configuration: what the rest of Evenkeel reads.
//!
//! A `Config` exists only when the file had no error, so nothing downstream validates again.
//! Every value is present; where the file was silent it holds the default of [`crate::defaults`].

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    BackendId, Intent, Placement, PoolId, Ratio, Shaping, StrategyKind, StrategySettings, Weight,
};

/// A whole configuration file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The read-only HTTP interface: metrics, health, pools. `None` when `admin = false`.
    pub admin: Option<Admin>,
    /// Worker threads and shutdown.
    pub runtime: Runtime,
    /// Log and access log.
    pub log: Log,
    /// Listeners in file order.
    pub listeners: Vec<Listener>,
    /// Routes in file order; precedence is by specificity, not by order.
    pub routes: Vec<Route>,
    /// Pools in file order.
    pub pools: Vec<Pool>,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Where it listens; loopback by default.
    pub listen: SocketAddr,
}

/// `[runtime]`
#[derive(Clone, Debug, PartialEq)]
pub struct Runtime {
    /// Data-path threads; `None` means one per core.
    pub workers: Option<usize>,
    /// After SIGTERM: how long readiness is red while connections are still accepted.
    pub lame_duration: Duration,
    /// After that: how long running requests may take before they are cut.
    pub drain_timeout: Duration,
    /// Where this process is; `None` when not said.
    pub zone: Option<Arc<str>>,
    /// Which of the instances in front of the same backends this is, 0 and up; `None` when not said.
    pub instance: Option<u32>,
}

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// Events below this are not written.
    pub level: LogLevel,
    /// How events look.
    pub format: LogFormat,
    /// The access log; `None` writes none.
    pub access: Option<AccessLog>,
}

/// Severity of log events, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

/// How log events look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    Auto,
    /// One readable line an event.
    Human,
    /// One JSON object an event.
    Json,
}

/// `[log] access = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// A file (reopened on SIGUSR1), or standard output for `"-"`.
    pub path: AccessLogPath,
    /// JSON or the combined format with Evenkeel's fields appended.
    pub format: AccessLogFormat,
}

/// Where the access log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLogPath {
    /// `"-"`
    Stdout,
    /// Anything else.
    File(PathBuf),
}

/// Format of the access log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// One JSON object a request.
    Json,
    /// Apache/nginx combined, then Evenkeel's fields as `key=value`.
    Combined,
}

/// `[listener.NAME]`
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// The NAME.
    pub name: String,
    /// Address to accept on.
    pub bind: SocketAddr,
    /// Peers whose forwarded headers (X-Forwarded-*, Forwarded, X-Request-Id) are believed.
    pub trusted_proxies: Vec<IpRange>,
    /// Bounds on what a client may send.
    pub limits: Limits,
    /// Bounds on how long a client may take.
    pub timeouts: ClientTimeouts,
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
}

/// `[[route]]`
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Only on this listener; `None` is every HTTP listener.
    pub listener: Option<String>,
    /// Which hosts.
    pub host: HostMatch,
    /// Path prefix by whole segments: `/api` holds for `/api` and `/api/x`, not `/apix`. Begins with `/`.
    pub path: String,
    /// Target.
    pub pool: PoolId,
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

/// `health = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// What is asked.
    pub check: Check,
    /// Between the starts of two checks of one backend.
    pub interval: Duration,
    /// A check that takes longer has failed; at most `interval`.
    pub timeout: Duration,
    /// Passes in a row until an unhealthy backend serves again.
    pub rise: u32,
    /// Failures in a row until a serving backend is unhealthy.
    pub fall: u32,
    /// Each wait is `interval` times a random factor within 1 ± this, 0..=0.5.
    pub jitter: Ratio,
    /// Port to check instead of the backend's own.
    pub port: Option<u16>,
}

/// What a health check asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// `type = "tcp"`: the connection opens.
    Tcp,
    /// `path = "/healthz"`: a GET answers with an expected status.
    Http {
        /// Request target.
        path: String,
        /// `Host` field; `None` sends the backend's address.
        host: Option<String>,
        /// Inclusive ranges of passing status codes.
        expect_status: Vec<(u16, u16)>,
    },
}

/// `passive = { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Passive {
    /// Failures in a row until ejection.
    pub consecutive: u32,
    /// First ejection; the n-th lasts n times as long.
    pub base: Duration,
    /// Upper bound of an ejection.
    pub max: Duration,
    /// Largest share of the pool that may be out at once.
    pub max_ejected: Ratio,
    /// Also eject whose share of the failures is beyond its share of the attempts by more than this part of it; `None`
    /// goes by failures in a row alone.
    pub error_share: Option<Ratio>,
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
