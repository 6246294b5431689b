//! TLS clients by the name that they ask for and the protocols that they offer.
//!
//! Within a name the first protocol on offer that has a route decides, so of each list at most two protocols matter: the
//! one by which the old table decides and the one by which the new one does. All ordered pairs stand for all lists.

use std::collections::{BTreeMap, BTreeSet};

use evenkeel_core::{NameTable, PoolId};

use super::hosts::{ByHost, Hosts, example, to_ask};
use super::{Answer, Budget, Side, Witness, answer};

/// A side of the comparison, both written out and as it runs.
struct Table<'a> {
    side: Side<'a>,
    written: ByHost<BTreeMap<Option<&'a str>, &'a PoolId>>,
    running: NameTable<&'a PoolId>,
}

/// One client of each kind that comes to another pool.
pub(super) fn witnesses(old: Side<'_>, new: Side<'_>, budget: &mut Budget) -> Vec<Witness> {
    let (old, new) = (Table::of(old), Table::of(new));
    let is_named = |hosts: &Hosts| old.written.contains_key(hosts) || new.written.contains_key(hosts);
    let offers = offers(&old, &new);
    let mut found = Vec::new();
    for hosts in to_ask(&old.written, &new.written) {
        let Some(host) = example(&hosts, is_named) else { continue };
        if offers.len() > budget.questions {
            budget.hosts_unseen += 1;
            continue;
        }
        budget.questions -= offers.len();
        for offer in &offers {
            let (before, after) = (old.ask(&host, offer), new.ask(&host, offer));
            if before != after {
                let alpn = offer.iter().map(|protocol| (*protocol).to_owned()).collect();
                let (before, after) = (old.answer(before), new.answer(after));
                found.push(Witness { host: Some(host.clone()), path: None, alpn, before, after });
            }
        }
    }
    found
}

/// Nothing, every protocol that a route names, and every two of them in either order.
fn offers<'a>(old: &Table<'a>, new: &Table<'a>) -> Vec<Vec<&'a str>> {
    let written = old.written.values().chain(new.written.values());
    let protocols: BTreeSet<&str> = written.flat_map(|routes| routes.keys().copied().flatten()).collect();
    let ones = protocols.iter().map(|one| vec![*one]);
    let pairs = protocols.iter().flat_map(|one| {
        protocols.iter().filter(move |other| *other != one).map(move |other| vec![*one, *other])
    });
    std::iter::once(Vec::new()).chain(ones).chain(pairs).collect()
}

impl<'a> Table<'a> {
    fn of(side: Side<'a>) -> Self {
        let (mut written, mut running) = (ByHost::<BTreeMap<_, _>>::new(), NameTable::default());
        for route in side.routes() {
            let pool = side.called(&route.pool);
            running.insert(route.host.pattern(), route.alpn.as_deref(), pool);
            written.entry(route.host.pattern().into()).or_default().insert(route.alpn.as_deref(), pool);
        }
        Self { side, written, running }
    }

    /// The pool of the listener takes what no route is for.
    fn ask(&self, host: &str, offer: &[&str]) -> Option<&'a PoolId> {
        let offered: Vec<Box<[u8]>> = offer.iter().map(|protocol| protocol.as_bytes().into()).collect();
        let own = || self.side.listener.pool.as_ref().map(|pool| self.side.called(pool));
        self.running.find(Some(host), &offered).copied().or_else(own)
    }

    fn answer(&self, pool: Option<&PoolId>) -> Answer {
        pool.map_or(Answer::Refused, |pool| answer(self.side.own_name(pool)))
    }
}
