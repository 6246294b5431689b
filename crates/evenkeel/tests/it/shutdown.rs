//! Leaving: lame, draining, closed.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Client, Evenkeel, Gate, Json, Reply, Signal, Step, until};

use crate::support::{Setup, get};

/// A backend that holds its answer, Evenkeel with `runtime` in front, and a client with a request under way.
async fn with_request_under_way(runtime: &str, gate: &Gate) -> (Backend, Evenkeel, Client) {
    let backend = Backend::with_reply("a", Reply::named("a", "whole").behind(gate)).await;
    let evenkeel = Setup::new([&backend]).runtime(&format!("workers = 2\n{runtime}")).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    (backend, evenkeel, client)
}

async fn until_refused(evenkeel: &Evenkeel) {
    let address = evenkeel.address("web");
    until("closed listeners", async || Client::try_connect(address).await.is_err().then_some(())).await;
}

/// The event that tells how the shutdown went.
fn report(evenkeel: &Evenkeel) -> Json {
    let report = evenkeel.log().into_iter().rev().find(|event| event.get("cut").is_some());
    report.unwrap_or_else(|| panic!("no report of the shutdown in the log:\n{}", evenkeel.log_text()))
}

#[tokio::test]
async fn responses_under_way_end_in_good_order() {
    let gate = Gate::new();
    let (_backend, mut evenkeel, mut client) = with_request_under_way("drain_timeout = \"30s\"", &gate).await;
    let mut idle = evenkeel.client("web").await;
    evenkeel.signal(Signal::TERM);
    until_refused(&evenkeel).await;
    idle.expect_close().await;
    gate.open();
    let response = client.response().await;
    assert_eq!((response.text().as_str(), response.field("connection")), ("whole", Some("close")));
    client.expect_close().await;
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    let report = report(&evenkeel);
    assert_eq!((report["finished"].as_u64(), report["cut"].as_u64()), (Some(1), Some(0)), "{report}");
}

#[tokio::test]
async fn the_deadline_cuts_and_counts() {
    let gate = Gate::new();
    let (_backend, mut evenkeel, mut client) =
        with_request_under_way("drain_timeout = \"300ms\"", &gate).await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    assert!(started.elapsed() >= Duration::from_millis(300), "not before the deadline");
    assert_eq!(report(&evenkeel)["cut"].as_u64(), Some(1));
    if let Ok(response) = client.try_response("GET").await {
        assert_eq!(response.status(), 503, "a cut request was not served");
    }
}

#[tokio::test]
async fn readiness_goes_red_first() {
    let backend = Backend::start("a").await;
    let runtime = "workers = 2\nlame_duration = \"2s\"\ndrain_timeout = \"5s\"";
    let mut evenkeel = Setup::new([&backend]).runtime(runtime).start().await;
    let ready = evenkeel.admin("/readyz").await;
    assert_eq!(ready.status(), 200, "{}", ready.text());
    let mut open = evenkeel.client("web").await;
    open.get("h", "/").await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    until("red readiness", async || (evenkeel.admin("/readyz").await.status() == 503).then_some(())).await;
    // Whoever balances over several of us has not noticed yet, and still sends.
    let mut late = evenkeel.client("web").await;
    assert_eq!(late.get("h", "/").await.status(), 200);
    assert_eq!(open.get("h", "/").await.status(), 200);
    assert!(started.elapsed() < Duration::from_secs(2), "this was to happen while lame");
    assert_eq!(evenkeel.admin("/healthz").await.status(), 200, "it lives");
    evenkeel.await_exit(Duration::from_secs(15)).await;
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_second_signal_cuts_at_once() {
    let gate = Gate::new();
    let (_backend, mut evenkeel, _client) = with_request_under_way("drain_timeout = \"120s\"", &gate).await;
    evenkeel.signal(Signal::TERM);
    until_refused(&evenkeel).await;
    evenkeel.signal(Signal::TERM);
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    assert_eq!(report(&evenkeel)["cut"].as_u64(), Some(1));
}

#[tokio::test]
async fn an_interrupt_ends_it_too() {
    let backend = Backend::start("a").await;
    let mut evenkeel = Setup::new([&backend]).start().await;
    evenkeel.client("web").await.get("h", "/").await;
    evenkeel.signal(Signal::INT);
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn an_upload_under_way_ends_in_good_order() {
    let backend = Backend::start("a").await;
    let mut evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nfirst").await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    evenkeel.signal(Signal::TERM);
    until_refused(&evenkeel).await;
    client.send("other").await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(backend.only_request().body, b"firstother");
}

#[tokio::test]
async fn checks_of_backends_do_not_hold_it_up() {
    let backend = Backend::start("a").await;
    let pool = "health = { path = \"/healthz\", interval = \"3s\", timeout = \"3s\" }";
    let mut evenkeel = Setup::new([&backend]).pool(pool).start().await;
    evenkeel.await_eligible("web", 1).await;
    let seen = backend.checks();
    backend.set_health(Reply::steps([Step::Hang]));
    until("a check under way", async || (backend.checks() > seen).then_some(())).await;
    evenkeel.signal(Signal::TERM);
    let status = evenkeel.await_exit(Duration::from_secs(2)).await;
    assert_eq!(status.code(), Some(0));
}
