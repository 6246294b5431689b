//! What a connection of layer 4 has come to, for counters and the access log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use evenkeel_config::Protocol;
use evenkeel_core::{Member, Reason};

use crate::client::Client;
use crate::http::Failure;
use crate::listen::{Listener, ListenerSettings};
use crate::pool::{Attempt, PoolCell};
use crate::relay::{End, Moved};
use crate::telemetry::{AccessEntry, RelayEntry};
use crate::turn::Wait;

use super::client_hello::ClientHello;

/// How a connection has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Both sides were connected, until this.
    Relayed(End),
    /// No backend could be had or reached.
    Failed(Failure),
    /// The client left before it had a backend.
    ClientGone,
    /// The client's hello did not come in time.
    HelloTimeout,
    /// The client's hello cannot be read.
    HelloInvalid,
    /// No route holds for the name that the client asks for.
    NameUnknown,
}

/// How metrics and the access log call the endings that are counted apart.
pub(crate) const ENDINGS: [&str; 9] = [
    "closed",
    "client_reset",
    "backend_reset",
    "idle",
    "cut",
    "no_backend",
    "client_gone",
    "hello_invalid",
    "name_unknown",
];

impl Ending {
    /// Index in [`ENDINGS`].
    fn index(self) -> usize {
        match self {
            Self::Relayed(End::Closed | End::BackendClosed) => 0,
            Self::Relayed(End::ClientReset) => 1,
            Self::Relayed(End::BackendReset) => 2,
            Self::Relayed(End::Idle) => 3,
            Self::Relayed(End::Cut) | Self::Failed(Failure::Cut) => 4,
            Self::Failed(_) => 5,
            Self::ClientGone => 6,
            Self::HelloTimeout | Self::HelloInvalid => 7,
            Self::NameUnknown => 8,
        }
    }

    /// What the access log calls it; `None` when both sides closed in order.
    fn logged(self) -> Option<&'static str> {
        match self {
            Self::Relayed(end) => end.error(),
            Self::Failed(failure) => Some(failure.logged()),
            Self::HelloTimeout => Some("hello_timeout"),
            other => Some(ENDINGS[other.index()]),
        }
    }
}

/// What a listener of layer 4 has seen.
#[derive(Debug, Default)]
pub(crate) struct RelayCounts {
    endings: [AtomicU64; ENDINGS.len()],
    /// Hellos that name no server.
    pub(crate) nameless: AtomicU64,
}

impl RelayCounts {
    /// Connections that ended as [`ENDINGS`] calls it at `index`.
    pub(crate) fn ended(&self, index: usize) -> u64 {
        self.endings[index].load(Ordering::Relaxed)
    }
}

/// Filled in as a connection makes its way.
pub(crate) struct Account {
    protocol: Protocol,
    /// Of the configuration in force when it began.
    generation: u64,
    pub(crate) hello: Option<ClientHello>,
    pub(crate) pool: Option<Arc<PoolCell>>,
    pub(crate) backend: Option<(Arc<Member>, Reason)>,
    pub(crate) attempts: u32,
    pub(crate) picked_at: Option<Instant>,
    pub(crate) connected_at: Option<Instant>,
    pub(crate) wait: Wait,
    /// Bytes both ways, in all.
    pub(crate) total: Moved,
}

impl Account {
    pub(crate) fn new(settings: &ListenerSettings) -> Self {
        Self {
            protocol: settings.protocol,
            generation: settings.generation,
            hello: None,
            pool: None,
            backend: None,
            attempts: 0,
            picked_at: None,
            connected_at: None,
            wait: Wait::default(),
            total: Moved::default(),
        }
    }

    pub(crate) fn picked(&mut self, attempt: &Attempt, now: Instant) {
        self.attempts += 1;
        self.picked_at = Some(now);
        self.backend = Some((Arc::clone(attempt.lease().member()), attempt.lease().reason()));
    }

    /// Counts the connection, and logs it: to where logs go now, which need not be where they went when it began.
    pub(crate) fn close(&self, ending: Ending, client: &Client, listener: &Listener) {
        listener.counts.relays.endings[ending.index()].fetch_add(1, Ordering::Relaxed);
        let settings = listener.settings.load();
        let Some(log) = &settings.access_log else { return };
        let address = client.address.ip().to_canonical().to_string();
        let since_start = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(client.since));
        let mut entry = AccessEntry::new(client.since, self.generation, &address, &listener.name);
        entry.relay = Some(RelayEntry {
            protocol: match self.protocol {
                Protocol::TlsPassthrough => "tls_passthrough",
                _ => "tcp",
            },
            server_name: self.hello.as_ref().and_then(|hello| hello.server_name.as_deref()),
        });
        entry.error = ending.logged();
        entry.pool = self.pool.as_ref().map(|pool| pool.id.as_str());
        entry.backend = self.backend.as_ref().map(|(member, _)| member.id.as_str());
        entry.reason = self.backend.as_ref().map(|(_, reason)| reason.as_str());
        entry.attempts = self.attempts;
        entry.picked = since_start(self.picked_at);
        entry.connected = since_start(self.connected_at);
        (entry.request_bytes, entry.response_bytes) = (self.total.sent, self.total.received);
        log.write(&entry);
    }
}
