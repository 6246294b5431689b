//! What each tier takes.

use super::slot::Slot;
use super::snapshot::Phase;

/// The part of the traffic that each tier takes, the preferred first: a tier takes all that comes to it as long as
/// `overprovisioning` times its available part (0..=1) is at least the whole, and passes on what it cannot take. Where
/// all together cannot take it all, they take it in proportion. Sums to 1, unless nothing is available.
///
/// The rule of Envoy's priority levels, without its rounding to percents.
pub fn tier_loads(available: &[f64], overprovisioning: f64) -> Vec<f64> {
    let can_take = |available: &f64| match available * overprovisioning {
        nearly_all if nearly_all > 1.0 - ROUNDING => 1.0,
        some => some,
    };
    let healths: Vec<f64> = available.iter().map(can_take).collect();
    let whole = healths.iter().sum::<f64>().min(1.0);
    let mut left = 1.0;
    let take = |health: f64| {
        let load = if whole > 0.0 { (health / whole).min(left) } else { 0.0 };
        left = if left - load < ROUNDING { 0.0 } else { left - load };
        load
    };
    healths.into_iter().map(take).collect()
}

/// A tier that somebody serves in.
#[derive(Debug)]
pub(super) struct Tier {
    pub(super) number: u8,
    /// Positions of those that serve.
    pub(super) serving: Vec<usize>,
    /// Its part of the traffic.
    pub(super) load: f64,
    /// Whether it stands in for a tier before it.
    pub(super) failover: bool,
}

/// The tiers that somebody serves in, the preferred first.
pub(super) fn tiers(slots: &[Slot], overprovisioning: f64) -> Vec<Tier> {
    let mut numbers: Vec<u8> = slots.iter().map(|slot| slot.member.placement.tier).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let mut available = Vec::new();
    let mut tiers = Vec::new();
    for number in &numbers {
        let within = || slots.iter().enumerate().filter(|(_, slot)| slot.member.placement.tier == *number);
        let serving: Vec<usize> =
            within().filter(|(_, slot)| serves(slot)).map(|(position, _)| position).collect();
        if !serving.is_empty() {
            let weigh = |of: fn(&Slot) -> bool| {
                within().filter(|(_, slot)| of(slot)).map(|(_, slot)| slot.configured_weight()).sum::<f64>()
            };
            available.push(weigh(|slot| serves(slot) || is_expected(slot)) / weigh(Slot::counts));
            let failover = Some(number) != numbers.first();
            tiers.push(Tier { number: *number, serving, load: 0.0, failover });
        }
    }
    let loads = tier_loads(&available, overprovisioning);
    tiers.iter_mut().zip(loads).for_each(|(tier, load)| tier.load = load);
    tiers
}

pub(super) fn serves(slot: &Slot) -> bool {
    slot.phase == Phase::Serving && slot.counts()
}

/// Missing news is not bad news, as in panic mode: one of which nothing is known yet is not lost.
fn is_expected(slot: &Slot) -> bool {
    slot.counts() && slot.is_pending()
}

/// Sums of shares are off by less than this.
const ROUNDING: f64 = 1e-9;
