//! Addresses that this process would take twice, or send to itself.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;

use super::reach::Reaches;
use crate::decode::{Cx, Draft, HealthDraft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{BackendAddress, Protocol};

/// An address that this process listens on.
struct Bind {
    owner: String,
    admin: bool,
    /// For datagrams: the same port of TCP is another one.
    datagrams: bool,
    address: SocketAddr,
    span: Range<usize>,
}

pub(super) fn check(cx: &Cx, draft: &Draft, reaches: &Reaches<'_>) {
    let binds = binds(draft);
    let mut by_port: HashMap<u16, Vec<&Bind>> = HashMap::new();
    for bind in &binds {
        let known = by_port.entry(bind.address.port()).or_default();
        let taken_by =
            |first: &&&Bind| first.datagrams == bind.datagrams && overlap(first.address, bind.address);
        if let Some(first) = known.iter().find(taken_by) {
            cx.report(taken(first, bind));
        }
        known.push(bind);
    }
    for pool in &draft.pools {
        let reach = reaches.to(&pool.name.value);
        let meets = |bind: &Bind| match bind.datagrams {
            true => reach.by(Protocol::Udp).is_some(),
            false => !reach.is_datagrams(),
        };
        if let Some(found) = check_of_itself(pool, &by_port) {
            cx.report(found);
        }
        for address in pool.backends.value.iter().filter_map(|backend| backend.address.as_ref()) {
            let port = match &address.value {
                BackendAddress::Socket(socket) => socket.port(),
                BackendAddress::Name { port, .. } => *port,
            };
            let mut near = by_port.get(&port).into_iter().flatten();
            let bind = near.find(|bind| meets(bind) && leads_to(&address.value, bind.address));
            if let Some(bind) = bind {
                cx.report(to_itself(address.span.clone(), &address.value, bind));
            }
        }
    }
}

fn binds(draft: &Draft) -> Vec<Bind> {
    let listeners = draft.listeners.iter().filter_map(|listener| {
        let bind = listener.bind.as_ref()?;
        let owner = format!("listener `{}`", listener.name.value);
        let datagrams = listener.protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Udp);
        Some(Bind { owner, admin: false, datagrams, address: bind.value, span: bind.span.clone() })
    });
    let admin = draft.admin.as_ref().map(|admin| Bind {
        owner: "the admin interface".into(),
        admin: true,
        datagrams: false,
        address: admin.value.listen,
        span: admin.span.clone(),
    });
    listeners.chain(admin).collect()
}

/// Whether both cannot be bound at once. Port 0 is another port each time; IPv6 sockets are opened for IPv6 alone.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && a.is_ipv4() == b.is_ipv4() && (any || a.ip() == b.ip())
}

/// Whether a connection to the backend certainly arrives at the address bound by this process.
fn leads_to(backend: &BackendAddress, bind: SocketAddr) -> bool {
    match backend {
        BackendAddress::Socket(to) => {
            let here = |address: &SocketAddr| address.ip().is_loopback() || address.ip().is_unspecified();
            let same = to.ip() == bind.ip() || here(to) && here(&bind) && overlap(*to, bind);
            to.port() == bind.port() && same
        }
        BackendAddress::Name { host, port } => {
            let here = bind.ip().is_loopback() || bind.ip().is_unspecified();
            host == "localhost" && *port == bind.port() && here
        }
    }
}

/// A check on a port of this same process, for a backend on this machine: it would be answered here.
fn check_of_itself(pool: &PoolDraft, by_port: &HashMap<u16, Vec<&Bind>>) -> Option<Diagnostic> {
    let HealthDraft::On(health) = &pool.health else { return None };
    let port = health.value.port?;
    let near: Vec<_> = by_port.get(&port)?.iter().filter(|bind| !bind.datagrams).collect();
    let (backend, bind) = pool.open().find_map(|backend| {
        let asked = match &backend.address.as_ref()?.value {
            BackendAddress::Socket(socket) => BackendAddress::Socket(SocketAddr::new(socket.ip(), port)),
            BackendAddress::Name { host, .. } => BackendAddress::Name { host: host.clone(), port },
        };
        // A backend that is this process itself is another matter, which is told.
        let other = backend.address.as_ref()?.value != asked;
        Some((backend, *near.iter().find(|bind| other && leads_to(&asked, bind.address))?))
    })?;
    let id = &backend.id.value;
    let message = format!("the check of backend `{id}` asks {} of this same Evenkeel", bind.owner);
    let found = Diagnostic::warning("check-of-itself", pool.written.at("health.port")?, message)
        .label("leads back here")
        .related(backend.id.span.clone(), "on this machine")
        .effect(format!("`{id}` would pass as long as Evenkeel runs, dead or alive, and keep its share"))
        .help("take `port` out, or write the port on which the application tells how it is");
    Some(if bind.span.is_empty() { found } else { found.related(bind.span.clone(), "bound here") })
}

fn taken(first: &Bind, second: &Bind) -> Diagnostic {
    let message =
        format!("{} cannot listen on {}: {} does already", second.owner, second.address, first.owner);
    // The default of the admin interface stands nowhere in the file.
    let span = if second.span.is_empty() { first.span.clone() } else { second.span.clone() };
    let wrong = Diagnostic::error("address-taken", span, message)
        .label("taken")
        .effect("Evenkeel would not start: the second of the two could not be opened");
    let wrong = match first.span == second.span || second.span.is_empty() {
        true => wrong,
        false => wrong.related(first.span.clone(), format!("{} listens here", first.owner)),
    };
    if first.address == second.address {
        return wrong.help("give one of them another port");
    }
    let all = if first.address.ip().is_unspecified() { first.address } else { second.address };
    wrong.help(format!("{all} is every address of this machine: give one of the two another port"))
}

fn to_itself(span: Range<usize>, address: &BackendAddress, bind: &Bind) -> Diagnostic {
    let message = format!("backend {address} is {} of this same Evenkeel", bind.owner);
    let effect = match bind.admin {
        true => "its share of the requests would be answered by the admin interface, not by the application",
        false if bind.datagrams => "a datagram sent there would come back to be sent again, without end",
        false => "a request sent there would come back to be sent again, until no connection is left",
    };
    let wrong = Diagnostic::error("loop", span, message)
        .label("leads back here")
        .effect(effect)
        .help("write the address of the application");
    if bind.span.is_empty() { wrong } else { wrong.related(bind.span.clone(), "bound here") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlaps() {
        let overlap = |a: &str, b: &str| overlap(a.parse().unwrap(), b.parse().unwrap());
        assert!(overlap("0.0.0.0:80", "127.0.0.1:80"));
        assert!(overlap("127.0.0.1:80", "127.0.0.1:80"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.2:80"));
        assert!(!overlap("0.0.0.0:80", "0.0.0.0:81"));
        assert!(!overlap("0.0.0.0:0", "127.0.0.1:0"));
        assert!(!overlap("[::]:80", "0.0.0.0:80"));
    }

    #[test]
    fn loops() {
        let leads = |to: &str, bind: &str| leads_to(&to.parse().unwrap(), bind.parse().unwrap());
        assert!(leads("127.0.0.1:80", "0.0.0.0:80"));
        assert!(leads("10.0.0.1:80", "10.0.0.1:80"));
        assert!(leads("localhost:80", "0.0.0.0:80"));
        assert!(!leads("10.0.0.1:80", "0.0.0.0:80"), "may be another machine");
        assert!(!leads("127.0.0.1:81", "0.0.0.0:80"));
        assert!(!leads("app:80", "0.0.0.0:80"));
    }
}
