//! What leads to a pool: listeners and routes.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::decode::{Draft, ListenerDraft, PoolDraft, RouteDraft};
use crate::model::Protocol;

/// All ways to all pools.
pub(super) struct Web<'a> {
    by_pool: HashMap<&'a str, Ways<'a>>,
    /// The first pool that keeps its sessions in a cookie, by its name.
    keepers: HashMap<&'a str, &'a PoolDraft>,
    /// Whether there are listeners for requests, and all of them have clients on this machine alone.
    local_http: bool,
    /// Whether a listener for requests believes what proxies say of their clients.
    trusting_http: bool,
}

/// What leads to one pool.
#[derive(Default)]
pub(super) struct Ways<'a> {
    /// Listeners whose own `pool` it is, or that a route to it names.
    pub(super) named: Vec<&'a ListenerDraft>,
    /// Whether a route to it holds on every listener for requests.
    everywhere: bool,
    pub(super) routes: Vec<&'a RouteDraft>,
    /// Whether a listener sends everything there.
    pub(super) whole_listener: bool,
}

impl<'a> Web<'a> {
    pub(super) fn of(draft: &'a Draft) -> Self {
        let by_name: HashMap<_, _> =
            draft.listeners.iter().map(|listener| (listener.name.value.as_str(), listener)).collect();
        let mut by_pool: HashMap<&str, Ways<'a>> = HashMap::new();
        for listener in &draft.listeners {
            let Some(pool) = &listener.pool else { continue };
            let ways = by_pool.entry(&pool.value).or_default();
            ways.named.push(listener);
            ways.whole_listener = true;
        }
        for route in &draft.routes {
            let Some(pool) = &route.pool else { continue };
            let ways = by_pool.entry(&pool.value).or_default();
            ways.routes.push(route);
            match &route.listener {
                None => ways.everywhere = true,
                Some(name) => ways.named.extend(by_name.get(name.value.as_str())),
            }
        }
        let mut keepers: HashMap<&str, &PoolDraft> = HashMap::new();
        for pool in &draft.pools {
            if let Some(sticky) = &pool.sticky {
                keepers.entry(&sticky.value.cookie).or_insert(pool);
            }
        }
        let http = || draft.listeners.iter().filter(|listener| is_http(listener));
        Self {
            by_pool,
            keepers,
            local_http: http().next().is_some() && http().all(is_local),
            trusting_http: http().any(trusts),
        }
    }

    /// The pool whose `sticky` sets this cookie.
    pub(super) fn keeper(&self, cookie: &str) -> Option<&'a PoolDraft> {
        self.keepers.get(cookie).copied()
    }

    pub(super) fn to(&self, pool: &str) -> Option<&Ways<'a>> {
        self.by_pool.get(pool)
    }
}

impl Ways<'_> {
    /// Whether every client of the pool is on this machine, and none is told apart by what a proxy says.
    pub(super) fn are_local(&self, web: &Web<'_>) -> bool {
        let some = !self.named.is_empty() || self.everywhere;
        some && self.named.iter().all(|listener| is_local(listener)) && (!self.everywhere || web.local_http)
    }

    /// Whether a listener that leads there believes what proxies say of their clients.
    pub(super) fn trust(&self, web: &Web<'_>) -> bool {
        self.named.iter().any(|listener| trusts(listener)) || self.everywhere && web.trusting_http
    }
}

/// Whether requests come to it.
pub(super) fn is_http(listener: &ListenerDraft) -> bool {
    listener.protocol.as_ref().is_some_and(|protocol| protocol.value.is_http())
}

/// Whether it passes connections or requests on, so that a PROXY header may begin them.
pub(super) fn has_connections(listener: &ListenerDraft) -> bool {
    listener.protocol.as_ref().is_some_and(|protocol| protocol.value != Protocol::Udp)
}

/// Whether it believes somebody about who the client is.
pub(super) fn trusts(listener: &ListenerDraft) -> bool {
    listener.accept_proxy.is_some() || !listener.trusted_proxies.is_empty()
}

/// Whether anybody on the public network may reach it, as far as its address says.
pub(super) fn is_public(listener: &ListenerDraft) -> bool {
    listener.bind.as_ref().is_some_and(|bind| match bind.value.ip().to_canonical() {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_private() && !v4.is_link_local(),
        IpAddr::V6(v6) => !v6.is_loopback() && !v6.is_unique_local() && !v6.is_unicast_link_local(),
    })
}

fn is_local(listener: &ListenerDraft) -> bool {
    listener.bind.as_ref().is_some_and(|bind| bind.value.ip().is_loopback()) && !trusts(listener)
}
