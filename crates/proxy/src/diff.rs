//! What a reload changes, in lines for people.

use std::collections::{HashMap, HashSet};

use evenkeel_config::{Backend, Config, Listener, Pool};
use evenkeel_core::Placement;

/// One line for each change between two configurations; none when they are equal.
pub(crate) fn changes(old: &Config, new: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    named(&mut lines, "listener", &old.listeners, &new.listeners, |listener| &listener.name, listener);
    named(&mut lines, "pool", &old.pools, &new.pools, |pool| pool.id.as_str(), pool);
    if old.routes != new.routes {
        lines.push(format!("routes: {} before, {} now", old.routes.len(), new.routes.len()));
    }
    if old.log != new.log {
        lines.push("log: settings changed".to_owned());
    }
    if old.events != new.events {
        lines.push("events: settings changed".to_owned());
    }
    if old.notify != new.notify {
        lines.push("notify: receivers changed".to_owned());
    }
    if old.admin != new.admin {
        lines.push("admin: settings changed".to_owned());
    }
    if old.runtime.workers != new.runtime.workers {
        lines.push("runtime: workers changed; this takes effect at the next start".to_owned());
    }
    if (old.runtime.lame_duration, old.runtime.drain_timeout)
        != (new.runtime.lame_duration, new.runtime.drain_timeout)
    {
        lines.push("runtime: shutdown times changed".to_owned());
    }
    lines
}

/// Lines for what was added and removed, and `compare`'s for what is in both.
fn named<T>(
    lines: &mut Vec<String>,
    what: &str,
    old: &[T],
    new: &[T],
    name: impl Fn(&T) -> &str,
    compare: impl Fn(&mut Vec<String>, &T, &T),
) {
    let (by_name, names): (HashMap<&str, &T>, HashSet<&str>) =
        (old.iter().map(|item| (name(item), item)).collect(), new.iter().map(&name).collect());
    for item in new {
        match by_name.get(name(item)) {
            None => lines.push(format!("{what} {}: added", name(item))),
            Some(before) => compare(lines, before, item),
        }
    }
    for item in old.iter().filter(|item| !names.contains(name(item))) {
        lines.push(format!("{what} {}: removed", name(item)));
    }
}

fn listener(lines: &mut Vec<String>, old: &Listener, new: &Listener) {
    if old.bind != new.bind {
        lines.push(format!("listener {}: moved from {} to {}", new.name, old.bind, new.bind));
    }
    if old.protocol != new.protocol {
        let (before, now) = (old.protocol.as_str(), new.protocol.as_str());
        lines.push(format!("listener {}: protocol from {before} to {now}", new.name));
    }
    let rest = |listener: &Listener| Listener { bind: new.bind, protocol: new.protocol, ..listener.clone() };
    if rest(old) != rest(new) {
        lines.push(format!("listener {}: settings changed", new.name));
    }
}

fn pool(lines: &mut Vec<String>, old: &Pool, new: &Pool) {
    let id = &new.id;
    let at = format!("pool {id}: backend");
    named(
        lines,
        &at,
        &old.backends,
        &new.backends,
        |one| one.id.as_str(),
        |lines, old, new| {
            backend(lines, &at, old, new);
        },
    );
    if old.strategy != new.strategy {
        let (old, new) = (old.strategy.as_str(), new.strategy.as_str());
        lines.push(format!("pool {id}: strategy from {old} to {new}"));
    }
    if old.health != new.health {
        lines.push(format!("pool {id}: health check changed"));
    }
    let rest =
        |pool: &Pool| Pool { backends: Vec::new(), strategy: new.strategy, health: None, ..pool.clone() };
    if rest(old) != rest(new) {
        lines.push(format!("pool {id}: settings changed"));
    }
}

fn backend(lines: &mut Vec<String>, at: &str, old: &Backend, new: &Backend) {
    let id = &new.id;
    if old.address != new.address {
        lines.push(format!("{at} {id}: address changed"));
    }
    if old.weight != new.weight {
        lines.push(format!("{at} {id}: weight from {} to {}", old.weight.get(), new.weight.get()));
    }
    if old.capacity != new.capacity {
        lines.push(format!("{at} {id}: capacity changed"));
    }
    match (old.enabled, new.enabled) {
        (true, false) => lines.push(format!("{at} {id}: disabled")),
        (false, true) => lines.push(format!("{at} {id}: enabled")),
        _ => {}
    }
    match (old.placement.draining, new.placement.draining) {
        (false, true) => lines.push(format!("{at} {id}: drains, nothing new goes to it")),
        (true, false) => lines.push(format!("{at} {id}: no longer drains")),
        _ => {}
    }
    let rest = |one: &Backend| Placement { draining: false, ..one.placement.clone() };
    if rest(old) != rest(new) {
        lines.push(format!("{at} {id}: tier, zone or limit changed"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use evenkeel_config::{Source, load};

    const LISTENER: &str = "[listener.a]\nbind = \"127.0.0.1:80\"\npool = \"a\"\n";
    const POOL: &str = "[pool.a]\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n";

    fn changes_to(listener: &str, pool: &str) -> Vec<String> {
        let config = |text: String| load(&Source::new("test.toml", text)).config.unwrap();
        let new = format!("{LISTENER}{listener}\n{POOL}{pool}\n");
        changes(&config(format!("{LISTENER}{POOL}")), &config(new))
    }

    #[test]
    fn a_changed_listener_or_pool_is_named() {
        assert_eq!(changes_to("", ""), [""; 0]);
        for text in ["http2 = false", "connection_age = \"1h\"", "accept_proxy = { from = [\"10.0.0.1\"] }"] {
            assert_eq!(changes_to(text, ""), ["listener a: settings changed"], "{text}");
        }
        for text in ["protocol = \"http2\"", "upgrade = false", "send_proxy = \"v1\""] {
            assert_eq!(changes_to("", text), ["pool a: settings changed"], "{text}");
        }
        let receiver = "[[notify]]\nurl = \"https://a.example/\"\n";
        assert_eq!(changes_to(&format!("\n{receiver}"), ""), ["notify: receivers changed"]);
        let lines = changes_to("protocol = \"tcp\"", "");
        assert_eq!(lines[0], "listener a: protocol from http to tcp");
    }
}
