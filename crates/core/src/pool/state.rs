//! The pool's state and its only writer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use super::configure::why_by_configuration;
use super::error_share::Watch;
use super::event::{Applied, PoolEvent, PoolSpec, Transition};
use super::remembered::Remembered;
use super::slot::Slot;
use super::snapshot::{Phase, PoolSnapshot};
use crate::id::BackendId;
use crate::strategy::{ProbePool, Sequencer};
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
    pub(super) probes: Arc<ProbePool>,
    pub(super) snapshot: Arc<PoolSnapshot>,
    /// By [`Member::session`](super::Member::session): where in `slots` it is.
    pub(super) sessions: Arc<[(u64, u32)]>,
    /// When the next ejection ends.
    pub(super) deadline: Option<Nanos>,
    /// When the next step of a slow start is due.
    pub(super) ramp_due: Option<Nanos>,
    pub(super) watch: Watch,
    /// Whether its snapshots are for picks, or only tell what each member would get.
    pub(super) picks: bool,
}

impl PoolState {
    /// A pool that starts. The seed decides where in its schedule it begins: give every pool and process its
    /// own.
    pub fn new(spec: PoolSpec, seed: u64, now: Nanos) -> Self {
        Self::start(spec, seed, now, true)
    }

    /// A pool of which nobody wants more than phases, mode and shares. Its snapshots have no picker and no schedule, which
    /// take most of the time that an event takes: what is picked nevertheless goes to whoever has most room.
    pub fn planning(spec: PoolSpec, now: Nanos) -> Self {
        Self::start(spec, 0, now, false)
    }

    fn start(spec: PoolSpec, seed: u64, now: Nanos, picks: bool) -> Self {
        let nobody = PoolSpec { members: Vec::new(), ..spec.clone() };
        let probes = Arc::default();
        let mut state = Self {
            snapshot: Arc::new(PoolSnapshot::empty(&nobody, &probes)),
            spec: nobody,
            slots: Vec::new(),
            positions: HashMap::new(),
            remembered: Remembered::default(),
            sequencer: Sequencer::new(seed),
            sessions: Arc::default(),
            probes,
            deadline: None,
            ramp_due: None,
            watch: Watch::default(),
            picks,
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
        let mut changed = self.ramp_due.is_some_and(|due| due <= now);
        if changed {
            self.end_ramps(now);
        }
        changed |= self.end_due_ejections(now);
        changed |= self.judge_errors(now);
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
        let snapshot = self.publish(now, &mut transitions);
        self.ramp_due = self.next_ramp(now);
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

    /// When a [`PoolEvent::Tick`] is due: an ejection ends, a slow start takes a step, or failures are looked at.
    /// `None` while nothing of this goes on.
    pub fn next_deadline(&self) -> Option<Nanos> {
        [self.deadline, self.ramp_due, self.watch.due].into_iter().flatten().min()
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
            slot.fresh = to == Phase::Serving;
            slot.since = now;
            slot.detail = Some(Arc::clone(&detail));
            transitions.push(Transition::Phase { id: slot.member.id.clone(), from, to, detail });
        }
        self.begin_ramps(now);
    }
}
