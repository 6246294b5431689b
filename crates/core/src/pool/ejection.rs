//! Taking members out after failed attempts, and back in.

use super::event::PassiveSpec;
use super::outlier;
use super::slot::Slot;
use super::snapshot::Phase;
use super::state::PoolState;
use crate::id::BackendId;
use crate::lease::Outcome;
use crate::units::Nanos;

impl PoolState {
    /// Ejects, if the backend has failed often enough in a row and the pool can do without it.
    pub(super) fn attempted(&mut self, id: &BackendId, outcome: Outcome, now: Nanos) -> bool {
        let Some(spec) = self.spec.passive.filter(|_| outcome.is_failure()) else {
            return false;
        };
        self.watch_errors(&spec, now);
        let Some(position) = self.positions.get(id).copied() else { return false };
        let failures = self.slots[position].member.load.consecutive_failures();
        if failures < spec.consecutive.max(1) || !self.can_do_without(position, &spec) {
            return false;
        }
        let failed = outcome.as_str();
        self.eject(position, &spec, &format!("{failures} consecutive failures ({failed})"), now);
        true
    }

    /// Whether this one serves and may be out. One that has nothing but sessions left, because it drains or is outside
    /// the subset, is not among those that the cap is for: its sessions may go as soon as somebody else serves.
    fn can_do_without(&self, position: usize, spec: &PassiveSpec) -> bool {
        let slot = &self.slots[position];
        if slot.counts() {
            let serves = slot.phase == Phase::Serving && slot.phase_by_facts() == Phase::Serving;
            return serves && self.has_room_for_ejection(spec);
        }
        slot.keeps_sessions() && self.counting().any(|other| other.phase_by_facts() == Phase::Serving)
    }

    /// Whether one more may be out: within the cap, and not the last that serves.
    pub(super) fn has_room_for_ejection(&self, spec: &PassiveSpec) -> bool {
        let count = |phase| self.counting().filter(|slot| slot.phase_by_facts() == phase).count();
        count(Phase::Ejected) < outlier::cap(spec, self.counting().count()) && count(Phase::Serving) > 1
    }

    pub(super) fn eject(&mut self, position: usize, spec: &PassiveSpec, why: &str, now: Nanos) {
        let slot = &mut self.slots[position];
        slot.ejections.eject(spec, now);
        slot.blame.forget();
        let (until, length, count) = (slot.ejections.until, slot.ejections.length, slot.ejections.count);
        slot.note = Some(format!("{why}, out for {length:?} (ejection {count})").into());
        self.deadline = self.deadline.into_iter().chain(until).min();
    }

    pub(super) fn end_due_ejections(&mut self, now: Nanos) -> bool {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return false;
        }
        let mut any = false;
        for slot in
            self.slots.iter_mut().filter(|slot| slot.ejections.until.is_some_and(|until| until <= now))
        {
            let (count, length) = (slot.ejections.count, slot.ejections.length);
            slot.end_ejection(now, format!("ejection {count} over after {length:?}"));
            any = true;
        }
        any
    }

    /// Takes ejections back that the pool cannot afford any more, those first that would end first: more are
    /// out than the cap allows (it shrinks with the pool), or nobody else is left to serve.
    pub(super) fn release_some(&mut self, now: Nanos) {
        let enabled = self.counting().count();
        let cap = self.spec.passive.as_ref().map_or(0, |spec: &PassiveSpec| outlier::cap(spec, enabled));
        let phases = || self.counting().map(Slot::phase_by_facts);
        let out = phases().filter(|phase| *phase == Phase::Ejected).count();
        let last = out > 0 && !phases().any(|phase| phase == Phase::Serving);
        for _ in 0..out.saturating_sub(cap).max(usize::from(last)) {
            let is_out = |slot: &&mut Slot| slot.counts() && slot.phase_by_facts() == Phase::Ejected;
            let Some(slot) = self.slots.iter_mut().filter(is_out).min_by_key(|slot| slot.ejections.until)
            else {
                return;
            };
            let why =
                if last { "nobody else can serve".to_owned() } else { format!("at most {cap} may be out") };
            slot.end_ejection(now, format!("ejection ended early: {why}"));
        }
    }

    fn counting(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.counts())
    }
}
