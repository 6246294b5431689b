//! How a pool picks: one file per strategy and one line in [`REGISTRY`].

mod alias;
mod bounded;
mod burden;
#[cfg(test)]
mod fixture;
pub mod hash;
mod hcl;
mod keyed;
mod least_request;
mod maglev;
mod p2c;
mod pair;
mod peak_ewma;
mod positions;
mod prequal;
pub mod probes;
mod random;
mod rendezvous;
mod ring;
pub mod rotation;
mod round_robin;
pub mod schedule;
mod sequencer;
pub mod settings;

use std::fmt;
use std::sync::Arc;

use crate::id::BackendId;
use crate::lease::Reason;
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::{Nanos, Weight};
pub use probes::ProbePool;
pub use rotation::Rotation;
pub use schedule::schedule;
pub(crate) use sequencer::Sequencer;
pub use settings::{PrequalSettings, StrategySettings};

/// Every strategy. Documentation, the contract tests and the benchmarks iterate this.
pub const REGISTRY: &[Registration] = &[
    least_request::REGISTRATION,
    round_robin::REGISTRATION,
    random::REGISTRATION,
    p2c::REGISTRATION,
    peak_ewma::REGISTRATION,
    maglev::REGISTRATION,
    ring::REGISTRATION,
    rendezvous::REGISTRATION,
    prequal::REGISTRATION,
];

/// Chooses one of the eligible members. Holds tables derived from the weights and nothing about load, which
/// belongs to the backends.
///
/// Bound by contract: shares follow the weights, whoever is down; excluded members are never chosen; no
/// allocation, no lock, no clock; the same inputs give the same choice.
pub trait Picker: Send + Sync {
    /// Chooses. `from` holds the members, in the same order, that the picker was built for.
    fn pick(&self, from: &Eligible<'_>, ask: Ask, rng: &mut Rng) -> Picked;

    /// Where requests of a key go as long as nothing is in the way; `None` where no key decides.
    fn home(&self, _key: u64) -> Option<MemberIdx> {
        None
    }
}

/// What a pick is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// What the request is told apart by.
    pub key: PickKey,
    /// The time: core has no clock.
    pub now: Nanos,
}

/// Whom a picker chose, and what decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Picked {
    /// Whom.
    pub idx: MemberIdx,
    /// [`Reason::Algorithm`], or [`Reason::Hash`] where the key decided, or [`Reason::Spill`] where whom it decided for
    /// had too much.
    pub reason: Reason,
}

/// The names of the strategies.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub enum StrategyKind {
    /// The next in the schedule if idle, else the least loaded for its weight.
    #[default]
    LeastRequest,
    /// The next in the schedule.
    RoundRobin,
    /// By lot.
    Random,
    /// The less loaded of two.
    P2c,
    /// The faster of two.
    PeakEwma,
    /// By the key, from a table filled evenly.
    Maglev,
    /// By the key, from points on a ring.
    Ring,
    /// By the key, the highest number drawn.
    Rendezvous,
    /// Asks the backends.
    Prequal,
}

/// What the registry knows about a strategy.
#[derive(Debug)]
pub struct Registration {
    /// Which.
    pub kind: StrategyKind,
    /// Its name in configuration, metrics and logs.
    pub name: &'static str,
    /// What it does, in one line for operators.
    pub summary: &'static str,
    /// Whether shares follow the weights. One that does not must refuse unequal weights in configuration.
    pub honours_weights: bool,
    /// Whether a key of the request decides.
    pub keyed: bool,
    /// Whether the latency of every attempt is wanted: it is recorded in the pools of such strategies only.
    pub timed: bool,
    /// Whether it lives from asking the backends how busy they are: somebody has to send the probes that
    /// [`PoolSnapshot::probes_due`](crate::PoolSnapshot::probes_due) counts, and to enter the answers.
    pub probed: bool,
    /// Builds its tables.
    pub build: fn(&BuildInput<'_>) -> Box<dyn Picker>,
}

/// What a picker is built from.
#[derive(Debug)]
pub struct BuildInput<'a> {
    /// The weights of the eligible members, in order. Not empty.
    pub weights: &'a [Weight],
    /// Their configured weights, in the same order, each times its own scale: 1 for a member that has its whole weight
    /// in the tier and zone that come first, less for one that ramps up or is further away; more for one further away
    /// that takes over more than its weight. In proportion to `weights`, but for their rounding; and one's does not
    /// change when another's scale does, so that keys need not move. Above 0.
    pub scaled: &'a [f64],
    /// Their names, in the same order: the same in every process with the same configuration.
    pub ids: &'a [&'a BackendId],
    /// Their serials, in the same order.
    pub serials: &'a [u64],
    /// What the strategy is told beside.
    pub settings: &'a StrategySettings,
    /// The schedule over the same members, on the pool's shared cursor.
    pub rotation: &'a Arc<Rotation>,
    /// What backends said when they were asked; the pool keeps it across reloads.
    pub probes: &'a Arc<ProbePool>,
}

/// The hash of what a request is told apart by, for strategies that keep like with like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PickKey(Option<u64>);

impl StrategyKind {
    /// Every strategy, the default first.
    pub const ALL: [Self; 9] = [
        Self::LeastRequest,
        Self::RoundRobin,
        Self::Random,
        Self::P2c,
        Self::PeakEwma,
        Self::Maglev,
        Self::Ring,
        Self::Rendezvous,
        Self::Prequal,
    ];

    /// The name in configuration, metrics and logs.
    pub fn as_str(self) -> &'static str {
        self.registration().name
    }

    /// The strategy of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        REGISTRY.iter().find(|known| known.name == name).map(|known| known.kind)
    }

    /// What it does, in one line for operators.
    pub fn summary(self) -> &'static str {
        self.registration().summary
    }

    /// Its line in the registry.
    pub fn registration(self) -> &'static Registration {
        &REGISTRY[self as usize]
    }
}

impl fmt::Display for StrategyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Picked {
    /// By the strategy's own rule.
    #[inline]
    pub fn by_algorithm(idx: MemberIdx) -> Self {
        Self { idx, reason: Reason::Algorithm }
    }
}

impl PickKey {
    /// The request has no key.
    pub const NONE: Self = Self(None);

    /// Of a key as it stands in the request.
    pub fn of(key: &[u8]) -> Self {
        Self::from_hash(hash::key(key))
    }

    /// A key's hash, 64 well-mixed bits.
    pub fn from_hash(hash: u64) -> Self {
        Self(Some(hash))
    }

    /// The hash; `None` when the request has no key.
    pub fn hash(self) -> Option<u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_lists_every_kind_in_order() {
        let kinds: Vec<_> = REGISTRY.iter().map(|known| known.kind).collect();
        assert_eq!(kinds, StrategyKind::ALL);
        assert!(StrategyKind::ALL.iter().enumerate().all(|(i, kind)| *kind as usize == i));
        assert!(StrategyKind::ALL.iter().all(|kind| StrategyKind::from_name(kind.as_str()) == Some(*kind)));
        assert_eq!(StrategyKind::from_name("leastconn"), None);
    }
}
