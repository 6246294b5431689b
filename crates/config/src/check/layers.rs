//! Pools and the protocols of the listeners that lead to them: what is for requests and meets none, what begins a
//! connection and meets datagrams, and checks that speak otherwise than requests do.

use std::net::IpAddr;

use super::reach::Reach;
use crate::decode::{Cx, HealthDraft, ListenerDraft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{BackendAddress, Check, HashKey, Protocol, UpstreamProtocol};
use crate::span::At;

pub(super) fn check(cx: &Cx, pool: &PoolDraft, reach: &Reach<'_>) {
    if let Some(listener) = reach.without_requests() {
        for_requests(cx, pool, listener);
    }
    if let (Some(version), Some(listener)) = (&pool.send_proxy, reach.by(Protocol::Udp)) {
        cx.report(headless(pool, version.span.clone(), listener));
    }
    let raw = reach.by(Protocol::Tcp).or_else(|| reach.by(Protocol::Udp));
    if let (Some(tls), Some(listener)) = (&pool.tls, raw) {
        cx.report(in_clear(pool, tls.span.clone(), listener));
    }
    nameless(cx, pool);
    if let HealthDraft::On(health) = &pool.health
        && health.value.port.is_none()
    {
        match (pool.protocol, &health.value.check) {
            (UpstreamProtocol::Http2, Check::Http { .. }) => {
                cx.report(asks_in_http1(pool, health.span.clone()))
            }
            (UpstreamProtocol::Http1, Check::Grpc { .. }) if reach.has_requests() => {
                cx.report(speaks_http1(pool, health.span.clone()));
            }
            _ => {}
        }
    }
}

/// What a pool says of requests, where there are none.
fn for_requests(cx: &Cx, pool: &PoolDraft, listener: &ListenerDraft) {
    let source = "`strategy = \"maglev\"` with `hash = { source = true }`";
    let report = |key: &str, span, effect: &str, help: String| {
        cx.report(unmet(pool, key, span, listener).effect(effect).help(help));
    };
    if let Some(hash) = pool.hash.as_ref().filter(|hash| !matches!(hash.value, HashKey::Source { .. })) {
        let effect = "none of them would have a key, so each would go to the least loaded backend";
        let key = match hash.value {
            HashKey::Header(_) => "hash.header",
            HashKey::Cookie(_) => "hash.cookie",
            HashKey::Query(_) => "hash.query",
            _ => "hash.path",
        };
        report(
            key,
            hash.span.clone(),
            effect,
            "write `hash = { source = true }`: by the client's address".into(),
        );
    }
    if let Some(sticky) = &pool.sticky {
        let effect = "they carry no cookie, so no client would keep its backend";
        report(
            "sticky",
            sticky.span.clone(),
            effect,
            format!("take it out; {source} keeps a client at one backend"),
        );
    }
    if let Some(probe) = &pool.probe {
        let effect =
            "backends are asked when there is a request: the picks would go by what is open here alone";
        let help = "take it out, and write another strategy, such as \"least_request\"";
        report("probe", probe.span.clone(), effect, help.into());
    }
    if pool.queue.value.priority.is_some() {
        let effect = "all of them would wait in the order in which they come";
        report("queue.priority", pool.queue.span.clone(), effect, "take `priority` out".into());
    }
    for key in &pool.for_requests {
        let effect = "they are passed on as they come, as if this were not there";
        report(key.value, key.span.clone(), effect, format!("take `{}` out", key.value));
    }
}

fn unmet(pool: &PoolDraft, key: &str, span: std::ops::Range<usize>, listener: &ListenerDraft) -> Diagnostic {
    let datagrams = listener.protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Udp);
    let what = if datagrams { "datagrams" } else { "connections" };
    let message = format!("`{key}` is for requests, and pool `{}` gets {what} alone", pool.name.value);
    Diagnostic::error("contradiction", span, message)
        .label("needs an `http` or `https` listener")
        .related(listener.name.span.clone(), format!("passes {what} on"))
}

/// A header that begins a connection, where there is none.
fn headless(pool: &PoolDraft, span: std::ops::Range<usize>, listener: &ListenerDraft) -> Diagnostic {
    let message = format!("`send_proxy` begins a connection, and pool `{}` gets datagrams", pool.name.value);
    Diagnostic::error("contradiction", span, message)
        .label("needs connections")
        .related(listener.name.span.clone(), "passes datagrams on")
        .effect("backends would not be told whose datagrams they get: they would see this machine's address")
        .help("take `send_proxy` out; where other listeners need it, give this one a pool of its own")
}

/// TLS towards backends of a listener that passes on what it gets.
fn in_clear(pool: &PoolDraft, span: std::ops::Range<usize>, listener: &ListenerDraft) -> Diagnostic {
    let name = &listener.name.value;
    let message =
        format!("backends of pool `{}` speak TLS, and listener `{name}` does not add it", pool.name.value);
    let tcp = listener.protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Tcp);
    Diagnostic::error("contradiction", span, message)
        .label("not for what this listener passes on")
        .related(listener.name.span.clone(), "passes bytes on as they come")
        .effect("what clients send would arrive without TLS: in clear text on the way, and refused by the backends")
        .help(match tcp {
            true => "write `protocol = \"tls_passthrough\"` in the listener if clients speak TLS with the backends, \
                     else give it a pool without `tls`",
            false => "give the listener a pool without `tls`",
        })
}

/// Certificates for addresses: authorities that everybody trusts hardly give any.
fn nameless(cx: &Cx, pool: &PoolDraft) {
    let Some(tls) = pool.tls.as_ref().filter(|tls| tls.value.verify && tls.value.server_name.is_none())
    else {
        return;
    };
    let bare = pool
        .backends
        .value
        .iter()
        .filter_map(|backend| backend.address.as_ref())
        .find(|address| matches!(&address.value, BackendAddress::Socket(_)));
    if let Some(At { value: BackendAddress::Socket(to), span }) = bare.filter(|_| tls.value.ca.is_none()) {
        cx.report(for_an_address(pool, tls.span.clone(), At::new(to.ip(), span.clone())));
    }
}

fn for_an_address(pool: &PoolDraft, span: std::ops::Range<usize>, address: At<IpAddr>) -> Diagnostic {
    let message = format!(
        "pool `{}` does not say which name the certificates of its backends are for",
        pool.name.value
    );
    Diagnostic::warning("no-server-name", span, message)
        .label("no `server_name`")
        .related(address.span, "an address, not a name")
        .effect(format!(
            "a certificate would have to be for {} itself, as few are: with any other, every request to it fails",
            address.value
        ))
        .help("write the name, such as `tls = { server_name = \"app.internal\" }`; a `ca` of your own may certify \
             addresses, and ends this warning")
}

fn asks_in_http1(pool: &PoolDraft, span: std::ops::Range<usize>) -> Diagnostic {
    let message =
        format!("backends of pool `{}` speak HTTP/2, and its check asks in HTTP/1.1", pool.name.value);
    Diagnostic::warning("check-protocol", span, message)
        .label("a GET in HTTP/1.1")
        .effect("a backend that speaks HTTP/2 alone, as gRPC servers do, would fail every check and get no request")
        .help("write `health = { grpc = true }` for gRPC servers; a `port` says where HTTP/1.1 is spoken, and ends \
             this warning")
}

fn speaks_http1(pool: &PoolDraft, span: std::ops::Range<usize>) -> Diagnostic {
    let message =
        format!("pool `{}` is checked by gRPC, and its requests are sent in HTTP/1.1", pool.name.value);
    Diagnostic::error("contradiction", span, message)
        .label("needs HTTP/2")
        .effect("the checks would pass, and every gRPC call fail: gRPC servers do not speak HTTP/1.1")
        .help(format!(
            "add `protocol = \"http2\"` to [pool.{}]; where gRPC is for the checks alone, add their `port`",
            pool.name.value
        ))
}
