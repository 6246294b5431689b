//! What `GET /pools` says, as far as `status` and `reload` read it.

use serde::Deserialize;
use serde_json::Value;

/// The whole answer. Durations are seconds, shares 0 to 1.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    pub(crate) lifecycle: String,
    pub(crate) not_ready: Vec<String>,
    pub(crate) generation: u64,
    pub(crate) pid: u32,
    pub(crate) version: String,
    pub(crate) uptime: f64,
    pub(crate) config_path: Option<String>,
    pub(crate) reloads: u64,
    pub(crate) last_reload: Option<LastReload>,
    pub(crate) connections: u64,
    /// Of datagrams.
    #[serde(default)]
    pub(crate) sessions: u64,
    pub(crate) listeners: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) pools: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) listener: Option<String>,
    pub(crate) pool: Option<String>,
    pub(crate) file: String,
    pub(crate) seconds_left: i64,
    pub(crate) error: Option<String>,
}

/// How the last reload went.
#[derive(Debug, Deserialize)]
pub(crate) struct LastReload {
    pub(crate) attempt: u64,
    pub(crate) ok: bool,
    pub(crate) generation: u64,
    pub(crate) changes: Vec<String>,
    /// The file was sound, and the system refused.
    pub(crate) error: Option<String>,
    /// The file was at fault.
    pub(crate) diagnostics: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Pool {
    pub(crate) name: String,
    pub(crate) strategy: String,
    pub(crate) mode: String,
    pub(crate) intent: String,
    pub(crate) requests: u64,
    #[serde(default)]
    pub(crate) waiting: u64,
    #[serde(default)]
    pub(crate) tunnels: u64,
    pub(crate) backends: Vec<Backend>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Backend {
    pub(crate) name: String,
    pub(crate) address: Option<String>,
    pub(crate) phase: String,
    pub(crate) since: f64,
    pub(crate) detail: Option<String>,
    pub(crate) weight: u32,
    #[serde(default)]
    pub(crate) effective_weight: Option<f64>,
    #[serde(default)]
    pub(crate) tier: u8,
    #[serde(default)]
    pub(crate) zone: Option<String>,
    #[serde(default)]
    pub(crate) max_in_flight: Option<u32>,
    #[serde(default)]
    pub(crate) fails_fast: bool,
    pub(crate) intent: f64,
    pub(crate) plan: f64,
    pub(crate) observed: f64,
    pub(crate) in_flight: u32,
    pub(crate) errors: u64,
}
