//! Tiers and zones: who is used first, and who stands in.

use evenkeel_testkit::{Backend, Evenkeel, Load, assert_shares};

use crate::support::{Setup, attempts, backends, counts};

const CHECKED: &str = "strategy = \"round_robin\"\npassive = false\n\
    health = { path = \"/healthz\", interval = \"100ms\", rise = 1, fall = 2 }";

/// Counts of `requests` more requests.
async fn run(evenkeel: &Evenkeel, all: &[Backend], requests: u64) -> std::collections::BTreeMap<String, u64> {
    let before = counts(all);
    Load::new(evenkeel.address("web"), 4).run(requests).await.assert_all_ok();
    let mut since = counts(all);
    since.iter_mut().for_each(|(name, count)| *count -= before[name]);
    since
}

#[tokio::test]
async fn the_second_tier_serves_when_the_first_is_down() {
    let mut all = backends(["a", "b", "x", "y"]).await;
    let tiers = ["tier = 0", "tier = 0", "tier = 1", "tier = 1"];
    let entries = all.iter().zip(tiers).map(|(backend, tier)| backend.entry_with(tier));
    let evenkeel = Setup::of_entries(entries).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 2).await;
    let shares = run(&evenkeel, &all, 100).await;
    assert_shares(&shares, &[("a", 1), ("b", 1), ("x", 0), ("y", 0)], 1.0);
    assert_eq!(attempts(&evenkeel, "failover").await, 0.0);
    all[0].stop().await;
    all[1].stop().await;
    let plan = |metrics: &evenkeel_testkit::Metrics, backend: &str| {
        metrics.value("evenkeel_share", &[("backend", backend), ("kind", "plan")])
    };
    evenkeel
        .await_metrics("the second tier", |metrics| plan(metrics, "x") == 0.5 && plan(metrics, "y") == 0.5)
        .await;
    let shares = run(&evenkeel, &all, 100).await;
    assert_shares(&shares, &[("a", 0), ("b", 0), ("x", 1), ("y", 1)], 1.0);
    assert_eq!(attempts(&evenkeel, "failover").await, 100.0);
    all[0].resume().await;
    all[1].resume().await;
    evenkeel
        .await_metrics("the first tier", |metrics| plan(metrics, "a") == 0.5 && plan(metrics, "x") == 0.0)
        .await;
    let shares = run(&evenkeel, &all, 100).await;
    assert_shares(&shares, &[("a", 1), ("b", 1), ("x", 0), ("y", 0)], 1.0);
    let info = evenkeel.metrics().await;
    assert_eq!(info.value("evenkeel_backend_info", &[("backend", "x"), ("tier", "1"), ("zone", "")]), 1.0);
}

/// Two of four: 1.4 x 50 % = 70 % stay, the rest spills to the next tier before the first is overrun.
#[tokio::test]
async fn a_tier_gives_up_what_it_cannot_take() {
    let mut all = backends(["a", "b", "c", "d", "x"]).await;
    let entries = all
        .iter()
        .map(|backend| backend.entry_with(if backend.name() == "x" { "tier = 1" } else { "tier = 0" }));
    let pool = format!("{CHECKED}\noverprovisioning = 1.4");
    let evenkeel = Setup::of_entries(entries).pool(&pool).start().await;
    evenkeel.await_eligible("web", 4).await;
    all[2].stop().await;
    all[3].stop().await;
    let share = |metrics: &evenkeel_testkit::Metrics| {
        metrics.value("evenkeel_share", &[("backend", "x"), ("kind", "plan")])
    };
    evenkeel.await_metrics("30 % of it", |metrics| (share(metrics) - 0.3).abs() < 0.001).await;
    let shares = run(&evenkeel, &all, 1000).await;
    assert_shares(&shares, &[("a", 35), ("b", 35), ("c", 0), ("d", 0), ("x", 30)], 10.0);
}

/// Two backends in this zone, two in another.
async fn two_zones() -> ([Backend; 4], Evenkeel) {
    let all = backends(["a", "b", "x", "y"]).await;
    let zones = ["here", "here", "there", "there"];
    let entries =
        all.iter().zip(zones).map(|(backend, zone)| backend.entry_with(&format!("zone = \"{zone}\"")));
    let pool = format!("{CHECKED}\npanic_threshold = 0\nzone_aware = {{ min_backends = 2 }}");
    let evenkeel =
        Setup::of_entries(entries).runtime("workers = 2\nzone = \"here\"").pool(&pool).start().await;
    evenkeel.await_eligible("web", 2).await;
    (all, evenkeel)
}

#[tokio::test]
async fn traffic_stays_in_its_zone_as_far_as_that_can_take_it() {
    let (mut all, evenkeel) = two_zones().await;
    let shares = run(&evenkeel, &all, 100).await;
    assert_shares(&shares, &[("a", 1), ("b", 1), ("x", 0), ("y", 0)], 1.0);
    assert_eq!(attempts(&evenkeel, "spill").await, 0.0);
    all[0].stop().await;
    all[1].stop().await;
    let plan = |metrics: &evenkeel_testkit::Metrics| {
        metrics.value("evenkeel_share", &[("backend", "x"), ("kind", "plan")])
    };
    evenkeel.await_metrics("the other zone", |metrics| plan(metrics) == 0.5).await;
    let shares = run(&evenkeel, &all, 100).await;
    assert_shares(&shares, &[("a", 0), ("b", 0), ("x", 1), ("y", 1)], 1.0);
    assert_eq!(attempts(&evenkeel, "spill").await, 100.0);
    let info = evenkeel.metrics().await;
    assert_eq!(
        info.value("evenkeel_backend_info", &[("backend", "y"), ("tier", "0"), ("zone", "there")]),
        1.0
    );
}

/// Half of what a zone has is gone: 2/3 of what arrives in it stay, as much as the one that is left can take when the
/// other zone keeps its own, too. The rest goes away, and is said to.
#[tokio::test]
async fn a_zone_gives_up_what_it_cannot_take_and_no_more() {
    let (mut all, evenkeel) = two_zones().await;
    all[0].stop().await;
    let plan = |metrics: &evenkeel_testkit::Metrics| {
        ["b", "x", "y"]
            .map(|name| metrics.value("evenkeel_share", &[("backend", name), ("kind", "plan")]))
            .map(|share| (share * 6.0 * 100.0).round() / 100.0)
    };
    evenkeel.await_metrics("two thirds of it", |metrics| plan(metrics) == [4.0, 1.0, 1.0]).await;
    let shares = run(&evenkeel, &all, 600).await;
    assert_shares(&shares, &[("a", 0), ("b", 4), ("x", 1), ("y", 1)], 6.0);
    let spilled = attempts(&evenkeel, "spill").await;
    assert!((spilled - 200.0).abs() <= 6.0, "{spilled} of 600");
}
