//! The shipped rules in a real Prometheus that scrapes a real Evenkeel.

use std::time::Duration;

use evenkeel_testkit::{Json, until_within};

use crate::diagnose::{Traffic, slow_backends, verdict};
use crate::prometheus::Prometheus;
use crate::support::Setup;

/// Ticks of a second are waited for.
const LONG: Duration = Duration::from_secs(60);

/// The shipped rules, save that nobody waits for minutes.
fn rules() -> String {
    let shipped = include_str!("../../../../deploy/prometheus/evenkeel-rules.yml");
    let lines = shipped.lines().map(|line| match line.trim_start().strip_prefix("for: ") {
        Some(wait) => line.replace(wait, "3s"),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Those that fire, by name, with labels and annotations.
async fn firing(prometheus: &Prometheus) -> Option<Vec<(String, Json)>> {
    let alerts = prometheus.get("/api/v1/alerts").await?["data"]["alerts"].as_array()?.clone();
    let firing = alerts.into_iter().filter(|alert| alert["state"] == "firing");
    Some(firing.map(|alert| (alert["labels"]["alertname"].to_string(), alert)).collect())
}

#[tokio::test]
async fn a_skew_is_paged_and_an_even_pool_is_not() {
    let all = slow_backends(["a", "b", "c"]).await;
    let entries = |weights: [u32; 3]| all.iter().zip(weights).map(|(backend, weight)| backend.entry(weight));
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries(entries([1, 1, 1])).pool(pool).start().await;
    let prometheus = Prometheus::with_rules(evenkeel.address("admin"), &rules());
    let traffic = Traffic::start(&evenkeel);
    verdict(&evenkeel, "even").await;
    // The recorded share has been there for ten looks at all rules.
    until_within(LONG, "ten looks", async || {
        let looks = prometheus.rows("count_over_time(evenkeel:fleet_share{backend=\"a\"}[5m]) >= 10").await?;
        (!looks.is_empty()).then_some(())
    })
    .await;
    assert_eq!(firing(&prometheus).await, Some(Vec::new()));
    let fired = prometheus.rows("count_over_time(ALERTS{alertstate=\"firing\"}[5m])").await;
    assert_eq!(fired, Some(Vec::new()), "not even for a moment");

    evenkeel.reload(&Setup::of_entries(entries([5, 1, 1])).pool(pool).text()).await;
    let page = until_within(LONG, "the page", async || {
        let alerts = firing(&prometheus).await?;
        alerts
            .into_iter()
            .find(|(name, alert)| name == "\"EvenkeelSkewCritical\"" && alert["labels"]["backend"] == "a")
    })
    .await
    .1;
    for (label, value) in [("severity", "page"), ("pool", "web"), ("cause", "weights"), ("dim", "requests")] {
        assert_eq!(page["labels"][label], value, "{page}");
    }
    let told = page["annotations"]["description"].as_str().unwrap_or_default();
    assert!(told.contains("Backend a of pool web") && told.contains("weights"), "{told}");
    let runbook = page["annotations"]["runbook_url"].as_str().unwrap_or_default();
    assert!(runbook.ends_with("/docs/guide/is-it-the-balancer.md#weights"), "{runbook}");
    // What weights do is known from the plan, without a request.
    until_within(LONG, "the ticket", async || {
        let alerts = firing(&prometheus).await?;
        alerts.iter().any(|(name, _)| name == "\"EvenkeelPlanDiffersFromIntent\"").then_some(())
    })
    .await;
    traffic.end().await.assert_all_ok();
}
