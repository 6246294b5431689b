//! What shares become in a failure.

use evenkeel_rehearse::{Options, rehearse};

use crate::support::{assert_near, backends, config, config_with, played, pool, quick, when};

const NONE: fn(usize) -> String = |_| String::new();

/// Every strategy splits what one that is down had among those that are left, by weight.
#[test]
fn the_rest_is_shared_by_weight_whoever_is_down() {
    for strategy in ["round_robin", "random", "least_request", "p2c"] {
        let weight = |at: usize| format!(", weight = {}", [5, 1, 1][at]);
        let file = format!(
            "strategy = \"{strategy}\"\nintent = \"weights\"\nhealth = {{}}\n{}",
            backends(3, weight)
        );
        let pool = pool(&config(&file));
        let off = if strategy == "round_robin" { 1e-9 } else { 0.05 };
        assert_near(&when(&pool, "a0 is down").shares, &[0.0, 0.5, 0.5], off);
        assert_near(&when(&pool, "a1 is down").shares, &[5.0 / 6.0, 0.0, 1.0 / 6.0], off);
        assert_eq!(when(&pool, "a1 is down").alike, 1, "a2 is the same");
    }
}

#[test]
fn what_checks_and_failures_notice_is_told() {
    let health = "health = { interval = \"2s\", fall = 3 }\npassive = false";
    let down = |keys: &str| {
        let pool = pool(&config(&format!("strategy = \"round_robin\"\n{keys}\n{}", backends(3, NONE))));
        when(&pool, "a0 is down").clone()
    };
    let checked = down(health);
    assert_eq!((checked.noticed_after, checked.failing, checked.mode), (Some(6.0), 0.0, "normal"));
    // 600 requests/s, a third of them there, 20 ms each: those are lost. Later ones go elsewhere.
    assert!((checked.failed_meanwhile - 4.0).abs() < 0.1, "{checked:?}");
    let impatient = down(&format!("{health}\nmax_attempts = 1"));
    assert!((impatient.failed_meanwhile - 1204.0).abs() < 1.0, "{impatient:?}");
    let unseen = down("health = false\npassive = false\nmax_attempts = 1");
    assert_eq!(unseen.noticed_after, None);
    assert_near(&[unseen.failing], &[1.0 / 3.0], 0.03);
    let passive = down("health = false\npassive = { consecutive = 5 }");
    // 200 requests a second there.
    assert_near(&[passive.noticed_after.unwrap()], &[0.025], 1e-9);
}

#[test]
fn panic_and_other_tiers_are_seen() {
    let tier = |at: usize| if at > 2 { ", tier = 1".to_owned() } else { String::new() };
    let pool = |keys: &str| pool(&config(&format!("health = {{}}\n{keys}\n{}", backends(5, tier))));
    let spared = pool("panic_threshold = 0");
    let down = when(&spared, "a0 is down");
    // 1.4 times two thirds is less than the whole.
    assert_near(&[down.failover], &[1.0 - 1.4 * 2.0 / 3.0], 0.02);
    let rest = when(&spared, "all but a0 are down");
    assert_eq!(rest.mode, "normal");
    let panics = pool("panic_threshold = 0.9");
    let down = when(&panics, "all but a0 are down");
    assert_eq!((down.mode, down.failing > 0.1), ("panic", true), "{down:?}");
}

#[test]
fn a_zone_goes_down_as_a_whole() {
    let zone = |at: usize| format!(", zone = \"z{}\"", at / 3);
    let keys = format!("health = {{}}\n{}\nzone_aware = {{ min_backends = 1 }}", backends(6, zone));
    let config = config_with("[runtime]\nzone = \"z0\"", "", &keys);
    let pool = pool(&config);
    let home: f64 = pool.backends[..3].iter().map(|one| one.share).sum();
    assert_near(&[home], &[1.0], 1e-9);
    let down = when(&pool, "zone z0 is down (3 of 6)");
    assert_near(&[down.spill], &[1.0], 1e-9);
    assert_eq!(down.failed, ["a0", "a1", "a2"]);
}

/// Where the strategy looks, a slow backend gets less; where it takes turns, its share stays and it cannot do it.
#[test]
fn a_slow_one_is_spared_by_who_looks() {
    let slow = |strategy: &str| {
        let file = format!("strategy = \"{strategy}\"\nhealth = {{}}\n{}", backends(4, NONE));
        let mut options = Options { requests: 20_000, ..quick() };
        (options.load.rate, options.load.backend_rate) = (Some(800.0), Some(400.0));
        let report = rehearse(&config(&file), &options);
        (when(&report.pools[0], "a0 is 10 times slower").clone(), report)
    };
    let (turns, report) = slow("round_robin");
    assert_near(&turns.shares, &[0.25; 4], 1e-9);
    assert_near(&[turns.utilisation.unwrap()], &[5.0], 1e-9);
    assert!(report.risks.iter().any(|one| one.kind == "slow"), "{:?}", report.risks);
    let (looks, _) = slow("least_request");
    assert!(looks.shares[0] < 0.1 && looks.shares[0] > 0.0, "{:?}", looks.shares);
}

/// With `fall` 3 and `rise` 2 it is down for 4 checks, of which the pool knows from the third on, and up for 3, of which
/// the pool knows from the second on: it serves for 2 of 7 checks while it is up, and for 2 while it is down.
#[test]
fn one_that_comes_and_goes() {
    let file =
        format!("strategy = \"round_robin\"\nhealth = {{ fall = 3, rise = 2 }}\n{}", backends(3, NONE));
    let pool = pool(&config(&file));
    let flaps = when(&pool, "a0 comes and goes");
    assert_near(&flaps.shares, &[4.0 / 21.0, 17.0 / 42.0, 17.0 / 42.0], 0.02);
    assert_eq!(flaps.failing, 0.0, "they go elsewhere");
    let impatient = format!("{file}\nmax_attempts = 1");
    let pool = crate::support::pool(&config(&impatient));
    assert_near(&[when(&pool, "a0 comes and goes").failing], &[2.0 / 21.0], 0.02);
}

#[test]
fn pairs_are_played_when_asked_for() {
    let file = format!(
        "strategy = \"round_robin\"\nhealth = {{}}\n{}",
        backends(4, |at| format!(", capacity = {}", at / 2 + 1))
    );
    let config = config(&file);
    let names = |pairs| {
        let report = rehearse(&config, &Options { pairs, ..quick() });
        let several = report.pools[0].situations.iter().filter(|one| one.kind == "several_down");
        let mut all: Vec<_> = several.map(|one| (one.failed.join("+"), one.alike)).collect();
        all.sort();
        all
    };
    assert!(names(false).is_empty());
    let expected = [("a0+a1", 0), ("a0+a2", 3), ("a2+a3", 0)];
    assert_eq!(names(true), expected.map(|(name, alike)| (name.to_owned(), alike)));
}

/// Whoever keeps requests together makes shares rougher, and alarms slower.
#[test]
fn connections_and_sessions_are_rougher_than_requests() {
    let file = format!("health = {{}}\nstrategy = \"round_robin\"\n{}", backends(4, NONE));
    let single = pool(&config(&file));
    let tcp = pool(&config_with("", "protocol = \"tcp\"", &file));
    assert_eq!((single.load.spread, single.load.kept_together), (0.0, 1.0));
    assert_eq!(tcp.load.kept_together, 50.0);
    // Two standard deviations: 99 requests count as one, 48,000 come in a minute.
    assert_near(&[tcp.load.spread], &[2.0 * (0.25 * 0.75 * 99.0 / 48_000.0_f64).sqrt()], 1e-6);
    let alarm = |pool| when(pool, "a0 is down").alarm_after.unwrap();
    assert_eq!(alarm(&tcp), alarm(&single) * 99);
    assert_eq!(pool(&config(&format!("sticky = {{}}\n{file}"))).load.kept_together, 20.0);
}

/// An alarm needs as many requests as the detector's own arithmetic says: 25 to 30 expected ones at one that is gone.
#[test]
fn alarms_are_counted_in_requests() {
    let pool = pool(&config(&format!("strategy = \"round_robin\"\nhealth = {{}}\n{}", backends(10, NONE))));
    let alarm = when(&pool, "a0 is down").alarm_after.unwrap();
    assert!((250..=350).contains(&alarm), "{alarm}");
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_does_not() {
    let file = format!(
        "strategy = \"p2c\"\nhealth = {{}}\n{}",
        backends(5, |at| format!(", capacity = {0}, weight = {0}", at + 1))
    );
    let config = config(&file);
    let told = |seed| format!("{:?}", rehearse(&config, &Options { seed, ..quick() }));
    assert_eq!(told(7), told(7));
    assert_ne!(told(7), told(8));
    assert!(played(&config).problems.is_empty(), "{:?}", played(&config).problems);
}

/// In large files, where each situation gets few requests, a failure of a `maglev` pool is told by the plan.
#[test]
fn a_large_table_need_not_be_filled() {
    let weight = |at: usize| format!(", weight = {}", at + 1);
    let file = format!(
        "strategy = \"maglev\"\nhash = {{ header = \"X-User\" }}\nintent = \"weights\"\nhealth = {{}}\n{}",
        backends(5, weight)
    );
    let config = config(&file);
    let shares = |requests| {
        let report = rehearse(&config, &Options { requests, ..quick() });
        (when(&report.pools[0], "a4 is down").shares.clone(), report.requests)
    };
    let ((quick, few), (thorough, many)) = (shares(1_000), shares(100_000));
    assert_near(&quick, &thorough, 0.01);
    assert_near(&quick, &[0.1, 0.2, 0.3, 0.4, 0.0], 1e-9);
    assert!(few < 3_000 && many > 500_000, "{few} {many}");
}

/// Whether limits turn requests away depends on how many there are, and on whether they may wait.
#[test]
fn limits_count_where_the_load_is_known() {
    let risks = |more: &str, rate: Option<f64>, backend_rate: Option<f64>| {
        let file = format!(
            "strategy = \"least_request\"\nhealth = {{}}\n{more}\n{}",
            backends(2, |_| ", max_in_flight = 8".to_owned())
        );
        let mut options = quick();
        (options.load.rate, options.load.backend_rate) = (rate, backend_rate);
        let report = rehearse(&config(&file), &options);
        report.risks.iter().map(|one| one.kind).collect::<Vec<_>>()
    };
    assert_eq!(risks("", None, None), [""; 0], "assumed");
    // One that is left can do 400 and gets 380: with 8 at a time it turns some away now and then.
    assert_eq!(risks("", Some(380.0), Some(400.0)), ["failing"]);
    assert_eq!(risks("queue = { size = 100 }", Some(380.0), Some(400.0)), [""; 0]);
}

#[test]
fn spares_and_the_unused_do_not_make_a_retry_fail() {
    let spares = backends(4, |at| format!(", tier = {}", at / 2));
    let tiers = pool(&config(&format!("strategy = \"round_robin\"\nhealth = {{ path = \"/\" }}\n{spares}")));
    let alone = when(&tiers, "all but a0 are down");
    // 400 a second, half of them under way to a1 for 20 ms; whoever meets a1 is answered by a0.
    assert!((alone.failed_meanwhile - 4.0).abs() < 0.1, "{alone:?}");
}

#[test]
fn once_as_many_as_may_be_are_ejected_retries_reach_who_is_left() {
    let keys = "strategy = \"round_robin\"\npanic_threshold = 0\nhealth = { path = \"/\" }\n";
    let four = pool(&config(&format!("{keys}{}", backends(4, |_| String::new()))));
    let alone = when(&four, "all but a0 are down");
    // 800 a second: 600 * 20 ms under way, then a quarter meets three dead ones in a row until, after 5 failures each at
    // 200 a second, two of them are out. From then on three attempts are enough.
    assert_eq!(alone.noticed_after, Some(6.0));
    assert!((alone.failed_meanwhile - (12.0 + 800.0 * 0.25 * 0.025)).abs() < 0.1, "{alone:?}");
}
