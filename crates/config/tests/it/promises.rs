//! `expect` is tried on the real thing: each clause is kept at its very bound, and broken beyond it.

use evenkeel_config::{Diagnostic, Source, load};

/// What is broken of a pool that expects this.
fn broken(pool: &str, expect: &str) -> Vec<Diagnostic> {
    let text = format!(
        "[runtime]\nzone = 'a'\ninstance = 0\n[listener.web]\nbind = ':80'\npool = 'web'\n\
         [pool.web]\n{pool}\nexpect = {{ {expect} }}\n"
    );
    let loaded = load(&Source::new("f", text));
    let other = loaded.diagnostics.iter().find(|found| found.code != "broken-expectation");
    assert_eq!(other, None, "{pool} {expect}");
    assert_eq!(loaded.config.is_none(), !loaded.diagnostics.is_empty());
    loaded.diagnostics
}

fn effects(pool: &str, expect: &str) -> Vec<String> {
    broken(pool, expect).into_iter().map(|found| found.effect.expect("an effect")).collect()
}

fn kept(pool: &str, expect: &str) -> bool {
    broken(pool, expect).is_empty()
}

const THREE: &str = "health = {}\nbackends = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']";
/// 5:1:1, and meant.
const UNEVEN: &str = "health = {}\nintent = 'weights'\nbackends = [\n{ address = '10.0.0.1:80', weight = 5 },\n\
                      '10.0.0.2:80', '10.0.0.3:80']";
const SPARE: &str = "health = {}\nbackends = [\n'10.0.0.1:80', '10.0.0.2:80',\n\
                     { address = '10.0.0.3:80', tier = 1 }]";

#[test]
fn each_clause_has_its_bound() {
    for (pool, good, bad) in [
        (THREE, "members = 3", "members = 2"),
        (THREE, "min_share = 0.3333", "min_share = 0.335"),
        (THREE, "max_share = 0.3334", "max_share = 0.332"),
        (THREE, "peak_to_mean = 1.0", "members = 4"),
        (UNEVEN, "max_share = 0.715", "max_share = 0.713"),
        (UNEVEN, "min_share = 0.142", "min_share = 0.144"),
        (UNEVEN, "peak_to_mean = 2.15", "peak_to_mean = 2.13"),
        (UNEVEN, "peak_rate = 700, backend_rate = 500", "peak_rate = 702, backend_rate = 500"),
        (THREE, "survives = 1", "survives = 2"),
        (
            THREE,
            "survives = 1, peak_rate = 200, backend_rate = 100",
            "survives = 1, peak_rate = 201, backend_rate = 100",
        ),
        // Those in reserve have no part in what is meant, but may fail as well.
        (SPARE, "min_share = 0.5, members = 3, peak_to_mean = 1.0", "min_share = 0.51"),
        (SPARE, "survives = 1", "survives = 3"),
    ] {
        assert!(kept(pool, good), "{pool}\n{good}");
        assert!(!kept(pool, bad), "{pool}\n{bad}");
    }
}

#[test]
fn shares_of_a_failure_are_those_of_the_weights_that_are_left() {
    assert_eq!(
        effects(UNEVEN, "survives = 1, peak_rate = 700, backend_rate = 510"),
        [
            "with `10.0.0.2:80` down, `10.0.0.1:80` would get 83.3 % of requests, 583 a second at the peak; it can take 510"
        ]
    );
    // Without the heavy one the two that are left get half each.
    assert!(kept(UNEVEN, "survives = 1, peak_rate = 600, backend_rate = 501"));
}

/// A capacity is a multiple of the rate, and one that is not declared is 1.
#[test]
fn a_capacity_is_a_multiple_of_the_rate() {
    let pool =
        "health = {}\nbackends = [\n{ address = '10.0.0.1:80', capacity = 2, weight = 2 }, '10.0.0.2:80']";
    assert!(kept(pool, "peak_rate = 300, backend_rate = 100"));
    assert_eq!(broken(pool, "peak_rate = 301, backend_rate = 100").len(), 1);
    assert_eq!(
        effects(pool, "survives = 1, peak_rate = 150, backend_rate = 100"),
        [
            "with `10.0.0.1:80` down, `10.0.0.2:80` would get 100 % of requests, 150 a second at the peak; it can take 100"
        ]
    );
}

/// Tier 0 takes all of it while 1.4 times its healthy part is the whole, so half of it takes 70 %.
#[test]
fn a_tier_behind_takes_what_is_left_over() {
    let zoned = SPARE.replace("tier = 1", "tier = 1, zone = 'us'");
    assert_eq!(
        effects(&zoned, "survives = 1, forbidden_zones = ['us']"),
        ["with `10.0.0.1:80` down, 30 % of requests would go to zone `us`, which `forbidden_zones` names"]
    );
    let enough = zoned.replace("'10.0.0.2:80'", "'10.0.0.2:80', '10.0.0.4:80', '10.0.0.5:80'");
    assert!(kept(&enough, "survives = 1, forbidden_zones = ['us']"), "three of four are 75 %");
    assert!(!kept(&enough, "survives = 2, forbidden_zones = ['us']"));
}

/// What takes a backend out decides what a failure does.
#[test]
fn a_failure_that_nobody_notices_is_not_survived() {
    let pool = |health: &str| format!("{health}\nbackends = ['10.0.0.1:80', '10.0.0.2:80', '10.0.0.3:80']");
    assert!(kept(&pool("health = {}\npassive = false"), "survives = 1"));
    assert!(kept(&pool("health = false"), "survives = 1"), "ejected by the requests that fail");
    let cap = "health = false\npanic_threshold = 0\npassive = { max_ejected = 1.0 }";
    assert!(kept(&pool(cap), "survives = 2"), "two of three may be ejected");
    assert!(kept(&pool("health = {}\npanic_threshold = 0"), "survives = 2"));
    let capped = effects(&pool("health = false\npanic_threshold = 0"), "survives = 2");
    assert!(
        capped[0].starts_with("50 % of requests would still go to") && capped[0].contains("ejected"),
        "{capped:?}"
    );
    let unseen = effects(&pool("health = false\npassive = false"), "survives = 1");
    assert!(unseen[0].ends_with("nothing notices it"), "{unseen:?}");
    let panic = effects(&pool("health = {}\npanic_threshold = 1.0"), "survives = 1");
    assert!(
        panic[0].contains("go to all backends again: 33.3 % of them to `10.0.0.1:80`, which is down"),
        "{panic:?}"
    );
}

/// In a pool of zones or subsets each instance has other shares; together they have those of the weights.
#[test]
fn zones_and_subsets_do_not_change_what_a_backend_gets_in_all() {
    let backends: String = (0..6)
        .map(|n| format!("{{ address = '10.0.0.{n}:80', zone = '{}' }},\n", if n < 3 { 'a' } else { 'b' }))
        .collect();
    for way in ["zone_aware = true", "subset = 2"] {
        let pool = format!("health = {{}}\n{way}\nbackends = [{backends}]");
        assert!(kept(&pool, "min_share = 0.16, max_share = 0.17, peak_to_mean = 1.0"), "{way}");
        assert!(kept(&pool, "survives = 1, peak_rate = 500, backend_rate = 100"), "{way}");
        assert!(!kept(&pool, "survives = 1, peak_rate = 501, backend_rate = 100"), "{way}");
    }
    let zoned = format!("health = {{}}\nzone_aware = true\nbackends = [{backends}]");
    assert!(kept(&zoned, "forbidden_zones = ['b']"), "all of it stays");
    let lost = effects(&zoned, "survives = 1, forbidden_zones = ['b']");
    assert!(lost.len() == 1 && lost[0].contains("zone `b`"), "{lost:?}");
}

/// Names need no address to be tried, and a strategy that takes long to build is not built.
#[test]
fn names_and_hashing_are_tried_alike() {
    let backends = "backends = ['a.internal:80', 'b.internal:80', 'c.internal:80']";
    for strategy in ["", "strategy = 'maglev'\nhash = { path = true }", "strategy = 'round_robin'"] {
        let pool = format!("health = {{}}\n{strategy}\n{backends}");
        assert!(kept(&pool, "survives = 1, min_share = 0.33, max_share = 0.34"), "{strategy}");
        assert!(!kept(&pool, "survives = 2"), "{strategy}");
    }
}

/// Those that drain or are disabled can neither fail nor carry anything.
#[test]
fn only_those_that_take_requests_can_fail() {
    let pool = "health = {}\nbackends = [\n'10.0.0.1:80', '10.0.0.2:80',\n{ address = '10.0.0.3:80', enabled = false },\n\
                { address = '10.0.0.4:80', drain = true }]";
    assert!(kept(pool, "members = 3, survives = 1, min_share = 0.5, max_share = 0.5"));
    let effects = effects(pool, "survives = 2");
    assert_eq!(effects, ["nobody would be left: every request to this pool would fail"]);
}
