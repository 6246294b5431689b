//! What `expect` says of a pool whose backends are all well.

use std::ops::Range;

use super::trial::{Split, Trials, capacity};
use super::{Promise, words};
use crate::decode::Cx;
use crate::diagnostic::Diagnostic;
use crate::model::Pool;
use crate::span::At;
use crate::values::percent;

/// Shares that differ by less are one: a schedule gives them to within a turn.
pub(super) const ROUNDING: f64 = 0.001;

pub(super) fn check(cx: &Cx, pool: &Pool, promise: &Promise, trials: &Trials) {
    members(cx, pool, promise);
    let fleet = trials.fleet();
    let bounded = Bounded { pool, promise, split: &fleet };
    let expect = &promise.expect;
    if let Some(least) = &expect.min_share {
        bounded.least(cx, least);
    }
    if let Some(most) = &expect.max_share {
        bounded.most(cx, most);
    }
    if let Some(most) = &expect.peak_to_mean {
        bounded.peak(cx, most);
    }
    bounded.rate(cx);
    zones(cx, pool, promise, &trials.local.whole());
}

/// A broken clause.
pub(super) fn broken(span: Range<usize>, message: String) -> Diagnostic {
    Diagnostic::error("broken-expectation", span, message)
}

fn members(cx: &Cx, pool: &Pool, promise: &Promise) {
    let Some(members) = &promise.expect.members else { return };
    let all = pool.backends.len();
    let enabled = pool.backends.iter().filter(|backend| backend.enabled).count();
    if usize::try_from(members.value).is_ok_and(|members| members == enabled) {
        return;
    }
    let count = |number: usize| if number == 1 { "one".into() } else { number.to_string() };
    let message = match all - enabled {
        0 => {
            format!("pool `{}` has {} backend{}, not {}", pool.id, count(enabled), s(enabled), members.value)
        }
        _ => format!(
            "of the {all} backends of pool `{}` {} {} enabled, not {}",
            pool.id,
            count(enabled),
            words::are(enabled),
            members.value
        ),
    };
    let each = |members: f64| percent(1.0 / members);
    let wrong = broken(members.span.clone(), message)
        .label(format!("{} are expected", members.value))
        .effect(format!(
            "equal shares would be {} in place of {}",
            each(enabled.max(1) as f64),
            each(f64::from(members.value))
        ));
    cx.report(wrong.help(format!(
        "put the list of backends right, or write `members = {enabled}` if the pool has changed on purpose"
    )));
}

/// The shares of a pool, and what is expected of them.
struct Bounded<'a> {
    pool: &'a Pool,
    promise: &'a Promise,
    split: &'a Split,
}

impl Bounded<'_> {
    /// Those that are meant to have something: of the first tier.
    fn meant(&self) -> impl Iterator<Item = (usize, f64)> {
        let meant = self.split.meant.iter().zip(&self.split.shares).enumerate();
        meant.filter(|(_, (meant, _))| **meant > 0.0).map(|(backend, (_, share))| (backend, *share))
    }

    fn largest(&self) -> Option<(usize, f64)> {
        let shares = self.split.shares.iter().copied().enumerate();
        // Of several the first.
        shares.rev().max_by(|(_, a), (_, b)| a.total_cmp(b))
    }

    fn least(&self, cx: &Cx, least: &At<f64>) {
        let smallest = self.meant().min_by(|(_, a), (_, b)| a.total_cmp(b));
        let Some((backend, share)) = smallest.filter(|(_, share)| *share < least.value - ROUNDING) else {
            return;
        };
        let message = format!(
            "{} would get {} of the requests of pool `{}`, which is less than its `min_share`",
            self.name(backend),
            percent(share),
            self.pool.id
        );
        cx.report(self.unlike(least, backend, message, format!("at least {}", percent(least.value))));
    }

    fn most(&self, cx: &Cx, most: &At<f64>) {
        let Some((backend, share)) = self.largest().filter(|(_, share)| *share > most.value + ROUNDING)
        else {
            return;
        };
        let message = format!(
            "{} would get {} of the requests of pool `{}`, which is more than its `max_share`",
            self.name(backend),
            percent(share),
            self.pool.id
        );
        cx.report(self.unlike(most, backend, message, format!("at most {}", percent(most.value))));
    }

    fn peak(&self, cx: &Cx, most: &At<f64>) {
        let members = self.meant().count();
        let Some((backend, share)) = self.largest().filter(|_| members > 0) else { return };
        let ratio = share * members as f64;
        if ratio <= most.value * (1.0 + ROUNDING) {
            return;
        }
        let message = format!(
            "{} would get {ratio:.2} times the mean of pool `{}`, which is more than its `peak_to_mean`",
            self.name(backend),
            self.pool.id
        );
        cx.report(self.unlike(most, backend, message, format!("at most {}", most.value)));
    }

    /// More than a backend can take, with nobody down.
    fn rate(&self, cx: &Cx) {
        let expect = &self.promise.expect;
        let (Some(peak), Some(each)) = (&expect.peak_rate, &expect.backend_rate) else { return };
        let over =
            self.split.shares.iter().zip(&self.pool.backends).enumerate().map(|(index, (share, backend))| {
                let (gets, takes) = (share * peak.value, capacity(backend) * each.value);
                (index, gets, takes)
            });
        let worst = over.max_by(|a, b| (a.1 / a.2).total_cmp(&(b.1 / b.2)));
        let Some((backend, gets, takes)) = worst.filter(|(_, gets, takes)| *gets > takes * (1.0 + ROUNDING))
        else {
            return;
        };
        let message = format!(
            "{} would get {} requests a second at the peak of pool `{}`; it can take {}",
            self.name(backend),
            words::rate(gets),
            self.pool.id,
            words::rate(takes)
        );
        let wrong = broken(peak.span.clone(), message)
            .label("at its peak")
            .related(self.promise.backends[backend].clone(), "takes too little")
            .effect(format!(
                "it would get {} of requests, and be overloaded with every backend healthy",
                percent(self.split.shares[backend])
            ));
        cx.report(wrong.help("add backends, or put the weights, the capacities or the rates right"));
    }

    fn unlike(&self, clause: &At<f64>, backend: usize, message: String, label: String) -> Diagnostic {
        let (share, meant) = (self.split.shares[backend], self.split.meant[backend]);
        let members = self.meant().count().max(1);
        let effect = format!("{} would get {} of requests", self.name(backend), percent(share));
        let effect = match (share - meant).abs() > ROUNDING {
            true => format!("{effect}; {} is meant", percent(meant)),
            false => format!("{effect}; equal would be {}", percent(1.0 / members as f64)),
        };
        broken(clause.span.clone(), message)
            .label(label)
            .related(self.promise.backends[backend].clone(), "this one")
            .effect(effect)
            .help("put the weights or the list of backends right, or change what is expected")
    }

    fn name(&self, backend: usize) -> String {
        words::names(self.pool, &[backend])
    }
}

/// Requests that would go to a forbidden zone with nobody down.
fn zones(cx: &Cx, pool: &Pool, promise: &Promise, split: &Split) {
    let Some((backend, zone)) = forbidden(pool, promise, split) else { return };
    let message = format!(
        "{} would get {} of the requests of pool `{}`, and is in zone `{}`",
        words::names(pool, &[backend]),
        percent(split.shares[backend]),
        pool.id,
        zone.value
    );
    let all: f64 = in_zone(pool, split, &zone.value).sum();
    let wrong = broken(zone.span.clone(), message)
        .label("must get nothing")
        .related(promise.backends[backend].clone(), "in this zone")
        .effect(format!("{} of requests would leave for zone `{}`", percent(all), zone.value));
    cx.report(wrong.help(
        "take its backends out, or give them a later `tier`; or take the zone out of `forbidden_zones`",
    ));
}

/// A backend in a forbidden zone that gets something, the one with the most, and the zone.
pub(super) fn forbidden<'a>(
    pool: &Pool,
    promise: &'a Promise,
    split: &Split,
) -> Option<(usize, &'a At<std::sync::Arc<str>>)> {
    let zones = &promise.expect.forbidden_zones;
    let getting = split.shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
    let there = getting.filter_map(|(backend, share)| {
        let zone = pool.backends[backend].placement.zone.as_ref()?;
        Some((backend, share, zones.iter().find(|forbidden| forbidden.value == *zone)?))
    });
    there.max_by(|a, b| a.1.total_cmp(b.1)).map(|(backend, _, zone)| (backend, zone))
}

/// The shares of the backends in a zone.
pub(super) fn in_zone<'a>(pool: &'a Pool, split: &'a Split, zone: &'a str) -> impl Iterator<Item = f64> + 'a {
    let backends = pool.backends.iter().zip(&split.shares);
    backends
        .filter(move |(backend, _)| backend.placement.zone.as_deref() == Some(zone))
        .map(|(_, share)| *share)
}

fn s(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
