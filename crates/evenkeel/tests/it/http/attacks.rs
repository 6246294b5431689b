//! What once went wrong under attack.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Head, Reply, Step, until};

use crate::support::Setup;

/// A backend that had the request and took its time over it must not get it again.
#[tokio::test]
async fn a_request_that_was_worked_on_is_not_sent_again() {
    for steps in [
        vec![Step::ReadBody, Step::Pause(Duration::from_millis(400)), Step::Close],
        vec![Step::ReadBody, Step::Send(b"HTTP/1.1 103 Early Hints\r\n\r\n".to_vec()), Step::Close],
    ] {
        let backend = Backend::scripted("a", move |head| match head.target() {
            "/work" => Reply::steps(steps.clone()),
            _ => Reply::text(200, "fine"),
        })
        .await;
        let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
        let mut client = evenkeel.client("web").await;
        client.get("h", "/").await;
        client.send("GET /work HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let mut status = client.response().await.status();
        if status == 103 {
            status = client.response().await.status();
        }
        assert_eq!(status, 502);
        let asked = backend.received().iter().filter(|request| request.head.target() == "/work").count();
        assert_eq!(asked, 1);
    }
}

/// A body that a backend sends after the answer to HEAD would be taken for its answer to the next client.
#[tokio::test]
async fn a_body_after_the_answer_to_head_reaches_nobody() {
    let answer = |head: &Head| match head.method() {
        "HEAD" => Reply::raw(b"HTTP/1.1 200 OK\r\nContent-Length: 41\r\n\r\n".to_vec())
            .then(Step::Pause(Duration::from_millis(20)))
            .then(Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad".to_vec())),
        _ => Reply::text(200, "good"),
    };
    let backend = Backend::scripted("a", answer).await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    let (mut attacker, mut victim) = (evenkeel.client("web").await, evenkeel.client("web").await);
    for _ in 0..20 {
        attacker.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
        assert_eq!(attacker.response_to("HEAD").await.status(), 200);
        assert_eq!(victim.get("h", "/").await.text(), "good");
    }
}

/// A backend may accept a request before it has read it whole, and is to get the rest.
#[tokio::test]
async fn an_early_success_does_not_cut_the_upload() {
    let early = Reply::steps([
        Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec()),
        Step::ReadBody,
    ]);
    let backend = Backend::with_reply("a", early).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n").await;
    assert_eq!(client.response_to("POST").await.text(), "ok");
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..300 {
        client.send([b'x'; 1000]).await;
    }
    client.expect_close().await;
    // The backend was at work, and the request under way, until the last byte had been passed on.
    let metrics = evenkeel.metrics().await;
    for name in ["evenkeel_request_duration_seconds_sum", "evenkeel_backend_busy_seconds_total"] {
        let seconds = metrics.value(name, &[("pool", "web")]);
        assert!(seconds >= 0.3, "{name} {seconds}");
    }
    let read =
        until("the whole body", async || backend.received().pop().filter(|request| request.whole)).await;
    assert_eq!(read.body.len(), 300_000);
}

/// Many app servers cannot tell these names from the proper ones.
#[tokio::test]
async fn underscore_names_cannot_pose_as_what_the_balancer_says() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    let fields = "X_Forwarded_For: 6.6.6.6\r\nx_real_ip: 6.6.6.6\r\nContent_Length: 5\r\nApi_Key: mine\r\n";
    client.send(format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")).await;
    assert_eq!(client.response().await.status(), 200);
    let head = backend.only_request().head;
    assert_eq!(head.field("api_key"), Some("mine"));
    for name in ["x_forwarded_for", "x_real_ip", "content_length"] {
        assert_eq!(head.field(name), None, "{name}");
    }
}

/// One more request on the way when the balancer closes must not cost the end of the response before it.
#[tokio::test]
async fn a_pipelined_request_does_not_cut_the_last_response() {
    let backend = Backend::with_reply("a", Reply::pattern(2_000_000)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    for _ in 0..5 {
        let mut client = evenkeel.client("web").await;
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        assert_eq!(client.try_head().await.expect("a head").status().expect("a status"), 200);
        // The body is still on its way: this arrives where nobody will read it.
        client.send("GET /more HTTP/1.1\r\nHost: h\r\n\r\n").await;
        let body = client.read_to_close().await.expect("closed, not reset");
        assert_eq!(body.len(), 2_000_000);
    }
}

/// Looking up the route of a long path must not cost the square of its length.
#[tokio::test]
async fn long_paths_are_cheap() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    let path = "/a".repeat(8_000);
    client.get("h", &path).await;
    let cpu = || async { evenkeel.metrics().await.value("process_cpu_seconds_total", &[]) };
    let (before, started) = (cpu().await, Instant::now());
    for _ in 0..100 {
        assert_eq!(client.get("h", &path).await.status(), 200);
    }
    // The square cost 13 ms of an optimised build each, far more of this one.
    let spent = cpu().await - before;
    assert!(spent < 1.0, "{spent} s of CPU for 100 requests in {:?}", started.elapsed());
}
