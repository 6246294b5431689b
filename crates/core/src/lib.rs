//! Every balancing decision of Evenkeel, and nothing else: no I/O, no clock, no runtime, no global
//! randomness.
//!
//! Time, seed and randomness are arguments, so a rehearsal under simulated time runs the code that production
//! runs, and every test is repeatable. The flow through this crate:
//!
//! ```text
//! PoolEvent -> PoolState::apply (one writer) -> Arc<PoolSnapshot> -> pick -> Lease -> BackendLoad
//! ```
//!
//! ```
//! use std::time::Duration;
//! use evenkeel_core::*;
//!
//! let member = |id: &str| MemberSpec::new(id, "10.0.0.11:8080".parse().expect("an address"));
//! let spec = PoolSpec::new("web", vec![member("a"), member("b")]);
//! let pool = PoolState::new(spec, 7, Nanos::ZERO);
//! let snapshot = pool.snapshot();
//! let lease = snapshot.pick(&Tried::default(), &mut Rng::from_seed(1), Nanos::ZERO).expect("two are eligible");
//! let load = lease.member().load.clone();
//! assert_eq!(load.in_flight(), 1);
//! lease.end(Outcome::Ok, Nanos::from_millis(3));
//! assert_eq!((load.in_flight(), load.busy(Nanos::from_secs(9))), (0, Duration::from_millis(3)));
//! ```
#![warn(missing_docs)]

mod counts;
mod failures;
pub mod id;
pub mod latency;
pub mod lease;
pub mod load;
mod names;
pub mod pool;
pub mod rng;
pub mod route;
pub mod sim;
pub mod skew;
pub mod strategy;
pub mod units;
mod usual;

pub use id::{BackendId, PoolId};
pub use latency::Latency;
pub use lease::{Lease, Outcome, Reason, Refusal};
pub use load::BackendLoad;
pub use names::NameTable;
pub use pool::{
    Applied, Eligible, HealthSpec, Intent, Member, MemberIdx, MemberSpec, MemberView, Mode, PassiveSpec,
    Phase, Placement, PoolEvent, PoolSnapshot, PoolSpec, PoolState, Shaping, SlowStart, SubsetSpec,
    Transition, Tried, ZoneSpec, subset, tier_loads, zone_spare, zone_split,
};
pub use rng::Rng;
pub use route::{HostPattern, RouteTable};
pub use strategy::{
    Ask, BuildInput, PickKey, Picked, Picker, PrequalSettings, ProbePool, REGISTRY, Registration,
    StrategyKind, StrategySettings,
};
pub use units::{Nanos, Ratio, Weight};
