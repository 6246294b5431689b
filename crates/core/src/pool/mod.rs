//! A pool's state: events go in, immutable snapshots come out, picks read the newest one.

mod configure;
pub mod eligible;
pub mod event;
mod health;
mod mode;
mod outlier;
mod publish;
mod remembered;
pub mod shaping;
mod slot;
pub mod snapshot;
pub mod state;
pub mod tried;

pub use eligible::{Eligible, MemberIdx};
pub use event::{Applied, HealthSpec, Intent, MemberSpec, PassiveSpec, PoolEvent, PoolSpec, Transition};
pub use shaping::{Placement, Shaping, SlowStart, SubsetSpec, ZoneSpec};
pub use snapshot::{Member, MemberView, Mode, Phase, PoolSnapshot};
pub use state::PoolState;
pub use tried::Tried;
