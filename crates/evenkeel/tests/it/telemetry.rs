//! Metrics: complete from the first scrape on, named as documented, and true.

use std::io::Write as _;
use std::process::{Command, Stdio};

use evenkeel_testkit::{Backend, Gate, Load, Metrics, Reply, until};

use crate::support::{Setup, backends, get};

/// Counters of a backend, each with the label that splits it.
const BACKEND_COUNTERS: &[(&str, Option<&str>)] = &[
    ("evenkeel_backend_attempts_total", Some("reason")),
    ("evenkeel_backend_errors_total", Some("class")),
    ("evenkeel_backend_bytes_total", Some("direction")),
    ("evenkeel_backend_busy_seconds_total", None),
    ("evenkeel_backend_in_flight", None),
];

#[tokio::test]
async fn every_series_is_there_from_the_first_scrape() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let first = evenkeel.metrics().await;
    for backend in &all {
        let labels = [("pool", "web"), ("backend", backend.name())];
        for (name, _) in BACKEND_COUNTERS {
            assert_eq!(first.value(name, &labels), 0.0, "{name} of {}", backend.name());
        }
        for kind in ["intent", "plan", "requests"] {
            first.value("evenkeel_share", &[("backend", backend.name()), ("kind", kind)]);
        }
    }
    Load::new(evenkeel.address("web"), 2).run(30).await.assert_all_ok();
    let then = evenkeel.metrics().await;
    // A series that appears only when something happens is missed by rate() the first time, when it matters.
    for (name, label) in BACKEND_COUNTERS {
        let Some(label) = label else { continue };
        let (before, after) = (first.by(name, &[], label), then.by(name, &[], label));
        assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{name}");
        assert!(before.len() >= 2, "{name} has {before:?}");
    }
}

#[tokio::test]
async fn names_are_those_of_the_handbook() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let metrics = evenkeel.metrics().await;
    for (name, labels) in [
        ("evenkeel_backend_attempts_total", [("reason", "algorithm")].as_slice()),
        ("evenkeel_backend_attempts_total", &[("reason", "retry")]),
        ("evenkeel_backend_attempts_total", &[("reason", "panic")]),
        ("evenkeel_backend_attempts_total", &[("reason", "only_choice")]),
        ("evenkeel_backend_bytes_total", &[("direction", "sent")]),
        ("evenkeel_backend_bytes_total", &[("direction", "received")]),
        ("evenkeel_share", &[("kind", "intent")]),
        ("evenkeel_share", &[("kind", "plan")]),
        ("evenkeel_pool_mode", &[("mode", "normal")]),
        ("evenkeel_request_duration_seconds_count", &[("pool", "web")]),
        ("evenkeel_request_duration_seconds_sum", &[("pool", "web")]),
        ("evenkeel_request_duration_seconds_bucket", &[("pool", "web"), ("le", "+Inf")]),
        ("evenkeel_config_generation", &[]),
        ("evenkeel_config_reload_total", &[("result", "refused")]),
        ("evenkeel_connections_open", &[("listener", "web")]),
        ("process_resident_memory_bytes", &[]),
    ] {
        metrics.value(name, labels);
    }
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).start().await;
    Load::new(evenkeel.address("web"), 2).run(20).await.assert_all_ok();
    let response = evenkeel.admin("/metrics").await;
    let kind = response.field("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool (`cargo xtask test` installs it)");
    promtool.stdin.take().expect("a pipe").write_all(&response.body).expect("promtool reads");
    let done = promtool.wait_with_output().expect("promtool ends");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success() && said.trim().is_empty(), "{said}");
}

#[tokio::test]
async fn in_flight_is_what_is_under_way() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::text(200, "late").behind(&gate)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let in_flight = |metrics: &Metrics| metrics.value("evenkeel_backend_in_flight", &[("backend", "a")]);
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = evenkeel.client("web").await;
        client.send(get("/")).await;
        clients.push(client);
    }
    until("three requests", async || (backend.requests() == 3).then_some(())).await;
    assert_eq!(in_flight(&evenkeel.metrics().await), 3.0);
    // One client loses patience.
    clients.pop();
    evenkeel
        .await_metrics("the end of a request that nobody waits for", |metrics| in_flight(metrics) <= 3.0)
        .await;
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response().await.text(), "late");
    }
    let metrics = evenkeel.await_metrics("no request", |metrics| in_flight(metrics) == 0.0).await;
    assert_eq!(metrics.value("evenkeel_backend_attempts_total", &[("backend", "a")]), 3.0);
    assert!(metrics.value("evenkeel_backend_busy_seconds_total", &[("backend", "a")]) > 0.0);
}

#[tokio::test]
async fn bytes_are_those_of_the_content() {
    let backend = Backend::with_reply("a", Reply::pattern(500)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client
        .send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000)))
        .await;
    assert_eq!(client.response_to("POST").await.digest.length, 500);
    client
        .send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
        .await;
    client.response_to("POST").await;
    let value = |metrics: &Metrics, direction| {
        metrics.value("evenkeel_backend_bytes_total", &[("direction", direction)])
    };
    // Counted at the end of a request, which the client may see a moment earlier.
    let settled =
        |metrics: &Metrics| (value(metrics, "sent"), value(metrics, "received")) == (1003.0, 1000.0);
    evenkeel.await_metrics("1003 bytes sent, 1000 received", settled).await;
}

#[tokio::test]
async fn requests_count_by_class_and_listener() {
    let backend = Backend::scripted("a", |head| match head.target() {
        "/404" => Reply::text(404, ""),
        "/500" => Reply::text(500, ""),
        _ => Reply::text(200, ""),
    })
    .await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for path in ["/", "/", "/404", "/500"] {
        client.get("h", path).await;
    }
    client.send("nonsense\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 400);
    let counted = evenkeel
        .await_metrics("five requests", |metrics| {
            metrics.get("evenkeel_requests_total", &[("listener", "web")]) == Some(5.0)
        })
        .await;
    let classes = counted.by("evenkeel_requests_total", &[("listener", "web")], "class");
    assert_eq!((classes["2xx"], classes["4xx"], classes["5xx"]), (2.0, 2.0, 1.0), "{classes:?}");
    assert_eq!(counted.value("evenkeel_request_duration_seconds_count", &[("pool", "web")]), 4.0);
    assert_eq!(
        counted.value("evenkeel_backend_errors_total", &[("backend", "a")]),
        1.0,
        "a 404 is no failure"
    );
}

#[tokio::test]
async fn connections_are_counted_and_let_go() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(evenkeel.client("web").await);
    }
    let open = |count: f64| {
        move |metrics: &Metrics| {
            metrics.get("evenkeel_connections_open", &[("listener", "web")]) == Some(count)
        }
    };
    evenkeel.await_metrics("ten open connections", open(10.0)).await;
    drop(clients);
    let metrics = evenkeel.await_metrics("no open connection", open(0.0)).await;
    assert_eq!(metrics.value("evenkeel_connections_total", &[("listener", "web")]), 10.0);
}

#[tokio::test]
async fn the_admin_listener_only_answers_questions() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    assert_eq!(evenkeel.admin("/healthz").await.status(), 200);
    assert_eq!(evenkeel.admin("/readyz").await.status(), 200);
    assert_eq!(evenkeel.admin("/no-such-thing").await.status(), 404);
    for path in ["/pools", "/config", "/generation"] {
        assert_eq!(evenkeel.admin_json(path).await["schema"], 1, "{path}");
    }
    let mut client = evenkeel.client("admin").await;
    client.send("POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").await;
    let refused = client.response_to("POST").await;
    assert_eq!((refused.status(), refused.field("allow").is_some()), (405, true));
    // A page from elsewhere that a browser was made to send here under a name of its own.
    let rebound = evenkeel.client("admin").await.get("evil.example", "/pools").await;
    assert_eq!(rebound.status(), 403);
}
