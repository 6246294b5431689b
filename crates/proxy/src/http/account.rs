//! What a request has come to, for counters and the access log.

use std::sync::Arc;
use std::time::Instant;

use evenkeel_core::{Member, Reason};

use crate::pool::{Attempt, PoolCell};
use crate::telemetry::AccessEntry;
use crate::turn::Wait;

use super::exchange::Traffic;

/// Filled in as a request makes its way.
pub(crate) struct Account {
    pub(crate) started: Instant,
    pub(crate) picked_at: Option<Instant>,
    pub(crate) connected_at: Option<Instant>,
    pub(crate) head_at: Option<Instant>,
    /// When a whole response had been delivered.
    pub(crate) ended_at: Option<Instant>,
    pub(crate) attempts: u32,
    pub(crate) wait: Wait,
    /// Backend and reason of the last attempt.
    pub(crate) backend: Option<(Arc<Member>, Reason)>,
    pub(crate) pool: Option<Arc<PoolCell>>,
    pub(crate) status: Option<u16>,
    pub(crate) error: Option<&'static str>,
    pub(crate) traffic: Traffic,
}

impl Account {
    pub(crate) fn new(started: Instant) -> Self {
        Self {
            started,
            picked_at: None,
            connected_at: None,
            head_at: None,
            ended_at: None,
            attempts: 0,
            wait: Wait::default(),
            backend: None,
            pool: None,
            status: None,
            error: None,
            traffic: Traffic::default(),
        }
    }

    pub(crate) fn picked(&mut self, attempt: &Attempt, now: Instant) {
        self.attempts += 1;
        self.picked_at = Some(now);
        self.backend = Some((Arc::clone(attempt.lease().member()), attempt.lease().reason()));
    }

    pub(crate) fn describe<'a>(&'a self, entry: &mut AccessEntry<'a>) {
        let since_start = |at: Option<Instant>| at.map(|at| at.saturating_duration_since(self.started));
        entry.status = self.status.unwrap_or(0);
        entry.error = self.error;
        entry.pool = self.pool.as_ref().map(|pool| pool.id.as_str());
        entry.backend = self.backend.as_ref().map(|(member, _)| member.id.as_str());
        entry.reason = self.backend.as_ref().map(|(_, reason)| reason.as_str());
        entry.attempts = self.attempts;
        entry.picked = since_start(self.picked_at);
        entry.connected = since_start(self.connected_at);
        entry.header = since_start(self.head_at);
        (entry.request_bytes, entry.response_bytes) = self.traffic.totals();
    }
}
