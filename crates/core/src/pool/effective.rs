//! Who gets what share: tiers, zones and slow start come to one whole-number weight for each member.

use super::event::PoolSpec;
use super::slot::Slot;
use super::snapshot::Mode;
use super::tiers::{Tier, serves, tiers};
use super::zones::groups;
use crate::lease::Reason;
use crate::strategy::schedule::{cycle_max, rounded};
use crate::units::{Nanos, Weight};

/// What one member gets of new requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Portion {
    /// `None` when it gets nothing.
    pub(super) weight: Option<Weight>,
    /// By what its configured weight is multiplied for strategies that keep keys where they are: 1 where slow start
    /// leaves all of it to a member of the tier and zone that come first, whatever happens to others.
    pub(super) scale: f64,
    /// Why a first attempt goes there.
    pub(super) reason: Reason,
    /// It gets nothing as long as others can take it, but serves.
    pub(super) in_reserve: bool,
}

/// A tier, whether the zone is another than the local one, and the factor of a member there.
type Placed = ((u8, bool), f64);

/// Every member's portion, in their order. The configured weights as they are where nothing shapes them, else weights
/// that give every share to within a turn of the schedule.
pub(super) fn portions(slots: &[Slot], spec: &PoolSpec, mode: Mode, now: Nanos) -> Vec<Portion> {
    match mode {
        Mode::Normal => shaped(slots, spec, now),
        Mode::Panic => slots.iter().map(panicking).collect(),
        Mode::Empty => vec![Portion::NOTHING; slots.len()],
    }
}

impl Portion {
    const NOTHING: Self = Self { weight: None, scale: 1.0, reason: Reason::Algorithm, in_reserve: false };
}

/// Each by its weight, in whatever tier and zone: there are too few to be choosy.
fn panicking(slot: &Slot) -> Portion {
    let reachable = slot.counts() && slot.member.address.is_some();
    let weight = reachable.then_some(slot.member.weight);
    Portion { weight, reason: Reason::Panic, ..Portion::NOTHING }
}

fn shaped(slots: &[Slot], spec: &PoolSpec, now: Nanos) -> Vec<Portion> {
    let mut portions = vec![Portion::NOTHING; slots.len()];
    // By what each one's weight is multiplied; 0 for those that get nothing.
    let mut factors = vec![0.0; slots.len()];
    // The first tier and zone that something goes to, and the largest factor there.
    let mut whole: Option<Placed> = None;
    let serving = slots.iter().filter(|slot| serves(slot)).count();
    let zone = spec.shaping.zone.as_ref().filter(|zone| serving >= zone.members_min);
    for Tier { number, serving, load, failover } in tiers(slots, spec.shaping.overprovisioning) {
        for group in groups(slots, serving, number, zone) {
            let share = load * group.load;
            let part = |i: usize| slots[i].configured_weight() * slots[i].ramp(&spec.shaping, now);
            let parts: f64 = group.serving.iter().map(|i| part(*i)).sum();
            for i in group.serving {
                factors[i] = share * slots[i].ramp(&spec.shaping, now) / parts;
                whole = foremost(whole, ((number, group.away), factors[i]));
                portions[i].in_reserve = share <= 0.0;
                portions[i].reason = match (failover, group.away) {
                    (true, _) => Reason::Failover,
                    (false, true) => Reason::Spill,
                    (false, false) => Reason::Algorithm,
                };
            }
        }
    }
    let weights = weigh(slots, &factors);
    for ((portion, weight), factor) in portions.iter_mut().zip(weights).zip(factors) {
        portion.weight = weight;
        portion.scale = whole.map_or(1.0, |(_, whole)| factor / whole);
    }
    portions
}

/// Of those that get something, the one in the nearest tier and zone; where both are there, the one with more.
fn foremost(found: Option<Placed>, other: Placed) -> Option<Placed> {
    let is_nearer = |found: Placed| other.0 < found.0 || other.0 == found.0 && other.1 > found.1;
    if other.1 > 0.0 && found.is_none_or(is_nearer) { Some(other) } else { found }
}

/// The configured weights where all factors are the same.
fn weigh(slots: &[Slot], factors: &[f64]) -> Vec<Option<Weight>> {
    let used = || factors.iter().copied().filter(|factor| *factor > 0.0);
    let (least, most) = (used().fold(f64::INFINITY, f64::min), used().fold(0.0, f64::max));
    if most - least <= most * ROUNDING {
        let configured = |(slot, factor): (&Slot, &f64)| (*factor > 0.0).then_some(slot.member.weight);
        return slots.iter().zip(factors).map(configured).collect();
    }
    let shares: Vec<f64> = slots
        .iter()
        .zip(factors)
        .map(|(slot, factor)| slot.configured_weight() * factor)
        .filter(|share| *share > 0.0)
        .collect();
    let mut whole = whole_numbers(&shares).into_iter();
    factors.iter().map(|factor| if *factor > 0.0 { whole.next() } else { None }).collect()
}

/// Whole numbers in proportion to these shares, which sum to 1, by largest remainder and none below 1. Their sum is a
/// cycle that a schedule can be written out for, so that a strategy that goes by one gives exactly these shares.
fn whole_numbers(shares: &[f64]) -> Vec<Weight> {
    let largest = shares.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
    let sum = cycle_max(shares.len()).min((f64::from(Weight::MAX.get()) / largest) as u64);
    let fine: Vec<u32> = shares.iter().map(|share| ((share * FINE) as u32).max(1)).collect();
    let weights = rounded(&fine, sum.max(shares.len() as u64));
    weights.into_iter().map(|weight| Weight::new(weight).unwrap_or(Weight::MAX)).collect()
}

/// Factors that differ by less than this part are the same.
const ROUNDING: f64 = 1e-9;
/// What a share is cut to before it is rounded to turns: far finer than those.
const FINE: f64 = (1_u64 << 31) as f64;

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shares: &[f64]) -> Vec<u32> {
        whole_numbers(shares).iter().map(|weight| weight.get()).collect()
    }

    #[test]
    fn whole_numbers_are_within_a_turn_of_the_shares() {
        assert_eq!(numbers(&[0.5, 0.25, 0.25]), [2048, 1024, 1024]);
        assert_eq!(numbers(&[1.0 / 3.0; 3]).iter().sum::<u32>(), 4096);
        assert_eq!(numbers(&[0.999_999, 0.000_001]), [4095, 1], "nobody is forgotten");
        let mut many = vec![0.1 / 3_999.0; 4_000];
        many[0] = 0.9;
        let weights = numbers(&many);
        let share = f64::from(weights[0]) / f64::from(weights.iter().sum::<u32>());
        assert!((share - 0.9).abs() < 1.0 / 4096.0, "fits a weight: {share}");
    }
}
