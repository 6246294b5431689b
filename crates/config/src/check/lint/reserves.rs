//! Who is used first, who is kept back, and who is out: tiers, zones, drained and disabled backends.

use std::collections::BTreeMap;

use super::{PoolRule, Subject, several};
use crate::decode::{BackendDraft, HealthDraft};
use crate::diagnostic::Diagnostic;
use crate::values::percent;

pub(super) const RULES: [PoolRule; 5] =
    [lone_first_tier, mostly_out, unwatched_reserve, late_failover, lonely_zone];

/// Times their load that the last backends of a tier would bear before the next tier helps them.
const LATE: f64 = 3.0;

fn lone_first_tier(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (first, rest) = subject.tiers.split_first()?;
    let [only] = first.shares.as_slice() else { return None };
    let kept = subject.open() - 1;
    // Of connections, one after the other is an order that somebody has thought of: who writes, and who is next in line.
    let in_line = !subject.reach.has_requests() && rest.iter().all(|tier| tier.shares.len() == 1);
    // With a limit the others are there for what is beyond it.
    if first.number != 0 || kept < 2 || in_line || only.backend.max_in_flight.is_some() {
        return None;
    }
    let reserve = &rest.first()?.shares.first()?.backend.tier;
    let id = &only.backend.id;
    let message = format!("all backends of pool `{}` but one are kept in reserve", subject.name());
    let found = Diagnostic::warning("lone-first-tier", reserve.span.clone(), message)
        .label("in reserve")
        .related(id.span.clone(), "the only one in tier 0")
        .effect(format!(
            "`{}` would get 100 % of requests, and the other {kept} nothing until it fails; equal would be {}",
            id.value,
            percent(1.0 / subject.open() as f64)
        ))
        .help("take `tier` out of those that are to share the load");
    Some(found)
}

fn mostly_out(subject: &Subject<'_>) -> Option<Diagnostic> {
    let backends = &subject.pool.backends.value;
    let (open, all) = (subject.open(), backends.len());
    // A single one that is left is told of as a pool of one.
    if open < 2 || all - open <= open {
        return None;
    }
    let first = backends.iter().find(|backend| !backend.is_open())?;
    let span = if first.enabled.value { &first.drain.span } else { &first.enabled.span };
    let message =
        format!("{} of {all} backends of pool `{}` take no new requests", all - open, subject.name());
    let found = Diagnostic::warning("mostly-out", span.clone(), message)
        .label("the first of them")
        .effect(match subject.alone() {
            Some(_) => format!(
                "the {open} that are left would get {} of requests each; with all {all} it would be {}",
                percent(subject.even()),
                percent(1.0 / all as f64)
            ),
            None => {
                format!("the {open} that are left would get 100 % of requests, which were meant for {all}")
            }
        })
        .help("bring them back, or take the entries out if they are gone for good");
    Some(found)
}

fn unwatched_reserve(subject: &Subject<'_>) -> Option<Diagnostic> {
    let [first, next, ..] = subject.tiers.as_slice() else { return None };
    let watched = !matches!(subject.pool.health, HealthDraft::Off) || subject.pool.passive.is_some();
    if watched {
        return None;
    }
    let reserve = &next.shares.first()?.backend;
    let message = format!("nothing would tell pool `{}` that tier {} is gone", subject.name(), first.number);
    let found = Diagnostic::warning("unwatched-reserve", reserve.tier.span.clone(), message)
        .label("never used")
        .effect(format!(
            "`{}` would get 0 % of requests, whoever is dead: neither checks nor failures count",
            reserve.id.value
        ))
        .help("add `health = { path = \"/healthz\" }`, or take `passive = false` out");
    Some(found)
}

fn late_failover(subject: &Subject<'_>) -> Option<Diagnostic> {
    let factor = subject.pool.shaping.overprovisioning;
    let [first, next, ..] = subject.tiers.as_slice() else { return None };
    if factor < LATE || first.shares.len() < 2 {
        return None;
    }
    let span = subject.at("overprovisioning")?;
    let message = format!(
        "tier {} of pool `{}` gets help only when nearly all of it is gone",
        first.number,
        subject.name()
    );
    let found = Diagnostic::warning("late-failover", span, message)
        .label("late")
        .effect(format!(
            "those that are left would get up to {factor} times their load before tier {} gets its first \
             request; at 1.4 it is 1.4 times",
            next.number
        ))
        .help("write `overprovisioning = 1.4`, or up to 2 where backends are half idle");
    Some(found)
}

/// One backend in a zone whose neighbours have three or more: with it goes the zone.
fn lonely_zone(subject: &Subject<'_>) -> Option<Diagnostic> {
    let min = subject.pool.shaping.zone_aware.as_ref()?.value;
    subject.draft.runtime.zone.as_ref()?;
    if subject.pool.used() < min {
        return None;
    }
    subject.tiers.iter().find_map(|tier| {
        let mut zones: BTreeMap<&str, Vec<&BackendDraft>> = BTreeMap::new();
        for share in &tier.shares {
            zones.entry(&share.backend.zone.as_ref()?.value).or_default().push(share.backend);
        }
        let most = zones.values().map(Vec::len).max().filter(|most| *most >= 3)?;
        let (zone, only) = zones.iter().find_map(|(zone, members)| match members.as_slice() {
            [only] => Some((*zone, *only)),
            _ => None,
        })?;
        let at = only.zone.as_ref()?;
        let message = format!("zone `{zone}` of pool `{}` has one backend", subject.name());
        let found = Diagnostic::warning("lonely-zone", at.span.clone(), message)
            .label("the only one there")
            .effect(format!(
                "when `{}` fails, every request of zone `{zone}` crosses to another; the largest zone has {}",
                only.id.value,
                several(most, "backend")
            ))
            .help("give the zone a second backend, or write the zone that was meant");
        Some(found)
    })
}
