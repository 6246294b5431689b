//! Evenkeel's I/O: listeners, the HTTP path, upstream connections, probes and telemetry.
//!
//! Decisions are made in `evenkeel-core`; this crate carries them out. See `docs/ARCHITECTURE.md`.

pub mod http1;
mod status;

pub use status::{BackendStatus, LastReload, Lifecycle, PoolStatus, Status};
