//! Applying a configuration: what is known about a backend is kept by its id.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::event::{HealthSpec, MemberSpec, PoolSpec, Transition};
use super::health::Checks;
use super::session;
use super::slot::Slot;
use super::snapshot::Phase;
use super::state::PoolState;
use super::subset::subset;
use crate::id::BackendId;
use crate::units::Nanos;

impl PoolState {
    pub(super) fn configured(
        &mut self,
        spec: PoolSpec,
        now: Nanos,
        transitions: &mut Vec<Transition>,
    ) -> bool {
        if spec == self.spec {
            return false;
        }
        self.end_ramps(now);
        let mut old: HashMap<BackendId, Slot> =
            self.slots.drain(..).map(|slot| (slot.member.id.clone(), slot)).collect();
        let old_positions = std::mem::take(&mut self.positions);
        let (mut added, mut weights) = (Vec::new(), Vec::new());
        for member in &spec.members {
            if self.positions.contains_key(&member.id) {
                continue;
            }
            let slot = if let Some(mut slot) = old.remove(&member.id) {
                weights.extend(reconfigure(&mut slot, member, self.spec.health, spec.health));
                slot
            } else {
                added.push(Transition::Added { id: member.id.clone() });
                Slot::new(member, self.remembered.recall(&member.id).as_deref(), spec.health, now)
            };
            self.positions.insert(member.id.clone(), self.slots.len());
            self.slots.push(slot);
        }
        self.spec = spec;
        self.choose_subset();
        self.sessions = session::table(&self.slots);
        let mut removed: Vec<Slot> = old.into_values().collect();
        removed.sort_by_key(|slot| old_positions[&slot.member.id]);
        for slot in removed {
            transitions.push(Transition::Removed { id: slot.member.id.clone() });
            self.remembered.keep(slot.member);
        }
        transitions.extend(added);
        transitions.extend(weights);
        let configured: HashSet<u64> = self.slots.iter().map(|slot| slot.member.serial).collect();
        self.sequencer.retain(|serial| configured.contains(&serial) || self.remembered.knows(serial));
        true
    }

    /// Within each tier, so that an instance has somebody in the first one. Whoever is out on purpose is nobody's.
    fn choose_subset(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.in_subset = true);
        let Some(spec) = self.spec.shaping.subset else { return };
        let mut tiers: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for (position, slot) in self.slots.iter().enumerate().filter(|(_, slot)| slot.counts()) {
            tiers.entry(slot.member.placement.tier).or_default().push(position);
        }
        for positions in tiers.into_values() {
            let ids: Vec<_> = positions.iter().map(|position| &self.slots[*position].member.id).collect();
            let used = subset(&ids, spec);
            positions.iter().zip(used).for_each(|(position, used)| self.slots[*position].in_subset = used);
        }
    }
}

/// A member that stays: it keeps its load, serial, health and ejections, unless it moved.
fn reconfigure(
    slot: &mut Slot,
    spec: &MemberSpec,
    before: Option<HealthSpec>,
    health: Option<HealthSpec>,
) -> Option<Transition> {
    slot.enabled = spec.enabled;
    slot.capacity = spec.capacity.unwrap_or(1.0);
    if before.is_some() && health.is_none() {
        // Nobody will tell when it recovers. The other way round, those that serve go on until checks object.
        slot.checks = Checks::taken_as_passing();
    }
    if let Some(address) = spec.address
        && slot.move_to(address, health)
    {
        slot.note = Some(format!("moved to {address} by configuration").into());
    }
    let from = slot.member.weight;
    slot.weigh_and_place(spec.weight, &spec.placement);
    let id = || slot.member.id.clone();
    (from != spec.weight).then(|| Transition::Weight { id: id(), from, to: spec.weight })
}

/// What to say of a change of phase that came with a configuration.
pub(super) fn why_by_configuration(from: Phase, to: Phase) -> &'static str {
    match (from, to) {
        (_, Phase::Disabled) => "disabled by configuration",
        (Phase::Disabled, Phase::Draining) => "enabled by configuration, to drain",
        (Phase::Disabled, _) => "enabled by configuration",
        (_, Phase::Draining) => "draining by configuration",
        (Phase::Draining, _) => "no longer draining by configuration",
        (_, Phase::Serving) => "health checks switched off",
        _ => "configuration changed",
    }
}
