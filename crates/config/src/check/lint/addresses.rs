//! Addresses that can hardly be what was meant.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};

use super::super::pools::canonical;
use super::{PoolRule, Subject};
use crate::decode::{BackendDraft, Cx, Draft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::BackendAddress;
use crate::values::percent;

pub(super) const RULES: [PoolRule; 2] = [nowhere, tls_port];

/// Other pools that a slip may concern: the one whose address it is, and one that has both.
const PARTNERS: usize = 2;
/// Backends of a pool that stand for all of it.
const LOOKED_AT: usize = 50;

/// A backend, and the pool that it is in.
type Place<'a> = (&'a PoolDraft, &'a BackendDraft);

fn nowhere(subject: &Subject<'_>) -> Option<Diagnostic> {
    let shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
    let (share, ip) = shares
        .filter_map(|share| Some((share, ip(share.backend)?)))
        .find(|(_, ip)| ip.is_unspecified() || ip.is_multicast() || *ip == IpAddr::V4(Ipv4Addr::BROADCAST))?;
    let (id, address) = (&share.backend.id.value, share.backend.address.as_ref()?);
    let (is, effect) = match ip.is_unspecified() {
        true => ("is no machine's address", "would go to this machine itself"),
        false => ("is for many machines at once", "would fail"),
    };
    let message = format!("the address of backend `{id}`, {}, {is}", address.value);
    let found = Diagnostic::warning("nowhere-address", address.span.clone(), message)
        .label("to listen on, not to send to")
        .effect(format!("its {} of requests {effect}", percent(share.planned)))
        .help("write the address of the machine; `127.0.0.1` if it is this one");
    Some(found)
}

fn ip(backend: &BackendDraft) -> Option<IpAddr> {
    match backend.address.as_ref()?.value {
        BackendAddress::Socket(socket) => Some(socket.ip().to_canonical()),
        BackendAddress::Name { .. } => None,
    }
}

/// Requests in clear text to the port of HTTPS, and the other way round.
fn tls_port(subject: &Subject<'_>) -> Option<Diagnostic> {
    if !subject.reach.has_requests() {
        return None;
    }
    let (wrong, message, help) = match subject.pool.tls {
        None => (443, "plain HTTP is sent to port 443", "add `tls = true`, or write the port of plain HTTP"),
        Some(_) => (80, "TLS is sent to port 80", "write the port of HTTPS, or take `tls` out"),
    };
    let port = |backend: &BackendDraft| match backend.address.as_ref().map(|address| &address.value) {
        Some(BackendAddress::Socket(socket)) => socket.port(),
        Some(BackendAddress::Name { port, .. }) => *port,
        None => 0,
    };
    let mut shares = subject.tiers.iter().flat_map(|tier| &tier.shares);
    let share = shares.find(|share| port(share.backend) == wrong)?;
    let address = share.backend.address.as_ref()?;
    let message = format!("{message} of backend `{}`", share.backend.id.value);
    let found = Diagnostic::warning("tls-port", address.span.clone(), message)
        .label(format!("port {wrong}"))
        .effect(format!(
            "its {} of requests would fail, and so would checks that ask there",
            percent(share.planned)
        ))
        .help(help);
    Some(found)
}

/// A backend that two pools share which have nothing else in common: in one of them it is by mistake.
pub(super) fn across(cx: &Cx, draft: &Draft) {
    let mut first: HashMap<String, Place<'_>> = HashMap::new();
    let mut shared: HashMap<(&str, &str), (usize, Place<'_>, Place<'_>)> = HashMap::new();
    let mut weights: HashMap<&str, f64> = HashMap::new();
    let pools = draft.pools.iter().filter(|pool| pool.whole);
    for place in pools.flat_map(|pool| main(pool).map(move |backend| (pool, backend))) {
        *weights.entry(&place.0.name.value).or_default() += weight(place.1);
        let Some(address) = &place.1.address else { continue };
        let Some(known) = first.get(&canonical(&address.value)).copied() else {
            first.insert(canonical(&address.value), place);
            continue;
        };
        let names = (known.0.name.value.as_str(), place.0.name.value.as_str());
        if names.0 != names.1 {
            shared.entry(names).and_modify(|found| found.0 += 1).or_insert((1, known, place));
        }
    }
    let several = |pool| main(pool).nth(1).is_some();
    let mut partners: HashMap<&str, usize> = HashMap::new();
    for name in shared.keys().flat_map(|(one, other)| [*one, *other]) {
        *partners.entry(name).or_default() += 1;
    }
    // Who shares with many does it on purpose: shuffled subsets of the same machines.
    let rarely =
        |pool: &PoolDraft| partners.get(pool.name.value.as_str()).is_some_and(|count| *count <= PARTNERS);
    let mut alone: Vec<_> = shared
        .into_values()
        .filter(|(count, one, other)| {
            *count == 1 && [one, other].iter().all(|(pool, _)| several(pool) && rarely(pool))
        })
        .map(|(_, one, other)| if kin(one) < kin(other) { (one, other) } else { (other, one) })
        .collect();
    alone.sort_by_key(|(guest, _)| guest.1.id.span.start);
    for (guest, host) in alone {
        let share = weights.get(guest.0.name.value.as_str()).map_or(1.0, |all| weight(guest.1) / all);
        if let Some(found) = foreign(guest, host, share) {
            cx.report(found);
        }
    }
}

/// Backends that are to share the load: reserves are often shared on purpose.
fn main(pool: &PoolDraft) -> impl Iterator<Item = &BackendDraft> {
    pool.open().filter(|backend| backend.tier.value == 0)
}

/// How many backends of the pool are in the same network (/24) as this one, or have a name like its own. The first
/// [`LOOKED_AT`] say enough: a large pool may share addresses with many.
fn kin((pool, backend): Place<'_>) -> usize {
    let network = |backend: &BackendDraft| {
        backend.address.as_ref().map(|address| match &address.value {
            BackendAddress::Socket(socket) => match socket.ip().to_canonical() {
                IpAddr::V4(v4) => format!("{:x}", v4.to_bits() >> 8),
                IpAddr::V6(v6) => format!("{:x}", v6.to_bits() >> 64),
            },
            BackendAddress::Name { host, .. } => {
                let label = host.split('.').next().unwrap_or(host);
                label.trim_end_matches(|last: char| last.is_ascii_digit() || last == '-').to_owned()
            }
        })
    };
    let own = network(backend);
    main(pool).take(LOOKED_AT).filter(|other| network(other) == own).count()
}

fn weight(backend: &BackendDraft) -> f64 {
    f64::from(backend.weight.value.get())
}

fn foreign((pool, backend): Place<'_>, (other, same): Place<'_>, share: f64) -> Option<Diagnostic> {
    let (name, owner) = (&pool.name.value, &other.name.value);
    let address = backend.address.as_ref()?;
    let message = format!("pool `{name}` sends to {}, which is a backend of pool `{owner}`", address.value);
    let found = Diagnostic::warning("foreign-backend", address.span.clone(), message)
        .label(format!("of pool `{owner}`?"))
        .related(same.address.as_ref()?.span.clone(), "the same")
        .effect(format!(
            "{} of the requests to `{name}` would be answered by what serves `{owner}`, and it would do the \
             work of both",
            percent(share)
        ))
        .help(
            "write the address that was meant; pools that share their machines on purpose share more than \
             one",
        );
    Some(found)
}
