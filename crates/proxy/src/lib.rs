//! Evenkeel's I/O: listeners, the HTTP path, upstream connections, probes and telemetry.
//!
//! Decisions are made in `evenkeel-core`; this crate carries them out. See `docs/ARCHITECTURE.md`.

mod client;
mod clock;
mod control;
mod diff;
mod events;
mod http;
pub mod http1;
mod http2;
mod l4;
mod lifecycle;
mod listen;
mod notify;
mod peek;
mod plan;
mod pool;
mod proxy;
pub mod proxy_protocol;
mod relay;
mod report;
mod shutdown;
mod skew;
mod sockets;
mod splice;
mod status;
mod telemetry;
mod threads;
mod tls;
mod transport;
mod turn;
mod udp;
mod upstream;
mod worker;

pub use evenkeel_journal as journal;
pub use http2::fuzzed as http2_fuzzed;
pub use l4::client_hello;
pub use proxy::{Proxy, ReloadReport, StartError, StartOptions};
pub use shutdown::ShutdownReport;
pub use skew::{BreachReport, Diagnosis, PoolDiagnosis, SymptomReport};
pub use status::{BackendStatus, CertificateStatus, LastReload, Lifecycle, PoolStatus, Status};
pub use tls::{TlsError, TlsFindings, check_tls};
