//! A pool's state: events go in, immutable snapshots come out, picks read the newest one.

mod configure;
mod effective;
mod ejection;
pub mod eligible;
mod error_share;
pub mod event;
mod fast_failures;
mod health;
mod homes;
mod mode;
mod outlier;
mod pick;
mod probing;
mod publish;
mod remembered;
mod session;
pub mod shaping;
mod slot;
mod slow_start;
pub mod snapshot;
pub mod state;
mod subset;
mod tiers;
pub mod tried;
mod zones;

pub use eligible::{Eligible, MemberIdx};
pub use event::{Applied, HealthSpec, Intent, MemberSpec, PassiveSpec, PoolEvent, PoolSpec, Transition};
pub use shaping::{Placement, Shaping, SlowStart, SubsetSpec, ZoneSpec};
pub use snapshot::{Member, MemberView, Mode, Phase, PoolSnapshot};
pub use state::PoolState;
pub use subset::subset;
pub use tiers::tier_loads;
pub use tried::Tried;
pub use zones::{zone_spare, zone_split};
