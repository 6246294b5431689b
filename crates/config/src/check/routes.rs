//! Routes: that each name exists, that no two hold for the same requests, that every listener and pool is reached.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::decode::{Cx, Draft, RouteDraft};
use crate::diagnostic::Diagnostic;
use crate::model::HostMatch;
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
    let pools: Vec<_> = draft.pools.iter().map(|pool| pool.name.value.as_str()).collect();
    let listeners: Vec<_> = draft.listeners.iter().map(|listener| listener.name.value.as_str()).collect();
    // Where there is none at all, that was reported, and every name of one would only repeat it.
    let lacks =
        |known: &[&str], name: &At<String>| !known.is_empty() && !known.contains(&name.value.as_str());
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
}

fn unknown(code: &'static str, kind: &str, name: &At<String>, known: &[&str]) -> Diagnostic {
    let message = format!("there is no {kind} `{}`", name.value);
    let all = match known {
        [only] => format!("the only {kind} is `{only}`"),
        _ => format!("the {kind}s are {}", values::quoted_list(known.iter().copied())),
    };
    let label = match values::nearest(&name.value, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "not defined".into(),
    };
    Diagnostic::error(code, name.span.clone(), message).label(label).help(all)
}

/// Where each listener (or all), host and path without its final slash has its route.
type Known<'a> = HashMap<(Option<&'a str>, String, &'a str), Range<usize>>;

/// Two routes for the same requests: the second would silently lose, or win.
fn duplicates<'a>(cx: &Cx, draft: &'a Draft) -> Known<'a> {
    let mut known = Known::new();
    for listener in &draft.listeners {
        if let Some(pool) = &listener.pool {
            known.insert((Some(&listener.name.value), HostMatch::Any.to_string(), ""), pool.span.clone());
        }
    }
    let shorthands: HashSet<_> = known.values().map(|span| span.start).collect();
    for route in draft.routes.iter().filter(|route| route.whole) {
        let listener = route.listener.as_ref().map(|listener| listener.value.as_str());
        let path = route.path.value.trim_end_matches('/');
        for host in &route.hosts {
            let place = if host.value == HostMatch::Any { route.span.clone() } else { host.span.clone() };
            match known.get(&(listener, host.value.to_string(), path)) {
                None => {
                    known.insert((listener, host.value.to_string(), path), place);
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
    let names: Vec<_> = draft.listeners.iter().map(|listener| listener.name.value.as_str()).collect();
    for route in draft.routes.iter().filter(|route| route.whole && route.listener.is_none()) {
        let path = route.path.value.trim_end_matches('/');
        for host in &route.hosts {
            let own = names.iter().filter_map(|name| known.get(&(Some(*name), host.value.to_string(), path)));
            let own: Vec<_> = own.collect();
            let Some(first) = own.first().filter(|_| own.len() == names.len()) else { continue };
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
    for listener in draft.listeners.iter().filter(|listener| listener.pool.is_none() && listener.whole) {
        let name = &listener.name.value;
        let holds = |route: &RouteDraft| route.listener.as_ref().is_none_or(|only| only.value == *name);
        if !draft.routes.iter().any(holds) {
            let pool = draft.pools.first().map_or("web", |pool| pool.name.value.as_str());
            let wrong = Diagnostic::error(
                "no-route",
                listener.name.span.clone(),
                format!("no route for listener `{name}`"),
            )
            .label("leads nowhere")
            .effect("all of its requests would be answered with 404")
            .help(format!("add `pool = \"{pool}\"` to [listener.{name}], or a [[route]]"));
            cx.report(wrong);
        }
    }
}

fn unused_pools(cx: &Cx, draft: &Draft) {
    let whole = draft.routes_whole
        && draft.routes.iter().all(|route| route.pool.is_some())
        && draft.listeners.iter().all(|listener| listener.pool.is_some() || listener.whole);
    let shorthands = draft.listeners.iter().filter_map(|listener| listener.pool.as_ref());
    let named = draft.routes.iter().filter_map(|route| route.pool.as_ref()).chain(shorthands);
    let used: HashSet<_> = named.map(|pool| pool.value.as_str()).collect();
    // A name that does not exist is probably a slip of the one that nobody uses: that was reported.
    let slips = used.iter().any(|name| draft.pools.iter().all(|pool| pool.name.value != **name));
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
    match route.hosts.first().map(|host| &host.value) {
        Some(host) if *host != HostMatch::Any => format!("`{host}{path}`"),
        _ if path == "/" => "every host and path".into(),
        _ => format!("`{path}` on every host"),
    }
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("one {noun}") } else { format!("{number} {noun}s") }
}
