//! What is too little to be seen at each backend and yet is the same at many of them: sums over zones and over tiers,
//! against the plan.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::super::serials::{BySerial, Serials};
use super::super::{Count, Detector, Latched, Side, Split, Term, Tolerance};
use super::reading::Reading;
use super::tick::Tick;
use crate::lease::Reason;
use crate::pool::{Member, PoolSnapshot};

/// The tests of zones and of tiers.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    zones: Detector,
    tiers: Detector,
    /// Number of each group, by name: `zone eu-1`, `tier 0`.
    numbers: HashMap<Arc<str>, u64>,
    last_number: u64,
    /// The zone and the tier of each member, by serial.
    members: BySerial<[u64; KINDS]>,
}

/// Zones and tiers.
const KINDS: usize = 2;

impl Groups {
    pub(super) fn new(tolerance: Tolerance) -> Self {
        Self {
            zones: Detector::new(tolerance),
            tiers: Detector::new(tolerance),
            numbers: HashMap::new(),
            last_number: 0,
            members: BySerial::default(),
        }
    }

    pub(super) fn observe(&mut self, tick: &Tick<'_>) {
        if !tick.steady || self.members.is_empty() {
            self.sort(tick.snapshot);
        }
        // A group alone has nobody beside it.
        let shows = tick.shows_the_plan() && self.numbers.len() > KINDS;
        let counts = |kind| if shows { self.counts(tick, kind) } else { Vec::new() };
        let counts: [Vec<Count>; KINDS] = std::array::from_fn(counts);
        for (test, counts) in [&mut self.zones, &mut self.tiers].into_iter().zip(counts) {
            if counts.len() > 1 {
                test.observe(tick.now, &counts);
            } else {
                test.pass(tick.now);
            }
        }
    }

    /// Finds out who belongs where. A group keeps its number for as long as it has members.
    fn sort(&mut self, snapshot: &PoolSnapshot) {
        self.members.clear();
        for view in snapshot.members() {
            let names = names(&view.member);
            let numbers = names.map(|name| self.number(&name));
            self.members.insert(view.member.serial, numbers);
        }
        let used: Serials = self.members.values().flatten().copied().collect();
        self.numbers.retain(|_, number| used.contains(number));
    }

    fn number(&mut self, name: &str) -> u64 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        self.last_number += 1;
        self.numbers.insert(name.into(), self.last_number);
        self.last_number
    }

    /// Of those that the plan gives something: what others have is left over from another plan, or passed on.
    fn counts(&self, tick: &Tick<'_>, kind: usize) -> Vec<Count> {
        let mut sums: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
        for (serial, reading) in tick.since {
            let plan = tick.expected.get(*serial).map_or(0.0, |shares| shares.plan);
            let group = self.members.get(serial).filter(|_| plan > 0.0);
            if let Some(group) = group {
                let (attempts, planned) = sums.entry(group[kind]).or_default();
                *attempts += first_attempts(reading);
                *planned += plan;
            }
        }
        let all: f64 = sums.values().map(|(_, plan)| plan).sum();
        sums.into_iter().map(|(group, (attempts, plan))| Count::new(group, attempts, plan / all)).collect()
    }

    pub(super) fn latched(&self) -> Vec<Latched> {
        self.zones.latched().into_iter().chain(self.tiers.latched()).collect()
    }

    pub(super) fn nearness(&self) -> f64 {
        self.zones.nearness().max(self.tiers.nearness())
    }

    /// `zone eu-1` or `tier 1`; `None` when it has no members any more.
    pub(super) fn name(&self, number: u64) -> Option<&Arc<str>> {
        self.numbers.iter().find(|(_, known)| **known == number).map(|(name, _)| name)
    }

    /// Why most of a group's attempts came that the plan does not know, or most of those that are missing went elsewhere,
    /// and which part of all they are.
    pub(super) fn cause(&self, latched: &Latched, splits: &BySerial<Split>) -> Option<(Term, f64)> {
        let mut terms: BTreeMap<Reason, f64> = BTreeMap::new();
        let of_group = |serial: &u64| {
            self.members.get(serial).is_some_and(|groups| groups.contains(&latched.finding.backend))
        };
        let splits = splits.iter().filter(|(serial, _)| of_group(serial));
        for (term, size) in splits.flat_map(|(_, split)| &split.terms) {
            if let Term::Reason(reason) = term {
                *terms.entry(*reason).or_default() += size;
            }
        }
        let direction = if latched.finding.side == Side::Above { 1.0 } else { -1.0 };
        let part = |term: &(Reason, f64)| direction * term.1;
        let largest = terms.into_iter().max_by(|one, other| part(one).total_cmp(&part(other)));
        largest.map(|(reason, size)| (Term::Reason(reason), size))
    }
}

fn names(member: &Member) -> [String; KINDS] {
    let zone = member.placement.zone.as_deref();
    let zone = zone.map_or_else(|| "no zone".to_owned(), |zone| format!("zone {zone}"));
    [zone, format!("tier {}", member.placement.tier)]
}

/// Where a repeated attempt goes depends on where the first one failed.
fn first_attempts(reading: &Reading) -> f64 {
    let repeated = [Reason::Retry, Reason::Hedge].map(|reason| reading.by_reason[reason as usize]);
    reading.attempts() - repeated.iter().sum::<f64>()
}
