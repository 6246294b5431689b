//! Which weights are not what is meant, and what they should be.

use evenkeel_config::{Backend, Pool};
use evenkeel_core::Intent;

/// A weight is as good as another that is so near.
const NEAR: f64 = 0.05;

/// The entries whose weight does not fit the others', by number, with the weight that would: the worst first. Most
/// entries are taken to be right; of as many that differ, those with the smaller weights, since a weight is raised by
/// hand more often than all others are lowered.
pub(super) fn off(pool: &Pool) -> Vec<(usize, u64)> {
    let ratios: Vec<(usize, f64)> = pool
        .backends
        .iter()
        .enumerate()
        .filter(|(_, backend)| backend.enabled && !backend.placement.draining)
        .map(|(number, backend)| (number, f64::from(backend.weight.get()) / meant(pool, backend)))
        .collect();
    let Some(usual) = usual(&ratios) else { return Vec::new() };
    let mut off: Vec<(f64, usize)> = ratios
        .iter()
        .filter(|(_, ratio)| !is_near(*ratio, usual))
        .map(|(number, ratio)| ((ratio / usual).ln().abs(), *number))
        .collect();
    off.sort_by(|one, other| other.0.total_cmp(&one.0).then(one.1.cmp(&other.1)));
    let should = |number: usize| (usual * meant(pool, &pool.backends[number])).round().max(1.0) as u64;
    off.into_iter().map(|(_, number)| (number, should(number))).collect()
}

/// Its part of the whole, in any unit.
fn meant(pool: &Pool, backend: &Backend) -> f64 {
    match pool.intent {
        Intent::Equal => 1.0,
        Intent::Capacity => backend.capacity.unwrap_or(1.0),
        Intent::Weights => f64::from(backend.weight.get()),
    }
}

/// The ratio that most have; the smallest of those.
fn usual(ratios: &[(usize, f64)]) -> Option<f64> {
    let mut sorted: Vec<f64> = ratios.iter().map(|(_, ratio)| *ratio).collect();
    sorted.sort_by(f64::total_cmp);
    let runs = sorted.chunk_by(|one, other| is_near(*one, *other));
    // Of equals the first is wanted, and `max_by_key` gives the last.
    runs.rev().max_by_key(|run| run.len()).map(|run| run[run.len() / 2])
}

fn is_near(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() <= NEAR
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Source, load};

    use super::*;

    fn found(intent: &str, entries: &[&str]) -> Vec<(usize, u64)> {
        let entry = |(number, more): (usize, &&str)| format!("{{ address = \"10.0.0.{number}:80\"{more} }}");
        let entries: Vec<String> = entries.iter().enumerate().map(entry).collect();
        let file = format!(
            "[listener.web]\nbind = \":80\"\npool = \"web\"\n[pool.web]\nintent = \"{intent}\"\nhealth = false\n\
             backends = [{}]\n",
            entries.join(", ")
        );
        let loaded = load(&Source::new("f", file));
        off(&loaded.config.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics)).pools[0])
    }

    #[test]
    fn the_weight_that_differs_is_the_one_to_change() {
        let (one, three, five) = (", weight = 1", ", weight = 3", ", weight = 5");
        assert_eq!(found("equal", &[five, one, one]), [(0, 1)]);
        assert_eq!(found("equal", &[five, ""]), [(0, 1)], "of two, the one that was raised");
        assert_eq!(found("equal", &[five, "", five, five]), [(1, 5)], "the three are right");
        assert_eq!(found("equal", &[three, one, five, one]), [(2, 1), (0, 1)], "the worst first");
        assert_eq!(found("equal", &[five, five]), []);
        assert_eq!(found("equal", &[", weight = 5, enabled = false", one, one]), []);
        assert_eq!(found("weights", &[five, one, one]), []);
    }

    #[test]
    fn weights_follow_the_capacities_where_that_is_meant() {
        let double = ", capacity = 2";
        assert_eq!(found("capacity", &[double, "", ""]), [(0, 2)]);
        assert_eq!(found("capacity", &[", capacity = 2, weight = 2", "", ""]), []);
        assert_eq!(found("capacity", &[", capacity = 2, weight = 20", ", weight = 10", ""]), [(2, 10)]);
    }
}
