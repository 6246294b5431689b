//! Routes: that each name exists, that no two hold for the same requests, that every listener and pool is reached.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::decode::{Cx, Draft, ListenerDraft, RouteDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{HostMatch, Protocol};
use crate::span::At;
use crate::values;

pub(super) fn check(cx: &Cx, draft: &Draft) {
    names(cx, draft);
    let known = duplicates(cx, draft);
    shadowed(cx, draft, &known);
    unrouted_listeners(cx, draft);
    unused_pools(cx, draft);
}

fn names(cx: &Cx, draft: &Draft) {
    let pools = Names::of(draft.pools.iter().map(|pool| pool.name.value.as_str()));
    let listeners = Names::of(draft.listeners.iter().map(|listener| listener.name.value.as_str()));
    // Where there is none at all, that was reported, and every name of one would only repeat it.
    let lacks = |known: &Names<'_>, name: &At<String>| {
        !known.listed.is_empty() && !known.all.contains(name.value.as_str())
    };
    for listener in &draft.listeners {
        if let Some(pool) = listener.pool.as_ref().filter(|pool| lacks(&pools, pool)) {
            let effect = format!("requests on listener `{}` would have nowhere to go", listener.name.value);
            cx.report(unknown("unknown-pool", "pool", pool, &pools).effect(effect));
        }
    }
    for route in &draft.routes {
        if let Some(pool) = route.pool.as_ref().filter(|pool| lacks(&pools, pool)) {
            let effect = format!("requests for {} would have nowhere to go", matched(route));
            cx.report(unknown("unknown-pool", "pool", pool, &pools).effect(effect));
        }
        if let Some(listener) = route.listener.as_ref().filter(|name| lacks(&listeners, name)) {
            let wrong = unknown("unknown-listener", "listener", listener, &listeners);
            cx.report(wrong.effect("the route would hold for no request at all"));
        }
    }
    for pool in draft.notify.iter().flat_map(|notify| &notify.pools).filter(|pool| lacks(&pools, pool)) {
        cx.report(unknown("unknown-pool", "pool", pool, &pools).effect("nobody would be told of it"));
    }
    for test in &draft.route_tests {
        if let Some(pool) = test.pool.as_ref().filter(|pool| lacks(&pools, pool)) {
            cx.report(unknown("unknown-pool", "pool", pool, &pools).effect("the test could never pass"));
        }
        if let Some(listener) = test.listener.as_ref().filter(|name| lacks(&listeners, name)) {
            let wrong = unknown("unknown-listener", "listener", listener, &listeners);
            cx.report(wrong.effect("the test could never pass"));
        }
    }
}

/// Names that exist.
struct Names<'a> {
    /// In file order.
    listed: Vec<&'a str>,
    all: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let listed: Vec<_> = names.collect();
        Self { all: listed.iter().copied().collect(), listed }
    }
}

/// Most names that a person looks through.
const LISTED: usize = 20;

fn unknown(code: &'static str, kind: &str, name: &At<String>, known: &Names<'_>) -> Diagnostic {
    let message = format!("there is no {kind} `{}`", name.value);
    let all = match known.listed.as_slice() {
        [only] => format!("the only {kind} is `{only}`"),
        few if few.len() <= LISTED => format!("the {kind}s are {}", values::quoted_list(few.iter().copied())),
        many => {
            let first = values::quoted_list(many[..LISTED].iter().copied());
            format!("the {kind}s are {first} and {} more", many.len() - LISTED)
        }
    };
    let label = match values::nearest(&name.value, known.listed.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not defined".into(),
    };
    Diagnostic::error(code, name.span.clone(), message).label(label).help(all)
}

/// Where what can be told apart has its route.
type Known<'a> = HashMap<Place<'a>, Range<usize>>;

/// A listener or all of them, host, path without its final slash, and ALPN.
type Place<'a> = (Option<&'a str>, String, &'a str, Option<&'a str>);

/// Two routes for the same requests: the second would silently lose, or win.
fn duplicates<'a>(cx: &Cx, draft: &'a Draft) -> Known<'a> {
    let mut known = Known::new();
    for listener in draft.listeners.iter().filter(|listener| routes(listener)) {
        if let Some(pool) = &listener.pool {
            known.insert(
                (Some(&listener.name.value), HostMatch::Any.to_string(), "", None),
                pool.span.clone(),
            );
        }
    }
    let shorthands: HashSet<_> = known.values().map(|span| span.start).collect();
    for route in draft.routes.iter().filter(|route| route.whole) {
        let listener = route.listener.as_ref().map(|listener| listener.value.as_str());
        let path = route.path.value.trim_end_matches('/');
        let alpn = route.alpn.as_ref().map(|alpn| alpn.value.as_str());
        for host in &route.hosts {
            let place = if host.value == HostMatch::Any { route.span.clone() } else { host.span.clone() };
            let requests = (listener, host.value.to_string(), path, alpn);
            match known.get(&requests) {
                None => {
                    known.insert(requests, place);
                }
                Some(first) => {
                    let short = shorthands.contains(&first.start);
                    cx.report(duplicate(route, place, first.clone(), short));
                }
            }
        }
    }
    known
}

/// Routes for every listener that each listener overrides with one of its own.
fn shadowed<'a>(cx: &Cx, draft: &'a Draft, known: &Known<'a>) {
    let http = draft.listeners.iter().filter(|listener| has_requests(listener));
    let names: Vec<_> = http.map(|listener| listener.name.value.as_str()).collect();
    for route in draft.routes.iter().filter(|route| route.whole && route.listener.is_none()) {
        let path = route.path.value.trim_end_matches('/');
        for host in &route.hosts {
            // Ends at the first listener that has none.
            let own = names.iter().map(|name| known.get(&(Some(*name), host.value.to_string(), path, None)));
            let own: Option<Vec<_>> = own.collect();
            let Some(first) = own.as_ref().and_then(|own| own.first()) else { continue };
            let place = if host.value == HostMatch::Any { route.span.clone() } else { host.span.clone() };
            let message =
                format!("every listener has a route of its own for the same requests ({})", matched(route));
            let warning = Diagnostic::warning("shadowed-route", place, message)
                .label("never holds")
                .related((*first).clone(), "this one goes first")
                .effect("0 % of requests would take this route")
                .help("take one of the two out, or give this route a host or path");
            cx.report(warning);
        }
    }
}

fn duplicate(route: &RouteDraft, place: Range<usize>, first: Range<usize>, shorthand: bool) -> Diagnostic {
    let (there, help) = if shorthand {
        (
            "the listener's `pool` is short for the same route",
            "take one of the two out, or give this route a host or path",
        )
    } else {
        ("the first", "take one of the two out, or give it another host, path or listener")
    };
    let message = format!("two routes hold for the same requests ({})", matched(route));
    Diagnostic::error("duplicate-route", place, message)
        .label("the second")
        .related(first, there)
        .effect("one of them would get none of these requests")
        .help(help)
}

fn unrouted_listeners(cx: &Cx, draft: &Draft) {
    // A route that could not be read may have been for this listener.
    if !draft.routes_whole || draft.routes.iter().any(|route| !route.whole) {
        return;
    }
    let everywhere = draft.routes.iter().any(|route| route.listener.is_none());
    let named: HashSet<_> =
        draft.routes.iter().filter_map(|route| Some(&route.listener.as_ref()?.value)).collect();
    for listener in draft.listeners.iter().filter(|listener| listener.pool.is_none() && listener.whole) {
        let name = &listener.name.value;
        let Some(protocol) = listener.protocol.as_ref().map(|protocol| protocol.value) else { continue };
        let routed = routes(listener) && (named.contains(name) || everywhere && protocol.is_http());
        if !routed && listener.https_redirect.is_none() {
            cx.report(unrouted(draft, listener, protocol));
        }
    }
}

fn unrouted(draft: &Draft, listener: &ListenerDraft, protocol: Protocol) -> Diagnostic {
    let name = &listener.name.value;
    let pool = draft.pools.first().map_or("web", |pool| pool.name.value.as_str());
    let pool = format!("add `pool = \"{pool}\"` to [listener.{name}]");
    let (message, effect, help) = match protocol {
        Protocol::Http | Protocol::Https => (
            format!("no route for listener `{name}`"),
            "all of its requests would be answered with 404",
            format!("{pool}, or a [[route]]"),
        ),
        Protocol::TlsPassthrough => (
            format!("listener `{name}` has neither a pool nor a route"),
            "all of its connections would be closed at once",
            format!("{pool}, or a [[route]] with `listener = \"{name}\"` and a `host`"),
        ),
        Protocol::Tcp => {
            (format!("listener `{name}` has no pool"), "all of its connections would be closed at once", pool)
        }
        Protocol::Udp => {
            (format!("listener `{name}` has no pool"), "all of its datagrams would be dropped", pool)
        }
    };
    let wrong = Diagnostic::error("no-route", listener.name.span.clone(), message);
    wrong.label("leads nowhere").effect(effect).help(help)
}

/// Whether its clients are told apart by routes.
fn routes(listener: &ListenerDraft) -> bool {
    !listener
        .protocol
        .as_ref()
        .is_some_and(|protocol| matches!(protocol.value, Protocol::Tcp | Protocol::Udp))
}

fn has_requests(listener: &ListenerDraft) -> bool {
    listener.protocol.as_ref().is_none_or(|protocol| protocol.value.is_http())
}

fn unused_pools(cx: &Cx, draft: &Draft) {
    let whole = draft.routes_whole
        && draft.routes.iter().all(|route| route.pool.is_some())
        && draft.listeners.iter().all(|listener| listener.pool.is_some() || listener.whole);
    let shorthands = draft.listeners.iter().filter_map(|listener| listener.pool.as_ref());
    let named = draft.routes.iter().filter_map(|route| route.pool.as_ref()).chain(shorthands);
    let used: HashSet<_> = named.map(|pool| pool.value.as_str()).collect();
    // A name that does not exist is probably a slip of the one that nobody uses: that was reported.
    let known: HashSet<_> = draft.pools.iter().map(|pool| pool.name.value.as_str()).collect();
    let slips = !used.is_subset(&known);
    if !whole || slips || (draft.listeners.is_empty() && draft.routes.is_empty()) {
        return;
    }
    for pool in draft.pools.iter().filter(|pool| !used.contains(pool.name.value.as_str())) {
        let warning = Diagnostic::warning(
            "unused-pool",
            pool.name.span.clone(),
            format!("no route leads to pool `{}`", pool.name.value),
        );
        let warning = warning
            .label("gets nothing")
            .effect(format!("its {} would get 0 % of requests", count(pool.backends.value.len(), "backend")))
            .help(format!("add a [[route]] with `pool = \"{}\"`, or take the pool out", pool.name.value));
        cx.report(warning);
    }
}

/// The requests of a route, in words.
fn matched(route: &RouteDraft) -> String {
    let path = &route.path.value;
    if let Some(alpn) = &route.alpn {
        let hosts = route.hosts.first().map_or(&HostMatch::Any, |host| &host.value);
        return format!("`{hosts}` with `{}`", alpn.value);
    }
    match route.hosts.first().map(|host| &host.value) {
        Some(host) if *host != HostMatch::Any => format!("`{host}{path}`"),
        _ if path == "/" => "every host and path".into(),
        _ => format!("`{path}` on every host"),
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("one {noun}") } else { format!("{number} {noun}s") }
}
