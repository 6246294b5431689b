//! One member's part of the pool's state: the facts, and the phase that follows from them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error_share::Blame;
use super::event::{HealthSpec, MemberSpec};
use super::health::{Checks, Verdict};
use super::outlier::Ejections;
use super::session;
use super::shaping::{Placement, Shaping};
use super::snapshot::{Member, Phase};
use crate::units::{Nanos, Weight};

/// What is known about a member. Facts are kept apart, so that one that is disabled, or unhealthy, while it
/// is ejected comes back to what it was; the phase is the first of them that keeps it from serving.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) member: Arc<Member>,
    pub(super) enabled: bool,
    pub(super) capacity: f64,
    pub(super) checks: Checks,
    pub(super) ejections: Ejections,
    pub(super) blame: Blame,
    /// Whether this process uses it at all.
    pub(super) in_subset: bool,
    /// It has begun to serve, and nobody has decided yet whether it ramps up.
    pub(super) fresh: bool,
    /// When its slow start began, until it is over.
    pub(super) ramps_from: Option<Nanos>,
    /// A lookup of its name failed, and none has succeeded.
    pub(super) lookup_failed: bool,
    pub(super) phase: Phase,
    pub(super) since: Nanos,
    pub(super) detail: Option<Arc<str>>,
    /// What the next change of phase, or else the detail, will say.
    pub(super) note: Option<Arc<str>>,
}

impl Slot {
    /// A member as configured: new, or one that was removed and is remembered.
    pub(super) fn new(
        spec: &MemberSpec,
        remembered: Option<&Member>,
        health: Option<HealthSpec>,
        now: Nanos,
    ) -> Self {
        let load = remembered.map(|member| Arc::clone(&member.load)).unwrap_or_default();
        let mut slot = Self {
            blame: Blame::none(&load),
            in_subset: true,
            fresh: true,
            ramps_from: None,
            member: Arc::new(Member {
                id: spec.id.clone(),
                address: spec.address,
                weight: spec.weight,
                placement: spec.placement.clone(),
                serial: remembered.map_or_else(next_serial, |member| member.serial),
                load,
                session: session::hash(&spec.id),
            }),
            enabled: spec.enabled,
            capacity: spec.capacity.unwrap_or(1.0),
            checks: Checks::unknown(health),
            ejections: Ejections::default(),
            lookup_failed: false,
            phase: Phase::Joining,
            since: now,
            detail: None,
            note: None,
        };
        slot.member.load.forget_failures();
        slot.phase = slot.phase_by_facts();
        slot
    }

    /// The first fact that keeps it from serving.
    pub(super) fn phase_by_facts(&self) -> Phase {
        if !self.enabled {
            Phase::Disabled
        } else if self.member.placement.draining {
            Phase::Draining
        } else {
            self.phase_by_health()
        }
    }

    fn phase_by_health(&self) -> Phase {
        if self.member.address.is_none() {
            Phase::Unresolved
        } else if self.checks.verdict == Verdict::Failing {
            Phase::Unhealthy
        } else if self.ejections.until.is_some() {
            Phase::Ejected
        } else if self.checks.verdict == Verdict::Unchecked {
            Phase::Joining
        } else {
            Phase::Serving
        }
    }

    /// Whether it is among those that the pool is made of: not taken out on purpose, by disabling it or letting it
    /// drain, and in the subset.
    pub(super) fn counts(&self) -> bool {
        self.enabled && !self.member.placement.draining && self.in_subset
    }

    /// Whether nothing speaks against it but that it may be draining, or outside the subset.
    pub(super) fn keeps_sessions(&self) -> bool {
        self.enabled && self.phase_by_health() == Phase::Serving
    }

    pub(super) fn configured_weight(&self) -> f64 {
        f64::from(self.member.weight.get())
    }

    /// The part of its weight that slow start leaves it.
    pub(super) fn ramp(&self, shaping: &Shaping, now: Nanos) -> f64 {
        let ramp = shaping.slow_start.as_ref().zip(self.ramps_from);
        ramp.map_or(1.0, |(spec, from)| spec.stepped(from, now))
    }

    /// Enabled, but nothing is known yet, good or bad.
    pub(super) fn is_pending(&self) -> bool {
        match self.phase {
            Phase::Joining => true,
            Phase::Unresolved => !self.lookup_failed,
            Phase::Serving | Phase::Unhealthy | Phase::Ejected | Phase::Draining | Phase::Disabled => false,
        }
    }

    /// Moves it. Another machine answers there, so what is known about its health is void; its load is not.
    pub(super) fn move_to(&mut self, address: SocketAddr, health: Option<HealthSpec>) -> bool {
        self.lookup_failed = false;
        if self.member.address == Some(address) {
            return false;
        }
        self.fresh = true;
        self.blame.forget();
        self.replace(Some(address), self.member.weight, self.member.placement.clone());
        self.checks = Checks::unknown(health);
        self.ejections = Ejections::default();
        self.member.load.start_over();
        true
    }

    /// Lets it back in, with a clean slate.
    pub(super) fn end_ejection(&mut self, now: Nanos, note: String) {
        self.ejections.end(now);
        self.blame.forget();
        self.member.load.forget_failures();
        self.note = Some(note.into());
    }

    /// What configuration says of it beside its address.
    pub(super) fn weigh_and_place(&mut self, weight: Weight, placement: &Placement) {
        if (self.member.weight, &self.member.placement) != (weight, placement) {
            self.replace(self.member.address, weight, placement.clone());
        }
    }

    /// Snapshots hold the old member as it was; load and serial are the same.
    fn replace(&mut self, address: Option<SocketAddr>, weight: Weight, placement: Placement) {
        let Member { id, serial, load, session, .. } = &*self.member;
        let (id, load) = (id.clone(), Arc::clone(load));
        let (serial, session) = (*serial, *session);
        self.member = Arc::new(Member { id, address, weight, placement, serial, load, session });
    }
}

/// One counter for the process, not the pool: connections kept for reuse may be filed under it.
fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
