//! A backend that is slower than the others, and connections that merely last long.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Json, Load, Reply, Step, until_within};

use crate::support::{Setup, backends};

/// Ticks of a second are waited for.
const LONG: Duration = Duration::from_secs(60);

fn after(millis: u64) -> Reply {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    Reply::steps([Step::Pause(Duration::from_millis(millis)), Step::Send(answer)])
}

async fn pool(evenkeel: &Evenkeel) -> Json {
    evenkeel.admin_json("/diagnose").await["pools"][0].clone()
}

/// Round robin gives it as much as the others, so that nothing but its answers shows it.
#[tokio::test]
async fn a_slow_backend_is_named_by_its_answers() {
    let all = backends(["a", "b", "c"]).await;
    all.iter().for_each(|backend| backend.set_answer(|_| after(5)));
    let evenkeel = Setup::new(&all).pool("strategy = \"round_robin\"").start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (load, stopped) = (Load::new(evenkeel.address("web"), 16), Arc::clone(&stop));
    let load = tokio::spawn(async move { load.run_until(stopped).await });
    until_within(LONG, "what is slow", async || {
        pool(&evenkeel).await["slow_above_ms"].as_f64().filter(|above| *above > 5.0)
    })
    .await;

    // How far counts spread has to be known, too: that takes ten looks.
    let looks = RefCell::new(BTreeSet::new());
    until_within(LONG, "fifteen looks", async || {
        let requests = pool(&evenkeel).await["requests"].as_u64()?;
        looks.borrow_mut().insert(requests);
        (looks.borrow().len() >= 15).then_some(())
    })
    .await;

    // Far above what a busy machine adds to the others.
    all[1].set_answer(|_| after(1_000));
    let found = until_within(LONG, "the slow one", async || {
        let pool = pool(&evenkeel).await;
        let symptoms = pool["symptoms"].as_array()?;
        symptoms.iter().find(|symptom| symptom["dimension"] == "slow").cloned()
    })
    .await;
    let is = |name: &str, value: &str| assert_eq!(found[name], value, "{found}");
    is("backend", "b");
    is("cause", "slow_backend");
    is("blame", "backend");
    is("level", "warning");
    let sentence = found["sentence"].as_str().unwrap_or_default();
    assert!(sentence.starts_with("b gives ") && sentence.contains("of the slow answers"), "{sentence}");
    let metrics = evenkeel.metrics().await;
    let labels = [("backend", "b"), ("dim", "slow"), ("cause", "slow_backend"), ("severity", "warning")];
    assert_eq!(metrics.value("evenkeel_skew_state", &labels), 1.0);
    let slow = |backend| metrics.value("evenkeel_backend_slow_total", &[("backend", backend)]);
    assert!(slow("b") >= 10.0 && slow("b") > slow("a"), "{} {}", slow("a"), slow("b"));
    for dimension in ["requests", "conformance", "groups", "errors", "slow", "in_flight", "bytes"] {
        metrics.value("evenkeel_skew_evidence", &[("dim", dimension)]);
    }
    stop.store(true, Ordering::Relaxed);
    load.await.expect("it ran").assert_all_ok();
}
