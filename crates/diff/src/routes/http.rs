//! Requests by host and path that two tables answer differently: if there are any, some are found.
//!
//! A table looks a path up by ever fewer of its segments. So all paths below the same longest prefix that is written
//! anywhere for their host are answered alike, and the prefixes themselves, and `/`, stand for all.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::{PoolId, RouteTable};

use super::hosts::{ByHost, Hosts, example, fallbacks, to_ask};
use super::{Answer, Budget, Side, Witness, answer};

/// Prefixes without their trailing slash; the empty one is `/`.
type Paths<'a> = BTreeMap<&'a str, &'a PoolId>;

/// Where a CA asks whether a host is ours (RFC 8555 section 8.3): not redirected where a route answers.
const ACME: &str = "/.well-known/acme-challenge";

/// A side of the comparison, both written out and as it runs.
struct Table<'a> {
    side: Side<'a>,
    written: ByHost<Paths<'a>>,
    running: RouteTable<&'a PoolId>,
}

/// One request of each kind that is answered by another pool.
pub(super) fn witnesses(old: Side<'_>, new: Side<'_>, budget: &mut Budget) -> Vec<Witness> {
    let (old, new) = (Table::of(old), Table::of(new));
    let redirects = old.redirects() || new.redirects();
    let is_named = |hosts: &Hosts| old.written.contains_key(hosts) || new.written.contains_key(hosts);
    let by_host =
        [&old, &new].into_iter().any(|table| table.written.keys().any(|hosts| *hosts != Hosts::Any));
    let mut found = Vec::new();
    for hosts in to_ask(&old.written, &new.written) {
        let Some(host) = example(&hosts, is_named) else { continue };
        let mut paths = paths(&hosts, &old, &new);
        if redirects {
            paths.insert(ACME);
        }
        if paths.len() > budget.questions {
            budget.hosts_unseen += 1;
            continue;
        }
        budget.questions -= paths.len();
        for prefix in paths {
            let path = path(prefix, redirects);
            let (before, after) = (old.ask(&host, &path), new.ask(&host, &path));
            if before != after {
                let host = by_host.then(|| host.clone());
                let (before, after) = (old.answer(before), new.answer(after));
                found.push(Witness { host, path: Some(path), alpn: Vec::new(), before, after });
            }
        }
    }
    found
}

/// The prefixes that can make a difference for these hosts. Where both tables have an answer for every path of theirs,
/// no others do.
fn paths<'a>(hosts: &Hosts, old: &Table<'a>, new: &Table<'a>) -> BTreeSet<&'a str> {
    let mut kinds = vec![hosts.clone()];
    let decides = |table: &Table<'_>| table.written.get(hosts).is_some_and(|paths| paths.contains_key(""));
    if !(decides(old) && decides(new)) {
        kinds.extend(fallbacks(hosts));
    }
    let written = kinds.iter().flat_map(|kind| [&old.written, &new.written].map(|all| all.get(kind)));
    written.flatten().flat_map(|paths| paths.keys().copied()).chain([""]).collect()
}

/// What a client sends to come there. Only what is below the path of a CA's challenges is one.
fn path(prefix: &str, redirects: bool) -> String {
    match prefix {
        "" => "/".to_owned(),
        ACME if redirects => format!("{ACME}/x"),
        prefix => prefix.to_owned(),
    }
}

#[derive(PartialEq)]
enum Asked<'a> {
    Nobody,
    Redirect,
    Pool(&'a PoolId),
}

impl<'a> Table<'a> {
    fn of(side: Side<'a>) -> Self {
        let (mut written, mut running) = (ByHost::<Paths<'a>>::new(), RouteTable::default());
        for route in side.routes() {
            let pool = side.called(&route.pool);
            running.insert(route.host.pattern(), &route.path, pool);
            let paths = written.entry(route.host.pattern().into()).or_default();
            paths.insert(route.path.trim_end_matches('/'), pool);
        }
        Self { side, written, running }
    }

    /// Requests that a trusted proxy got over HTTPS are not redirected, so with one the routes count as ever.
    fn redirects(&self) -> bool {
        self.side.listener.https_redirect.is_some() && self.side.listener.trusted_proxies.is_empty()
    }

    fn ask(&self, host: &str, path: &str) -> Asked<'a> {
        let pool = self.running.find(host.as_bytes(), path.as_bytes()).copied();
        let is_challenge =
            pool.is_some() && path.strip_prefix(ACME).is_some_and(|rest| rest.starts_with('/'));
        match pool {
            _ if self.redirects() && !is_challenge => Asked::Redirect,
            Some(pool) => Asked::Pool(pool),
            None => Asked::Nobody,
        }
    }

    /// By the name that the pool has in this side's own file.
    fn answer(&self, asked: Asked<'_>) -> Answer {
        match asked {
            Asked::Nobody => Answer::NotFound,
            Asked::Redirect => Answer::HttpsRedirect,
            Asked::Pool(pool) => answer(self.side.own_name(pool)),
        }
    }
}
