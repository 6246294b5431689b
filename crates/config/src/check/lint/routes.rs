//! Routes as a whole: who is refused, and which pool gets them all.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::several;
use super::ways::is_http;
use crate::decode::{Cx, Draft, ListenerDraft, RouteDraft};
use crate::diagnostic::Diagnostic;
use crate::model::HostMatch;
use crate::span::At;
use crate::values::percent;

/// Routes from which on a share of them says something.
const ROUTES_MIN: usize = 5;
/// Of the routes: nearly all.
const MOST: f64 = 0.8;
/// Of the backends: few, for nearly all routes.
const FEW: f64 = 0.25;

pub(super) fn across(cx: &Cx, draft: &Draft) {
    let whole = draft.routes_whole && draft.routes.iter().all(|route| route.whole && route.pool.is_some());
    if !whole {
        return;
    }
    if let Some(found) = no_fallback(draft) {
        cx.report(found);
    }
    if let Some(found) = lopsided(draft) {
        cx.report(found);
    }
}

/// Hosts that tell no pools apart and yet refuse every other host.
fn no_fallback(draft: &Draft) -> Option<Diagnostic> {
    let everywhere: Vec<_> = draft.routes.iter().filter(|route| route.listener.is_none()).collect();
    let mut by_listener: HashMap<&str, Vec<&RouteDraft>> = HashMap::new();
    for route in &draft.routes {
        if let Some(name) = &route.listener {
            by_listener.entry(&name.value).or_default().push(route);
        }
    }
    let common = Hosts::of(&everywhere)?;
    let routed = |listener: &&ListenerDraft| {
        is_http(listener) && listener.pool.is_none() && listener.https_redirect.is_none()
    };
    draft.listeners.iter().filter(routed).find_map(|listener| {
        let own = Hosts::of(by_listener.get(listener.name.value.as_str()).map_or(&[][..], Vec::as_slice))?;
        refusing(listener, common.with(&own)?)
    })
}

/// The hosts of some routes, while all of their pools have the same.
struct Hosts<'a> {
    first: Option<&'a RouteDraft>,
    /// As written: one set for every pool.
    same: HashSet<String>,
}

impl<'a> Hosts<'a> {
    /// `None` when some route holds for every host, or hosts tell pools apart.
    fn of(routes: &[&'a RouteDraft]) -> Option<Self> {
        let mut by_pool: HashMap<&str, HashSet<String>> = HashMap::new();
        for route in routes {
            let hosts = by_pool.entry(&route.pool.as_ref()?.value).or_default();
            for host in &route.hosts {
                match &host.value {
                    HostMatch::Any => return None,
                    host => hosts.insert(host.to_string()),
                };
            }
        }
        let mut sets = by_pool.into_values();
        let same = sets.next().unwrap_or_default();
        sets.all(|set| set == same).then_some(Self { first: routes.first().copied(), same })
    }

    /// The two together, where both have the same hosts.
    fn with<'b>(&'b self, other: &'b Self) -> Option<&'b Self> {
        match (self.first, other.first) {
            (None, _) => Some(other),
            (_, None) => Some(self),
            _ => (self.same == other.same).then_some(self),
        }
    }
}

fn refusing(listener: &ListenerDraft, hosts: &Hosts<'_>) -> Option<Diagnostic> {
    let route = hosts.first?;
    let host = route.hosts.first()?;
    let pool = &route.pool.as_ref()?.value;
    let message =
        format!("listener `{}` answers for {} alone", listener.name.value, several(hosts.same.len(), "host"));
    let found = Diagnostic::warning("no-fallback", host.span.clone(), message)
        .label("no route is for other hosts")
        .related(listener.name.span.clone(), "has no `pool` either")
        .effect(
            "requests for any other name, or for the bare address, as balancers in front and their checks \
             send them, would be answered with 404",
        )
        .help(format!(
            "add `pool = \"{pool}\"` to [listener.{}], or take `host` out: it tells nothing apart here",
            listener.name.value
        ));
    Some(found)
}

/// Nearly all routes to one pool that has few of the backends.
fn lopsided(draft: &Draft) -> Option<Diagnostic> {
    let routed: HashMap<&str, usize> = draft
        .pools
        .iter()
        .filter(|pool| pool.whole)
        .map(|pool| (pool.name.value.as_str(), pool.open().count()))
        .collect();
    let mut places: BTreeMap<&str, (usize, &RouteDraft)> = BTreeMap::new();
    for route in &draft.routes {
        places.entry(&route.pool.as_ref()?.value).or_insert((0, route)).0 += route.hosts.len();
    }
    let all: usize = places.values().map(|(count, _)| count).sum();
    let (name, (count, route)) = places.iter().max_by_key(|(_, (count, _))| *count)?;
    let backends: usize = places.keys().filter_map(|name| routed.get(name)).sum();
    let own = *routed.get(name)?;
    let (of_routes, of_backends) = (*count as f64 / all as f64, own as f64 / backends as f64);
    if all < ROUTES_MIN || of_routes < MOST || of_backends > FEW || places.len() < 2 {
        return None;
    }
    // What no other route is for may be most of the traffic, however many routes there are.
    let rest = |route: &RouteDraft| {
        route.path.value == "/" && route.hosts.iter().any(|host| host.value == HostMatch::Any)
    };
    let elsewhere = |pool: &Option<At<String>>| pool.as_ref().is_some_and(|pool| pool.value != **name);
    if draft.routes.iter().any(|route| rest(route) && elsewhere(&route.pool))
        || draft.listeners.iter().any(|listener| elsewhere(&listener.pool))
    {
        return None;
    }
    let pool = route.pool.as_ref()?;
    let message =
        format!("{count} of {all} routes lead to pool `{name}`, which has {own} of {backends} backends");
    let found = Diagnostic::warning("lopsided-routes", pool.span.clone(), message)
        .label("the first of them")
        .effect(format!(
            "if every route had as much traffic, {} of the backends would get {} of requests, and the \
             others would idle",
            percent(of_backends),
            percent(of_routes)
        ))
        .help("write the pools that the routes were meant for, or give this one backends of the others");
    Some(found)
}
