//! What must not be deployed is refused with its cause, and what is right is not.

use std::time::Duration;

use evenkeel_rehearse::{Addresses, Options, Recorded, rehearse};

use crate::support::{backends, config, kinds, played, pool, quick};

fn weighted(intent: &str) -> String {
    let weight = |at: usize| if at == 0 { ", weight = 5".to_owned() } else { String::new() };
    format!("health = {{}}\n{intent}\n{}", backends(3, weight))
}

#[test]
fn weights_that_nobody_means() {
    for strategy in ["round_robin", "least_request", "random", "p2c", "peak_ewma", "prequal"] {
        let keys = if strategy == "prequal" { "probe = { path = \"/\" }" } else { "" };
        let report = played(&config(&weighted(&format!("strategy = \"{strategy}\"\n{keys}"))));
        assert_eq!(kinds(&report), ["weights"], "{strategy}");
        let problem = &report.problems[0];
        assert!(
            problem.message.contains("a0 would get 71.4 % of the requests, equal would be 33.3 %"),
            "{problem:?}"
        );
        assert!(problem.help.as_ref().unwrap().contains("intent = \"weights\""), "{problem:?}");
    }
    assert_eq!(kinds(&played(&config(&weighted("intent = \"weights\"")))), [""; 0]);
    let allowed = "allow = [{ rule = \"weights-without-intent\", reason = \"for the test\" }]";
    assert_eq!(kinds(&played(&config(&weighted(allowed)))), [""; 0]);
}

#[test]
fn weights_against_the_capacities() {
    let keys = |at: usize| if at == 0 { ", capacity = 2" } else { "" }.to_owned();
    let report = played(&config(&format!("health = {{}}\nintent = \"capacity\"\n{}", backends(3, keys))));
    assert_eq!(kinds(&report), ["weights"]);
    let keys = |at: usize| if at == 0 { ", capacity = 2, weight = 2" } else { "" }.to_owned();
    let report = played(&config(&format!("health = {{}}\nintent = \"capacity\"\n{}", backends(3, keys))));
    assert_eq!(kinds(&report), [""; 0]);
}

#[test]
fn all_to_one_of_many() {
    for (keys, why) in [
        (", enabled = false", "2 disabled"),
        (", drain = true", "2 draining"),
        (", tier = 1", "2 in later tiers or other zones"),
    ] {
        let others = |at: usize| if at == 1 { String::new() } else { keys.to_owned() };
        let report = played(&config(&format!("health = {{}}\n{}", backends(3, others))));
        assert_eq!(kinds(&report), ["all_to_one"], "{keys}");
        let message = &report.problems[0].message;
        assert!(message.contains("a1 would get every request") && message.contains(why), "{message}");
    }
    let spare = |at: usize| if at == 1 { ", tier = 1".to_owned() } else { String::new() };
    assert_eq!(
        kinds(&played(&config(&format!("health = {{}}\n{}", backends(2, spare))))),
        [""; 0],
        "a spare"
    );
    assert_eq!(kinds(&played(&config(&format!("health = {{}}\n{}", backends(3, spare))))), [""; 0]);
}

/// The servers that there are do not match those that the file names.
#[test]
fn names_that_do_not_resolve_or_meet() {
    let config = config("health = {}\nbackends = [\"one.test:80\", \"two.test:80\", \"three.test:80\"]");
    assert_eq!(kinds(&played(&config)), [""; 0], "nobody has looked");
    let found = |names: [(&str, Result<&str, &str>); 3]| -> Addresses {
        let parsed = |result: Result<&str, &str>| {
            result.map(|address| address.parse().unwrap()).map_err(str::to_owned)
        };
        names.into_iter().map(|(name, result)| ((name.to_owned(), 80), parsed(result))).collect()
    };
    let rehearsed = |addresses| rehearse(&config, &Options { addresses, ..quick() });
    let (one, two) = (("one.test", Ok("10.0.0.1:80")), ("two.test", Ok("10.0.0.2:80")));
    let gone = rehearsed(found([one, two, ("three.test", Err("no such name"))]));
    assert_eq!(kinds(&gone), ["unresolved"]);
    assert!(gone.problems[0].message.contains("1 of 3 backends do not resolve: three.test:80"));
    assert_eq!(gone.pools[0].backends[2].out, Some("unresolved"));
    let twice = rehearsed(found([one, two, ("three.test", Ok("10.0.0.2:80"))]));
    assert_eq!(kinds(&twice), ["same_address"]);
    assert!(twice.problems[0].message.contains("two.test:80 and three.test:80 are both 10.0.0.2:80"));
    assert_eq!(kinds(&rehearsed(found([one, two, ("three.test", Ok("10.0.0.3:80"))]))), [""; 0]);
}

#[test]
fn more_than_anybody_can_do() {
    let config = config(&format!("health = {{}}\n{}", backends(2, |_| String::new())));
    let mut options = quick();
    (options.load.rate, options.load.backend_rate) = (Some(1_500.0), Some(500.0));
    let report = rehearse(&config, &options);
    assert_eq!(kinds(&report), ["overload"]);
    assert!(report.problems[0].message.contains("requests/s and can do 500"), "{:?}", report.problems);
    options.load.rate = Some(900.0);
    let report = rehearse(&config, &options);
    assert_eq!(kinds(&report), [""; 0]);
    assert_eq!(report.risks[0].kind, "overload", "{:?}", report.risks);
    assert!(report.risks[0].message.contains("180 % of what it can do"), "{:?}", report.risks);
    options.load.rate = Some(400.0);
    assert!(rehearse(&config, &options).risks.is_empty());
}

#[test]
fn a_key_that_is_most_of_the_traffic() {
    let pool_of = |strategy: &str| {
        config(&format!(
            "strategy = \"{strategy}\"\nhash = {{ header = \"X-User\" }}\nhealth = {{}}\n{}",
            backends(4, |_| String::new())
        ))
    };
    for strategy in ["maglev", "ring", "rendezvous"] {
        let even = pool(&pool_of(strategy));
        // Of 5,000 keys; a ring of 160 points is off by 8 % of a share beside.
        let off = if strategy == "ring" { 0.08 } else { 0.03 };
        crate::support::assert_near(
            &even.backends.iter().map(|one| one.share).collect::<Vec<_>>(),
            &[0.25; 4],
            off,
        );
        let mut options = quick();
        options.load.zipf = 1.5;
        let report = rehearse(&pool_of(strategy), &options);
        assert_eq!(report.risks[0].kind, "hot_key", "{:?}", report.risks);
        let most = report.pools[0].backends.iter().map(|one| one.share).fold(0.0, f64::max);
        assert!(most > 0.4, "{most}");
    }
}

/// Servers that got requests and that the file does not name, and others that the file names and nobody has heard of.
#[test]
fn a_log_of_other_servers() {
    let file = format!("health = {{}}\n{}", backends(3, |_| String::new()));
    let recorded = |backends: &[(&str, u64)]| Recorded {
        pool: "old".into(),
        rate: Some(120.0),
        latency: Some(Duration::from_millis(5)),
        top_client: None,
        backends: backends.iter().map(|(name, attempts)| ((*name).to_owned(), *attempts)).collect(),
    };
    let told = |backends: &[(&str, u64)]| {
        rehearse(&config(&file), &Options { recorded: vec![recorded(backends)], ..quick() })
    };
    let right = told(&[("a0", 100), ("10.0.0.1:80", 100), ("a2", 100)]);
    assert_eq!((kinds(&right), right.risks.len()), (vec![], 0), "{right:?}");
    assert_eq!((right.pools[0].load.rate, right.pools[0].load.rate_known), (120.0, true));
    let moved = told(&[("a0", 100), ("a1", 100), ("10.9.9.9:80", 100)]);
    assert_eq!(kinds(&moved), ["missing_servers"]);
    assert!(moved.problems[0].message.contains("33.3 % of the requests in the log went to servers"));
    assert!(
        moved.risks.iter().any(|one| one.kind == "unheard_of" && one.message.contains("a2")),
        "{moved:?}"
    );
    assert_eq!(kinds(&told(&[("x", 100), ("y", 100)])), [""; 0], "nothing is called as in the file");
}

/// As popular as clients were in the log, keys are.
#[test]
fn a_log_with_a_busy_client() {
    let file = format!(
        "strategy = \"maglev\"\nhash = {{ source = true }}\nhealth = {{}}\n{}",
        backends(4, |_| String::new())
    );
    let recorded =
        Recorded { pool: "web".into(), top_client: Some(0.4), rate: Some(10.0), ..Recorded::default() };
    let report = rehearse(&config(&file), &Options { recorded: vec![recorded], ..quick() });
    assert_eq!(report.risks[0].kind, "hot_key", "{:?}", report.risks);
    assert!(report.risks[0].message.contains("the most popular key is 40 %"), "{:?}", report.risks);
}
