//! From the state to the snapshot that picks and readers see.

use std::sync::Arc;
use std::time::Duration;

use super::effective::{Portion, portions};
use super::eligible::Candidate;
use super::event::{Intent, PoolSpec, Transition};
use super::mode::{Census, mode};
use super::slot::Slot;
use super::snapshot::{Choice, MemberView, Mode, PoolSnapshot};
use super::state::PoolState;
use crate::lease::Reason;
use crate::strategy::{BuildInput, ProbePool};
use crate::units::{Nanos, Weight};

impl PoolState {
    /// Makes a new snapshot current, unless it would say the same as the current one.
    pub(super) fn publish(
        &mut self,
        now: Nanos,
        transitions: &mut Vec<Transition>,
    ) -> Option<Arc<PoolSnapshot>> {
        let (mode, census) = mode(&self.slots, self.spec.panic_threshold);
        let old = Arc::clone(&self.snapshot);
        if mode != old.mode {
            let Census { healthy, enabled, .. } = census;
            transitions.push(Transition::Mode { from: old.mode, to: mode, healthy, enabled });
        }
        let portions = portions(&self.slots, &self.spec, mode, now);
        let members = views(&self.slots, &portions, self.spec.intent, mode);
        let (reason, reasons) = reasons(&portions);
        let same_views = members.len() == old.members.len() && members.iter().zip(&old.members).all(same);
        let same_strategy = self.spec.strategy == old.strategy && self.spec.settings == old.settings;
        let same_reasons = reason == old.reason && reasons == old.reasons;
        if same_views && mode == old.mode && same_strategy && same_reasons {
            return None;
        }
        let (candidates, reserve) = candidates(&self.slots, &portions);
        let limited = candidates.iter().any(|candidate| candidate.member.placement.max_in_flight.is_some());
        self.snapshot = Arc::new(PoolSnapshot {
            id: self.spec.id.clone(),
            epoch: old.epoch + 1,
            mode,
            strategy: self.spec.strategy,
            settings: self.spec.settings,
            members,
            reason,
            reasons,
            choice: self.choice(&candidates, &portions, &old),
            candidates,
            reserve,
            limited,
            sessions: Arc::clone(&self.sessions),
            decay: self.spec.decay(),
            probes: Arc::clone(&self.probes),
        });
        Some(self.snapshot())
    }

    /// The picker over these candidates: the running one if nothing that it was built from has changed.
    fn choice(
        &mut self,
        candidates: &[Candidate],
        portions: &[Portion],
        old: &PoolSnapshot,
    ) -> Option<Choice> {
        if candidates.is_empty() || !self.picks {
            return None;
        }
        let weights: Vec<Weight> = portions.iter().filter_map(|portion| portion.weight).collect();
        let serials = candidates.iter().map(|candidate| candidate.serial);
        let rotation = self.sequencer.rotation(serials.zip(weights.iter().copied()).collect());
        let same_strategy = self.spec.strategy == old.strategy && self.spec.settings == old.settings;
        let scaled = scaled(candidates, portions);
        // Only those that go by a key are built from it; others keep what they have learned.
        let same_scale =
            |choice: &Choice| !self.spec.strategy.registration().keyed || choice.scaled == scaled;
        let unchanged = |choice: &&Choice| {
            Arc::ptr_eq(&choice.rotation, &rotation) && same_strategy && same_scale(choice)
        };
        let picker = match old.choice.as_ref().filter(unchanged) {
            Some(choice) => Arc::clone(&choice.picker),
            None => {
                let ids: Vec<_> = candidates.iter().map(|candidate| &candidate.member.id).collect();
                let serials: Vec<_> = candidates.iter().map(|candidate| candidate.serial).collect();
                let (settings, probes) = (&self.spec.settings, &self.probes);
                let input = BuildInput {
                    weights: &weights,
                    scaled: &scaled,
                    ids: &ids,
                    serials: &serials,
                    settings,
                    rotation: &rotation,
                    probes,
                };
                Arc::from((self.spec.strategy.registration().build)(&input))
            }
        };
        Some(Choice { picker, rotation, scaled })
    }
}

impl PoolSpec {
    /// See [`PoolSnapshot`].
    fn decay(&self) -> u32 {
        let millis = |decay: Duration| u32::try_from(decay.as_millis()).unwrap_or(u32::MAX).max(1);
        if self.strategy.registration().timed { millis(self.settings.decay) } else { 0 }
    }
}

impl PoolSnapshot {
    /// Of a pool that has no members yet.
    pub(super) fn empty(spec: &PoolSpec, probes: &Arc<ProbePool>) -> Self {
        Self {
            id: spec.id.clone(),
            epoch: 0,
            mode: Mode::Empty,
            strategy: spec.strategy,
            settings: spec.settings,
            members: Box::default(),
            candidates: Box::default(),
            reason: Reason::Algorithm,
            reasons: Box::default(),
            reserve: Box::default(),
            limited: false,
            sessions: Arc::default(),
            choice: None,
            decay: 0,
            probes: Arc::clone(probes),
        }
    }
}

/// Those that get something, in configured order, and those in reserve, tier by tier.
fn candidates(slots: &[Slot], portions: &[Portion]) -> (Box<[Candidate]>, Box<[Candidate]>) {
    let both = || slots.iter().zip(portions);
    let planned = |(slot, portion): (&Slot, &Portion)| {
        portion.weight.map(|weight| Candidate::new(&slot.member, weight.get()))
    };
    let reserve = both().filter(|(_, portion)| portion.in_reserve);
    let mut reserve: Vec<Candidate> =
        reserve.map(|(slot, _)| Candidate::new(&slot.member, slot.member.weight.get())).collect();
    reserve.sort_by_key(|candidate| candidate.member.placement.tier);
    (both().filter_map(planned).collect(), reserve.into())
}

/// See [`BuildInput`].
fn scaled(candidates: &[Candidate], portions: &[Portion]) -> Box<[f64]> {
    let planned = portions.iter().filter(|portion| portion.weight.is_some());
    let scale = |(candidate, portion): (&Candidate, &Portion)| {
        f64::from(candidate.member.weight.get()) * portion.scale
    };
    candidates.iter().zip(planned).map(scale).collect()
}

/// Why first attempts go where they go: one reason for all candidates, or one for each.
fn reasons(portions: &[Portion]) -> (Reason, Box<[Reason]>) {
    let each = || portions.iter().filter(|portion| portion.weight.is_some()).map(|portion| portion.reason);
    let Some(first) = each().next() else { return (Reason::Algorithm, Box::default()) };
    if each().any(|reason| reason != first) {
        return (Reason::Algorithm, each().collect());
    }
    let only = first == Reason::Algorithm && each().count() == 1;
    (if only { Reason::OnlyChoice } else { first }, Box::default())
}

/// Spares are not meant to get anything: the intent is that of the first tier that has members, well or not. Zones do not
/// change it: how much arrives in each is not known here, and over the instances in all zones everybody gets its part.
fn views(slots: &[Slot], portions: &[Portion], intent: Intent, mode: Mode) -> Box<[MemberView]> {
    let tier = |slot: &Slot| slot.member.placement.tier;
    let first = slots.iter().filter(|slot| slot.counts()).map(tier).min();
    let meant = |slot: &Slot| match intent {
        _ if !slot.counts() || Some(tier(slot)) != first => 0.0,
        Intent::Equal => 1.0,
        Intent::Capacity => slot.capacity,
        Intent::Weights => slot.configured_weight(),
    };
    let intended = shares(slots.iter().map(meant).collect());
    let given = |portion: &Portion| portion.weight.map_or(0.0, |weight| f64::from(weight.get()));
    let planned = shares(portions.iter().map(given).collect());
    let view = |((slot, intent), plan): ((&Slot, f64), f64)| MemberView {
        member: Arc::clone(&slot.member),
        phase: slot.phase,
        since: slot.since,
        detail: slot.detail.clone(),
        intent,
        plan,
        keeps_sessions: slot.keeps_sessions() || mode == Mode::Panic && plan > 0.0,
    };
    slots.iter().zip(intended).zip(planned).map(view).collect()
}

/// Each one's part of the sum; nothing for anybody if there is no sum.
fn shares(parts: Vec<f64>) -> Vec<f64> {
    let sum: f64 = parts.iter().sum();
    parts.into_iter().map(|part| if sum > 0.0 { part / sum } else { 0.0 }).collect()
}

/// Whether a reader would notice no difference. A member that changed in itself is a new object.
fn same((a, b): (&MemberView, &MemberView)) -> bool {
    Arc::ptr_eq(&a.member, &b.member)
        && (a.phase, a.since, &a.detail) == (b.phase, b.since, &b.detail)
        && (a.intent, a.plan, a.keeps_sessions) == (b.intent, b.plan, b.keeps_sessions)
}
