//! Keys and sessions that come to another backend.

use std::collections::HashMap;

use evenkeel_config::{Pool, Sticky};
use evenkeel_core::{Nanos, Outcome, PickKey, PoolSnapshot, Rng, Tried};

use crate::backends::Stand;
use crate::report::{BackendChange, Item, Presence, Rank};
use crate::words::{list, percent};

/// Keys that are tried: what is said of all is within 0.7 points, 19 times out of 20.
const KEYS: usize = 20_000;
/// Keys that are tried in all pools together, and at least in each: then what is said is within 2.2 points.
const KEYS_IN_ALL: usize = 2_000_000;
const KEYS_LEAST: usize = 2_000;
/// Bound on keys times backends, for strategies that look at each.
const WORK: usize = 40_000_000;
const SEED: u64 = 0x6b65_7973;
/// Names in one sentence.
const NAMED: usize = 4;

/// How many keys move, as shares of all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moved {
    pub(crate) share: f64,
    /// What had to move for these shares.
    pub(crate) least: f64,
}

/// How many keys are tried in each of so many pools.
pub(crate) fn keys_for(pools: usize) -> usize {
    KEYS.min(KEYS_IN_ALL / pools.max(1)).max(KEYS_LEAST)
}

/// The share of the keys that go to another address than before; `None` unless both go by a key. Addresses count, not
/// names: what is cached for a key is on a machine.
pub(crate) fn moved(old: Stand<'_>, new: Stand<'_>, keys: usize) -> Option<Moved> {
    let keyed = |stand: Stand<'_>| stand.pool.strategy.registration().keyed;
    if !keyed(old) || !keyed(new) {
        return None;
    }
    let (before, after) = (by_address(old), by_address(new));
    let kept: f64 =
        before.iter().map(|(address, share)| share.min(after.get(address).copied().unwrap_or(0.0))).sum();
    let least = (1.0 - kept).max(0.0);
    if old.pool.hash != new.pool.hash {
        // The new keys say nothing of the old ones: only chance keeps a request where it was.
        let same: f64 =
            before.iter().map(|(address, share)| share * after.get(address).copied().unwrap_or(0.0)).sum();
        return Some(Moved { share: 1.0 - same, least });
    }
    let same_picks = old.pool.spec() == new.pool.spec() && same_addresses(old.pool, new.pool);
    let share = if same_picks { 0.0 } else { sampled(old, new, keys) };
    Some(Moved { share, least })
}

/// What people are told of keys.
pub(crate) fn keys_item(about: &str, old: &Pool, new: &Pool, moved: Option<Moved>) -> Option<Item> {
    let keyed = |pool: &Pool| pool.strategy.registration().keyed;
    match (keyed(old), keyed(new)) {
        (true, false) => {
            let text = format!("{} does not go by a key, as {} did", new.strategy, old.strategy);
            let item = Item::new(Rank::Danger, "keys-ignored", about, text).size(1.0);
            Some(
                item.more(
                    "requests of one key no longer come to one backend: its caches and sessions are cold",
                ),
            )
        }
        (false, true) => {
            let text = format!("requests of one key now come to one backend ({})", new.strategy);
            Some(Item::new(Rank::Change, "keys-kept", about, text).size(1.0))
        }
        _ => {
            let Moved { share, least } = moved.filter(|moved| moved.share > 0.0)?;
            let needless = share > least + NEEDLESS && share > 2.0 * least;
            let rank = if needless { Rank::Danger } else { Rank::Change };
            let text = format!("{} of the keys go to another backend", percent(share));
            let item = Item::new(rank, "keys-move", about, text).size(share);
            Some(item.more(format!("{} had to, for these shares", percent(least))))
        }
    }
}

/// What people are told of sessions that a cookie of ours keeps.
pub(crate) fn sessions_item(
    about: &str,
    old: Option<&Sticky>,
    new: Option<&Sticky>,
    backends: &[BackendChange],
) -> Option<Item> {
    let (old, new) = (old?, new?);
    if old.cookie != new.cookie {
        let text = format!("cookie {} -> {}: every session begins anew", old.cookie, new.cookie);
        return Some(Item::new(Rank::Danger, "sessions-lost", about, text).size(1.0));
    }
    // The cookie names the backend, whatever its address.
    let lost = |one: &&BackendChange| {
        one.presence == Presence::Removed
            || one.was.is_some()
            || one.edits.iter().any(|edit| edit == "disabled")
    };
    let lost: Vec<&BackendChange> = backends.iter().filter(lost).filter(|one| one.before > 0.0).collect();
    let share: f64 = lost.iter().map(|one| one.before).sum();
    let names: Vec<&str> = lost.iter().map(|one| one.was.as_deref().unwrap_or(&one.backend)).collect();
    let text = format!("sessions of {} begin anew elsewhere, about {}", list(&names, NAMED), percent(share));
    (!lost.is_empty()).then(|| Item::new(Rank::Change, "sessions-lost", about, text).size(share))
}

/// Keys beyond those that had to move that are worth an alarm.
const NEEDLESS: f64 = 0.1;

fn by_address(stand: Stand<'_>) -> HashMap<String, f64> {
    let mut shares = HashMap::new();
    for (backend, view) in stand.pool.backends.iter().zip(stand.snapshot.members()) {
        *shares.entry(backend.address.to_string()).or_insert(0.0) += view.plan;
    }
    shares
}

fn same_addresses(old: &Pool, new: &Pool) -> bool {
    let addresses = |pool: &Pool| pool.backends.iter().map(|one| one.address.clone()).collect::<Vec<_>>();
    addresses(old) == addresses(new)
}

fn sampled(old: Stand<'_>, new: Stand<'_>, keys: usize) -> f64 {
    let members = old.pool.backends.len().max(new.pool.backends.len()).max(1);
    let keys = keys.min(WORK / members).max(1);
    let (before, after) = (addresses(old), addresses(new));
    let mut rng = Rng::from_seed(SEED);
    let moves = (0..keys).filter(|_| {
        let key = PickKey::from_hash(rng.next_u64());
        let owner = |snapshot: &PoolSnapshot, addresses: &HashMap<&str, usize>, rng: &mut Rng| {
            let lease = snapshot.pick_keyed(&Tried::default(), key, rng, Nanos::ZERO).ok()?;
            let address = addresses.get(lease.member().id.as_str()).copied();
            lease.end(Outcome::Ok, Nanos::ZERO);
            address
        };
        let mut other = Rng::from_seed(SEED);
        owner(old.snapshot, &before.0, &mut other).map(|one| &before.1[one])
            != owner(new.snapshot, &after.0, &mut other).map(|one| &after.1[one])
    });
    moves.count() as f64 / keys as f64
}

/// Where in the list of addresses each backend's is.
fn addresses(stand: Stand<'_>) -> (HashMap<&str, usize>, Vec<String>) {
    let backends = &stand.pool.backends;
    let positions = backends.iter().enumerate().map(|(position, one)| (one.id.as_str(), position)).collect();
    (positions, backends.iter().map(|one| one.address.to_string()).collect())
}
