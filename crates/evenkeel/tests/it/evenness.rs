//! Shares and what makes them, as metrics: true, complete from the first scrape on, and bounded.

use evenkeel_testkit::{Evenkeel, Metrics};

use crate::diagnose::{Traffic, slow_backends, verdict};
use crate::support::{Setup, backends};

const ROUND_ROBIN: &str = "strategy = \"round_robin\"\nhealth = false\npassive = false";

/// Kinds of `evenkeel_share` that large pools have for some backends only.
const DETAILED: [&str; 7] = ["weights", "discovered", "healthy", "in_flight", "busy", "bytes", "errors"];

fn assert_close(value: f64, expected: f64, what: &str) {
    assert!((value - expected).abs() < 0.02, "{what}: {value}, not {expected}");
}

#[tokio::test]
async fn every_backend_has_its_series_before_any_request() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let metrics = evenkeel.metrics().await;
    for backend in ["a", "b"] {
        for kind in DETAILED {
            metrics.value("evenkeel_share", &[("backend", backend), ("kind", kind)]);
        }
        for dimension in ["requests", "errors", "in_flight"] {
            let ratio = metrics.value("evenkeel_skew_ratio", &[("backend", backend), ("dim", dimension)]);
            assert!(ratio.is_nan(), "of nothing: {ratio}");
        }
        for term in ["weights", "discovery", "health", "shaping"] {
            assert_eq!(metrics.value("evenkeel_skew_ledger", &[("backend", backend), ("term", term)]), 0.0);
        }
    }
    assert_eq!(metrics.value("evenkeel_skew_tvd", &[("dim", "plan")]), 0.0);
    assert_eq!(metrics.value("evenkeel_shared_dependency_suspected", &[]), 0.0);
    assert_eq!(metrics.value("evenkeel_pool_local_occupancy", &[]), 0.0);
}

#[tokio::test]
async fn figures_are_those_of_the_weights() {
    let all = slow_backends(["a", "b", "c"]).await;
    let entries = [all[0].entry(5), all[1].entry(1), all[2].entry(1)];
    let evenkeel = Setup::of_entries(entries).pool(ROUND_ROBIN).start().await;
    let traffic = Traffic::start(&evenkeel);
    verdict(&evenkeel, "skewed").await;
    let near = |metrics: &Metrics| {
        let ratio = metrics.get("evenkeel_skew_ratio", &[("backend", "a"), ("dim", "requests")]);
        ratio.is_some_and(|ratio| (ratio - 15.0 / 7.0).abs() < 0.02)
    };
    let metrics = evenkeel.await_metrics("the ratio of a", near).await;
    let excess = 5.0 / 7.0 - 1.0 / 3.0;
    assert_close(
        metrics.value("evenkeel_skew_ledger", &[("backend", "a"), ("term", "weights")]),
        excess,
        "why",
    );
    assert_close(metrics.value("evenkeel_skew_ledger", &[("backend", "a")]), excess, "the sum of terms");
    for kind in ["weights", "healthy", "plan", "requests", "busy"] {
        let share = metrics.value("evenkeel_share", &[("backend", "a"), ("kind", kind)]);
        assert!((share - 5.0 / 7.0).abs() < 0.1, "{kind}: {share}");
    }
    for dimension in ["plan", "requests"] {
        let value = |name| metrics.value(name, &[("dim", dimension)]);
        assert_close(value("evenkeel_skew_tvd"), excess, "distance");
        assert_close(value("evenkeel_skew_jain"), 49.0 / 81.0, "Jain's index");
        assert_close(value("evenkeel_skew_peak_ratio"), 15.0 / 7.0, "peak");
    }
    assert!(metrics.value("evenkeel_pool_local_occupancy", &[]) > 0.1);
    traffic.end().await.assert_all_ok();
}

async fn plan_hash(evenkeel: &Evenkeel) -> String {
    let hashes = evenkeel.metrics().await.by("evenkeel_pool_plan_info", &[("pool", "web")], "hash");
    assert_eq!(hashes.len(), 1, "{hashes:?}");
    hashes.into_keys().next().expect("one")
}

#[tokio::test]
async fn instances_with_the_same_plan_have_the_same_hash() {
    let all = backends(["a", "b"]).await;
    let setup = |weight| Setup::of_entries([all[0].entry(1), all[1].entry(weight)]);
    let one = setup(1).start().await;
    let other = Setup::of_entries([all[1].entry(1), all[0].entry(1)]).start().await;
    assert_eq!(plan_hash(&one).await, plan_hash(&other).await);
    other.reload(&setup(5).text()).await;
    assert_ne!(plan_hash(&one).await, plan_hash(&other).await);
    one.reload(&setup(5).text()).await;
    assert_eq!(plan_hash(&one).await, plan_hash(&other).await);
}

/// A thousand and one names for three servers, two of which are given half of everything.
#[tokio::test]
async fn large_pools_show_in_detail_only_what_is_wrong() {
    let all = slow_backends(["a", "b", "c"]).await;
    let address = all[2].address();
    let others = (0..999).map(|number| format!("{{ address = \"{address}\", name = \"n{number}\" }}"));
    let entries = [all[0].entry(500), all[1].entry(500)].into_iter().chain(others);
    let evenkeel = Setup::of_entries(entries).pool(ROUND_ROBIN).start().await;
    let before = evenkeel.metrics().await;
    assert_eq!(before.by("evenkeel_share", &[("kind", "intent")], "backend").len(), 1001);
    assert_eq!(before.get("evenkeel_skew_ratio", &[]), None);
    assert_eq!(before.get("evenkeel_share", &[("kind", "weights")]), None);
    let traffic = Traffic::start(&evenkeel);
    verdict(&evenkeel, "skewed").await;
    let shown = |metrics: &Metrics| metrics.by("evenkeel_skew_ratio", &[("dim", "requests")], "backend");
    let metrics = evenkeel.await_metrics("both", |metrics| shown(metrics).len() >= 2).await;
    let wrong = metrics.by("evenkeel_skew_state", &[], "backend");
    assert!(wrong.contains_key("a") && wrong.contains_key("b"), "{wrong:?}");
    assert!(shown(&metrics).keys().eq(wrong.keys()), "{:?}, {wrong:?}", shown(&metrics));
    assert!(metrics.value("evenkeel_skew_ledger", &[("backend", "a"), ("term", "weights")]) > 0.1);
    traffic.end().await.assert_all_ok();
}
