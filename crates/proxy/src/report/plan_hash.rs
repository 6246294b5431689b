//! One number for what the configuration makes of a pool, to be compared between instances.

use std::fmt::Write as _;

use evenkeel_config::{Backend, Pool};
use evenkeel_core::PickKey;

/// 16 hexadecimal digits: the same on every instance whose configuration gives the pool the same backends, shares and
/// keys, in whatever order, now and after an upgrade.
///
/// Health, resolved addresses, slow start and runtime state are left out, since a number that changes with them would be a
/// new series each time; so are subset and local zone, which differ between instances on purpose.
pub(super) fn plan_hash(pool: &Pool) -> String {
    let mut backends: Vec<&Backend> = pool.backends.iter().collect();
    backends.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let mut text = format!("{} {}\n", pool.strategy.as_str(), super::intent_name(pool.intent));
    if let Some(key) = &pool.hash {
        let settings = &pool.settings;
        writeln!(text, "{key:?} {} {}", settings.table_size, settings.ring_points).ok();
    }
    for backend in backends {
        let Backend { id, address, weight, capacity, enabled, placement, .. } = backend;
        let (weight, tier) = (weight.get(), placement.tier);
        writeln!(
            text,
            "{:?} {address:?} {weight} {capacity:?} {enabled} {tier} {:?} {}",
            id.as_str(),
            placement.zone,
            placement.draining,
        )
        .ok();
    }
    let hash = PickKey::of(text.as_bytes()).hash().unwrap_or_default();
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(pool: &str) -> String {
        let text = format!("[listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n[pool.web]\n{pool}");
        let loaded = evenkeel_config::load(&evenkeel_config::Source::new("test.toml", text));
        plan_hash(&loaded.config.expect("a configuration without errors").pools[0])
    }

    const TWO: &str = "backends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]";

    #[test]
    fn order_and_what_is_not_balancing_make_no_difference() {
        let other = hash("backends = [\"10.0.0.2:80\", \"10.0.0.1:80\"]\nhealth = false\nmax_attempts = 1");
        assert_eq!(hash(TWO), other);
        // In the middle of an upgrade, instances of two versions must agree.
        assert_eq!(other, "761f7ebdd6a01c4f");
    }

    #[test]
    fn whatever_changes_shares_or_keys_makes_a_difference() {
        let pools = [
            TWO,
            "backends = [\"10.0.0.1:80\", \"10.0.0.3:80\"]",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", weight = 5 }]",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", capacity = 2 }]\nintent = \"capacity\"",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", tier = 1 }]",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", drain = true }]",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", enabled = false }]",
            "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", name = \"b\" }]",
            "strategy = \"round_robin\"\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]",
            "strategy = \"maglev\"\nhash = { header = \"a\" }\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]",
            "strategy = \"maglev\"\nhash = { header = \"b\" }\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]",
        ];
        let hashes: std::collections::HashSet<String> = pools.iter().map(|pool| hash(pool)).collect();
        assert_eq!(hashes.len(), pools.len());
    }
}
