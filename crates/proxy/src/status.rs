//! What a running balancer says of itself, as plain data for the admin interface and the command line.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

/// Everything that `evenkeel status` shows. Durations serialise as seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Phase of the process.
    pub lifecycle: Lifecycle,
    /// Whether an outer balancer should send traffic here.
    pub ready: bool,
    /// Why not, when `ready` is false.
    pub not_ready: Vec<String>,
    /// Rises with every configuration applied; the first is 1.
    pub generation: u64,
    /// Process id: where to send SIGHUP.
    pub pid: u32,
    /// Version of Evenkeel.
    pub version: &'static str,
    /// Since start.
    #[serde(serialize_with = "seconds")]
    pub uptime: Duration,
    /// The configuration file, if there is one.
    pub config_path: Option<String>,
    /// Reloads begun since start.
    pub reloads_begun: u64,
    /// Reloads that have ended since start, refused ones included.
    pub reloads: u64,
    /// The last of them.
    pub last_reload: Option<LastReload>,
    /// Open client connections.
    pub connections: u64,
    /// Open sessions of datagrams.
    pub sessions: u64,
    /// Bound listeners.
    pub listeners: Vec<(String, SocketAddr)>,
    /// Certificates in use.
    pub certificates: Vec<CertificateStatus>,
    /// Pools in configured order.
    pub pools: Vec<PoolStatus>,
}

/// A certificate that is presented to clients of a listener, or to backends of a pool.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateStatus {
    /// The listener, if it is one's.
    pub listener: Option<String>,
    /// The pool, if it is one's.
    pub pool: Option<String>,
    /// Where it was loaded from.
    pub file: String,
    /// As in RFC 4514.
    pub subject: String,
    /// DNS names it is for.
    pub names: Vec<String>,
    /// When it ends, in seconds since 1970.
    pub not_after: i64,
    /// From now to then; negative when it has expired.
    pub seconds_left: i64,
    /// Why the files that are there now are not in use.
    pub error: Option<String>,
}

/// Phase of the process, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifecycle {
    /// Not yet accepting.
    Starting,
    /// Normal work.
    Serving,
    /// Readiness is red, connections are still accepted.
    Lame,
    /// Listeners are closed, running requests end.
    Draining,
    /// All connections are gone.
    Closed,
}

impl Lifecycle {
    /// The name used in logs and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Lame => "lame",
            Self::Draining => "draining",
            Self::Closed => "closed",
        }
    }
}

/// How the latest reload went.
#[derive(Clone, Debug, Serialize)]
pub struct LastReload {
    /// Its number, counting from 1; given before its file was read.
    pub attempt: u64,
    /// Whether it was applied.
    pub ok: bool,
    /// When it ended.
    #[serde(serialize_with = "unix_seconds")]
    pub at: SystemTime,
    /// The generation in force afterwards.
    pub generation: u64,
    /// What changed, a line each.
    pub changes: Vec<String>,
    /// Why it was not applied, when the file was sound but the system refused (a port in use, say).
    pub error: Option<String>,
    /// Why it was not applied, when the file was at fault.
    pub diagnostics: Option<serde_json::Value>,
}

/// One pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolStatus {
    /// Configured name.
    pub name: String,
    /// Strategy by its configured name.
    pub strategy: &'static str,
    /// `normal`, `panic` or `empty`.
    pub mode: &'static str,
    /// `equal`, `capacity` or `weights`.
    pub intent: &'static str,
    /// Rises with every snapshot.
    pub epoch: u64,
    /// Attempts on all backends together since start.
    pub requests: u64,
    /// Requests that wait because every backend is at its limit.
    pub waiting: usize,
    /// Open connections that have switched to another protocol, such as WebSocket; a part of what is in flight.
    pub tunnels: u64,
    /// Backends in configured order.
    pub backends: Vec<BackendStatus>,
}

/// One backend of a pool.
#[derive(Clone, Debug, Serialize)]
pub struct BackendStatus {
    /// Configured name, or the address as written.
    pub name: String,
    /// `None` while the name does not resolve.
    pub address: Option<SocketAddr>,
    /// `joining`, `serving`, `unhealthy`, `ejected`, `draining`, `disabled` or `unresolved`.
    pub phase: &'static str,
    /// How long it has been in that phase.
    #[serde(serialize_with = "seconds")]
    pub since: Duration,
    /// Why it is in that phase, when there is more to say.
    pub detail: Option<String>,
    /// Configured weight.
    pub weight: u32,
    /// The weight in force: 0 while nothing new goes to it; else what tiers, zones and slow start leave of the configured
    /// one, where the backend that has most of its weight has all of it.
    pub effective_weight: f64,
    /// 0 is used first.
    pub tier: u8,
    /// Where it is, as far as configured.
    pub zone: Option<String>,
    /// Attempts that it may have at a time; `None` is any number.
    pub max_in_flight: Option<u32>,
    /// Whether at least half of its recent attempts fail, faster than others succeed.
    pub fails_fast: bool,
    /// Share that the operator means it to have.
    pub intent: f64,
    /// Share that configuration and health give it now.
    pub plan: f64,
    /// Share of the pool's attempts since start that it got.
    pub observed: f64,
    /// Attempts since start.
    pub attempts: u64,
    /// Attempts leased and not ended.
    pub in_flight: u32,
    /// Failed attempts since start.
    pub errors: u64,
    /// Sum over attempts of the time each took so far.
    #[serde(serialize_with = "seconds")]
    pub busy: Duration,
    /// Bytes written to it.
    pub bytes_sent: u64,
    /// Bytes read from it.
    pub bytes_received: u64,
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn unix_seconds<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_f64(since_epoch.as_secs_f64())
}
