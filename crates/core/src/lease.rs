//! A pick is a lease: it counts as in flight until the response body, or the relay, has ended.

use std::num::NonZeroU32;
use std::sync::Arc;

use crate::load::Ended;
use crate::pool::Member;
use crate::pool::eligible::Candidate;
use crate::units::Nanos;

/// In flight until [`Lease::end`] is called or it is dropped, whichever way the request ends: answer, cancel,
/// reset, upgrade or panic. Not `Clone`: one attempt, one count.
///
/// Dropped without `end` it counts as [`Outcome::Cancelled`], and as busy only up to its start: a destructor
/// has no clock to ask.
#[derive(Debug)]
#[must_use = "dropping a lease ends it as cancelled"]
pub struct Lease {
    member: Arc<Member>,
    started: Nanos,
    /// What drop will take for the end: the start, until `end` says better.
    ended: Nanos,
    epoch: u64,
    /// See [`Ended::decay`].
    decay: u32,
    reason: Reason,
    /// What drop will record.
    outcome: Outcome,
    /// The backend has answered, and the lease lives on: see [`Lease::answered`].
    answered: bool,
    /// See [`Ended::timed`].
    timed: bool,
}

/// Why an attempt went where it went. Every attempt carries one, which makes the explanation of skew
/// accounting instead of guessing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Reason {
    /// The strategy chose among several.
    Algorithm,
    /// A key of the request decided.
    Hash,
    /// A session sticks to this backend.
    Sticky,
    /// The connection was bound to this backend before the request came.
    Pinned,
    /// Another backend was tried before.
    Retry,
    /// A second attempt raced a slow first one.
    Hedge,
    /// A preferred tier could not take it all.
    Failover,
    /// Too few were healthy, so everybody serves.
    Panic,
    /// The preferred backend was at its limit, or the preferred zone could not take its part.
    Spill,
    /// Nobody else was eligible.
    OnlyChoice,
}

/// Why a pick came to nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Refusal {
    /// Nobody may be picked, or nobody that this request has not tried.
    Nobody,
    /// Somebody may be picked, but each of those has as many leases as it may have: once one ends, there is room.
    Full,
}

/// How an attempt ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// The response ended and its status was below 500.
    Ok,
    /// A 5xx response was received whole.
    ServerError,
    /// No connection: refused, unreachable or reset.
    ConnectFailed,
    /// No connection in time.
    ConnectTimeout,
    /// Connected, but no response in time.
    ResponseTimeout,
    /// The response was invalid, or the connection closed before its end.
    ResponseBroken,
    /// A reused connection was closed before the request was processed; the request is retried.
    StaleConnection,
    /// The client went away or Evenkeel cut it: says nothing about the backend.
    Cancelled,
}

impl Lease {
    /// Counts the attempt. The only way to get a lease is a pick.
    #[inline]
    pub(crate) fn begin(chosen: &Candidate, reason: Reason, epoch: u64, decay: u32, now: Nanos) -> Self {
        let member = Arc::clone(&chosen.member);
        chosen.load.start(reason, now);
        Self::of_begun(member, reason, epoch, decay, now)
    }

    /// Counts the attempt, unless the member has as many leases as it may have.
    pub(crate) fn try_begin(
        member: &Arc<Member>,
        reason: Reason,
        epoch: u64,
        decay: u32,
        now: Nanos,
    ) -> Option<Self> {
        let limit = member.placement.max_in_flight.map_or(u32::MAX, NonZeroU32::get);
        let begun = member.load.try_start(reason, now, limit);
        // Not built unless it began: dropping one ends it.
        begun.then(|| Self::of_begun(Arc::clone(member), reason, epoch, decay, now))
    }

    /// Of an attempt that has been counted.
    #[inline]
    fn of_begun(member: Arc<Member>, reason: Reason, epoch: u64, decay: u32, now: Nanos) -> Self {
        let outcome = Outcome::Cancelled;
        let (answered, timed) = (false, true);
        Self { member, started: now, ended: now, epoch, decay, reason, outcome, answered, timed }
    }

    /// The backend that was picked.
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// Why it was picked.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// When it was picked.
    pub fn started(&self) -> Nanos {
        self.started
    }

    /// The epoch of the snapshot that it was picked from.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The backend has answered at `now`, but what it was picked for goes on: a tunnel, which stays open for as long as
    /// its ends like. So the answer counts for its latency and against earlier failures now, and the end does not again.
    pub fn answered(&mut self, now: Nanos) {
        let decay = std::mem::take(&mut self.decay);
        self.answered = true;
        self.timed = false;
        self.member.load.answered(Ended {
            outcome: Outcome::Ok,
            answered: true,
            timed: true,
            started: self.started,
            now,
            decay,
        });
    }

    /// How long the lease lasts says nothing of the backend: a session that ends when its client falls silent, a
    /// connection that both sides may keep open. What [`Lease::answered`] says counts none the less.
    pub fn untimed(&mut self) {
        self.timed = false;
    }

    /// Ends the lease and records how the attempt went. A `now` before the start counts as the start.
    #[inline]
    pub fn end(mut self, outcome: Outcome, now: Nanos) {
        self.outcome = outcome;
        self.ended = now.max(self.started);
    }
}

impl Drop for Lease {
    #[inline]
    fn drop(&mut self) {
        let Self { outcome, answered, timed, started, ended, decay, .. } = *self;
        self.member.load.finish(Ended { outcome, answered, timed, started, now: ended, decay });
    }
}

impl Reason {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 10] = [
        Self::Algorithm,
        Self::Hash,
        Self::Sticky,
        Self::Pinned,
        Self::Retry,
        Self::Hedge,
        Self::Failover,
        Self::Panic,
        Self::Spill,
        Self::OnlyChoice,
    ];

    /// The name in metrics and logs, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
            Self::Hash => "hash",
            Self::Sticky => "sticky",
            Self::Pinned => "pinned",
            Self::Retry => "retry",
            Self::Hedge => "hedge",
            Self::Failover => "failover",
            Self::Panic => "panic",
            Self::Spill => "spill",
            Self::OnlyChoice => "only_choice",
        }
    }
}

impl Outcome {
    /// Every outcome, in the order of the counters.
    pub const ALL: [Self; 8] = [
        Self::Ok,
        Self::ServerError,
        Self::ConnectFailed,
        Self::ConnectTimeout,
        Self::ResponseTimeout,
        Self::ResponseBroken,
        Self::StaleConnection,
        Self::Cancelled,
    ];

    /// The name in metrics and logs, in snake case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ServerError => "server_error",
            Self::ConnectFailed => "connect_failed",
            Self::ConnectTimeout => "connect_timeout",
            Self::ResponseTimeout => "response_timeout",
            Self::ResponseBroken => "response_broken",
            Self::StaleConnection => "stale_connection",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it speaks against the backend. A stale connection does not: closing an idle one is lawful.
    pub fn is_failure(self) -> bool {
        match self {
            Self::ServerError
            | Self::ConnectFailed
            | Self::ConnectTimeout
            | Self::ResponseTimeout
            | Self::ResponseBroken => true,
            Self::Ok | Self::StaleConnection | Self::Cancelled => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_indexed_by_position_in_all() {
        assert!(Reason::ALL.iter().enumerate().all(|(i, r)| *r as usize == i));
        assert!(Outcome::ALL.iter().enumerate().all(|(i, o)| *o as usize == i));
    }
}
