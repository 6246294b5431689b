//! Pools that nobody would write, or that are too large.

use evenkeel_rehearse::{Options, rehearse};

use crate::support::{backends, config, config_with, kinds, played, pool, quick, when};

#[test]
fn a_pool_of_one_has_no_alternative() {
    let report = played(&config(&format!("health = {{}}\n{}", backends(1, |_| String::new()))));
    assert_eq!(kinds(&report), [""; 0]);
    assert_eq!(report.risks[0].kind, "outage");
    let pool = &report.pools[0];
    assert_eq!(pool.backends[0].share, 1.0);
    assert_eq!(when(pool, "a0 is down").failing, 1.0);
}

#[test]
fn all_drain() {
    let report = played(&config(&format!(
        "sticky = {{}}\nhealth = {{}}\n{}",
        backends(3, |_| ", drain = true".into())
    )));
    let pool = &report.pools[0];
    assert!(pool.backends.iter().all(|one| one.share == 0.0 && one.out == Some("draining")), "{pool:?}");
    assert!(pool.situations.is_empty());
    assert_eq!(kinds(&report), ["nobody"]);
}

#[test]
fn the_lightest_beside_the_heaviest() {
    for strategy in ["round_robin", "least_request", "random", "p2c", "peak_ewma"] {
        let weight = |at: usize| format!(", weight = {}", [1, 65_535][at]);
        let file = format!(
            "strategy = \"{strategy}\"\nintent = \"weights\"\nhealth = {{}}\n{}",
            backends(2, weight)
        );
        let pool = pool(&config(&file));
        assert!(pool.backends[1].share > 0.99, "{strategy}: {:?}", pool.backends);
        let down = when(&pool, "a1 is down");
        assert_eq!(down.shares, [1.0, 0.0], "{strategy}");
    }
}

/// Backends that are alike are one situation; of others, only the largest are played, and the rest is counted.
#[test]
fn thousands_in_one_pool() {
    let hash = "hash = { header = \"X-User\" }";
    for (strategy, keys, count, most) in [("least_request", "", 10_000, 8), ("maglev", hash, 4_000, 100)] {
        let file = format!(
            "strategy = \"{strategy}\"\n{keys}\nhealth = {{}}\n{}",
            backends(count, |_| String::new())
        );
        let report = rehearse(&config(&file), &Options { requests: 1_000, ..quick() });
        let pool = &report.pools[0];
        assert!(pool.situations.len() <= most, "{}", pool.situations.len());
        let down = pool.situations.iter().filter(|one| one.kind == "one_down");
        assert_eq!(down.map(|one| one.alike + 1).sum::<usize>() + pool.left_out, count, "{strategy}");
    }
}

#[test]
fn zones_that_nobody_is_in() {
    let zone = |at: usize| format!(", zone = \"z{}\"", at % 2);
    let file = format!("health = {{}}\nzone_aware = {{ min_backends = 1 }}\n{}", backends(4, zone));
    let pool = pool(&config_with("[runtime]\nzone = \"nowhere\"", "", &file));
    assert!(pool.backends.iter().all(|one| (one.share - 0.25).abs() < 0.02), "{:?}", pool.backends);
}

#[test]
fn rates_at_both_ends() {
    let config = config(&format!("health = {{}}\n{}", backends(3, |_| String::new())));
    for (rate, backend_rate) in [(1e9, 1e-3), (1e-3, 1e9), (1e9, 1e9), (1e-3, 1e-3)] {
        let mut options = quick();
        (options.load.rate, options.load.backend_rate) = (Some(rate), Some(backend_rate));
        let report = rehearse(&config, &options);
        let sum: f64 = report.pools[0].backends.iter().map(|one| one.share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{rate} {backend_rate}: {sum}");
    }
}

/// Every number that is told is one: JSON has no others.
#[test]
fn all_figures_are_finite() {
    for pool in [
        "health = {}\nbackends = [\"10.0.0.1:80\"]",
        "health = false\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]",
    ] {
        let report = played(&config(pool));
        for one in report.pools.iter().flat_map(|pool| &pool.situations) {
            let figures =
                [one.busiest_share, one.failing, one.failover, one.spill, one.failed_meanwhile, one.harm];
            assert!(figures.iter().all(|figure| figure.is_finite()), "{one:?}");
        }
    }
}
