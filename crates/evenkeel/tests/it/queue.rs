//! Limits, and the line of those who wait for room.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Capacity, Client, Evenkeel, Gate, Load, Metrics, Reply, Signal, until};

use crate::support::{Setup, attempts, get_with};

fn pool(queue: &str) -> String {
    format!("strategy = \"least_request\"\nhealth = false\npassive = false\nqueue = {queue}")
}

fn waiting(metrics: &Metrics) -> f64 {
    metrics.value("evenkeel_pool_queue_length", &[("pool", "web")])
}

fn refused(metrics: &Metrics, why: &str) -> f64 {
    metrics.value("evenkeel_pool_queue_refused_total", &[("pool", "web"), ("why", why)])
}

async fn await_waiting(evenkeel: &Evenkeel, count: f64) {
    evenkeel.await_metrics(&format!("{count} that wait"), |metrics| waiting(metrics) == count).await;
}

/// A backend that answers nobody before the gate is open, limited to one request.
async fn gated() -> (Backend, Gate, String) {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "late").behind(&gate)).await;
    let entry = backend.entry_with("max_in_flight = 1");
    (backend, gate, entry)
}

async fn send(evenkeel: &Evenkeel, path: &str, fields: &str) -> Client {
    let mut client = evenkeel.client("web").await;
    client.send(get_with(path, fields)).await;
    client
}

#[tokio::test]
async fn limits_hold_and_everybody_is_served() {
    let capacity = || Capacity { concurrency: 10, service: Duration::from_millis(5) };
    let all = [Backend::with_capacity("a", capacity()).await, Backend::with_capacity("b", capacity()).await];
    let entries = all.iter().map(|backend| backend.entry_with("max_in_flight = 2"));
    let evenkeel = Setup::of_entries(entries).pool(&pool("{ size = 100, timeout = \"20s\" }")).start().await;
    Load::new(evenkeel.address("web"), 20).run(600).await.assert_all_ok();
    for backend in &all {
        assert_eq!(backend.busiest(), 2, "{}", backend.name());
    }
    let metrics = evenkeel.await_metrics("an empty line", |metrics| waiting(metrics) == 0.0).await;
    assert!(metrics.value("evenkeel_pool_queue_wait_seconds_count", &[("pool", "web")]) >= 400.0);
    assert!(metrics.value("evenkeel_pool_queue_wait_seconds_sum", &[("pool", "web")]) > 1.0);
    for why in ["overflow", "timeout", "left"] {
        assert_eq!(refused(&metrics, why), 0.0, "{why}");
    }
    for backend in ["a", "b"] {
        let limit = metrics.value("evenkeel_backend_max_in_flight", &[("pool", "web"), ("backend", backend)]);
        assert_eq!(limit, 2.0);
    }
}

#[tokio::test]
async fn without_a_queue_the_limit_is_said_at_once() {
    let (backend, gate, entry) = gated().await;
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries([entry]).pool(pool).start().await;
    let mut first = send(&evenkeel, "/", "").await;
    until("the first request", async || (backend.requests() == 1).then_some(())).await;
    let response = send(&evenkeel, "/", "").await.response().await;
    assert_eq!(response.status(), 503);
    let status = response.field("proxy-status").unwrap_or_default();
    assert!(status.contains("error=connection_limit_reached"), "{status}");
    gate.open();
    assert_eq!(first.response().await.status(), 200);
    assert_eq!((refused(&evenkeel.metrics().await, "overflow"), backend.requests()), (1.0, 1));
}

#[tokio::test]
async fn a_full_line_and_one_that_takes_too_long_are_told_apart() {
    let (backend, gate, entry) = gated().await;
    let pool = pool("{ size = 1, timeout = \"300ms\" }");
    let access = "[log]\naccess = { path = \"access.log\", format = \"json\" }";
    let evenkeel = Setup::of_entries([entry]).pool(&pool).top(access).start().await;
    let mut first = send(&evenkeel, "/first", "").await;
    until("the first request", async || (backend.requests() == 1).then_some(())).await;
    let started = Instant::now();
    let mut late = send(&evenkeel, "/late", "").await;
    await_waiting(&evenkeel, 1.0).await;
    assert_eq!(send(&evenkeel, "/too-many", "").await.response().await.status(), 503);
    assert_eq!(late.response().await.status(), 503);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(300) && waited < Duration::from_secs(5), "{waited:?}");
    // Its connection is sound: it has only waited.
    late.send(get_with("/again", "")).await;
    await_waiting(&evenkeel, 1.0).await;
    gate.open();
    assert_eq!((first.response().await.status(), late.response().await.status()), (200, 200));
    let metrics = evenkeel.metrics().await;
    assert_eq!((refused(&metrics, "overflow"), refused(&metrics, "timeout")), (1.0, 1.0));
    assert_eq!(metrics.value("evenkeel_pool_queue_wait_seconds_count", &[]), 1.0);
    let path = evenkeel.directory().join("access.log");
    let line = async |of: &str, error: &str| {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        text.lines().any(|line| line.contains(of) && line.contains(&format!("\"{error}\""))).then_some(())
    };
    until("a line on who did not fit", async || line("/too-many", "queue_full").await).await;
    until("a line on who waited too long", async || line("/late", "queue_timeout").await).await;
}

/// Its turn comes just as its backend has died, so that it must wait for the other: that is still the same wait.
#[tokio::test]
async fn a_retry_does_not_wait_anew() {
    let (backend, gate, entry) = gated().await;
    let dying = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dying_entry =
        format!("{{ name = \"dying\", address = \"{}\", max_in_flight = 1 }}", dying.local_addr().unwrap());
    let setup = Setup::of_entries([entry, dying_entry]).pool(&pool("{ size = 10, timeout = \"2s\" }"));
    let evenkeel = setup.start().await;
    let mut first = [send(&evenkeel, "/1", "").await, send(&evenkeel, "/2", "").await];
    until("one on the one", async || (backend.requests() == 1).then_some(())).await;
    let (connection, _) = dying.accept().await.unwrap();
    let started = Instant::now();
    let mut late = send(&evenkeel, "/late", "").await;
    await_waiting(&evenkeel, 1.0).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    drop((dying, connection));
    assert_eq!(late.response().await.status(), 503);
    let waited = started.elapsed();
    assert!(waited >= Duration::from_millis(1900) && waited < Duration::from_secs(3), "{waited:?}");
    let metrics = evenkeel.metrics().await;
    assert_eq!(refused(&metrics, "timeout"), 1.0);
    assert_eq!(metrics.value("evenkeel_pool_queue_wait_seconds_count", &[]), 0.0, "nobody was served");
    gate.open();
    let mut statuses = [first[0].response().await.status(), first[1].response().await.status()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 502]);
}

#[tokio::test]
async fn the_higher_priority_goes_first() {
    let (backend, gate, entry) = gated().await;
    let pool = pool("{ size = 10, timeout = \"20s\", priority = \"X-Priority\" }");
    let evenkeel = Setup::of_entries([entry]).pool(&pool).start().await;
    let mut clients = vec![send(&evenkeel, "/first", "").await];
    until("the first request", async || (backend.requests() == 1).then_some(())).await;
    let line = [
        ("/usual", ""),
        ("/last", "X-Priority: 0\r\n"),
        ("/high", "X-Priority: 9\r\n"),
        ("/nonsense", "X-Priority: at once\r\n"),
        ("/high-too", "X-Priority: 9\r\n"),
    ];
    for (index, (path, fields)) in line.into_iter().enumerate() {
        clients.push(send(&evenkeel, path, fields).await);
        await_waiting(&evenkeel, 1.0 + index as f64).await;
    }
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status(), 200);
    }
    let order: Vec<String> = backend.received().iter().map(|one| one.head.target().to_owned()).collect();
    assert_eq!(order, ["/first", "/high", "/high-too", "/usual", "/nonsense", "/last"]);
}

#[tokio::test]
async fn whoever_leaves_makes_room() {
    let (backend, gate, entry) = gated().await;
    let evenkeel = Setup::of_entries([entry]).pool(&pool("{ size = 1, timeout = \"20s\" }")).start().await;
    let mut first = send(&evenkeel, "/", "").await;
    until("the first request", async || (backend.requests() == 1).then_some(())).await;
    let leaving = send(&evenkeel, "/leaving", "").await;
    await_waiting(&evenkeel, 1.0).await;
    drop(leaving);
    await_waiting(&evenkeel, 0.0).await;
    let mut patient = send(&evenkeel, "/patient", "").await;
    await_waiting(&evenkeel, 1.0).await;
    gate.open();
    assert_eq!((first.response().await.status(), patient.response().await.status()), (200, 200));
    assert_eq!((refused(&evenkeel.metrics().await, "left"), backend.requests()), (1.0, 2));
}

#[tokio::test]
async fn a_shutdown_waits_for_nobody_in_the_line() {
    let (backend, gate, entry) = gated().await;
    let evenkeel = Setup::of_entries([entry])
        .pool(&pool("{ size = 10, timeout = \"60s\" }"))
        .runtime("workers = 2\nlame_duration = \"0s\"\ndrain_timeout = \"60s\"");
    let mut evenkeel = evenkeel.start().await;
    let mut first = send(&evenkeel, "/", "").await;
    until("the first request", async || (backend.requests() == 1).then_some(())).await;
    let mut line = [send(&evenkeel, "/1", "").await, send(&evenkeel, "/2", "").await];
    await_waiting(&evenkeel, 2.0).await;
    evenkeel.signal(Signal::TERM);
    for client in &mut line {
        let response = client.response().await;
        assert_eq!((response.status(), response.field("connection")), (503, Some("close")));
    }
    gate.open();
    assert_eq!(first.response().await.status(), 200, "what a backend has begun is ended");
    assert!(evenkeel.await_exit(Duration::from_secs(10)).await.success());
}

#[tokio::test]
async fn a_reload_that_makes_room_is_noticed() {
    let (backend, gate, entry) = gated().await;
    let setup = |entry: String| Setup::of_entries([entry]).pool(&pool("{ size = 10, timeout = \"20s\" }"));
    let evenkeel = setup(entry).start().await;
    let mut clients = Vec::new();
    for path in ["/1", "/2", "/3"] {
        clients.push(send(&evenkeel, path, "").await);
    }
    await_waiting(&evenkeel, 2.0).await;
    evenkeel.reload(&setup(backend.entry_with("max_in_flight = 3")).text()).await;
    until("all three", async || (backend.requests() == 3).then_some(())).await;
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status(), 200);
    }
}

#[tokio::test]
async fn the_preferred_backend_at_its_limit_spills() {
    let gate = Gate::new();
    let reply = |name: &str| Reply::named(name, "late").behind(&gate);
    let small = Backend::with_reply("small", reply("small")).await;
    let large = Backend::with_reply("large", reply("large")).await;
    let entries = [small.entry_with("max_in_flight = 1"), large.entry_with("weight = 1")];
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries(entries).pool(pool).start().await;
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(send(&evenkeel, "/", "").await);
    }
    until("all six", async || (small.requests() + large.requests() == 6).then_some(())).await;
    assert_eq!((small.requests(), large.requests()), (1, 5));
    assert_eq!(attempts(&evenkeel, "spill").await, 2.0, "of six turns three were the small one's");
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.status(), 200);
    }
}
