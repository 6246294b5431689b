//! What shapes the shares of a pool beside weights and health.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::units::Ratio;

/// Of a whole pool.
#[derive(Clone, PartialEq, Debug)]
pub struct Shaping {
    /// How a member that comes back, or is new, is brought up to its weight; `None` is at once.
    pub slow_start: Option<SlowStart>,
    /// A tier takes all traffic as long as this multiple of its healthy part, by weight, is at least the whole; what it
    /// cannot take spills to the next tier. 1 or above.
    pub overprovisioning: f64,
    /// Preference for the zone that this process is in; `None` is none.
    pub zone: Option<ZoneSpec>,
    /// Only a part of the members is used by this process; `None` is all.
    pub subset: Option<SubsetSpec>,
}

/// Weight × max(minimum, (age / window)^(1 / aggression)) while the member is younger than the window: one that begins to
/// serve, for whatever reason, while another has served for a whole window. Where nobody has, nobody is spared.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SlowStart {
    /// From when it serves until it has its whole weight.
    pub window: Duration,
    /// 1 is a straight line; above it, more of the weight comes early. Above 0.
    pub aggression: f64,
    /// The part of the weight that it begins with, above 0.
    pub minimum: Ratio,
}

/// Traffic stays in the zone of this process as far as its members can take it.
#[derive(Clone, PartialEq, Debug)]
pub struct ZoneSpec {
    /// Where this process is.
    pub local: Arc<str>,
    /// With fewer members than this that serve, zones are not looked at; nor in a tier that is in one zone only, or not
    /// in the local one, nor in panic mode.
    pub members_min: usize,
}

/// A fixed part of the members for each of many instances, such that all members have as many instances, give or take
/// one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SubsetSpec {
    /// This instance, 0 and up.
    pub instance: u32,
    /// Members of each tier that it uses; all of them if there are no more.
    pub size: NonZeroU32,
}

/// Of one member.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Placement {
    /// 0 is used first; the others take what those before cannot.
    pub tier: u8,
    /// Where it is.
    pub zone: Option<Arc<str>>,
    /// Leases that it may have at a time; `None` is any number.
    pub max_in_flight: Option<NonZeroU32>,
    /// Gets nothing new, but keeps the sessions that it has.
    pub draining: bool,
}

impl Default for Shaping {
    fn default() -> Self {
        Self { slow_start: None, overprovisioning: 1.4, zone: None, subset: None }
    }
}
