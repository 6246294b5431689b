//! Routes and the protocols of their listeners: a route can only look at what its listener can see.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::decode::{Cx, Draft, ListenerDraft, RouteDraft, a_listener};
use crate::diagnostic::Diagnostic;
use crate::model::{HostMatch, Protocol};
use crate::span::At;

pub(super) fn check(cx: &Cx, draft: &Draft) {
    let by_name: HashMap<_, _> =
        draft.listeners.iter().map(|listener| (listener.name.value.as_str(), listener)).collect();
    let everywhere = Everywhere::of(draft);
    for route in &draft.routes {
        let Some(name) = &route.listener else {
            anywhere(cx, route, &everywhere);
            continue;
        };
        let listener = by_name.get(name.value.as_str()).copied();
        let Some((listener, protocol)) =
            listener.and_then(|found| Some((found, found.protocol.as_ref()?.value)))
        else {
            continue;
        };
        match protocol {
            Protocol::Http | Protocol::Https => unseen_alpn(cx, route, Some(listener)),
            Protocol::Tcp | Protocol::Udp => cx.report(routeless(route, name, listener, protocol)),
            Protocol::TlsPassthrough => encrypted(cx, route, listener),
        }
    }
}

/// What a route of every listener that has requests holds on.
enum Everywhere<'a> {
    /// There is no listener, or a protocol could not be read.
    Unknown,
    /// One has requests.
    Requests,
    /// None has; the first that passes TLS on.
    Nothing(Option<&'a ListenerDraft>),
}

impl<'a> Everywhere<'a> {
    fn of(draft: &'a Draft) -> Self {
        let protocols: Option<Vec<_>> = draft
            .listeners
            .iter()
            .map(|listener| Some((listener, listener.protocol.as_ref()?.value)))
            .collect();
        let Some(protocols) = protocols.filter(|protocols| !protocols.is_empty()) else {
            return Self::Unknown;
        };
        if protocols.iter().any(|(_, protocol)| protocol.is_http()) {
            return Self::Requests;
        }
        let passed = protocols.iter().find(|(_, protocol)| *protocol == Protocol::TlsPassthrough);
        Self::Nothing(passed.map(|(listener, _)| *listener))
    }
}

/// A route of every listener that has requests.
fn anywhere(cx: &Cx, route: &RouteDraft, everywhere: &Everywhere<'_>) {
    let passed = match everywhere {
        Everywhere::Unknown => return,
        Everywhere::Requests => return unseen_alpn(cx, route, None),
        Everywhere::Nothing(passed) => passed,
    };
    let wrong = Diagnostic::error(
        "contradiction",
        route.span.clone(),
        "a route without `listener`, and no listener has requests",
    )
    .label("for `http` and `https` listeners")
    .effect("the route would hold for nothing");
    cx.report(match passed {
        Some(listener) => wrong.help(format!("add `listener = \"{}\"`", listener.name.value)),
        None => wrong.help("take it out, and write `pool` in the listener"),
    });
}

fn routeless(
    route: &RouteDraft,
    name: &At<String>,
    listener: &ListenerDraft,
    protocol: Protocol,
) -> Diagnostic {
    let message = format!("listener `{}` has no requests that a route could tell apart", name.value);
    let pool = route.pool.as_ref().map_or("web", |pool| pool.value.as_str());
    let instead = format!("take the route out, and write `pool = \"{pool}\"` in [listener.{}]", name.value);
    let wrong = Diagnostic::error("contradiction", name.span.clone(), message)
        .label(a_listener(protocol))
        .effect("the route would hold for nothing: all that comes goes to the `pool` of the listener");
    wrong.related(listener.name.span.clone(), "passes on what comes").help(match protocol {
        Protocol::Tcp => {
            format!("{instead}; `protocol = \"tls_passthrough\"` tells clients apart by server name")
        }
        _ => instead,
    })
}

/// What cannot be seen while TLS is passed on.
fn encrypted(cx: &Cx, route: &RouteDraft, listener: &ListenerDraft) {
    let name = &listener.name.value;
    if route.path.value != "/" {
        let message = format!("listener `{name}` passes TLS on, so it never sees a path");
        let wrong = Diagnostic::error("contradiction", route.path.span.clone(), message)
            .label("encrypted until the backend")
            .related(listener.name.span.clone(), "a `tls_passthrough` listener")
            .effect("clients would take this route whatever path they ask for")
            .help("take `path` out, or end TLS here: `protocol = \"https\"` with a certificate in `tls`");
        cx.report(wrong);
    }
    for host in &route.hosts {
        let HostMatch::Exact(text) = &host.value else { continue };
        if text.trim_matches(['[', ']']).parse::<IpAddr>().is_err() {
            continue;
        }
        // RFC 6066, section 3.
        let message = format!("no TLS client asks for `{text}`: a server name is never an address");
        let wrong = Diagnostic::error("contradiction", host.span.clone(), message)
            .label("must be a name")
            .effect("0 % of connections would take this route")
            .help(format!(
                "take `host` out, or write `pool` in [listener.{name}], for clients that ask for no name"
            ));
        cx.report(wrong);
    }
}

fn unseen_alpn(cx: &Cx, route: &RouteDraft, listener: Option<&ListenerDraft>) {
    let Some(alpn) = &route.alpn else { return };
    let wrong = Diagnostic::error(
        "contradiction",
        alpn.span.clone(),
        "`alpn` is for routes of a `tls_passthrough` listener",
    )
    .label("not told apart here")
    .effect("requests would take this route whatever protocol they come by")
    .help("take `alpn` out: `http` and `https` listeners balance HTTP/1.1 and HTTP/2 alike");
    cx.report(match listener.and_then(|listener| Some((listener, listener.protocol.as_ref()?.value))) {
        Some((listener, protocol)) => wrong.related(listener.name.span.clone(), a_listener(protocol)),
        None => wrong,
    });
}
