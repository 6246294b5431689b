//! Tiers, zones and subsets: that they are what the backends and this process make possible.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;

use crate::decode::{BackendDraft, Cx, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::Runtime;
use crate::span::At;
use crate::values::quoted_list;

/// Of a pool that has a backend for new requests.
pub(super) fn check(cx: &Cx, pool: &PoolDraft, runtime: &Runtime) {
    no_first_tier(cx, pool);
    if let Some(min) = &pool.shaping.zone_aware {
        match runtime.zone.as_deref() {
            Some(local) => zones(cx, pool, min, local),
            None => cx.report(nowhere(pool, min)),
        }
    }
    if let Some(size) = &pool.shaping.subset {
        match runtime.instance {
            Some(_) => subset(cx, pool, size),
            None => cx.report(unnumbered(pool, size)),
        }
    }
}

fn no_first_tier(cx: &Cx, pool: &PoolDraft) {
    let Some(first) = pool.open().min_by_key(|backend| backend.tier.value) else { return };
    let tier = first.tier.value;
    if tier == 0 {
        return;
    }
    let message = match pool.backends.value.iter().any(|backend| backend.tier.value == 0) {
        true => format!("no backend in tier 0 of pool `{}` takes new requests", pool.name.value),
        false => format!("pool `{}` has no backend in tier 0", pool.name.value),
    };
    let warning = Diagnostic::warning("no-first-tier", first.tier.span.clone(), message)
        .label("the first tier that is left")
        .effect(format!("tier {tier} would get 100 % of requests, each of them counted as a failover"))
        .help("tiers are counted from 0: lower the others, or bring a backend of tier 0 back");
    cx.report(warning);
}

/// Zones that leave nothing to choose, or too little. They are chosen between inside of each tier.
fn zones(cx: &Cx, pool: &PoolDraft, min: &At<usize>, local: &str) {
    let name = &pool.name.value;
    let mut tiers: BTreeMap<u8, BTreeSet<&str>> = BTreeMap::new();
    for backend in pool.open() {
        tiers.entry(backend.tier.value).or_default().extend(backend.zone.as_ref().map(|zone| &*zone.value));
    }
    let known: BTreeSet<&str> = tiers.values().flatten().copied().collect();
    let choice = tiers.values().any(|zones| zones.len() > 1 && zones.contains(local));
    let (used, unzoned) = (pool.used(), pool.open().find(|backend| backend.zone.is_none()));
    let warning = match unzoned {
        _ if known.is_empty() => {
            useless(pool, min, format!("no backend of pool `{name}` says in which zone it is"))
                .help(format!("give each of its backends a `zone`, such as `zone = \"{local}\"`"))
        }
        _ if !known.contains(local) => elsewhere(pool, min, local, &known),
        _ if !choice => {
            let message =
                format!("no tier of pool `{name}` has a backend in zone `{local}` and one in another zone");
            useless(pool, min, message).help("take `zone_aware` out until there is something to choose")
        }
        _ if used < min.value => {
            let message = format!(
                "this process uses {used} backends of pool `{name}`, and zones count from {} on",
                min.value
            );
            let help =
                format!("write `zone_aware = {{ min_backends = {used} }}` if so few are enough in each zone");
            useless(pool, min, message).help(help)
        }
        Some(backend) => unplaced(backend, local),
        None => return,
    };
    cx.report(warning);
}

fn elsewhere(pool: &PoolDraft, min: &At<usize>, local: &str, known: &BTreeSet<&str>) -> Diagnostic {
    let message = format!("no backend of pool `{}` is in this process's zone, `{local}`", pool.name.value);
    let help = match known.iter().next() {
        Some(only) if known.len() == 1 => format!("write `zone = \"{only}\"` in [runtime], if it is a slip"),
        _ => format!(
            "its zones are {}: write one of them as `zone` in [runtime], if it is a slip",
            quoted_list(known.iter().copied())
        ),
    };
    useless(pool, min, message).help(help)
}

fn useless(pool: &PoolDraft, min: &At<usize>, message: String) -> Diagnostic {
    Diagnostic::warning("no-effect", min.span.clone(), message).label("has no effect").effect(format!(
        "requests to pool `{}` go to the backends of all zones by their weights",
        pool.name.value
    ))
}

fn unplaced(backend: &BackendDraft, local: &str) -> Diagnostic {
    let message = format!("backend `{}` does not say in which zone it is", backend.id.value);
    Diagnostic::warning("no-zone", backend.id.span.clone(), message)
        .label("no `zone`")
        .effect(format!("it counts as far away: it gets only what zone `{local}` cannot take"))
        .help(format!("write where it is, such as `zone = \"{local}\"`"))
}

fn nowhere(pool: &PoolDraft, min: &At<usize>) -> Diagnostic {
    let message =
        format!("`pool.{}.zone_aware` needs to know in which zone this process is", pool.name.value);
    Diagnostic::error("missing-key", min.span.clone(), message)
        .label("near to what?")
        .effect("no backend would be nearer than another, so requests would cross zones as if this were not there")
        .help("add `zone = \"eu-1a\"` to [runtime], the zone that this process is in")
}

/// A subset is chosen in each tier.
fn subset(cx: &Cx, pool: &PoolDraft, size: &At<NonZeroU32>) {
    let (name, wanted, tiers) = (&pool.name.value, size.value, pool.open_by_tier());
    let warning = match tiers.values().max() {
        Some(most) if pool.used() == pool.open().count() => {
            let message = match tiers.len() {
                1 => format!("pool `{name}` has {most} backends, so a subset of {wanted} is all of them"),
                _ => format!(
                    "no tier of pool `{name}` has more than {most} backends, so a subset of {wanted} is all of each"
                ),
            };
            Diagnostic::warning("no-effect", size.span.clone(), message)
                .label("has no effect")
                .effect("every instance uses every backend")
                .help("write fewer than there are, or take `subset` out")
        }
        Some(_) if tiers.len() == 1 && wanted == NonZeroU32::MIN => {
            let message = format!("each instance uses one backend of pool `{name}`");
            Diagnostic::warning("pool-of-one", size.span.clone(), message)
                .label("gets 100 % of an instance's requests")
                .effect("when it fails, every request of its instances to this pool fails")
                .help("write 2 or more; 20 are usual in large pools")
        }
        _ => return,
    };
    cx.report(warning);
}

fn unnumbered(pool: &PoolDraft, size: &At<NonZeroU32>) -> Diagnostic {
    let message = format!("`pool.{}.subset` needs to know which of the instances this is", pool.name.value);
    let same = |others: &str| {
        format!("all instances would use the same backends, and the other {others} would get 0 % of requests")
    };
    let effect = match pool.open().count() - pool.used() {
        0 => "every instance would use every backend".into(),
        1 => same("one"),
        left => same(&left.to_string()),
    };
    Diagnostic::error("missing-key", size.span.clone(), message)
        .label("whose subset?")
        .effect(effect)
        .help("add `instance = 0` to [runtime], and the next number on each further instance")
}
