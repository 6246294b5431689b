//! Two configurations, compared in every respect.

use std::collections::HashMap;

use evenkeel_config::{Config, Diagnostic, Listener, Loaded, Pool, Protocol, Severity, Source};
use evenkeel_core::PoolId;

use crate::listeners;
use crate::pairs::{Pairs, pairs};
use crate::pools;
use crate::receivers;
use crate::report::{Comparison, Finding, Item, Rank};
use crate::routes;
use crate::settings;
use crate::words::{count, list};

/// Pools and listeners that are named in one item.
const NAMED: usize = 4;

/// A sound configuration, with the file that it is from.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The file.
    pub source: &'a Source,
    /// What it comes to.
    pub config: &'a Config,
    /// What `check` says of it.
    pub diagnostics: &'a [Diagnostic],
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Also what does not change, and every request that shows a change of routes.
    pub all: bool,
}

impl<'a> Side<'a> {
    /// `None` of a file that is refused.
    pub fn of(source: &'a Source, loaded: &'a Loaded) -> Option<Self> {
        loaded.config.as_ref().map(|config| Self { source, config, diagnostics: &loaded.diagnostics })
    }
}

/// What changes for the traffic when `new` takes the place of `old`.
pub fn compare(old: &Side<'_>, new: &Side<'_>, options: Options) -> Comparison {
    let (was, is) = (old.config, new.config);
    let pools = pairs(&was.pools, &is.pools, |pool| pool.id.as_str(), |pool| Some(addresses(pool)));
    let listeners = pairs(&was.listeners, &is.listeners, |listener| &listener.name, socket);
    let renamed = renamed(&pools);
    let by_pool = pools::compare(was, is, &pools, options.all);
    let routes = routes::compare(was, is, &listeners, &renamed, options.all);
    let settings = settings::compare(was, is, &pools, &listeners);
    let findings = findings(old, new, &names(&pools, &listeners));
    let mut items = by_pool.items;
    items.extend(routes.items);
    items.extend(merged(settings.items));
    items.extend(listeners::compare(was, is, &listeners));
    items.extend(receivers::compare(was, is));
    items.extend(findings.iter().map(found));
    if routes.hosts_unseen > 0 {
        let text =
            format!("routes of {} were not compared: there are too many", count(routes.hosts_unseen, "host"));
        items.push(Item::new(Rank::Change, "routes-unseen", "routes", text));
    }
    // Stable: what is equally bad stays in the order of the file.
    items.sort_by(|one, other| other.rank.cmp(&one.rank).then(other.size.total_cmp(&one.size)));
    Comparison {
        changed: items.iter().any(|item| item.rank > Rank::Note),
        items,
        pools: by_pool.pools,
        routes: routes.routes,
        settings: settings.settings,
        findings,
        hosts_unseen: routes.hosts_unseen,
    }
}

/// The addresses of a pool, in any order: a pool of the same ones under another name is the same to the traffic.
fn addresses(pool: &Pool) -> Vec<String> {
    let mut addresses: Vec<String> =
        pool.backends.iter().map(|backend| backend.address.to_string()).collect();
    addresses.sort_unstable();
    addresses
}

/// What a listener accepts on. A port that the system chooses says nothing.
fn socket(listener: &Listener) -> Option<(std::net::SocketAddr, bool)> {
    (listener.bind.port() != 0).then_some((listener.bind, listener.protocol == Protocol::Udp))
}

fn renamed(pools: &Pairs<'_, Pool>) -> HashMap<PoolId, PoolId> {
    let renamed = pools.both.iter().filter(|(was, is)| was.id != is.id);
    renamed.map(|(was, is)| (was.id.clone(), is.id.clone())).collect()
}

/// One item for many pools, or listeners, of which the same is said.
fn merged(items: Vec<Item>) -> Vec<Item> {
    let mut alike: HashMap<(&'static str, String, Vec<String>, bool), usize> = HashMap::new();
    let mut merged: Vec<(Item, Vec<String>)> = Vec::new();
    for item in items {
        let key = (item.kind, item.text.clone(), item.more.clone(), item.about.starts_with("pool "));
        let place = *alike.entry(key).or_insert(merged.len());
        let name = item.about.split_once(' ').map_or("", |(_, name)| name).to_owned();
        match merged.get_mut(place) {
            Some((_, names)) => names.push(name),
            None => merged.push((item, vec![name])),
        }
    }
    let about = |(item, names): (Item, Vec<String>)| match (names.len(), item.about.split_once(' ')) {
        (2.., Some((what, _))) => Item { about: format!("{what}s {}", list(&names, NAMED)), ..item },
        _ => item,
    };
    merged.into_iter().map(about).collect()
}

/// Renamed pools and listeners, as messages quote them: before and after.
fn names(pools: &Pairs<'_, Pool>, listeners: &Pairs<'_, Listener>) -> Vec<(String, String)> {
    let pools = pools.both.iter().map(|(was, is)| (was.id.as_str(), is.id.as_str()));
    let listeners = listeners.both.iter().map(|(was, is)| (&*was.name, &*is.name));
    let renamed = pools.chain(listeners).filter(|(was, is)| was != is);
    renamed.map(|(was, is)| (format!("`{was}`"), format!("`{is}`"))).collect()
}

/// What is said of the new file and was not said of the old one, wherever in it and by whatever name.
fn findings(old: &Side<'_>, new: &Side<'_>, names: &[(String, String)]) -> Vec<Finding> {
    let mut known: HashMap<(&str, String), usize> = HashMap::new();
    for one in old.diagnostics {
        let message = names.iter().fold(one.message.clone(), |message, (was, is)| message.replace(was, is));
        *known.entry((one.code, message)).or_default() += 1;
    }
    let mut findings = Vec::new();
    for one in new.diagnostics {
        match known.get_mut(&(one.code, one.message.clone())) {
            Some(left) if *left > 0 => *left -= 1,
            _ => findings.push(Finding {
                severity: one.severity.as_str(),
                code: one.code,
                line: new.source.position(one.span.start).0,
                message: one.message.clone(),
                effect: one.effect.clone(),
                help: one.help.clone(),
            }),
        }
    }
    findings
}

fn found(finding: &Finding) -> Item {
    let rank = if finding.severity == Severity::Error.as_str() { Rank::Danger } else { Rank::Change };
    let about = format!("check {}", finding.code);
    let item = Item::new(rank, "new-finding", about, format!("line {}: {}", finding.line, finding.message));
    let more = finding.effect.iter().chain(&finding.help);
    more.fold(item, |item, sentence| item.more(sentence.clone()))
}
