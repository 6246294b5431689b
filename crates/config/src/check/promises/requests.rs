//! `[[test.route]]`: asked of the very table that requests are routed by.

use std::collections::HashMap;
use std::ops::Range;

use evenkeel_core::{PoolId, RouteTable};

use crate::decode::{Cx, RouteTestDraft, a_listener};
use crate::diagnostic::Diagnostic;
use crate::model::{Config, HostMatch, Listener, Protocol, Route};

/// A listener's routes; what no route is for goes to its pool, if it passes TLS on.
struct Table<'a> {
    listener: &'a Listener,
    routes: RouteTable<&'a Route>,
}

/// Who answers.
enum Answer<'a> {
    Route(&'a Route),
    /// The pool of a listener that passes TLS on.
    Rest(&'a PoolId),
    Nobody,
}

pub(super) fn check(cx: &Cx, config: &Config, tests: &[RouteTestDraft], routes: &[Range<usize>]) {
    if tests.is_empty() {
        return;
    }
    let tables: Vec<_> = config.listeners.iter().map(|listener| Table::of(config, listener)).collect();
    let by_name: HashMap<_, _> = tables.iter().map(|table| (table.listener.name.as_str(), table)).collect();
    let anywhere: Vec<_> = tables.iter().filter(|table| table.has_requests()).collect();
    for test in tests {
        let Some(name) = &test.listener else {
            match anywhere.iter().find(|table| !table.passes(test)) {
                Some(table) => cx.report(failed(config, table, test, routes)),
                None if anywhere.is_empty() => cx.report(nowhere(test)),
                None => {}
            }
            continue;
        };
        let Some(table) = by_name.get(name.value.as_str()) else { continue };
        match cannot_tell(table.listener, test) {
            Some(wrong) => cx.report(wrong),
            None if !table.passes(test) => cx.report(failed(config, table, test, routes)),
            None => {}
        }
    }
}

impl<'a> Table<'a> {
    fn of(config: &'a Config, listener: &'a Listener) -> Self {
        let mut routes = RouteTable::default();
        if listener.protocol.is_http() {
            for route in config.routes_on(&listener.name) {
                routes.insert(route.host.pattern(), &route.path, route);
            }
        } else {
            // A client that offers no protocol takes none of the routes that ask for one.
            let own = config.routes.iter().filter(|route| route.listener.as_ref() == Some(&listener.name));
            for route in own.filter(|route| route.alpn.is_none()) {
                routes.insert(route.host.pattern(), &route.path, route);
            }
        }
        Self { listener, routes }
    }

    /// Whether requests come to it that it does not send elsewhere.
    fn has_requests(&self) -> bool {
        self.listener.protocol.is_http() && self.listener.https_redirect.is_none()
    }

    fn answer(&self, test: &RouteTestDraft) -> Answer<'a> {
        let host = test.host.as_ref().map_or("", |host| host.value.as_str());
        match self.routes.find(host.as_bytes(), test.path.value.as_bytes()) {
            Some(route) => Answer::Route(route),
            None => self.listener.pool.as_ref().map_or(Answer::Nobody, Answer::Rest),
        }
    }

    fn passes(&self, test: &RouteTestDraft) -> bool {
        let wanted = test.pool.as_ref().map(|pool| pool.value.as_str());
        wanted == self.answer(test).pool().map(PoolId::as_str)
    }
}

impl<'a> Answer<'a> {
    fn pool(&self) -> Option<&'a PoolId> {
        match self {
            Self::Route(route) => Some(&route.pool),
            Self::Rest(pool) => Some(pool),
            Self::Nobody => None,
        }
    }
}

/// Another pool answers, or nobody.
fn failed(config: &Config, table: &Table<'_>, test: &RouteTestDraft, routes: &[Range<usize>]) -> Diagnostic {
    let (request, answer) = (request(test), table.answer(test));
    let wanted = test.pool.as_ref();
    let wanted_name = wanted.map_or("", |pool| pool.value.as_str());
    let on = match test.listener {
        Some(_) => String::new(),
        None => format!(" on listener `{}`", table.listener.name),
    };
    let message = match answer.pool() {
        Some(pool) => format!("{request}{on} would be answered by pool `{pool}`, not by `{wanted_name}`"),
        None => format!("{request}{on} would be answered by nobody, not by pool `{wanted_name}`"),
    };
    let span = wanted.map_or_else(|| test.span.clone(), |pool| pool.span.clone());
    let wrong = Diagnostic::error("route-test", span, message).label("must answer");
    match answer {
        Answer::Route(route) => {
            let place = config.routes.iter().position(|other| std::ptr::eq(other, route));
            let wrong = match place.and_then(|place| routes.get(place)) {
                Some(place) => wrong.related(place.clone(), "this route answers"),
                None => wrong,
            };
            wrong
                .effect(format!("{} goes first: {}", holds_for(route), because(route)))
                .help(format!("put the routes right, or write `pool = \"{}\"` if that is meant", route.pool))
        }
        Answer::Rest(pool) => wrong
            .effect(format!(
                "no route is for it, so it goes to the `pool` of listener `{}`",
                table.listener.name
            ))
            .help(format!("add a [[route]] for it, or write `pool = \"{pool}\"` if that is meant")),
        Answer::Nobody => wrong
            .effect(match table.listener.protocol {
                Protocol::TlsPassthrough => "no route is for it: its connection would be closed at once",
                _ => "no route is for it: it would be answered with 404",
            })
            .help(format!("add a [[route]] for it with `pool = \"{wanted_name}\"`")),
    }
}

/// What a listener cannot see of a request, or does not do.
fn cannot_tell(listener: &Listener, test: &RouteTestDraft) -> Option<Diagnostic> {
    let name = &listener.name;
    let at = |message: String, span: &Range<usize>| Diagnostic::error("contradiction", span.clone(), message);
    let named = test.listener.as_ref().map_or_else(|| test.span.clone(), |named| named.span.clone());
    let a_listener = a_listener(listener.protocol);
    match listener.protocol {
        Protocol::Tcp | Protocol::Udp => Some(
            at(format!("listener `{name}` has no requests that a test could ask for"), &named)
                .label(a_listener)
                .effect("all that comes goes to its `pool`")
                .help("take the test out, or name a listener that has routes"),
        ),
        Protocol::TlsPassthrough if test.path.value != "/" => Some(
            at(format!("listener `{name}` passes TLS on, so it never sees a path"), &test.path.span)
                .label("encrypted until the backend")
                .effect("the path would make no difference")
                .help("take `path` out; `host` is the server name that the client asks for"),
        ),
        Protocol::Http if listener.https_redirect.is_some() => Some(
            at(format!("listener `{name}` sends every client to HTTPS"), &named)
                .label("answers by itself")
                .effect("no pool would ever answer there")
                .help("name the listener with `protocol = \"https\"`"),
        ),
        _ => None,
    }
}

fn nowhere(test: &RouteTestDraft) -> Diagnostic {
    let message = format!("{} comes to no listener: none has requests for a pool", request(test));
    Diagnostic::error("route-test", test.span.clone(), message)
        .label("for `http` and `https` listeners")
        .effect("nothing would be tried")
        .help("name a `tls_passthrough` listener with `listener`, or take the test out")
}

/// `` `example.com/api` ``, or the path alone.
fn request(test: &RouteTestDraft) -> String {
    match &test.host {
        Some(host) => format!("`{}{}`", host.value, test.path.value),
        None => format!("`{}`", test.path.value),
    }
}

fn holds_for(route: &Route) -> String {
    match &route.host {
        HostMatch::Any if route.path == "/" => "the route for every host and path".into(),
        HostMatch::Any => format!("the route for `{}` on every host", route.path),
        host => format!("the route for `{host}{}`", route.path),
    }
}

fn because(route: &Route) -> &'static str {
    match (&route.host, route.path.as_str()) {
        (HostMatch::Any, "/") => "no other route is for this request",
        (HostMatch::Any, _) => "no route for its host holds, and no longer path",
        (HostMatch::Exact(_), _) => "a host beats a wildcard and no host, then the longest path wins",
        (HostMatch::Wildcard(_), _) => "no route for its exact host holds, then the longest path wins",
    }
}
