//! From the state to the snapshot that picks and readers see.

use std::sync::Arc;

use super::eligible::Candidate;
use super::event::{Intent, PoolSpec, Transition};
use super::mode::Census;
use super::slot::Slot;
use super::snapshot::{Choice, MemberView, Mode, Phase, PoolSnapshot};
use super::state::PoolState;
use crate::lease::Reason;
use crate::strategy::BuildInput;

impl PoolState {
    /// Makes a new snapshot current, unless it would say the same as the current one.
    pub(super) fn publish(&mut self, transitions: &mut Vec<Transition>) -> Option<Arc<PoolSnapshot>> {
        let census = Census::of(&self.slots);
        let mode = census.mode(self.spec.panic_threshold);
        let old = Arc::clone(&self.snapshot);
        if mode != old.mode {
            let Census { healthy, enabled, .. } = census;
            transitions.push(Transition::Mode { from: old.mode, to: mode, healthy, enabled });
        }
        let members = views(&self.slots, self.spec.intent, mode);
        let same_views = members.len() == old.members.len() && members.iter().zip(&old.members).all(same);
        let same_strategy = self.spec.strategy == old.strategy && self.spec.settings == old.settings;
        if same_views && mode == old.mode && same_strategy {
            return None;
        }
        let chosen_from = self.slots.iter().filter(|slot| takes_part(slot, mode));
        let candidates: Box<[Candidate]> = chosen_from.map(|slot| Candidate::new(&slot.member)).collect();
        self.snapshot = Arc::new(PoolSnapshot {
            id: self.spec.id.clone(),
            epoch: old.epoch + 1,
            mode,
            strategy: self.spec.strategy,
            settings: self.spec.settings,
            members,
            reason: reason(mode, candidates.len()),
            choice: self.choice(&candidates, &old),
            candidates,
        });
        Some(self.snapshot())
    }

    /// The picker over these candidates: the running one if nothing that it was built from has changed.
    fn choice(&mut self, candidates: &[Candidate], old: &PoolSnapshot) -> Option<Choice> {
        if candidates.is_empty() {
            return None;
        }
        let members =
            candidates.iter().map(|candidate| (candidate.serial, candidate.member.weight)).collect();
        let rotation = self.sequencer.rotation(members);
        let same_strategy = self.spec.strategy == old.strategy && self.spec.settings == old.settings;
        let unchanged = |choice: &&Choice| Arc::ptr_eq(&choice.rotation, &rotation) && same_strategy;
        let picker = match old.choice.as_ref().filter(unchanged) {
            Some(choice) => Arc::clone(&choice.picker),
            None => {
                let weights: Vec<_> = candidates.iter().map(|candidate| candidate.member.weight).collect();
                let ids: Vec<_> = candidates.iter().map(|candidate| &candidate.member.id).collect();
                let settings = &self.spec.settings;
                let input = BuildInput { weights: &weights, ids: &ids, settings, rotation: &rotation };
                Arc::from((self.spec.strategy.registration().build)(&input))
            }
        };
        Some(Choice { picker, rotation })
    }
}

impl PoolSnapshot {
    /// Of a pool that has no members yet.
    pub(super) fn empty(spec: &PoolSpec) -> Self {
        Self {
            id: spec.id.clone(),
            epoch: 0,
            mode: Mode::Empty,
            strategy: spec.strategy,
            settings: spec.settings,
            members: Box::default(),
            candidates: Box::default(),
            reason: reason(Mode::Empty, 0),
            choice: None,
        }
    }
}

/// Whether a pick may choose it.
fn takes_part(slot: &Slot, mode: Mode) -> bool {
    match mode {
        Mode::Normal => slot.phase.is_eligible(),
        Mode::Panic => slot.phase != Phase::Disabled && slot.member.address.is_some(),
        Mode::Empty => false,
    }
}

/// Why a first attempt goes where it goes.
fn reason(mode: Mode, candidates: usize) -> Reason {
    if mode == Mode::Panic {
        Reason::Panic
    } else if candidates == 1 {
        Reason::OnlyChoice
    } else {
        Reason::Algorithm
    }
}

fn views(slots: &[Slot], intent: Intent, mode: Mode) -> Box<[MemberView]> {
    let intended = shares(slots, |slot| match intent {
        _ if slot.phase == Phase::Disabled => 0.0,
        Intent::Equal => 1.0,
        Intent::Capacity => slot.capacity,
        Intent::Weights => f64::from(slot.member.weight.get()),
    });
    let planned =
        shares(slots, |slot| if takes_part(slot, mode) { f64::from(slot.member.weight.get()) } else { 0.0 });
    let view = |((slot, intent), plan): ((&Slot, f64), f64)| MemberView {
        member: Arc::clone(&slot.member),
        phase: slot.phase,
        since: slot.since,
        detail: slot.detail.clone(),
        intent,
        plan,
    };
    slots.iter().zip(intended).zip(planned).map(view).collect()
}

/// Each one's part of the sum; nothing for anybody if there is no sum.
fn shares(slots: &[Slot], part: impl Fn(&Slot) -> f64) -> Vec<f64> {
    let parts: Vec<f64> = slots.iter().map(part).collect();
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| if sum > 0.0 { part / sum } else { 0.0 }).collect()
}

/// Whether a reader would notice no difference. A member that changed in itself is a new object.
fn same((a, b): (&MemberView, &MemberView)) -> bool {
    Arc::ptr_eq(&a.member, &b.member)
        && (a.phase, a.since, &a.detail) == (b.phase, b.since, &b.detail)
        && (a.intent, a.plan) == (b.intent, b.plan)
}
