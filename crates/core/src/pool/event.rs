//! What can happen to a pool, and what applying it changed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::shaping::{Placement, Shaping};
use super::snapshot::{Mode, Phase, PoolSnapshot};
use crate::id::{BackendId, PoolId};
use crate::lease::Outcome;
use crate::strategy::{StrategyKind, StrategySettings};
use crate::units::{Ratio, Weight};

/// A pool as configured.
#[derive(Clone, PartialEq, Debug)]
pub struct PoolSpec {
    /// Its name.
    pub id: PoolId,
    /// How it picks.
    pub strategy: StrategyKind,
    /// What the strategy is told beside the weights.
    pub settings: StrategySettings,
    /// Its members; ids differ (of members that share one, only the first counts).
    pub members: Vec<MemberSpec>,
    /// Active checks; `None` means that nobody probes, and every member counts as healthy.
    pub health: Option<HealthSpec>,
    /// Passive ejection after failed attempts; `None` means never.
    pub passive: Option<PassiveSpec>,
    /// [`Mode::Panic`] when the eligible share of the enabled members, by count, is below this in every tier; 0 means
    /// never.
    pub panic_threshold: Ratio,
    /// What the shares are meant to be.
    pub intent: Intent,
    /// What shapes the shares beside weights and health.
    pub shaping: Shaping,
}

/// A member as configured.
#[derive(Clone, PartialEq, Debug)]
pub struct MemberSpec {
    /// Its name: what it is recognised by across reloads.
    pub id: BackendId,
    /// `None` when it was given as a name: [`PoolEvent::Resolved`] will tell.
    pub address: Option<SocketAddr>,
    /// Its weight.
    pub weight: Weight,
    /// Its capacity relative to the others, above 0; read by [`Intent::Capacity`] only.
    pub capacity: Option<f64>,
    /// `false` keeps it out of every pick.
    pub enabled: bool,
    /// Where it stands among the others, and what it may take.
    pub placement: Placement,
}

impl PoolSpec {
    /// A pool of the default strategy without anything that could take a member out or shape its share.
    pub fn new(id: impl Into<Arc<str>>, members: Vec<MemberSpec>) -> Self {
        Self {
            id: PoolId::new(id),
            strategy: StrategyKind::default(),
            settings: StrategySettings::default(),
            members,
            health: None,
            passive: None,
            panic_threshold: Ratio::ZERO,
            intent: Intent::Equal,
            shaping: Shaping::default(),
        }
    }
}

impl MemberSpec {
    /// An enabled member of weight 1 at this address.
    pub fn new(id: impl Into<Arc<str>>, address: SocketAddr) -> Self {
        Self {
            id: BackendId::new(id),
            address: Some(address),
            weight: Weight::ONE,
            capacity: None,
            enabled: true,
            placement: Placement::default(),
        }
    }
}

/// The share that each enabled member should have, in the operator's mind. Never read off the weights unless
/// told so: a typo of 5:1:1 is obeyed perfectly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Intent {
    /// All the same.
    Equal,
    /// By capacity, 1.0 where none is given.
    Capacity,
    /// The weights are what is meant.
    Weights,
}

/// When checks change their verdict. The first result decides at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthSpec {
    /// Consecutive passes that make an unhealthy member healthy, at least 1.
    pub rise: u32,
    /// Consecutive failures that make a healthy member unhealthy, at least 1.
    pub fall: u32,
}

/// When failed attempts take a member out for a while.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PassiveSpec {
    /// Consecutive failures that eject, at least 1.
    pub consecutive: u32,
    /// How long the first ejection lasts; the n-th lasts n times as long. Forgotten after 10 times this
    /// without one.
    pub base: Duration,
    /// The longest ejection.
    pub max: Duration,
    /// How much of the enabled members may be out at once, rounded down, but at least one of two or more.
    pub max_ejected: Ratio,
    /// Ejects a member whose share of the pool's failures is beyond its share of the attempts by more than this part of
    /// it, with evidence; `None` never does.
    pub error_share: Option<Ratio>,
}

/// Everything that can change a pool.
#[derive(Clone, PartialEq, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "configurations are rare, and moved no more than any other event"
)]
pub enum PoolEvent {
    /// A configuration was applied.
    Configured(PoolSpec),
    /// A health check ended; an error is its reason as text.
    Probed {
        /// Whose check.
        id: BackendId,
        /// How it went.
        result: Result<(), Arc<str>>,
    },
    /// An attempt failed. May be lost: the exact number of consecutive failures is read from the backend's
    /// load.
    Attempted {
        /// Whose attempt.
        id: BackendId,
        /// How it went.
        outcome: Outcome,
    },
    /// A member's name was looked up; an error is its reason as text. An error does not take a known address
    /// away: when the resolver is down, the backends need not be.
    Resolved {
        /// Whose name.
        id: BackendId,
        /// What it resolved to.
        result: Result<SocketAddr, Arc<str>>,
    },
    /// Time has passed: due at [`PoolState::next_deadline`](crate::PoolState::next_deadline).
    Tick,
}

/// What an event changed.
#[derive(Clone, Debug, Default)]
pub struct Applied {
    /// The new snapshot, when something changed that a pick or a reader sees.
    pub snapshot: Option<Arc<PoolSnapshot>>,
    /// What to tell people, in order: members, phases, mode.
    pub transitions: Vec<Transition>,
}

/// A change worth a line in the log and the event journal.
#[derive(Clone, PartialEq, Debug)]
pub enum Transition {
    /// A member's phase changed.
    Phase {
        /// Whose.
        id: BackendId,
        /// What it was.
        from: Phase,
        /// What it is.
        to: Phase,
        /// Why, with the figures.
        detail: Arc<str>,
    },
    /// The pool's mode changed.
    Mode {
        /// What it was.
        from: Mode,
        /// What it is.
        to: Mode,
        /// Members that are [`Phase::Serving`].
        healthy: usize,
        /// Members that are not disabled.
        enabled: usize,
    },
    /// A configuration brought a member.
    Added {
        /// Which.
        id: BackendId,
    },
    /// A configuration dropped a member.
    Removed {
        /// Which.
        id: BackendId,
    },
    /// A configuration changed a member's weight.
    Weight {
        /// Whose.
        id: BackendId,
        /// What it was.
        from: Weight,
        /// What it is.
        to: Weight,
    },
}
