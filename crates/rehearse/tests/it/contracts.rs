//! `expect`, against what was played. Clauses are set behind the back of `check`, which refuses some of them itself.

use evenkeel_config::{Config, Expect};
use evenkeel_rehearse::{Options, rehearse};

use crate::support::{backends, config, config_with, kinds, quick};

fn broken(mut config: Config, expect: Expect) -> Vec<String> {
    config.pools[0].expect = Some(expect);
    let report = rehearse(&config, &Options { requests: 20_000, ..quick() });
    let mut kinds: Vec<String> = kinds(&report).into_iter().map(str::to_owned).collect();
    kinds.sort();
    kinds
}

fn three() -> Config {
    config(&format!("health = {{}}\n{}", backends(3, |_| String::new())))
}

#[test]
fn members_are_counted() {
    for (members, expected) in [(3, &[][..]), (4, &["expect.members"]), (2, &["expect.members"])] {
        assert_eq!(
            broken(three(), Expect { members: Some(members), ..Expect::default() }),
            expected,
            "{members}"
        );
    }
}

#[test]
fn shares_have_limits() {
    let holds =
        Expect { min_share: Some(0.33), max_share: Some(0.34), peak_to_mean: Some(1.0), ..Expect::default() };
    assert_eq!(broken(three(), holds), [""; 0]);
    let weighted = || {
        let weight = |at: usize| format!(", weight = {}", [2, 1, 1][at]);
        config(&format!(
            "strategy = \"round_robin\"\nintent = \"weights\"\nhealth = {{}}\n{}",
            backends(3, weight)
        ))
    };
    for (expect, expected) in [
        (Expect { min_share: Some(0.26), ..Expect::default() }, "expect.min_share"),
        (Expect { max_share: Some(0.49), ..Expect::default() }, "expect.max_share"),
        (Expect { peak_to_mean: Some(1.49), ..Expect::default() }, "expect.peak_to_mean"),
    ] {
        assert_eq!(broken(weighted(), expect), [expected]);
    }
    let holds =
        Expect { min_share: Some(0.25), max_share: Some(0.5), peak_to_mean: Some(1.5), ..Expect::default() };
    assert_eq!(broken(weighted(), holds), [""; 0]);
}

#[test]
fn a_ring_is_judged_by_where_its_keys_are() {
    let file = format!(
        "strategy = \"ring\"\nhash = {{ header = \"X-User\", points = 1 }}\nhealth = {{}}\n{}",
        backends(5, |_| String::new())
    );
    let expect = Expect { max_share: Some(0.22), ..Expect::default() };
    assert_eq!(broken(config(&file), expect), ["expect.max_share"]);
}

#[test]
fn zones_are_forbidden() {
    let zone = |at: usize| format!(", zone = \"z{at}\"");
    let file = format!("health = {{}}\n{}", backends(3, zone));
    let forbid = |name: &str| Expect { forbidden_zones: vec![name.into()], ..Expect::default() };
    assert_eq!(broken(config(&file), forbid("z1")), ["expect.forbidden_zones"]);
    assert_eq!(broken(config(&file), forbid("z7")), [""; 0]);
    // Only where a tier takes over.
    let tiers = |at: usize| format!(", zone = \"z{}\", tier = {}", at / 2, at / 2);
    let file = format!("health = {{}}\npanic_threshold = 0\n{}", backends(4, tiers));
    assert_eq!(broken(config_with("", "", &file), forbid("z1")), [""; 0]);
    let survives = Expect { survives: 1, ..forbid("z1") };
    assert_eq!(broken(config(&file), survives), ["expect.survives"]);
}

#[test]
fn so_many_may_fail() {
    let rated = |survives, backend_rate| Expect {
        survives,
        peak_rate: Some(1_000.0),
        backend_rate: Some(backend_rate),
        ..Expect::default()
    };
    let pool = |count| {
        config(&format!("strategy = \"round_robin\"\nhealth = {{}}\n{}", backends(count, |_| String::new())))
    };
    assert_eq!(broken(pool(3), rated(1, 501.0)), [""; 0]);
    assert_eq!(broken(pool(3), rated(1, 499.0)), ["expect.survives"], "two are left");
    assert_eq!(broken(pool(3), rated(2, 2_000.0)), ["expect.survives"], "panic");
    assert_eq!(broken(pool(6), rated(3, 334.0)), [""; 0]);
    assert_eq!(broken(pool(6), rated(3, 332.0)), ["expect.survives"]);
    assert_eq!(broken(pool(6), rated(3, 166.0)), ["expect.survives", "overload"]);
    assert_eq!(broken(pool(1), rated(1, 2_000.0)), ["expect.survives"]);
}

#[test]
fn what_cannot_be_judged_is_said() {
    let mut config = three();
    config.pools[0].expect = Some(Expect { survives: 1, ..Expect::default() });
    let report = rehearse(&config, &quick());
    assert!(report.problems.is_empty());
    assert!(report.risks.iter().any(|one| one.kind == "expect.unjudged"), "{:?}", report.risks);
    let mut options = quick();
    (options.load.rate, options.load.backend_rate) = (Some(100.0), Some(100.0));
    assert!(rehearse(&config, &options).risks.is_empty());
}
