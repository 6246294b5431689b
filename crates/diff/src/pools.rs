//! Pools before and after, and what people are told of them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evenkeel_config::{Config, Pool};

use crate::backends::{Stand, backends};
use crate::keys::{self, Moved};
use crate::pairs::Pairs;
use crate::report::{BackendChange, Item, PoolChange, Presence, Rank};
use crate::shares::steady;
use crate::words::{change, count, list, percent};

/// What is to be told of all pools.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) pools: Vec<PoolChange>,
    pub(crate) items: Vec<Item>,
}

/// How much is looked at.
#[derive(Clone, Copy)]
struct Scope {
    all: bool,
    /// Keys that are tried in each pool.
    keys: usize,
}

/// Pools by the address of a backend.
type Holders<'a> = HashMap<String, BTreeSet<&'a str>>;

/// A backend that gets this many times what it got is told loudly: machines are rarely built for more.
const GROWTH: f64 = 1.5;
/// A share this many times what is meant is skew.
const SKEW: f64 = 1.2;
/// Smaller shares of a pool are noise whatever their ratio.
const LEAST: f64 = 0.02;
/// Backends named in one sentence.
const NAMED: usize = 3;

/// Compares pools. With `all` backends that do not change are listed, too, in the pools that do.
pub(crate) fn compare(old: &Config, new: &Config, pairs: &Pairs<'_, Pool>, all: bool) -> Found {
    let (held, holds) = (holders(old), holders(new));
    let mut found = Found::default();
    let changed = pairs.both.iter().filter(|(before, after)| before != after).count();
    let scope = Scope { all, keys: keys::keys_for(changed) };
    for (before, after) in &pairs.both {
        if before != after || all {
            both(&mut found, before, after, scope);
            found.items.extend(strangers(before, after, &held, &holds));
        }
    }
    for pool in &pairs.added {
        alone(&mut found, pool, Presence::Added);
    }
    for pool in &pairs.removed {
        alone(&mut found, pool, Presence::Removed);
    }
    found
}

fn both(found: &mut Found, old: &Pool, new: &Pool, scope: Scope) {
    let Scope { all, keys } = scope;
    let (before, after) = (steady(old).snapshot(), steady(new).snapshot());
    let (was, is) = (Stand { pool: old, snapshot: &before }, Stand { pool: new, snapshot: &after });
    let mut backends = backends(Some(was), Some(is));
    let about = format!("pool {}", new.id);
    let moved: f64 = backends.iter().map(|one| (one.after - one.before).max(0.0)).sum();
    let keys = keys::moved(was, is, keys);
    found.items.extend(shares(&about, new, &backends, moved));
    found.items.extend(members(&about, &backends));
    found.items.extend(keys::keys_item(&about, old, new, keys));
    found.items.extend(keys::sessions_item(&about, old.sticky.as_ref(), new.sticky.as_ref(), &backends));
    let renamed = (old.id != new.id).then(|| old.id.to_string());
    if let Some(was) = &renamed {
        let item = Item::new(Rank::Note, "pool-renamed", &about, format!("was {was}"));
        found.items.push(item.more("its counters, health and schedule begin anew"));
    }
    backends.retain(|one| all || one.is_news());
    let keys_moved = keys.filter(|keys| all || keys.share > 0.0);
    if !backends.is_empty() || keys_moved.is_some() || renamed.is_some() {
        found.pools.push(PoolChange {
            pool: new.id.to_string(),
            was: renamed,
            presence: Presence::Kept,
            moved: Some(moved),
            keys_moved: keys_moved.map(|Moved { share, .. }| share),
            keys_moved_least: keys_moved.map(|Moved { least, .. }| least),
            backends,
        });
    }
}

fn alone(found: &mut Found, pool: &Pool, presence: Presence) {
    let snapshot = steady(pool).snapshot();
    let stand = Stand { pool, snapshot: &snapshot };
    let about = format!("pool {}", pool.id);
    let names: Vec<&str> = pool.backends.iter().map(|one| one.id.as_str()).collect();
    let who = format!("{}: {}", count(names.len(), "backend"), list(&names, NAMED));
    let (item, backends) = match presence {
        Presence::Removed => {
            let item = Item::new(Rank::Change, "pool-removed", about, format!("removed, with {who}"));
            let item =
                item.more("requests and connections under way end as they would; nothing new goes there");
            (item, backends(Some(stand), None))
        }
        _ => (
            Item::new(Rank::Change, "pool-added", about, format!("new, with {who}")),
            backends(None, Some(stand)),
        ),
    };
    found.items.push(item);
    found.pools.push(PoolChange {
        pool: pool.id.to_string(),
        was: None,
        presence,
        moved: None,
        keys_moved: None,
        keys_moved_least: None,
        backends,
    });
}

/// The change of shares in one item, the backend that changes most first.
fn shares(about: &str, pool: &Pool, backends: &[BackendChange], moved: f64) -> Option<Item> {
    let mut shifted: Vec<&BackendChange> = backends.iter().filter(|one| one.shifts()).collect();
    shifted.sort_by(|one, other| shift(other).total_cmp(&shift(one)));
    let most = shifted.first()?;
    let words: Vec<String> =
        shifted.iter().map(|one| format!("{} {}", one.backend, change(one.before, one.after))).collect();
    let skewed = worst_skew(backends);
    let grown = most_grown(backends);
    let starved = shifted.iter().find(|one| one.after == 0.0 && one.intent_after > 0.0);
    let rank =
        if skewed.is_some() || grown.is_some() || starved.is_some() { Rank::Danger } else { Rank::Change };
    let mut item = Item::new(rank, "shares", about, list(&words, NAMED)).size(shift(most));
    item = item.more(format!("{} of the requests go to another backend than before", percent(moved)));
    if let Some(one) = skewed {
        let meant = percent(one.intent_after);
        item = item.more(format!("{} is meant to have {meant}{}", one.backend, by_intent(pool)));
    }
    if let Some((one, times)) = grown {
        item = item.more(format!("{} gets {times:.1} times as many requests as before", one.backend));
    }
    if let Some(one) = starved {
        item = item.more(format!(
            "{} is meant to have {} and gets nothing",
            one.backend,
            percent(one.intent_after)
        ));
    }
    Some(item)
}

fn shift(one: &BackendChange) -> f64 {
    (one.after - one.before).abs()
}

/// The backend that is furthest above what is meant, if it is further above than it was.
fn worst_skew(backends: &[BackendChange]) -> Option<&BackendChange> {
    let above = |share: f64, intent: f64| if intent > 0.0 { share / intent } else { f64::INFINITY };
    let worse = |one: &&BackendChange| {
        let now = above(one.after, one.intent_after);
        let before = if one.before > 0.0 { above(one.before, one.intent_before) } else { 1.0 };
        one.after - one.intent_after > LEAST && now > SKEW && now > before * 1.05
    };
    let excess = |one: &BackendChange| one.after - one.intent_after;
    backends.iter().filter(worse).max_by(|one, other| excess(one).total_cmp(&excess(other)))
}

/// The backend whose load grows most, if it grows much.
fn most_grown(backends: &[BackendChange]) -> Option<(&BackendChange, f64)> {
    let grown = backends.iter().filter(|one| one.before > 0.0 && one.after - one.before > LEAST);
    let times = grown.map(|one| (one, one.after / one.before)).filter(|(_, times)| *times >= GROWTH);
    times.max_by(|one, other| one.1.total_cmp(&other.1))
}

fn by_intent(pool: &Pool) -> &'static str {
    match pool.intent {
        evenkeel_core::Intent::Equal => ", as all are: intent = \"equal\"",
        evenkeel_core::Intent::Capacity => " by its capacity",
        evenkeel_core::Intent::Weights => " by its weight",
    }
}

/// Who comes, goes, moves and drains.
fn members(about: &str, backends: &[BackendChange]) -> Vec<Item> {
    let mut items = Vec::new();
    let of = |presence: Presence| backends.iter().filter(move |one| one.presence == presence);
    let named = |ones: &mut dyn Iterator<Item = &BackendChange>| -> Vec<String> {
        ones.map(|one| match one.address_after.as_ref().or(one.address_before.as_ref()) {
            Some(address) if *address != one.backend => format!("{} ({address})", one.backend),
            _ => one.backend.clone(),
        })
        .collect()
    };
    let removed = named(&mut of(Presence::Removed));
    if !removed.is_empty() {
        let text = format!("{} removed: {}", count(removed.len(), "backend"), list(&removed, NAMED));
        let item = Item::new(Rank::Change, "backends-removed", about, text);
        items.push(item.more("what is under way there ends as it would; nothing new goes there"));
    }
    let added = named(&mut of(Presence::Added));
    if !added.is_empty() {
        let text = format!("{} added: {}", count(added.len(), "backend"), list(&added, NAMED));
        items.push(Item::new(Rank::Change, "backends-added", about, text));
    }
    let moved: Vec<String> = backends.iter().filter(|one| one.has_moved()).map(way).collect();
    if !moved.is_empty() {
        let text = format!("moved: {}", list(&moved, NAMED));
        items.push(Item::new(Rank::Change, "backends-moved", about, text));
    }
    let renamed = backends.iter().filter_map(|one| Some(format!("{} -> {}", one.was.as_ref()?, one.backend)));
    let renamed: Vec<String> = renamed.collect();
    if !renamed.is_empty() {
        let item =
            Item::new(Rank::Note, "backends-renamed", about, format!("renamed: {}", list(&renamed, NAMED)));
        items.push(item.more("their counters begin anew, and hashing goes by names"));
    }
    items.extend(limits(about, backends));
    items
}

/// `web1 10.0.0.1:80 -> 10.0.0.2:80`
fn way(one: &BackendChange) -> String {
    let (from, to) = (one.address_before.as_deref(), one.address_after.as_deref());
    format!("{} {} -> {}", one.backend, from.unwrap_or_default(), to.unwrap_or_default())
}

/// Edits of a backend that need not show in the shares.
fn limits(about: &str, backends: &[BackendChange]) -> Option<Item> {
    let silent = backends.iter().filter(|one| one.presence == Presence::Kept && !one.shifts());
    let words: Vec<String> = silent
        .filter(|one| !one.edits.is_empty())
        .map(|one| format!("{} {}", one.backend, one.edits.join(", ")))
        .collect();
    (!words.is_empty()).then(|| Item::new(Rank::Change, "backends-edited", about, list(&words, NAMED)))
}

/// Addresses that are new to a pool and that another pool has, or had: the mistake of one line.
fn strangers(old: &Pool, new: &Pool, held: &Holders<'_>, holds: &Holders<'_>) -> Vec<Item> {
    let had: BTreeSet<String> = old.backends.iter().map(|one| one.address.to_string()).collect();
    let others = |of: &Holders<'_>, address: &str| -> Vec<String> {
        let pools = of
            .get(address)
            .into_iter()
            .flatten()
            .filter(|pool| ![new.id.as_str(), old.id.as_str()].contains(pool));
        pools.map(|pool| (*pool).to_owned()).collect()
    };
    // By whether the others have them still, and who they are.
    let mut found: BTreeMap<(bool, Vec<String>), Vec<String>> = BTreeMap::new();
    for address in new.backends.iter().map(|one| one.address.to_string()).filter(|one| !had.contains(one)) {
        let (were, are) = (others(held, &address), others(holds, &address));
        let pools = if are.is_empty() { (false, were) } else { (true, are) };
        if !pools.1.is_empty() {
            found.entry(pools).or_default().push(address);
        }
    }
    let item = |((still, pools), addresses): ((bool, Vec<String>), Vec<String>)| {
        let pools = if pools.len() == 1 {
            format!("pool {}", pools[0])
        } else {
            format!("pools {}", list(&pools, NAMED))
        };
        let (rank, text) = match still {
            true => (Rank::Danger, format!("shared with {pools}: {}", list(&addresses, NAMED))),
            false => (Rank::Change, format!("taken from {pools}: {}", list(&addresses, NAMED))),
        };
        let item = Item::new(rank, "backends-of-another-pool", format!("pool {}", new.id), text);
        item.more("is that meant? who is there has to serve what both serve")
    };
    found.into_iter().map(item).collect()
}

fn holders(config: &Config) -> Holders<'_> {
    let mut holders = Holders::new();
    for pool in &config.pools {
        for backend in &pool.backends {
            holders.entry(backend.address.to_string()).or_default().insert(pool.id.as_str());
        }
    }
    holders
}
