//! What was expected of each backend, and what its counters say.

use std::collections::HashMap;

use super::super::Account;
use crate::lease::Reason;
use crate::pool::{MemberView, Phase, PoolSnapshot};
use crate::units::Nanos;

/// Differences below this come of rounding.
const ROUNDING: f64 = 1e-9;
/// With one other, taking that out is maintenance; with more, it is all to one.
const LONE_OTHERS: usize = 2;
/// A plan that changes by less goes on as it was.
const STEP: f64 = 0.02;

/// A backend's counters, or what they have gained.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reading {
    pub(super) by_reason: [f64; Reason::ALL.len()],
    pub(super) failures: f64,
    pub(super) in_flight: f64,
    /// Seconds spent on requests, all together.
    pub(super) busy: f64,
}

impl Reading {
    /// By serial.
    pub(super) fn of_all(snapshot: &PoolSnapshot, now: Nanos) -> HashMap<u64, Self> {
        snapshot.members().iter().map(|view| (view.member.serial, Self::of(view, now))).collect()
    }

    fn of(view: &MemberView, now: Nanos) -> Self {
        let load = &view.member.load;
        Self {
            by_reason: Reason::ALL.map(|reason| load.attempts(reason) as f64),
            failures: load.failures() as f64,
            in_flight: f64::from(load.in_flight()),
            busy: load.busy(now).as_secs_f64(),
        }
    }

    /// What has come since `before`; what is in flight is as it is now.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut by_reason = self.by_reason;
        by_reason.iter_mut().zip(before.by_reason).for_each(|(now, before)| *now = (*now - before).max(0.0));
        Self {
            by_reason,
            failures: (self.failures - before.failures).max(0.0),
            in_flight: self.in_flight,
            busy: (self.busy - before.busy).max(0.0),
        }
    }

    pub(super) fn attempts(&self) -> f64 {
        self.by_reason.iter().sum()
    }
}

/// The shares of a snapshot, by serial.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(HashMap<u64, Shares>);

/// Shares of one backend: each as the one before, with one more thing taken into account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) intent: f64,
    weights: f64,
    discovered: f64,
    healthy: f64,
    plan: f64,
    pub(super) phase: Phase,
}

impl Shares {
    fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Unhealthy | Phase::Ejected | Phase::Unresolved)
    }
}

impl Expected {
    pub(super) fn of(snapshot: &PoolSnapshot) -> Self {
        let members = snapshot.members();
        let part = |keeps: &dyn Fn(&MemberView) -> bool| {
            let weight =
                |view: &MemberView| if keeps(view) { f64::from(view.member.weight.get()) } else { 0.0 };
            let total: f64 = members.iter().map(weight).sum();
            move |view: &MemberView| {
                let keeps = total > 0.0 && view.intent > 0.0;
                if keeps { f64::from(view.member.weight.get()) / total } else { 0.0 }
            }
        };
        // Those of later tiers are not meant to have anything; what they get follows from health and shaping.
        let meant = |view: &MemberView| view.intent > 0.0;
        let found = |view: &MemberView| meant(view) && view.phase != Phase::Unresolved;
        let healthy = |view: &MemberView| found(view) && view.phase.is_eligible();
        let (by_weight, by_found, by_health) = (part(&meant), part(&found), part(&healthy));
        let shares = members.iter().map(|view| {
            let shares = Shares {
                intent: view.intent,
                weights: by_weight(view),
                discovered: if found(view) { by_found(view) } else { 0.0 },
                healthy: if healthy(view) { by_health(view) } else { 0.0 },
                plan: view.plan,
                phase: view.phase,
            };
            (view.member.serial, shares)
        });
        Self(shares.collect())
    }

    pub(super) fn get(&self, serial: u64) -> Option<&Shares> {
        self.0.get(&serial)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&u64, &Shares)> {
        self.0.iter()
    }

    /// A number that changes with the configured weights of those that are meant to serve.
    pub(super) fn weights_print(&self) -> u64 {
        let of_one = |(serial, shares): (&u64, &Shares)| {
            let spread =
                serial.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ shares.weights.to_bits().rotate_left(29);
            spread.wrapping_mul(0xbf58_476d_1ce4_e5b9)
        };
        self.0.iter().map(of_one).fold(0, u64::wrapping_add)
    }

    /// The one that is meant to serve where several others are taken out by configuration, and how many there are in all.
    pub(super) fn lone(&self) -> Option<(u64, usize)> {
        let mut meant = self.0.iter().filter(|(_, shares)| shares.intent > 0.0);
        let (serial, _) = meant.next()?;
        let out = |shares: &&Shares| matches!(shares.phase, Phase::Disabled | Phase::Draining);
        let others = self.0.values().filter(out).count();
        (meant.next().is_none() && others >= LONE_OTHERS).then_some((*serial, others + 1))
    }

    /// Whether nobody that is meant to serve does, though there is somebody.
    pub(super) fn nobody_serves(&self) -> bool {
        let mut meant = self.0.values().filter(|shares| shares.intent > 0.0).peekable();
        meant.peek().is_some() && meant.all(Shares::is_out)
    }

    /// Whether it is not well.
    pub(super) fn is_out(&self, serial: u64) -> bool {
        self.get(serial).is_some_and(Shares::is_out)
    }

    /// Whether the same backends are meant to have the same shares.
    pub(super) fn intends_the_same(&self, other: &Self) -> bool {
        self.agrees(other, |shares| shares.intent, ROUNDING)
    }

    /// Whether configuration and health give the same backends about the same shares: slow start changes them all the time.
    pub(super) fn plans_the_same(&self, other: &Self) -> bool {
        self.agrees(other, |shares| shares.plan, STEP)
    }

    fn agrees(&self, other: &Self, share: fn(&Shares) -> f64, within: f64) -> bool {
        let same = |(serial, shares): (&u64, &Shares)| {
            other.0.get(serial).is_some_and(|other| (share(other) - share(shares)).abs() < within)
        };
        self.0.len() == other.0.len() && self.0.iter().all(same)
    }
}

/// Shares and attempts of late, older ones counting less and less.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Attempts at all backends, by which the shares are weighted.
    total: f64,
    shares: [f64; 5],
    attempts: [f64; Reason::ALL.len()],
}

impl Sums {
    /// The part that the newest tick is of a long row of equal ones: half of all is 7 ticks old or less.
    pub(super) const NEW: f64 = 0.1;

    pub(super) fn add(&mut self, shares: &Shares, total: f64, reading: Option<&Reading>) {
        let older = 1.0 - Self::NEW;
        let Shares { intent, weights, discovered, healthy, plan, .. } = *shares;
        self.total = self.total * older + total;
        for (sum, share) in self.shares.iter_mut().zip([intent, weights, discovered, healthy, plan]) {
            *sum = *sum * older + share * total;
        }
        let came = reading.map_or([0.0; Reason::ALL.len()], |reading| reading.by_reason);
        for (sum, came) in self.attempts.iter_mut().zip(came) {
            *sum = *sum * older + came;
        }
    }

    pub(super) fn account(&self) -> Account {
        let [intent, weights, discovered, healthy, plan] =
            self.shares.map(|sum| if self.total > 0.0 { sum / self.total } else { 0.0 });
        Account { intent, weights, discovered, healthy, plan, attempts: self.attempts }
    }
}
