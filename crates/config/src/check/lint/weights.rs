//! Weights and capacities that give one backend nearly everything.

use evenkeel_core::Intent;

use super::super::shares::{Share, Tier};
use super::{PoolRule, Subject, several};
use crate::diagnostic::Diagnostic;
use crate::values::percent;

pub(super) const RULES: [PoolRule; 3] = [outlier, dominant, ignored_capacity];

/// Times the usual weight from which on a digit has probably slipped.
const OUTLYING: f64 = 10.0;
/// Times its capacity that a backend may be meant to get before it is told: machines are rarely measured better.
const BEYOND: f64 = 1.5;
/// What percentages come to: whoever wrote them has added them up, and a digit that slips spoils the sum.
const PERCENT: f64 = 100.0;
/// Of the capacity: the others would get three times their load when this much of it goes.
const DOMINANT: f64 = 2.0 / 3.0;

fn outlier(subject: &Subject<'_>) -> Option<Diagnostic> {
    if subject.pool.intent() != Intent::Weights {
        return None;
    }
    let (tier, heaviest, usual) = subject.tiers.iter().find_map(|tier| {
        let (heaviest, usual) = outlying(tier)?;
        Some((tier, heaviest, usual))
    })?;
    let (id, weight) = (&heaviest.backend.id.value, heaviest.backend.weight.value.get());
    let equal = percent(1.0 / tier.shares.len() as f64);
    let message = format!(
        "`{id}` has {:.0} times the usual weight of pool `{}`",
        per_size(heaviest) / usual,
        subject.name()
    );
    let found = Diagnostic::warning("weight-outlier", heaviest.backend.weight.span.clone(), message)
        .label("far from the others")
        .effect(format!("`{id}` would get {} of requests; equal would be {equal}", percent(heaviest.planned)))
        .help(match weight {
            10.. => format!(
                "write `weight = {}` if a digit has slipped; `capacity` of each says that machines differ \
                 so much",
                weight / 10
            ),
            _ => "write a weight like those of the others; `capacity` of each says that machines differ so \
                  much"
                .into(),
        });
    Some(found)
}

/// The heaviest of three or more and the median, where they are far apart for the sizes of the machines.
fn outlying<'a, 'b>(tier: &'a Tier<'b>) -> Option<(&'a Share<'b>, f64)> {
    let all: f64 = tier.shares.iter().map(|share| f64::from(share.backend.weight.value.get())).sum();
    if tier.shares.len() < 3 || all == PERCENT {
        return None;
    }
    let mut sizes: Vec<f64> = tier.shares.iter().map(per_size).collect();
    sizes.sort_by(f64::total_cmp);
    let usual = sizes[sizes.len() / 2];
    let heaviest = tier.shares.iter().max_by(|a, b| per_size(a).total_cmp(&per_size(b)))?;
    (per_size(heaviest) >= OUTLYING * usual).then_some((heaviest, usual))
}

fn per_size(share: &Share<'_>) -> f64 {
    f64::from(share.backend.weight.value.get()) / share.backend.capacity.unwrap_or(1.0)
}

fn dominant(subject: &Subject<'_>) -> Option<Diagnostic> {
    let tier = subject.alone().filter(|tier| tier.shares.len() >= 3)?;
    let largest = tier.shares.iter().max_by(|a, b| a.meant.total_cmp(&b.meant))?;
    // Weights that do not follow the capacities are another matter, which has been told.
    let follows = (largest.planned - largest.meant).abs() < 0.01;
    if subject.pool.intent() != Intent::Capacity || largest.meant < DOMINANT || !follows {
        return None;
    }
    let (id, others) = (&largest.backend.id, several(tier.shares.len() - 1, "other"));
    let message =
        format!("most of the capacity of pool `{}` is in one backend, `{}`", subject.name(), id.value);
    let found = Diagnostic::warning("dominant-backend", id.span.clone(), message)
        .label(format!("{} of the capacity", percent(largest.meant)))
        .effect(format!(
            "when `{}` fails, the {others} would get {:.0} times their load; in a pool of two equal ones it \
             would be 2 times",
            id.value,
            1.0 / (1.0 - largest.meant)
        ))
        .help("divide it into several, or give the pool a second one of its size");
    Some(found)
}

/// Capacities that are declared and differ, where equal shares are asked for.
fn ignored_capacity(subject: &Subject<'_>) -> Option<Diagnostic> {
    if subject.pool.intent() != Intent::Equal {
        return None;
    }
    let span = subject.at("intent")?;
    let capacity = |share: &Share<'_>| share.backend.capacity.unwrap_or(1.0);
    let tier = subject.tiers.first().filter(|tier| tier.shares.len() >= 2)?;
    let all: f64 = tier.shares.iter().map(capacity).sum();
    let least = tier.shares.iter().min_by(|a, b| capacity(a).total_cmp(&capacity(b)))?;
    let own = capacity(least) / all;
    if least.meant < own * BEYOND {
        return None;
    }
    let id = &least.backend.id;
    let message = format!(
        "the backends of pool `{}` differ in capacity, and are meant to get the same",
        subject.name()
    );
    let found = Diagnostic::warning("ignored-capacity", span, message)
        .label("whatever their capacity")
        .related(id.span.clone(), "the smallest")
        .effect(format!(
            "`{}` would get {} of requests with {} of the capacity: it is full while the others are not",
            id.value,
            percent(least.meant),
            percent(own)
        ))
        .help("take `intent` out and give weights in proportion to the capacities, or take `capacity` out");
    Some(found)
}
