//! Load probes: backends are asked how busy they are, and what they say counts.

use std::time::Duration;

use evenkeel_testkit::{Backend, Evenkeel, Load, Metrics, Reply, Step};

use crate::support::Setup;

const POOL: &str = "strategy = \"prequal\"\nhealth = false\npassive = false\n\
                    probe = { path = \"/load\", timeout = \"1s\" }\nprequal = { probes_per_request = 3 }";

/// Takes long enough for probes to come back meanwhile: they are sent beside the requests.
fn named(name: &str) -> Reply {
    let answer = format!("HTTP/1.1 200 OK\r\nX-Backend: {name}\r\nContent-Length: 0\r\n\r\n");
    Reply::steps([Step::ReadBody, Step::Pause(Duration::from_millis(5)), Step::Send(answer.into_bytes())])
}

/// A backend that answers probes with this field line, and everything else with its name.
async fn reporting(name: &'static str, status: u16, field: &'static str) -> Backend {
    Backend::scripted(name, move |head| match head.target() {
        "/load" => Reply::with_fields(status, field, ""),
        _ => named(name),
    })
    .await
}

fn probes(metrics: &Metrics, outcome: &str) -> f64 {
    metrics.value("evenkeel_pool_load_probes_total", &[("pool", "web"), ("outcome", outcome)])
}

/// Attempts on each backend, of so many requests.
async fn run(evenkeel: &Evenkeel, requests: u64) -> (std::collections::BTreeMap<String, f64>, Metrics) {
    Load::new(evenkeel.address("web"), 4).run(requests).await.assert_all_ok();
    let metrics = evenkeel.metrics().await;
    (metrics.by("evenkeel_backend_attempts_total", &[("pool", "web")], "backend"), metrics)
}

#[tokio::test]
async fn a_backend_that_says_it_is_busy_is_spared() {
    let all = [
        reporting("a", 200, "Endpoint-Load-Metrics: TEXT named_metrics.rif=1\r\n").await,
        reporting("b", 200, "endpoint-load-metrics: JSON {\"named_metrics\": {\"rif\": 1}}\r\n").await,
        reporting("c", 200, "endpoint-load-metrics: 1\r\n").await,
        reporting("busy", 200, "endpoint-load-metrics: TEXT rif=500\r\n").await,
    ];
    let evenkeel = Setup::new(&all).pool(POOL).start().await;
    let (before, _) = run(&evenkeel, 50).await;
    evenkeel.await_metrics("the first answers", |metrics| probes(metrics, "answered") >= 20.0).await;
    let (mut attempts, metrics) = run(&evenkeel, 500).await;
    attempts.iter_mut().for_each(|(name, count)| *count -= before[name]);
    let others = (attempts["a"] + attempts["b"] + attempts["c"]) / 3.0;
    assert!(attempts["busy"] * 3.0 < others, "{attempts:?}");
    assert!(probes(&metrics, "answered") > 200.0 && probes(&metrics, "failed") == 0.0);
    let connections: usize = all.iter().map(Backend::connections).sum();
    assert!(connections < 300, "{connections} connections: those of probes are kept");
}

#[tokio::test]
async fn without_answers_nothing_is_lost() {
    let all = [reporting("a", 404, "").await, reporting("b", 500, "").await];
    let evenkeel = Setup::new(&all).pool(POOL).start().await;
    let (attempts, metrics) = run(&evenkeel, 400).await;
    assert!(attempts.values().all(|&count| count >= 150.0), "{attempts:?}");
    assert!(probes(&metrics, "failed") > 100.0 && probes(&metrics, "answered") == 0.0);
}

#[tokio::test]
async fn other_strategies_ask_nobody() {
    let all = [reporting("a", 200, "").await, reporting("b", 200, "").await];
    let evenkeel = Setup::new(&all).start().await;
    let (_, metrics) = run(&evenkeel, 50).await;
    assert_eq!(metrics.get("evenkeel_pool_load_probes_total", &[]), None);
    let asked = all.iter().flat_map(Backend::received).filter(|one| one.head.target() == "/load").count();
    assert_eq!(asked, 0);
}
