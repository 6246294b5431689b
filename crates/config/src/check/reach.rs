//! Which listeners lead to a pool.

use std::collections::HashMap;

use crate::decode::{Draft, ListenerDraft};
use crate::model::Protocol;

/// The listeners that lead to each pool.
pub(super) struct Reaches<'a> {
    by_pool: HashMap<&'a str, Vec<Leading<'a>>>,
    /// Whether something could not be read that may lead anywhere.
    more: bool,
}

/// A listener whose requests, connections or datagrams may go to a pool, and what its clients speak.
type Leading<'a> = (&'a ListenerDraft, Protocol);

/// The listeners that lead to one pool. Of those that do by a route for all of them, the first stands for the rest.
pub(super) struct Reach<'a> {
    listeners: &'a [Leading<'a>],
    more: bool,
}

impl<'a> Reaches<'a> {
    pub(super) fn of(draft: &'a Draft) -> Self {
        let known = draft.listeners.iter().filter_map(|found| Some((found, found.protocol.as_ref()?.value)));
        let known: Vec<Leading<'a>> = known.collect();
        let by_name: HashMap<_, _> =
            known.iter().map(|found| (found.0.name.value.as_str(), *found)).collect();
        let http = known.iter().find(|(_, protocol)| protocol.is_http());
        let own = known.iter().filter_map(|found| Some((found.0.pool.as_ref()?, *found)));
        let routed = draft.routes.iter().filter_map(|route| {
            let leading = match &route.listener {
                Some(name) => by_name.get(name.value.as_str()),
                None => http,
            };
            Some((route.pool.as_ref()?, *leading?))
        });
        let mut by_pool: HashMap<&str, Vec<Leading<'a>>> = HashMap::new();
        for (pool, leading) in own.chain(routed) {
            by_pool.entry(&pool.value).or_default().push(leading);
        }
        let more = !draft.routes_whole
            || draft.routes.iter().any(|route| !route.whole)
            || draft.listeners.iter().any(|listener| !listener.whole);
        Self { by_pool, more }
    }

    pub(super) fn to(&self, pool: &str) -> Reach<'_> {
        Reach { listeners: self.by_pool.get(pool).map_or(&[], Vec::as_slice), more: self.more }
    }
}

impl<'a> Reach<'a> {
    /// The first listener of a protocol that leads to it.
    pub(super) fn by(&self, protocol: Protocol) -> Option<&'a ListenerDraft> {
        self.listeners.iter().find(|(_, theirs)| *theirs == protocol).map(|(listener, _)| *listener)
    }

    /// Whether requests certainly come to it.
    pub(super) fn has_requests(&self) -> bool {
        self.listeners.iter().any(|(_, protocol)| protocol.is_http())
    }

    /// The first of the listeners that lead to it, when none of them knows requests.
    pub(super) fn without_requests(&self) -> Option<&'a ListenerDraft> {
        let (first, _) = self.listeners.first()?;
        (!self.more && !self.has_requests()).then_some(*first)
    }

    /// Whether nothing but datagrams comes to it.
    pub(super) fn is_datagrams(&self) -> bool {
        let datagrams = |(_, protocol): &Leading<'_>| *protocol == Protocol::Udp;
        !self.more && !self.listeners.is_empty() && self.listeners.iter().all(datagrams)
    }
}
