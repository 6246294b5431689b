//! The pool's state and its only writer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::configure::why_by_configuration;
use super::event::{Applied, PassiveSpec, PoolEvent, PoolSpec, Transition};
use super::mode::Census;
use super::outlier;
use super::remembered::Remembered;
use super::slot::Slot;
use super::snapshot::{Phase, PoolSnapshot};
use crate::id::BackendId;
use crate::lease::Outcome;
use crate::strategy::Sequencer;
use crate::units::Nanos;

/// Everything that decides what a pool's snapshots say. One keeper owns it; nobody else writes.
#[derive(Debug)]
pub struct PoolState {
    pub(super) spec: PoolSpec,
    /// In configured order.
    pub(super) slots: Vec<Slot>,
    /// Where in `slots` an id is.
    pub(super) positions: HashMap<BackendId, usize>,
    pub(super) remembered: Remembered,
    pub(super) sequencer: Sequencer,
    pub(super) snapshot: Arc<PoolSnapshot>,
    /// When the next ejection ends.
    deadline: Option<Nanos>,
}

impl PoolState {
    /// A pool that starts. The seed decides where in its schedule it begins: give every pool and process its
    /// own.
    pub fn new(spec: PoolSpec, seed: u64, now: Nanos) -> Self {
        let nobody = PoolSpec { members: Vec::new(), ..spec.clone() };
        let mut state = Self {
            snapshot: Arc::new(PoolSnapshot::empty(&nobody)),
            spec: nobody,
            slots: Vec::new(),
            positions: HashMap::new(),
            remembered: Remembered::default(),
            sequencer: Sequencer::new(seed),
            deadline: None,
        };
        state.apply(PoolEvent::Configured(spec), now);
        state
    }

    /// The current snapshot.
    pub fn snapshot(&self) -> Arc<PoolSnapshot> {
        Arc::clone(&self.snapshot)
    }

    /// Applies one event. There is a new snapshot only when something changed that a pick or a reader sees.
    /// Events about ids that are not configured (any more) change nothing. Ejections that are over end with
    /// any event.
    pub fn apply(&mut self, event: PoolEvent, now: Nanos) -> Applied {
        self.apply_all([event], now)
    }

    /// Applies events in their order and publishes once, what they come to. A snapshot costs time in proportion to the
    /// pool: thousands of checks that end together must not cost as many.
    pub fn apply_all(&mut self, events: impl IntoIterator<Item = PoolEvent>, now: Nanos) -> Applied {
        let mut transitions = Vec::new();
        let mut changed = self.end_due_ejections(now);
        let mut settled = true;
        for event in events {
            // Only what a check of another member says does not depend on what came before; while somebody is ejected
            // even that may, for who is released depends on who else serves.
            if !settled && (self.deadline.is_some() || !self.is_first_check(&event)) {
                self.settle(now, &mut transitions);
            }
            changed |= self.take_in(event, now, &mut transitions);
            settled = !changed;
        }
        if !changed {
            return Applied { snapshot: None, transitions };
        }
        self.settle(now, &mut transitions);
        self.deadline = self.slots.iter().filter_map(|slot| slot.ejections.until).min();
        let snapshot = self.publish(&mut transitions);
        Applied { snapshot, transitions }
    }

    /// Notes what an event says. Whether phases may have changed.
    fn take_in(&mut self, event: PoolEvent, now: Nanos, transitions: &mut Vec<Transition>) -> bool {
        match event {
            PoolEvent::Configured(spec) => self.configured(spec, now, transitions),
            PoolEvent::Probed { id, result } => self.probed(&id, result),
            PoolEvent::Attempted { id, outcome } => self.attempted(&id, outcome, now),
            PoolEvent::Resolved { id, result } => self.resolved(&id, result),
            PoolEvent::Tick => false,
        }
    }

    /// Whether it is a check of a member of which nothing has been noted since phases were settled.
    fn is_first_check(&self, event: &PoolEvent) -> bool {
        let PoolEvent::Probed { id, .. } = event else { return false };
        self.positions.get(id).is_none_or(|position| self.slots[*position].note.is_none())
    }

    fn settle(&mut self, now: Nanos, transitions: &mut Vec<Transition>) {
        self.release_some(now);
        self.settle_phases(now, transitions);
    }

    /// When a [`PoolEvent::Tick`] is due: the next ejection ends. `None` while nobody is out.
    pub fn next_deadline(&self) -> Option<Nanos> {
        self.deadline
    }

    fn slot(&mut self, id: &BackendId) -> Option<&mut Slot> {
        self.positions.get(id).map(|position| &mut self.slots[*position])
    }

    fn probed(&mut self, id: &BackendId, result: Result<(), Arc<str>>) -> bool {
        let Some(health) = self.spec.health else {
            return false;
        };
        let Some(slot) = self.slot(id).filter(|slot| slot.member.address.is_some()) else {
            return false;
        };
        let suspect = slot.phase == Phase::Ejected;
        let run = slot.checks.record(result.is_ok(), health, suspect);
        let in_a_row = |run: u32| {
            if run > 1 { format!(" ({run} in a row)") } else { String::new() }
        };
        slot.note = match (run, result) {
            (Some(run), Ok(())) => Some(format!("check passed{}", in_a_row(run)).into()),
            (Some(run), Err(reason)) => Some(format!("{reason}{}", in_a_row(run)).into()),
            // One that stays unhealthy says why as of now.
            (None, Err(reason)) if slot.phase == Phase::Unhealthy => Some(reason),
            (None, _) => None,
        };
        slot.note.is_some()
    }

    /// Ejects, if the backend has failed often enough in a row and the pool can do without it.
    fn attempted(&mut self, id: &BackendId, outcome: Outcome, now: Nanos) -> bool {
        let Some(spec) = self.spec.passive.filter(|_| outcome.is_failure()) else {
            return false;
        };
        let census = Census::of(&self.slots);
        let room = self.count(Phase::Ejected) < outlier::cap(&spec, census.enabled) && census.healthy > 1;
        let Some(slot) = self.slot(id).filter(|slot| slot.phase == Phase::Serving) else {
            return false;
        };
        let failures = slot.member.load.consecutive_failures();
        if !room || failures < spec.consecutive.max(1) {
            return false;
        }
        slot.ejections.eject(&spec, now);
        let until = slot.ejections.until;
        let (length, count) = (slot.ejections.length, slot.ejections.count);
        let failed = outcome.as_str();
        let note =
            format!("{failures} consecutive failures ({failed}), out for {length:?} (ejection {count})");
        slot.note = Some(note.into());
        self.deadline = self.deadline.into_iter().chain(until).min();
        true
    }

    fn resolved(&mut self, id: &BackendId, result: Result<SocketAddr, Arc<str>>) -> bool {
        let health = self.spec.health;
        let Some(slot) = self.slot(id) else { return false };
        match result {
            Ok(address) if slot.move_to(address, health) => {
                slot.note = Some(format!("resolved to {address}").into());
                true
            }
            Err(reason) if slot.member.address.is_none() => {
                slot.lookup_failed = true;
                slot.note = Some(reason);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn end_due_ejections(&mut self, now: Nanos) -> bool {
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
    fn release_some(&mut self, now: Nanos) {
        let enabled = self.slots.iter().filter(|slot| slot.enabled).count();
        let cap = self.spec.passive.as_ref().map_or(0, |spec: &PassiveSpec| outlier::cap(spec, enabled));
        let phases = || self.slots.iter().map(Slot::phase_by_facts);
        let out = phases().filter(|phase| *phase == Phase::Ejected).count();
        let last = out > 0 && !phases().any(|phase| phase == Phase::Serving);
        for _ in 0..out.saturating_sub(cap).max(usize::from(last)) {
            let ejected = self.slots.iter_mut().filter(|slot| slot.phase_by_facts() == Phase::Ejected);
            let Some(slot) = ejected.min_by_key(|slot| slot.ejections.until) else {
                return;
            };
            let why =
                if last { "nobody else can serve".to_owned() } else { format!("at most {cap} may be out") };
            slot.end_ejection(now, format!("ejection ended early: {why}"));
        }
    }

    /// Brings every phase in line with the facts and reports what that changed.
    fn settle_phases(&mut self, now: Nanos, transitions: &mut Vec<Transition>) {
        for slot in &mut self.slots {
            let note = slot.note.take();
            let (from, to) = (slot.phase, slot.phase_by_facts());
            if from == to {
                slot.detail = note.or(slot.detail.take());
                continue;
            }
            let detail = note.unwrap_or_else(|| why_by_configuration(from, to).into());
            slot.phase = to;
            slot.since = now;
            slot.detail = Some(Arc::clone(&detail));
            transitions.push(Transition::Phase { id: slot.member.id.clone(), from, to, detail });
        }
    }

    fn count(&self, phase: Phase) -> usize {
        self.slots.iter().filter(|slot| slot.phase == phase).count()
    }
}
