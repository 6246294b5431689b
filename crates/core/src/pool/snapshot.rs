//! The immutable state of a pool that one pick reads.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::eligible::Candidate;
use super::shaping::Placement;
use crate::id::{BackendId, PoolId};
use crate::lease::Reason;
use crate::load::BackendLoad;
use crate::strategy::{Picker, ProbePool, Rotation, StrategyKind, StrategySettings};
use crate::units::{Nanos, Weight};

/// All of a pool's state that a pick reads, in one immutable piece. A request reads exactly one of these per
/// attempt.
pub struct PoolSnapshot {
    pub(super) id: PoolId,
    pub(super) epoch: u64,
    pub(super) mode: Mode,
    pub(super) strategy: StrategyKind,
    pub(super) settings: StrategySettings,
    pub(super) members: Box<[MemberView]>,
    /// Those that the plan gives something.
    pub(super) candidates: Box<[Candidate]>,
    /// Of a first attempt, where `reasons` does not say more.
    pub(super) reason: Reason,
    /// Of a first attempt, by candidate; empty when it is the same for all.
    pub(super) reasons: Box<[Reason]>,
    /// Those that serve in tiers and zones that the plan gives nothing, nearest tier first.
    pub(super) reserve: Box<[Candidate]>,
    /// Whether any of the candidates may have only so many leases: where none is, a pick need not look.
    pub(super) limited: bool,
    /// By [`Member::session`]: where in `members` it is.
    pub(super) sessions: Arc<[(u64, u32)]>,
    /// `None` when there is nobody to choose.
    pub(super) choice: Option<Choice>,
    /// How fast latencies are forgotten, in milliseconds; 0 where the strategy does not want to know them.
    pub(super) decay: u32,
    /// What backends said when they were asked.
    pub(super) probes: Arc<ProbePool>,
}

/// The picker over the candidates, and the schedule and scaled weights that it was built with.
pub(super) struct Choice {
    pub(super) picker: Arc<dyn Picker>,
    pub(super) rotation: Arc<Rotation>,
    pub(super) scaled: Box<[f64]>,
}

/// A backend of one pool, as picks and their leases see it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Member {
    /// Its name.
    pub id: BackendId,
    /// Where it is; `None` while its name has not been resolved.
    pub address: Option<SocketAddr>,
    /// Its weight as configured.
    pub weight: Weight,
    /// Where it stands among the others, and what it may take.
    pub placement: Placement,
    /// Unique in this process and never reused; it stays with the id, also when weight or address change.
    pub serial: u64,
    /// Its numbers.
    pub load: Arc<BackendLoad>,
    pub(crate) session: u64,
}

/// A configured member and what is known about it.
#[derive(Clone, Debug)]
pub struct MemberView {
    /// The backend.
    pub member: Arc<Member>,
    /// What it is doing.
    pub phase: Phase,
    /// Since when.
    pub since: Nanos,
    /// Why, as far as there is something to say: for example `GET /healthz: connection refused`.
    pub detail: Option<Arc<str>>,
    /// The share of the pool's traffic that it should have, 0.0..=1.0. Sums to 1 over the members; 0 for
    /// disabled and draining ones, outside the subset, and in all tiers after the first that has others. Zones make no
    /// difference to it: it is the share over the instances in all of them.
    pub intent: f64,
    /// The share of new requests that configuration and health give it now, 0.0..=1.0: exactly what the strategy goes
    /// by. Sums to 1; 0 everywhere in [`Mode::Empty`].
    pub plan: f64,
    /// Whether [`PoolSnapshot::pick_session`] may choose it: it serves, or it drains and nothing else is wrong with it.
    pub keeps_sessions: bool,
}

/// What a member is doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Phase {
    /// Not checked yet.
    Joining,
    /// May be picked.
    Serving,
    /// Failed its health checks.
    Unhealthy,
    /// Out for a while after failed attempts.
    Ejected,
    /// Gets nothing new, but keeps the sessions that it has, as long as nothing else is wrong with it.
    Draining,
    /// Taken out by configuration.
    Disabled,
    /// Its name has not been resolved.
    Unresolved,
}

/// Whom a pool picks from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Mode {
    /// The members that are serving.
    Normal,
    /// Too few are healthy in every tier: everybody who is enabled, not draining, and has an address, because the few
    /// would not survive it all. Tiers, zones and slow start are not looked at then.
    Panic,
    /// Nobody.
    Empty,
}

impl PoolSnapshot {
    /// The pool's name.
    pub fn id(&self) -> &PoolId {
        &self.id
    }

    /// A number that rises with every snapshot of this pool.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Whom it picks from.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// How it picks.
    pub fn strategy(&self) -> StrategyKind {
        self.strategy
    }

    /// Every configured member, in configured order.
    pub fn members(&self) -> &[MemberView] {
        &self.members
    }

    /// Those that the plan gives something, by serial, and why a first attempt goes there that neither a key nor a limit
    /// sends elsewhere.
    pub(crate) fn planned(&self) -> impl Iterator<Item = (u64, Reason)> {
        self.candidates.iter().enumerate().map(|(position, candidate)| {
            (candidate.serial, self.reasons.get(position).copied().unwrap_or(self.reason))
        })
    }

    /// Whether any of those may have only so many leases.
    pub(crate) fn is_limited(&self) -> bool {
        self.limited
    }
}

impl Member {
    /// What a session that sticks to this member is told apart by: FNV-1a (64 bits) of its id, so that it is the same
    /// in every process, after a reload, and whatever its address and weight.
    pub fn session(&self) -> u64 {
        self.session
    }
}

impl fmt::Debug for PoolSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolSnapshot")
            .field("id", &self.id)
            .field("epoch", &self.epoch)
            .field("mode", &self.mode)
            .field("strategy", &self.strategy)
            .field("members", &self.members)
            .finish_non_exhaustive()
    }
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 7] = [
        Self::Joining,
        Self::Serving,
        Self::Unhealthy,
        Self::Ejected,
        Self::Draining,
        Self::Disabled,
        Self::Unresolved,
    ];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Serving => "serving",
            Self::Unhealthy => "unhealthy",
            Self::Ejected => "ejected",
            Self::Draining => "draining",
            Self::Disabled => "disabled",
            Self::Unresolved => "unresolved",
        }
    }

    /// Whether a member in this phase is picked in [`Mode::Normal`].
    pub fn is_eligible(self) -> bool {
        self == Self::Serving
    }
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Panic, Self::Empty];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Panic => "panic",
            Self::Empty => "empty",
        }
    }
}
