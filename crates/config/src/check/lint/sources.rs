//! Hashing by the client's address, where that is not the client's.

use std::collections::HashMap;
use std::net::IpAddr;

use super::ways::{Web, has_connections, is_http, trusts};
use crate::decode::{Cx, Draft, ListenerDraft, PoolDraft};
use crate::diagnostic::Diagnostic;
use crate::model::{HashKey, Protocol};

/// Of every pool by `source`: one whose clients are all on this machine, or behind a proxy that others know of.
pub(super) fn across(cx: &Cx, draft: &Draft, web: &Web<'_>) {
    let behind = Behind::of(draft);
    for pool in draft.pools.iter().filter(|pool| pool.whole && pool.open().nth(1).is_some()) {
        let by_source = pool.hash.as_ref().filter(|hash| matches!(hash.value, HashKey::Source { .. }));
        let (Some(hash), Some(ways)) = (by_source, web.to(&pool.name.value)) else { continue };
        if ways.are_local(web) {
            cx.report(local(pool, hash.span.clone()));
            continue;
        }
        let blind = ways.named.iter().find_map(|listener| Some((*listener, behind.proxy_of(listener)?)));
        if let Some((listener, knows)) = blind {
            cx.report(proxied(pool, hash.span.clone(), listener, knows));
        }
    }
}

/// The listeners that know of a proxy in front, the first of each address and kind.
struct Behind<'a> {
    /// By what they say in PROXY headers, which is said on every connection.
    headers: HashMap<IpAddr, &'a ListenerDraft>,
    /// By what they say in fields of requests.
    fields: HashMap<IpAddr, &'a ListenerDraft>,
}

impl<'a> Behind<'a> {
    fn of(draft: &'a Draft) -> Self {
        let mut behind = Self { headers: HashMap::new(), fields: HashMap::new() };
        for listener in &draft.listeners {
            let Some(bind) = &listener.bind else { continue };
            if listener.accept_proxy.is_some() {
                behind.headers.entry(bind.value.ip()).or_insert(listener);
            }
            if !listener.trusted_proxies.is_empty() {
                behind.fields.entry(bind.value.ip()).or_insert(listener);
            }
        }
        behind
    }

    /// The listener of the same address that knows of a proxy, for one that knows of none.
    fn proxy_of(&self, listener: &ListenerDraft) -> Option<&'a ListenerDraft> {
        let bind = listener.bind.as_ref().filter(|bind| !bind.value.ip().is_loopback())?;
        let (headers, fields) = (self.headers.get(&bind.value.ip()), self.fields.get(&bind.value.ip()));
        match trusts(listener) || !has_connections(listener) {
            true => None,
            // A proxy for requests need not be in front of other connections.
            false if is_http(listener) => headers.or(fields).copied(),
            false => headers.copied(),
        }
    }
}

fn local(pool: &PoolDraft, span: std::ops::Range<usize>) -> Diagnostic {
    let message = format!("every client of pool `{}` is on this machine", pool.name.value);
    Diagnostic::warning("one-source", span, message)
        .label("one address for all")
        .effect("one backend would get 100 % of requests: all of them come from 127.0.0.1")
        .help(
            "name the proxy on this machine in the listener (`trusted_proxies = [\"127.0.0.1\"]`, or \
             `accept_proxy`), or go by a header or cookie",
        )
}

fn proxied(
    pool: &PoolDraft,
    span: std::ops::Range<usize>,
    listener: &ListenerDraft,
    knows: &ListenerDraft,
) -> Diagnostic {
    let (blind, other) = (&listener.name, &knows.name);
    let message = format!(
        "pool `{}` goes by the client's address, and listener `{}` may only see a proxy's",
        pool.name.value, blind.value
    );
    let key = match knows.accept_proxy.is_some() {
        true => "accept_proxy",
        false => "trusted_proxies",
    };
    let tcp = listener.protocol.as_ref().is_some_and(|protocol| protocol.value == Protocol::Tcp);
    let clients = if tcp { "connections" } else { "requests" };
    Diagnostic::warning("source-behind-proxy", span, message)
        .label("whose address?")
        .related(blind.span.clone(), "knows of no proxy")
        .related(other.span.clone(), format!("has `{key}`"))
        .effect(format!(
            "all {clients} that come by one proxy would go to one backend: behind one proxy that is 100 %"
        ))
        .help(format!(
            "write `{key}` in [listener.{}] as in [listener.{}], or go by a header or cookie",
            blind.value, other.value
        ))
}
