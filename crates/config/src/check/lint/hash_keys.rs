//! What requests are told apart by, where it does not tell them apart.

use std::collections::HashSet;

use super::ways::Ways;
use super::{PoolRule, Subject, several};
use crate::decode::HealthDraft;
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{Check, HashKey, HostMatch};

pub(super) const RULES: [PoolRule; 4] = [constant, few, absent, fleeting];

/// Request fields that nearly every client fills alike.
const ALIKE: [&str; 16] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "cache-control",
    "connection",
    "content-type",
    "dnt",
    "expect",
    "origin",
    "pragma",
    "te",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-port",
    "x-forwarded-proto",
];
/// Fields of responses, and of requests for what the client has already.
const ABSENT: [&str; 24] = [
    "accept-ranges",
    "access-control-allow-origin",
    "age",
    "alt-svc",
    "content-disposition",
    "content-security-policy",
    "etag",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "last-modified",
    "location",
    "proxy-authenticate",
    "range",
    "retry-after",
    "server",
    "set-cookie",
    "strict-transport-security",
    "vary",
    "www-authenticate",
    "x-powered-by",
];
/// Fields that are new with every request, or nearly.
const FLEETING: [&str; 14] = [
    "cookie",
    "date",
    "request-id",
    "sec-websocket-key",
    "traceparent",
    "tracestate",
    "uber-trace-id",
    "x-amzn-trace-id",
    "x-b3-spanid",
    "x-b3-traceid",
    "x-cloud-trace-context",
    "x-request-id",
    "x-request-start",
    "x-trace-id",
];
/// Query parameters that are there to be new.
const FLEETING_QUERY: [&str; 5] = ["_", "cachebuster", "cb", "nonce", "rand"];
/// Last segments of paths below which there is nothing: one path for all of its requests.
const ENDPOINTS: [&str; 6] = ["graphql", "graphiql", "ws", "websocket", "healthz", "metrics"];
/// Ends of names of single documents.
const DOCUMENTS: [&str; 9] = [".html", ".htm", ".json", ".xml", ".txt", ".cgi", ".aspx", ".jsp", ".php"];

fn constant(subject: &Subject<'_>) -> Option<Diagnostic> {
    let hash = subject.pool.hash.as_ref()?;
    let (what, gets) = match &hash.value {
        HashKey::Header(name) if name.eq_ignore_ascii_case("host") => {
            let host = only_host(subject)?;
            (
                format!("every request is for the host `{host}`"),
                "one backend would get 100 % of requests, and the others none",
            )
        }
        HashKey::Header(name) if listed(&ALIKE, name) => (
            format!("nearly every client sends the same `{name}`"),
            "a few values would be most of the requests, and so would the backends that they lead to",
        ),
        HashKey::Path => {
            let paths = documents(subject.ways)?;
            let [only] = paths.into_iter().collect::<Vec<_>>()[..] else { return None };
            (
                format!("every request is for the path `{only}`"),
                "one backend would get 100 % of requests, and the others none",
            )
        }
        _ => return None,
    };
    let open = subject.open();
    let message = format!("pool `{}` tells requests apart by what they have in common", subject.name());
    let found =
        Diagnostic::warning("constant-hash-key", hash.span.clone(), message).label(what).effect(gets).help(
            "go by what differs: `hash = { cookie = \"session\" }`, a `header` with the user, or another \
             `strategy`",
        );
    (open > 1).then_some(found)
}

/// The one host that is asked for.
fn only_host<'a>(subject: &Subject<'a>) -> Option<&'a str> {
    if subject.ways.whole_listener {
        return None;
    }
    let hosts = subject.ways.routes.iter().flat_map(|route| &route.hosts).map(|host| match &host.value {
        HostMatch::Exact(name) => Some(name.as_str()),
        HostMatch::Any | HostMatch::Wildcard(_) => None,
    });
    let hosts: Option<HashSet<_>> = hosts.collect();
    let hosts = hosts.filter(|hosts| hosts.len() == 1)?;
    hosts.into_iter().next()
}

/// The paths of a pool, where each of its routes is for a single one.
fn documents<'a>(ways: &Ways<'a>) -> Option<HashSet<&'a str>> {
    if ways.whole_listener || ways.routes.is_empty() {
        return None;
    }
    let single = |path: &'a str| {
        let last = path.rsplit('/').next()?.to_ascii_lowercase();
        let is = ENDPOINTS.contains(&last.as_str()) || DOCUMENTS.iter().any(|end| last.ends_with(end));
        is.then_some(path)
    };
    ways.routes.iter().map(|route| single(route.path.value.as_str())).collect()
}

fn few(subject: &Subject<'_>) -> Option<Diagnostic> {
    let hash = subject.pool.hash.as_ref()?;
    let open = subject.open();
    let what = match &hash.value {
        HashKey::Path => match documents(subject.ways) {
            Some(paths) if paths.len() > 1 && paths.len() < open => {
                format!("{} in all", several(paths.len(), "path"))
            }
            Some(_) => return None,
            None if is_grpc(subject) => "one path for each gRPC method".into(),
            None => return None,
        },
        HashKey::Cookie(name) => {
            let owner = subject.web.keeper(name)?;
            if owner.name.value == *subject.name() {
                return None;
            }
            format!("names a backend of pool `{}`", owner.name.value)
        }
        _ => return None,
    };
    let message = format!("pool `{}` tells requests apart by something that has few values", subject.name());
    let found = Diagnostic::warning("few-hash-keys", hash.span.clone(), message)
        .label(what)
        .effect(format!(
            "each value goes to one of the {open} backends: a busy one takes its backend with it, and some \
             get 0 % of requests"
        ))
        .help(
            "go by something of the client: `header = \"X-User\"`, a cookie of the application, or `source \
             = true`",
        );
    (open > 1).then_some(found)
}

fn is_grpc(subject: &Subject<'_>) -> bool {
    matches!(&subject.pool.health, HealthDraft::On(health) if matches!(health.value.check, Check::Grpc { .. }))
        && subject.pool.protocol == crate::model::UpstreamProtocol::Http2
}

fn absent(subject: &Subject<'_>) -> Option<Diagnostic> {
    let hash = subject.pool.hash.as_ref()?;
    let (what, help) = match &hash.value {
        HashKey::Header(name) if listed(&ABSENT, name) => (
            format!("requests have no `{name}`, or few of them"),
            "name a field that clients send, such as `header = \"X-User\"`, or go by `cookie` or `source = \
             true`",
        ),
        HashKey::Header(name)
            if listed(&["forwarded", "x-forwarded-for"], name) && !subject.ways.trust(subject.web) =>
        {
            (
                format!("only proxies send `{name}`, and no listener here knows of one"),
                "write `source = true`: the client's address, with `trusted_proxies` in the listener as a \
                 proxy tells it",
            )
        }
        HashKey::Cookie(name) if name == defaults::STICKY_COOKIE && subject.web.keeper(name).is_none() => (
            format!("no pool with `sticky` sets the cookie `{name}`"),
            "name a cookie that the application sets; `sticky = true` with another strategy keeps sessions \
             by itself",
        ),
        _ => return None,
    };
    let message = format!("pool `{}` tells requests apart by what they do not have", subject.name());
    let found = Diagnostic::warning("absent-hash-key", hash.span.clone(), message)
        .label(what)
        .effect(
            "requests without it go to the least loaded backend: like requests would not meet, and nothing \
             would be kept",
        )
        .help(help);
    Some(found)
}

fn fleeting(subject: &Subject<'_>) -> Option<Diagnostic> {
    let hash = subject.pool.hash.as_ref()?;
    let what = match &hash.value {
        HashKey::Header(name) if listed(&FLEETING, name) => {
            format!("`{name}` is new with nearly every request")
        }
        HashKey::Query(name) if listed(&FLEETING_QUERY, name) => {
            format!("`{name}` is there to be new each time")
        }
        _ => return None,
    };
    let message = format!("pool `{}` keeps together what never comes twice", subject.name());
    let found = Diagnostic::warning("fleeting-hash-key", hash.span.clone(), message)
        .label(what)
        .effect("no two requests of a client would meet: picks at random, without a look at load")
        .help(
            "go by what stays: a `cookie` of the session, a `header` with the user; else `strategy = \
             \"least_request\"`",
        );
    Some(found)
}

fn listed(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
