//! The immutable state of a pool that one pick reads.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::eligible::{Candidate, Eligible};
use super::tried::Tried;
use crate::id::{BackendId, PoolId};
use crate::lease::{Lease, Reason};
use crate::load::BackendLoad;
use crate::rng::Rng;
use crate::strategy::{Ask, PickKey, Picker, Rotation, StrategyKind, StrategySettings};
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
    pub(super) candidates: Box<[Candidate]>,
    /// Of a first attempt.
    pub(super) reason: Reason,
    /// `None` when there is nobody to choose.
    pub(super) choice: Option<Choice>,
}

/// The picker over the candidates, and the schedule that it was built with.
pub(super) struct Choice {
    pub(super) picker: Arc<dyn Picker>,
    pub(super) rotation: Arc<Rotation>,
}

/// A backend of one pool, as picks and their leases see it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Member {
    /// Its name.
    pub id: BackendId,
    /// Where it is; `None` while its name has not been resolved.
    pub address: Option<SocketAddr>,
    /// Its weight.
    pub weight: Weight,
    /// Unique in this process and never reused; it stays with the id, also when weight or address change.
    pub serial: u64,
    /// Its numbers.
    pub load: Arc<BackendLoad>,
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
    /// disabled ones.
    pub intent: f64,
    /// The share that configuration and health give it now, 0.0..=1.0. Sums to 1; 0 everywhere in
    /// [`Mode::Empty`].
    pub plan: f64,
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
    /// Too few are healthy: everybody who is enabled and has an address, because the few would not survive it
    /// all.
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

    /// One pick for a request without a key; see [`PoolSnapshot::pick_keyed`].
    #[inline]
    pub fn pick(&self, tried: &Tried, rng: &mut Rng, now: Nanos) -> Option<Lease> {
        self.pick_keyed(tried, PickKey::NONE, rng, now)
    }

    /// One pick: no allocation, no lock. `None` when nobody is eligible, or nobody that is not in `tried`.
    ///
    /// The reason is `Retry` when something was tried, else `Panic` in panic mode, else `OnlyChoice` when one
    /// member is eligible, else what decided: `Algorithm`, `Hash` or `Spill`.
    #[inline]
    pub fn pick_keyed(&self, tried: &Tried, key: PickKey, rng: &mut Rng, now: Nanos) -> Option<Lease> {
        let from = Eligible::new(&self.candidates, tried)?;
        let picked = self.choice.as_ref()?.picker.pick(&from, Ask { key, now }, rng);
        debug_assert!(!from.excluded(picked.idx), "{} picked a tried member", self.strategy);
        let reason = match self.reason {
            _ if !tried.is_empty() => Reason::Retry,
            Reason::Algorithm => picked.reason,
            reason => reason,
        };
        Some(Lease::begin(from.candidate(picked.idx), reason, self.epoch, now))
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
    pub const ALL: [Self; 6] =
        [Self::Joining, Self::Serving, Self::Unhealthy, Self::Ejected, Self::Disabled, Self::Unresolved];

    /// The name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Joining => "joining",
            Self::Serving => "serving",
            Self::Unhealthy => "unhealthy",
            Self::Ejected => "ejected",
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
