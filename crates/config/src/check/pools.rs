//! Pools: entries that are one too many, shares that nobody meant, failures that nobody would survive.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};

use evenkeel_core::Intent;

use super::reach::Reach;
use super::shares::{Share, Tier, tiers, whole_weights};
use super::{limits, placement};
use crate::decode::{BackendDraft, Cx, HealthDraft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{BackendAddress, Runtime};
use crate::span::At;
use crate::values::percent;

/// Shares that differ by less are rounding.
const TOLERANCE: f64 = 0.005;

pub(super) fn check(cx: &Cx, pool: &PoolDraft, runtime: &Runtime, reach: &Reach<'_>) {
    let tiers = tiers(pool);
    let first = tiers.first().map_or(&[][..], |tier| tier.shares.as_slice());
    let by_address = by_address(first);
    duplicate_ids(cx, pool, &by_address);
    // Shares are told only of the pool as it is written, not of what is left of it.
    if !pool.whole {
        return;
    }
    duplicate_addresses(cx, pool, &by_address);
    match (tiers.as_slice(), first) {
        ([], _) if pool.backends.value.is_empty() => return,
        ([], _) => return cx.report(nobody(pool)),
        ([_], [only]) => cx.report(pool_of_one(pool, only)),
        (tiers, _) => tiers.iter().for_each(|tier| uneven(cx, pool, tier)),
    }
    placement::check(cx, pool, runtime);
    limits::check(cx, pool);
    if let HealthDraft::Silent = pool.health {
        cx.report(if reach.is_datagrams() { unheard(pool) } else { unchecked(pool) });
    }
}

fn duplicate_ids(cx: &Cx, pool: &PoolDraft, by_address: &HashMap<String, f64>) {
    let mut known: HashMap<&str, &BackendDraft> = HashMap::new();
    for backend in pool.backends.value.iter().filter(|backend| !backend.id.value.is_empty()) {
        let Some(first) = known.insert(&backend.id.value, backend) else { continue };
        known.insert(&backend.id.value, first);
        let message = format!("pool `{}` has two backends `{}`", pool.name.value, backend.id.value);
        let wrong = Diagnostic::error("duplicate-backend", backend.id.span.clone(), message)
            .label("the second")
            .related(first.id.span.clone(), "the first");
        let same = first.address.as_ref().map(|at| &at.value) == backend.address.as_ref().map(|at| &at.value);
        cx.report(match doubled(by_address, backend).filter(|_| same && pool.whole) {
            Some(effect) => {
                wrong.effect(effect).help("take one of them out; to give it more on purpose, write a weight")
            }
            None => {
                wrong.help("counters and health belong to the name: give each backend a `name` of its own")
            }
        });
    }
}

fn duplicate_addresses(cx: &Cx, pool: &PoolDraft, by_address: &HashMap<String, f64>) {
    let mut known: HashMap<String, &BackendDraft> = HashMap::new();
    for backend in pool.open() {
        let Some(address) = &backend.address else { continue };
        let Some(first) = known.get(&canonical(&address.value)) else {
            known.insert(canonical(&address.value), backend);
            continue;
        };
        if first.id.value == backend.id.value {
            continue;
        }
        let message = format!("pool `{}` sends to {} twice", pool.name.value, address.value);
        let mut warning = Diagnostic::warning("duplicate-address", address.span.clone(), message)
            .label(format!("the same as backend `{}`", first.id.value))
            .help("write the address that was meant, or take the entry out");
        if let Some(first) = &first.address {
            warning = warning.related(first.span.clone(), "the first");
        }
        warning.effect = match first.tier.value == backend.tier.value {
            true => doubled(by_address, backend),
            false => Some("when it fails, the tier that should take over fails with it".into()),
        };
        cx.report(warning);
    }
}

/// One text for all ways to write where a backend is: IPv4 in IPv6, this machine by name or by number.
pub(super) fn canonical(address: &BackendAddress) -> String {
    match address {
        BackendAddress::Socket(socket) => {
            let ip = match socket.ip().to_canonical() {
                ip if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                ip => ip,
            };
            SocketAddr::new(ip, socket.port()).to_string()
        }
        BackendAddress::Name { host, port } if host == "localhost" => {
            format!("{}:{port}", Ipv4Addr::LOCALHOST)
        }
        BackendAddress::Name { host, port } => format!("{host}:{port}"),
    }
}

/// What each address of the first tier gets by all of its entries.
fn by_address(shares: &[Share<'_>]) -> HashMap<String, f64> {
    let mut sums: HashMap<String, f64> = HashMap::new();
    for share in shares {
        if let Some(address) = &share.backend.address {
            *sums.entry(canonical(&address.value)).or_default() += share.planned;
        }
    }
    sums
}

/// What an address gets, against an equal share of the distinct addresses.
fn doubled(by_address: &HashMap<String, f64>, backend: &BackendDraft) -> Option<String> {
    let address = &backend.address.as_ref()?.value;
    let text = format!("{address} would get {} of requests", percent(*by_address.get(&canonical(address))?));
    Some(match by_address.len() {
        1 => format!("{text}: it is the only address in the pool"),
        distinct => format!("{text}; equal would be {}", percent(1.0 / distinct as f64)),
    })
}

/// No backend takes new requests.
fn nobody(pool: &PoolDraft) -> Diagnostic {
    let Some(draining) = pool.backends.value.iter().find(|backend| backend.enabled.value) else {
        return all_disabled(pool);
    };
    let message = format!("no backend of pool `{}` takes new requests", pool.name.value);
    let (span, label) = (draining.drain.span.clone(), "gets nothing new");
    match pool.sticky {
        None => Diagnostic::error("all-draining", span, message)
            .label(label)
            .effect("every request to this pool would be answered with 503")
            .help("leave at least one without `drain`; to take the pool out of use, take its routes out"),
        Some(_) => Diagnostic::warning("all-draining", span, message)
            .label(label)
            .effect("every request without a session would be answered with 503")
            .help("leave at least one without `drain`, or take the pool's routes out once its sessions have ended"),
    }
}

fn all_disabled(pool: &PoolDraft) -> Diagnostic {
    let backends = &pool.backends.value;
    let span = backends.first().map_or(pool.backends.span.clone(), |backend| backend.enabled.span.clone());
    let message = format!("every backend of pool `{}` is disabled", pool.name.value);
    Diagnostic::error("all-disabled", span, message)
        .label("nothing is left")
        .effect("every request to this pool would be answered with 503")
        .help("enable at least one; to take the pool out of use, take its routes out")
}

fn pool_of_one(pool: &PoolDraft, only: &Share<'_>) -> Diagnostic {
    let id = &only.backend.id;
    if let Some(At { value: BackendAddress::Name { host, .. }, span }) = &only.backend.address
        && host != "localhost"
    {
        return one_name(pool, host, span.clone());
    }
    let message = match pool.backends.value.len() {
        1 => format!("pool `{}` has one backend", pool.name.value),
        _ if pool.backends.value.iter().any(|backend| backend.enabled.value && backend.drain.value) => {
            format!("pool `{}` has one backend that is enabled and not draining", pool.name.value)
        }
        _ => format!("pool `{}` has one backend that is enabled", pool.name.value),
    };
    Diagnostic::warning("pool-of-one", id.span.clone(), message)
        .label("gets 100 % of requests")
        .effect(format!("when `{}` fails, every request to this pool fails", id.value))
        .help("add a second backend")
}

/// A name may stand for many machines, or for a balancer: it is one backend here, whatever is behind it.
fn one_name(pool: &PoolDraft, host: &str, span: std::ops::Range<usize>) -> Diagnostic {
    let message = format!("all of pool `{}` is one name, `{host}`", pool.name.value);
    Diagnostic::warning("one-name", span, message)
        .label("one backend, whatever is behind it")
        .effect(
            "of several addresses the lowest would get 100 % of requests; behind a single one, connections that are kept \
             stay with the machine that they led to first, and none is checked, counted or taken out by itself",
        )
        .help("list the machines behind the name, each with an address of its own")
}

/// Weights that produce other shares than are meant.
fn uneven(cx: &Cx, pool: &PoolDraft, tier: &Tier<'_>) {
    let shares = tier.shares.as_slice();
    let apart = |share: &Share<'_>| (share.planned - share.meant).abs();
    let Some(worst) = shares.iter().max_by(|a, b| apart(a).total_cmp(&apart(b))) else { return };
    let above = shares.iter().filter(|share| share.planned > share.meant);
    let worst = above.max_by(|a, b| apart(a).total_cmp(&apart(b))).unwrap_or(worst);
    if shares.iter().all(|share| apart(share) <= TOLERANCE) {
        return;
    }
    let name = &pool.name.value;
    let when =
        if tier.number == 0 { String::new() } else { format!(" when tier {} takes over", tier.number) };
    let gets = format!("`{}` would get {} of requests{when}", worst.backend.id.value, percent(worst.planned));
    let warning = match pool.intent() {
        Intent::Weights => return,
        Intent::Equal => {
            let span = worst.backend.weight.span.clone();
            Diagnostic::warning(
                "weights-without-intent",
                span,
                format!("the weights of pool `{name}` differ"),
            )
            .label("heavier than others")
            .effect(format!("{gets}; equal would be {}", percent(worst.meant)))
            .help(format!(
                "write `intent = \"weights\"` in [pool.{name}] if that is meant, else equal weights"
            ))
        }
        Intent::Capacity => {
            let message = format!("the weights of pool `{name}` do not follow its capacities");
            Diagnostic::warning("weights-against-capacity", worst.backend.weight.span.clone(), message)
                .label("more than its capacity")
                .effect(format!("{gets}; by capacity it would be {}", percent(worst.meant)))
                .help(by_capacity(pool, shares))
        }
    };
    cx.report(warning);
}

fn by_capacity(pool: &PoolDraft, shares: &[Share<'_>]) -> String {
    let otherwise = format!(
        "write `intent = \"weights\"` in [pool.{}] if the weights are what is meant",
        pool.name.value
    );
    let proportions: Vec<_> = shares.iter().map(|share| share.meant).collect();
    match whole_weights(&proportions).filter(|weights| weights.len() <= 8) {
        None => format!("make the weights proportional to the capacities; {otherwise}"),
        Some(weights) => {
            let each = shares.iter().zip(weights);
            let each: Vec<_> = each
                .map(|(share, weight)| format!("`weight = {weight}` for `{}`", share.backend.id.value))
                .collect();
            format!("write {}; {otherwise}", each.join(", "))
        }
    }
}

fn unchecked(pool: &PoolDraft) -> Diagnostic {
    let message = format!("the backends of pool `{}` are not checked", pool.name.value);
    let effect = match pool.passive {
        Some(_) => "a dead backend is found only by the requests that fail on it",
        None => "a dead backend keeps its share: its requests fail, or are tried elsewhere, until it returns",
    };
    Diagnostic::warning("unchecked-pool", pool.name.span.clone(), message)
        .label("no `health`")
        .effect(effect)
        .help("add `health = { path = \"/healthz\" }`, or `health = {}` to check that the port opens; `health = false` goes without and ends this warning")
}

/// The same for a pool of datagrams, which says more: nobody waits for an answer there.
fn unheard(pool: &PoolDraft) -> Diagnostic {
    let message = format!("the backends of pool `{}` are not checked", pool.name.value);
    Diagnostic::warning("unchecked-pool", pool.name.span.clone(), message)
        .label("no `health`")
        .effect("nothing notices a backend that is gone: it keeps its clients, and their datagrams are lost")
        .help(
            "check what the same machine serves over TCP, such as `health = { port = 53 }` for DNS, or \
             `health = { path = \"/healthz\", port = 8080 }`; `health = false` goes without and ends this warning",
        )
}
