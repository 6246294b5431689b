//! What was expected of each backend, and what its counters say.

use std::num::NonZeroU32;

use super::super::Account;
use super::super::serials::BySerial;
use super::Steps;
use super::homes::Homes;
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
    /// Answers whose time says something of the backend, and those that were slow.
    pub(super) answers: f64,
    pub(super) slow: f64,
    /// Both ways.
    pub(super) bytes: f64,
    /// Attempts that have ended.
    pub(super) ended: f64,
    pub(super) in_flight: f64,
    /// Seconds spent on requests, all together.
    pub(super) busy: f64,
}

impl Reading {
    /// By serial.
    pub(super) fn of_all(snapshot: &PoolSnapshot, now: Nanos) -> BySerial<Self> {
        snapshot.members().iter().map(|view| (view.member.serial, Self::of(view, now))).collect()
    }

    fn of(view: &MemberView, now: Nanos) -> Self {
        let load = &view.member.load;
        Self {
            by_reason: Reason::ALL.map(|reason| load.attempts(reason) as f64),
            failures: load.failures() as f64,
            answers: load.answers() as f64,
            slow: load.slow() as f64,
            bytes: load.bytes_sent() as f64 + load.bytes_received() as f64,
            ended: load.attempts_total() as f64 - f64::from(load.in_flight()),
            in_flight: f64::from(load.in_flight()),
            busy: load.busy(now).as_secs_f64(),
        }
    }

    /// What has come since `before`; what is in flight is as it is now.
    pub(super) fn since(&self, before: &Self) -> Self {
        let mut by_reason = self.by_reason;
        by_reason.iter_mut().zip(before.by_reason).for_each(|(now, before)| *now = (*now - before).max(0.0));
        let gained = |now: f64, before: f64| (now - before).max(0.0);
        Self {
            by_reason,
            failures: gained(self.failures, before.failures),
            answers: gained(self.answers, before.answers),
            slow: gained(self.slow, before.slow),
            bytes: gained(self.bytes, before.bytes),
            ended: gained(self.ended, before.ended),
            in_flight: self.in_flight,
            busy: gained(self.busy, before.busy),
        }
    }

    pub(super) fn attempts(&self) -> f64 {
        self.by_reason.iter().sum()
    }
}

/// The shares of a snapshot, by serial.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected(BySerial<Shares>);

/// Shares of one backend: each as the one before, with one more thing taken into account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shares {
    pub(super) intent: f64,
    weights: f64,
    discovered: f64,
    healthy: f64,
    pub(super) plan: f64,
    owned: f64,
    pub(super) phase: Phase,
    limit: Option<u32>,
}

impl Shares {
    fn is_out(&self) -> bool {
        matches!(self.phase, Phase::Unhealthy | Phase::Ejected | Phase::Unresolved)
    }
}

impl Expected {
    pub(super) fn of(snapshot: &PoolSnapshot, homes: &Homes) -> Self {
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
                owned: homes.of(view.member.serial).unwrap_or(view.plan),
                phase: view.phase,
                limit: view.member.placement.max_in_flight.map(NonZeroU32::get),
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

    /// Whether it takes new requests, as far as is known.
    pub(super) fn serves(&self, serial: u64) -> bool {
        self.get(serial).is_some_and(|one| !one.is_out() && one.phase != Phase::Draining)
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

impl Shares {
    /// For those who show them.
    pub(super) fn steps(&self) -> Steps {
        let Self { intent, weights, discovered, healthy, plan, .. } = *self;
        Steps { intent, weights, discovered, healthy, plan }
    }
}

/// Shares and attempts of late, older ones counting less and less.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sums {
    /// Attempts at all backends, by which the shares are weighted.
    total: f64,
    shares: [f64; 6],
    attempts: [f64; Reason::ALL.len()],
    failures: f64,
    /// Part of the time that it was at its limit.
    full: f64,
}

/// That part of its limit is as good as the limit: it was there a moment ago.
const FULL: f64 = 0.8;
/// That part of the time is often.
const OFTEN: f64 = 0.25;

impl Sums {
    /// The part that the newest tick is of a long row of equal ones: half of all is 7 ticks old or less.
    pub(super) const NEW: f64 = 0.1;

    pub(super) fn add(&mut self, shares: &Shares, total: f64, reading: Option<&Reading>) {
        let older = 1.0 - Self::NEW;
        let Shares { intent, weights, discovered, healthy, plan, owned, .. } = *shares;
        self.total = self.total * older + total;
        for (sum, share) in self.shares.iter_mut().zip([intent, weights, discovered, healthy, plan, owned]) {
            *sum = *sum * older + share * total;
        }
        let came = reading.map_or([0.0; Reason::ALL.len()], |reading| reading.by_reason);
        for (sum, came) in self.attempts.iter_mut().zip(came) {
            *sum = *sum * older + came;
        }
        self.failures = self.failures * older + reading.map_or(0.0, |reading| reading.failures);
        let near = |limit| reading.is_some_and(|reading| reading.in_flight >= FULL * f64::from(limit));
        self.full = self.full * older + f64::from(u8::from(shares.limit.is_some_and(near))) * Self::NEW;
    }

    pub(super) fn account(&self) -> Account {
        let [intent, weights, discovered, healthy, plan, owned] =
            self.shares.map(|sum| if self.total > 0.0 { sum / self.total } else { 0.0 });
        Account { intent, weights, discovered, healthy, plan, owned, attempts: self.attempts }
    }

    /// Attempts, all reasons together.
    pub(super) fn attempts(&self) -> f64 {
        self.attempts.iter().sum()
    }

    /// Attempts for one reason.
    pub(super) fn attempts_for(&self, reason: Reason) -> f64 {
        self.attempts[reason as usize]
    }

    /// Failed attempts.
    pub(super) fn failures(&self) -> f64 {
        self.failures
    }

    /// Whether it was at its limit for a good part of the time.
    pub(super) fn is_often_full(&self) -> bool {
        self.full >= OFTEN
    }
}
