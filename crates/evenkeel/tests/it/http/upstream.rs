//! Backends that fail.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use evenkeel_testkit::{Backend, ClosedPort, Framing, Head, Load, Metrics, Reply, Step, assert_shares};

use crate::support::{Setup, backends, counts, get};

fn closed(port: &ClosedPort, name: &str) -> String {
    format!("{{ address = \"{}\", name = \"{name}\" }}", port.address())
}

#[tokio::test]
async fn a_refused_connection_goes_to_another_backend() {
    let port = ClosedPort::new();
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = Setup::of_entries([closed(&port, "down"), a.entry(1), b.entry(1)]).start().await;
    let tally = Load::new(evenkeel.address("web"), 4).run(300).await;
    tally.assert_all_ok();
    // What it could not serve is spread over the others, not left to its neighbour.
    assert_shares(&counts([&a, &b]), &[("a", 1), ("b", 1)], 15.0);
    let metrics = evenkeel.metrics().await;
    let failed = metrics.value("evenkeel_backend_errors_total", &[("backend", "down")]);
    assert!(failed >= 75.0, "it had its turns: {failed}");
    let retries = metrics.value("evenkeel_backend_attempts_total", &[("reason", "retry")]);
    assert_eq!(retries, failed, "each failure is one retry");
    assert_eq!(metrics.value("evenkeel_backend_attempts_total", &[("pool", "web")]), 300.0 + failed);
}

#[tokio::test]
async fn everybody_refuses() {
    let (one, two) = (ClosedPort::new(), ClosedPort::new());
    let evenkeel = Setup::of_entries([closed(&one, "x"), closed(&two, "y")]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        let response = client.get("h", "/").await;
        assert_eq!(response.status(), 502);
        let reason = response.field("proxy-status").unwrap_or_default();
        assert!(reason.starts_with("evenkeel; error=connection_refused"), "{reason}");
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(
        metrics.value("evenkeel_backend_attempts_total", &[("backend", "x")]),
        2.0,
        "each is tried once"
    );
    assert_eq!(metrics.value("evenkeel_backend_attempts_total", &[("backend", "y")]), 2.0);
}

#[tokio::test]
async fn nobody_is_eligible() {
    let backend = Backend::start("a").await;
    backend.set_health(Reply::text(500, "ill"));
    let pool = "health = { path = \"/healthz\", interval = \"50ms\", fall = 1 }\npanic_threshold = 0.0";
    let evenkeel = Setup::new([&backend]).pool(pool).start().await;
    evenkeel.await_eligible("web", 0).await;
    let response = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!(response.status(), 503);
    let reason = response.field("proxy-status").unwrap_or_default();
    assert!(reason.starts_with("evenkeel; error=destination_unavailable"), "{reason}");
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn no_answer_in_time() {
    let backend = Backend::with_reply("a", Reply::steps([Step::ReadBody, Step::Hang])).await;
    let pool = "health = false\ntimeouts = { response_header = \"300ms\" }";
    let evenkeel = Setup::new([&backend]).pool(pool).start().await;
    let response = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!(response.status(), 504);
    let reason = response.field("proxy-status").unwrap_or_default();
    assert!(reason.starts_with("evenkeel; error=http_response_timeout"), "{reason}");
    assert_eq!(backend.requests(), 1, "it may have been acted on: not sent again");
}

#[tokio::test]
async fn an_answer_that_stops() {
    let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf".to_vec();
    let backend =
        Backend::with_reply("a", Reply::steps([Step::ReadBody, Step::Send(half), Step::Hang])).await;
    let pool = "health = false\ntimeouts = { response_idle = \"300ms\" }";
    let evenkeel = Setup::new([&backend]).pool(pool).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    client.try_response("GET").await.expect_err("half a response is none");
}

#[tokio::test]
async fn the_whole_request_may_be_bounded() {
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n".to_vec();
    let drip = Step::Drip(vec![b'x'; 100], 1, std::time::Duration::from_millis(100));
    let backend = Backend::with_reply("a", Reply::steps([Step::ReadBody, Step::Send(head), drip])).await;
    let evenkeel =
        Setup::new([&backend]).pool("health = false\ntimeouts = { total = \"500ms\" }").start().await;
    let mut client = evenkeel.client("web").await;
    let started = std::time::Instant::now();
    client.send(get("/")).await;
    client.try_response("GET").await.expect_err("cut in the middle");
    assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_response_cut_in_the_middle_never_looks_complete() {
    let backend = Backend::scripted("a", |head| {
        let (bytes, end) = match head.target() {
            "/length" => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Step::Close),
            "/length-reset" => ("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Step::Reset),
            "/chunks" => ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", Step::Close),
            "/trailers" => (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\nA: b\r\n",
                Step::Close,
            ),
            _ => ("HTTP/1.1 200 OK\r\n\r\nhalf", Step::Reset),
        };
        // Time for the first part to be on its way, as a reset may destroy it.
        let pause = Step::Pause(std::time::Duration::from_millis(50));
        Reply::steps([Step::ReadBody, Step::Send(bytes.into()), pause, end])
    })
    .await;
    let evenkeel = Setup::new([&backend]).start().await;
    for path in ["/length", "/length-reset", "/chunks", "/trailers", "/close-delimited-reset"] {
        for version in ["1.1", "1.0"] {
            let mut client = evenkeel.client("web").await;
            client.send(format!("GET {path} HTTP/{version}\r\nHost: h\r\n\r\n")).await;
            match client.try_response("GET").await {
                Ok(response) if response.status() == 200 => {
                    let framing = response.framing;
                    panic!("HTTP/{version} {path} looks complete ({framing:?}): {:?}", response.text());
                }
                Ok(response) => assert_eq!(response.status(), 502, "HTTP/{version} {path}"),
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset),
                        "{error}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stale_connection_is_replaced() {
    let first = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&first);
    // The first GET of /again finds a backend that had closed already, as far as anyone can tell.
    let backend = Backend::scripted("a", move |head| {
        if head.target() == "/again" && seen.swap(false, Ordering::Relaxed) {
            return Reply::steps([Step::Close]);
        }
        Reply::named("a", "fine")
    })
    .await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    let mut client = evenkeel.client("web").await;
    client.get("h", "/").await;
    let response = client.get("h", "/again").await;
    assert_eq!((response.status(), response.text().as_str()), (200, "fine"));
    assert!(!first.load(Ordering::Relaxed), "the connection was stale");
    assert_eq!(backend.connections(), 2);
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_errors_total", &[("pool", "web")]), 0.0, "nobody has failed");
}

#[tokio::test]
async fn a_connection_closed_while_idle_is_not_used() {
    let mut backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    let mut client = evenkeel.client("web").await;
    client.get("h", "/").await;
    backend.stop().await;
    backend.resume().await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi").await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    assert_eq!(backend.requests(), 2);
}

/// A POST whose bytes were sent is never sent again, whatever became of the connection.
#[tokio::test]
async fn a_post_is_not_replayed() {
    let posts = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&posts);
    let answer = move |head: &Head| {
        if head.method() == "POST" {
            count.fetch_add(1, Ordering::Relaxed);
            return Reply::steps([Step::ReadBody, Step::Close]);
        }
        Reply::text(200, "fine")
    };
    let one = Backend::scripted("a", answer.clone()).await;
    let two = Backend::scripted("b", answer).await;
    let evenkeel = Setup::new([&one, &two]).runtime("workers = 1").start().await;
    let mut client = evenkeel.client("web").await;
    // Both backends now have an idle connection.
    client.get("h", "/").await;
    client.get("h", "/").await;
    for (number, body) in ["Content-Length: 2\r\n\r\nhi", "Content-Length: 0\r\n\r\n"].into_iter().enumerate()
    {
        let mut client = evenkeel.client("web").await;
        client.send(format!("POST / HTTP/1.1\r\nHost: h\r\n{body}")).await;
        let response = client.response_to("POST").await;
        assert_eq!(response.status(), 502);
        let reason = response.field("proxy-status").unwrap_or_default();
        assert!(reason.starts_with("evenkeel; error=connection_terminated"), "{reason}");
        assert_eq!(posts.load(Ordering::Relaxed), number + 1);
    }
}

#[tokio::test]
async fn errors_of_backends_are_passed_on_as_they_are() {
    let backend = Backend::with_reply("a", Reply::with_fields(503, "X-Own: yes\r\n", "theirs")).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let response = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!((response.status(), response.text().as_str()), (503, "theirs"));
    assert_eq!((response.field("x-own"), response.framing), (Some("yes"), Framing::Length(6)));
    assert_eq!(backend.requests(), 1);
    // The attempt ends a moment after the client has seen the last byte.
    let failed = |metrics: &Metrics| metrics.value("evenkeel_backend_errors_total", &[("backend", "a")]);
    evenkeel.await_metrics("one error", |metrics| failed(metrics) == 1.0).await;
}
