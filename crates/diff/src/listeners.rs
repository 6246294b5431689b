//! Addresses that are opened, closed and changed, and those that a reload cannot bind.

use std::net::SocketAddr;

use evenkeel_config::{Config, Listener, Protocol};

use crate::pairs::Pairs;
use crate::report::{Item, Rank};

/// An address that a configuration binds.
struct Bound<'a> {
    /// `None` is the admin interface.
    listener: Option<&'a str>,
    address: SocketAddr,
    datagrams: bool,
}

/// What is to be told of listeners and the admin interface.
pub(crate) fn compare(old: &Config, new: &Config, pairs: &Pairs<'_, Listener>) -> Vec<Item> {
    let mut items: Vec<Item> = pairs.both.iter().flat_map(|(before, after)| both(before, after)).collect();
    for listener in &pairs.added {
        let text = format!("opens {} for {}", listener.bind, listener.protocol.as_str());
        items.push(Item::new(Rank::Change, "listener-added", about(listener), text));
    }
    for listener in &pairs.removed {
        let text = format!("closes {} ({})", listener.bind, listener.protocol.as_str());
        let item = Item::new(Rank::Danger, "listener-removed", about(listener), text).size(1.0);
        items.push(item.more("new connections are refused; open ones end as they would"));
    }
    items.extend(admin(old, new));
    items.extend(in_the_way(old, new));
    items
}

fn both(old: &Listener, new: &Listener) -> Vec<Item> {
    let mut items = Vec::new();
    if old.name != new.name {
        let text = format!("was {}; its socket stays open", old.name);
        items.push(Item::new(Rank::Note, "listener-renamed", about(new), text));
    }
    if old.bind != new.bind {
        let text = format!("moves {} -> {}", old.bind, new.bind);
        let covers = new.bind.ip().is_unspecified() && new.bind.port() == old.bind.port();
        let rank = if covers { Rank::Change } else { Rank::Danger };
        let item = Item::new(rank, "listener-moved", about(new), text).size(1.0);
        items.push(if covers {
            item
        } else {
            item.more(format!("clients that go to {} are refused", old.bind))
        });
    }
    if old.protocol != new.protocol {
        let text = format!("protocol {} -> {}", old.protocol.as_str(), new.protocol.as_str());
        let item = Item::new(Rank::Danger, "listener-protocol", about(new), text).size(1.0);
        items.push(match (old.protocol, new.protocol) {
            (Protocol::Https, Protocol::Http) => {
                item.more("clients that begin with TLS fail, and nothing is encrypted")
            }
            (Protocol::Http, Protocol::Https) => item.more("clients that do not begin with TLS fail"),
            _ => item.more("clients that speak as before fail"),
        });
    }
    items
}

fn admin(old: &Config, new: &Config) -> Option<Item> {
    let at = |config: &Config| config.admin.as_ref().map(|admin| admin.listen);
    let text = match (at(old), at(new)) {
        (before, after) if before == after => return None,
        (Some(before), None) => format!("{before} is closed: no metrics, no readiness, no status"),
        (before, Some(after)) => {
            let before = before.map_or_else(|| "off".to_owned(), |before| before.to_string());
            format!("moves {before} -> {after}: scrapes and readiness checks have to follow")
        }
        (None, None) => return None,
    };
    Some(Item::new(Rank::Change, "admin-moved", "admin", text))
}

/// New sockets are bound while the old ones are open, so that a reload can be refused without harm: one that needs the
/// address of another of the same process is.
fn in_the_way(old: &Config, new: &Config) -> Vec<Item> {
    let (there, wanted) = (bound(old), bound(new));
    let mut items = Vec::new();
    for one in &wanted {
        let stays = |own: &&Bound<'_>| own.listener == one.listener && own.address == one.address;
        let taken_over =
            |own: &&Bound<'_>| own.address == one.address && own.listener.is_some() && one.listener.is_some();
        if there.iter().any(|own| stays(&own) && own.datagrams == one.datagrams) {
            continue;
        }
        let in_the_way = |own: &&Bound<'_>| {
            own.datagrams == one.datagrams && overlap(own.address, one.address) && !taken_over(own)
        };
        if let Some(own) = there.iter().find(in_the_way) {
            let name = |bound: &Bound<'_>| {
                bound.listener.map_or("admin".to_owned(), |name| format!("listener {name}"))
            };
            let text = format!("{} cannot be bound while {} has {}", one.address, name(own), own.address);
            let item = Item::new(Rank::Danger, "needs-restart", name(one), text).size(3.0);
            items.push(item.more("a reload of this file is refused: restart, or go by way of another port"));
        }
    }
    items
}

fn bound(config: &Config) -> Vec<Bound<'_>> {
    let listeners = config.listeners.iter().map(|listener| Bound {
        listener: Some(&listener.name),
        address: listener.bind,
        datagrams: listener.protocol == Protocol::Udp,
    });
    let admin =
        config.admin.iter().map(|admin| Bound { listener: None, address: admin.listen, datagrams: false });
    listeners.chain(admin).collect()
}

/// Whether both cannot be bound at once. `[::]` may stand for every IPv4 address, too.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (any || a.ip() == b.ip())
}

fn about(listener: &Listener) -> String {
    format!("listener {}", listener.name)
}
