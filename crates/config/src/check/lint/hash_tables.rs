//! Tables and bounds of hashing strategies that weights or numbers make useless.

use super::{PoolRule, Subject, several};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::values::{self, percent};

pub(super) const RULES: [PoolRule; 5] = [coarse_ring, coarse_share, tight_bound, loose_bound, split_keys];

/// Points on the ring from which on shares are told: below, they are off by more than a sixth (1/√points).
const POINTS_MIN: u32 = 40;
/// Entries of a backend below which one more or less is a twentieth of its share.
const ENTRIES_MIN: f64 = 20.0;
/// Points of all backends that the ring holds before they are halved.
const RING_MAX: f64 = 262_144.0;
/// A bound nearer to 1 is reached by chance.
const BOUND_MIN: f64 = 1.1;

fn coarse_ring(subject: &Subject<'_>) -> Option<Diagnostic> {
    let points = subject.pool.settings.ring_points;
    if subject.pool.strategy.as_str() != "ring" || points >= POINTS_MIN || subject.open() < 2 {
        return None;
    }
    // The standard deviation of a share is 1/√points of it (Karger et al., 1997).
    let off = 1.0 / f64::from(points).sqrt();
    let message = format!("{points} points a backend make a coarse ring for pool `{}`", subject.name());
    let found = Diagnostic::warning("coarse-ring", subject.at("hash.points")?, message)
        .label("too few to be even")
        .effect(format!(
            "shares of backends of one weight would be off by some {} of themselves, for good",
            percent(off)
        ))
        .help("take `points` out: at 160 it is 8 %; `strategy = \"maglev\"` is within 1 %");
    Some(found)
}

/// A weight so small beside the others that the table has hardly room for it.
fn coarse_share(subject: &Subject<'_>) -> Option<Diagnostic> {
    let settings = &subject.pool.settings;
    let tier = subject.alone().filter(|tier| tier.shares.len() >= 2)?;
    let least = tier.shares.iter().min_by(|a, b| a.planned.total_cmp(&b.planned))?;
    let each = 1.0 / tier.shares.len() as f64;
    let own = match subject.pool.strategy.as_str() {
        "maglev" => least.planned * f64::from(settings.table_size),
        "ring" => {
            let all: f64 = tier.shares.iter().map(|share| f64::from(share.backend.weight.value.get())).sum();
            let points = all * f64::from(settings.ring_points);
            points.min(RING_MAX) * least.planned
        }
        _ => return None,
    };
    // Where equal shares would be as coarse the table as a whole is too small, which is another matter.
    if own >= ENTRIES_MIN || least.planned > each * 0.9 {
        return None;
    }
    let (id, weight) = (&least.backend.id.value, &least.backend.weight);
    let all: u64 = tier.shares.iter().map(|share| u64::from(share.backend.weight.value.get())).sum();
    let wanted = values::prime_from((ENTRIES_MIN * 5.0 / least.planned) as u64);
    let message = format!("the table of pool `{}` is too coarse for the weight of `{id}`", subject.name());
    let found = Diagnostic::warning("coarse-share", weight.span.clone(), message)
        .label(format!("{} of {all}", weight.value.get()))
        .effect(format!(
            "`{id}` has {own:.1} entries by its weight: its share would be off by up to {}",
            percent((1.0 / own.max(1.0)).min(1.0))
        ))
        .help(match subject.pool.strategy.as_str() {
            "maglev" if wanted <= defaults::TABLE_SIZE_MAX => {
                format!("write `table_size = {wanted}`, or `strategy = \"rendezvous\"`, which has no table")
            }
            _ => "write `strategy = \"rendezvous\"`, which has no table, or weights that differ less".into(),
        });
    Some(found)
}

fn tight_bound(subject: &Subject<'_>) -> Option<Diagnostic> {
    let bound = subject.pool.settings.bound.filter(|bound| *bound < BOUND_MIN && subject.open() > 1)?;
    let message =
        format!("a bound of {bound} leaves hardly any request of pool `{}` where its key is", subject.name());
    let found = Diagnostic::warning("tight-bound", subject.at("hash.bound")?, message)
        .label("reached by chance")
        .effect(format!(
            "a backend would pass requests on from {} above its share on: caches would be as cold as with \
             round robin",
            percent(bound - 1.0)
        ))
        .help("write `bound = 1.25`");
    Some(found)
}

/// With a bound above one over its share a backend may have all requests that there are.
fn loose_bound(subject: &Subject<'_>) -> Option<Diagnostic> {
    let bound = subject.pool.settings.bound?;
    let tier = subject.alone().filter(|tier| tier.shares.len() >= 2)?;
    let least = tier.shares.iter().map(|share| share.planned).fold(f64::INFINITY, f64::min);
    if bound * least < 1.0 {
        return None;
    }
    let most = tier.shares.iter().map(|share| share.planned).fold(0.0, f64::max);
    let message = format!("a bound of {bound} bounds nothing in pool `{}`", subject.name());
    let found = Diagnostic::warning("loose-bound", subject.at("hash.bound")?, message)
        .label("never reached")
        .effect(format!(
            "each backend may have 100 % of the requests in flight, as if there were no bound; at 1.25 it \
             would be {}",
            percent((1.25 * most).min(1.0))
        ))
        .help(format!("write `bound = 1.25`; below {:.1} it begins to hold", 1.0 / least));
    Some(found)
}

/// Instances that each know other backends send one key to as many of them.
fn split_keys(subject: &Subject<'_>) -> Option<Diagnostic> {
    let (hash, size) = (subject.pool.hash.as_ref()?, subject.pool.shaping.subset.as_ref()?);
    let (used, open) = (subject.pool.used(), subject.open());
    if used == open {
        return None;
    }
    let message = format!("each instance sends the keys of pool `{}` to backends of its own", subject.name());
    let found = Diagnostic::warning("split-keys", size.span.clone(), message)
        .label(format!("{used} of {open}"))
        .related(hash.span.clone(), "keeps like requests together")
        .effect(format!(
            "a key would go to another backend from each instance: to up to {}, each of which keeps its \
             own, and what came by another instance is not found",
            several(open, "backend")
        ))
        .help("take `subset` out, or the key: a strategy that goes by load needs no more than a subset");
    Some(found)
}
