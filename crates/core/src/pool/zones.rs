//! Keeping traffic in its zone, as far as the zone can take it.

use std::sync::Arc;

use super::shaping::ZoneSpec;
use super::slot::Slot;

/// Where the requests that arrive in zone `home` go, by zone; sums to 1. `arrivals` is each zone's part of all
/// requests, `capacity` its part of what can take them; each sums to the same.
///
/// All of them stay when the zone has capacity for its arrivals, else as many as it has capacity for; the rest goes
/// where capacity is left over, in proportion to how much. So no zone gets more than its capacity as long as every zone
/// does the same. The rule of Envoy's zone aware routing. Ranges: all at least 0, lengths equal, `home` a position in
/// them.
pub fn zone_split(arrivals: &[f64], capacity: &[f64], home: usize) -> Vec<f64> {
    let mut split = vec![0.0; arrivals.len()];
    let covered = if arrivals[home] > 0.0 { capacity[home] / arrivals[home] } else { 1.0 };
    let spare = zone_spare(arrivals, capacity);
    let all_spare: f64 = spare.iter().sum();
    if covered >= 1.0 - ROUNDING || all_spare <= 0.0 {
        split[home] = 1.0;
        return split;
    }
    for (part, spare) in split.iter_mut().zip(&spare) {
        *part = (1.0 - covered) * spare / all_spare;
    }
    split[home] = covered;
    split
}

/// What each zone's capacity has left over after its own arrivals, in the unit of both.
pub fn zone_spare(arrivals: &[f64], capacity: &[f64]) -> Vec<f64> {
    arrivals.iter().zip(capacity).map(|(arrivals, capacity)| (capacity - arrivals).max(0.0)).collect()
}

/// Members that serve in one zone, and the part of their tier's traffic that goes there.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) serving: Vec<usize>,
    pub(super) load: f64,
    /// Whether the traffic leaves its zone.
    pub(super) away: bool,
}

/// Splits one tier. How much arrives in each zone is not known here: it is taken to be the same in all zones that the
/// tier has members in. Members without a zone are a group where nothing arrives. Zones make no difference when the
/// tier has fewer than two, or none of its members is in the local one.
pub(super) fn groups(slots: &[Slot], serving: Vec<usize>, tier: u8, spec: Option<&ZoneSpec>) -> Vec<Group> {
    let here = |slot: &&Slot| slot.counts() && slot.member.placement.tier == tier;
    let mut zones: Vec<Option<&Arc<str>>> =
        slots.iter().filter(here).map(|slot| slot.member.placement.zone.as_ref()).collect();
    zones.sort_unstable();
    zones.dedup();
    let named = zones.iter().flatten().count();
    let home = spec.and_then(|spec| zones.iter().position(|zone| *zone == Some(&spec.local)));
    let (Some(home), true) = (home, named >= 2) else {
        return vec![Group { serving, load: 1.0, away: false }];
    };
    let inside = by_zone(slots, &serving, &zones);
    let weigh = |members: &[usize]| members.iter().map(|i| slots[*i].configured_weight()).sum::<f64>();
    let all = weigh(&serving);
    let arrivals: Vec<f64> =
        zones.iter().map(|zone| if zone.is_some() { 1.0 / named as f64 } else { 0.0 }).collect();
    let capacity: Vec<f64> = inside.iter().map(|members| weigh(members) / all).collect();
    let loads = zone_split(&arrivals, &capacity, home);
    let group = |(at, (serving, load))| Group { serving, load, away: at != home };
    inside.into_iter().zip(loads).enumerate().map(group).collect()
}

/// Those that serve in each of these zones, which are in order and all that they are in.
fn by_zone(slots: &[Slot], serving: &[usize], zones: &[Option<&Arc<str>>]) -> Vec<Vec<usize>> {
    let mut inside = vec![Vec::new(); zones.len()];
    for member in serving {
        if let Ok(at) = zones.binary_search(&slots[*member].member.placement.zone.as_ref()) {
            inside[at].push(*member);
        }
    }
    inside
}

/// Shares are off by less than this.
const ROUNDING: f64 = 1e-9;
