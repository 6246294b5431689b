//! One member's part of the pool's state: the facts, and the phase that follows from them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::event::{HealthSpec, MemberSpec};
use super::health::{Checks, Verdict};
use super::outlier::Ejections;
use super::snapshot::{Member, Phase};
use crate::id::BackendId;
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
        let mut slot = Self {
            member: Arc::new(Member {
                id: spec.id.clone(),
                address: spec.address,
                weight: spec.weight,
                serial: remembered.map_or_else(next_serial, |member| member.serial),
                load: remembered.map(|member| Arc::clone(&member.load)).unwrap_or_default(),
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
        } else if self.member.address.is_none() {
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

    /// Enabled, but nothing is known yet, good or bad.
    pub(super) fn is_pending(&self) -> bool {
        match self.phase {
            Phase::Joining => true,
            Phase::Unresolved => !self.lookup_failed,
            Phase::Serving | Phase::Unhealthy | Phase::Ejected | Phase::Disabled => false,
        }
    }

    /// Moves it. Another machine answers there, so what is known about its health is void; its load is not.
    pub(super) fn move_to(&mut self, address: SocketAddr, health: Option<HealthSpec>) -> bool {
        self.lookup_failed = false;
        if self.member.address == Some(address) {
            return false;
        }
        self.replace(Some(address), self.member.weight);
        self.checks = Checks::unknown(health);
        self.ejections = Ejections::default();
        self.member.load.forget_failures();
        true
    }

    /// Lets it back in, with a clean slate.
    pub(super) fn end_ejection(&mut self, now: Nanos, note: String) {
        self.ejections.end(now);
        self.member.load.forget_failures();
        self.note = Some(note.into());
    }

    pub(super) fn set_weight(&mut self, weight: Weight) {
        self.replace(self.member.address, weight);
    }

    /// Snapshots hold the old member as it was; load and serial are the same.
    fn replace(&mut self, address: Option<SocketAddr>, weight: Weight) {
        let old = &self.member;
        let (id, load): (BackendId, _) = (old.id.clone(), Arc::clone(&old.load));
        self.member = Arc::new(Member { id, address, weight, serial: old.serial, load });
    }
}

/// One counter for the process, not the pool: connections kept for reuse may be filed under it.
fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
