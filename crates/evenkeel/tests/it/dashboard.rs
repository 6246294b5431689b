//! Every query of the shipped dashboard, asked of a real Prometheus that scrapes a real Evenkeel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use evenkeel_testkit::{Backend, Json, Reply, until, until_within};

use crate::diagnose::{Traffic, after};
use crate::prometheus::Prometheus;
use crate::support::{Setup, backends};

/// Ticks of a second, scrapes and what is usual are waited for.
const LONG: Duration = Duration::from_secs(90);

fn dashboard() -> Json {
    include_str!("../../../../deploy/grafana/evenkeel.json").parse().expect("JSON")
}

/// Panels and rows, in order.
fn panels(dashboard: &Json) -> &Vec<Json> {
    dashboard["panels"].as_array().expect("panels")
}

/// Everything that is asked, and where: of panels, of annotations, of variables.
fn queries(dashboard: &Json) -> Vec<(String, String)> {
    let text = |json: &Json| json.as_str().expect("text").to_owned();
    let list = |json: &Json| json.as_array().cloned().unwrap_or_default();
    let mut queries = Vec::new();
    for panel in panels(dashboard) {
        let targets = list(&panel["targets"]);
        queries.extend(targets.iter().map(|target| (text(&panel["title"]), text(&target["expr"]))));
    }
    let marks = list(&dashboard["annotations"]["list"]);
    queries.extend(marks.iter().map(|mark| (text(&mark["name"]), text(&mark["expr"]))));
    for variable in list(&dashboard["templating"]["list"]) {
        if let Some(of) = variable["definition"].as_str() {
            let series = of.strip_prefix("label_values(").and_then(|of| of.rsplit_once(", "));
            let series = series.unwrap_or_else(|| panic!("not the values of a label: {of}")).0;
            queries.push((format!("variable {}", variable["name"]), series.to_owned()));
        }
    }
    queries
}

/// As Grafana asks it, with everything chosen.
fn filled_in(query: &str) -> String {
    let filled = query.replace("$job", ".*").replace("$pool", ".*").replace("$__rate_interval", "10s");
    assert!(!filled.contains('$'), "{filled}");
    filled
}

/// Somebody who fails one request in ten, and is slow enough to have something in flight.
fn fails_sometimes(backend: &Backend) {
    let count = AtomicU64::new(0);
    backend.set_answer(move |_| match count.fetch_add(1, Ordering::Relaxed) % 10 {
        0 => Reply::text(503, "no"),
        _ => after(5),
    });
}

/// No query is excepted: the pool has a limit, so that there is a queue, and is made uneven by a reload.
#[tokio::test]
async fn every_query_has_data() {
    let all = backends(["a", "b", "c"]).await;
    all.iter().for_each(fails_sometimes);
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nqueue = { size = 10 }";
    let entries = |weights: [u32; 3]| all.iter().zip(weights).map(|(backend, weight)| backend.entry(weight));
    let evenkeel = Setup::of_entries(entries([1, 1, 1])).pool(pool).start().await;
    let prometheus = Prometheus::start(evenkeel.address("admin"));
    let traffic = Traffic::start(&evenkeel);
    until("Prometheus", async || {
        prometheus.rows("evenkeel_build_info").await.filter(|rows| !rows.is_empty())
    })
    .await;
    evenkeel.reload(&Setup::of_entries(entries([5, 1, 1])).pool(pool).text()).await;
    let mut left = queries(&dashboard());
    assert!(left.len() > 30, "{left:?}");
    // Some of it is seen for some seconds only: that something has begun.
    let all_told = until_within(LONG, "data", async || {
        let before = left.len();
        left = without_data(&prometheus, std::mem::take(&mut left)).await;
        if left.len() < before {
            println!("still without data: {left:#?}");
        }
        left.is_empty().then_some(())
    });
    all_told.await;
    traffic.end().await;
}

/// Those of them that have nothing to show.
async fn without_data(prometheus: &Prometheus, queries: Vec<(String, String)>) -> Vec<(String, String)> {
    let told = |row: &Json| row["value"][1].as_str().is_some_and(|value| value != "NaN");
    let mut without = Vec::new();
    for (place, query) in queries {
        let rows = prometheus.rows(&filled_in(&query)).await.unwrap_or_default();
        if !rows.iter().any(told) {
            without.push((place, query));
        }
    }
    without
}

/// Grafana takes what it does not understand without a word.
#[test]
fn panels_are_well_formed() {
    let dashboard = dashboard();
    let mut ids = std::collections::HashSet::new();
    let mut taken = std::collections::HashSet::new();
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{title}: its id is taken");
        let place = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
        assert!(place("x") + place("w") <= 24, "{title} is too wide");
        for x in place("x")..place("x") + place("w") {
            for y in place("y")..place("y") + place("h") {
                assert!(taken.insert((x, y)), "{title} overlaps another one");
            }
        }
        if panel["type"] != "row" {
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title}");
        }
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}
