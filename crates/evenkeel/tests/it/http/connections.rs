//! Connections on both sides: reuse, order, ends.

use evenkeel_testkit::{Backend, Framing, Reply, Step};

use crate::support::{Setup, get};

#[tokio::test]
async fn both_sides_keep_their_connection() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..20 {
        let response = client.get("h", "/").await;
        assert_eq!((response.status(), response.field("connection")), (200, None));
    }
    assert_eq!((backend.requests(), backend.connections()), (20, 1));
}

#[tokio::test]
async fn backend_connections_outlive_clients() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    for _ in 0..5 {
        evenkeel.client("web").await.get("h", "/").await;
    }
    assert_eq!((backend.requests(), backend.connections()), (5, 1));
}

#[tokio::test]
async fn backend_connections_need_not_be_kept() {
    let backend = Backend::start("a").await;
    let pool = "strategy = \"round_robin\"\nhealth = false\nkeep_alive = { idle_max = 0 }";
    let evenkeel = Setup::new([&backend]).pool(pool).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..3 {
        client.get("h", "/").await;
    }
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn a_backend_that_closes_does_not_close_the_client() {
    let reply = Reply::with_fields(200, "Connection: close\r\n", "ok").then(Step::Close);
    let backend = Backend::with_reply("a", reply).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..3 {
        let response = client.get("h", "/").await;
        assert_eq!((response.status(), response.field("connection")), (200, None));
    }
    assert_eq!(backend.connections(), 3);
}

#[tokio::test]
async fn a_client_that_asks_to_close_is_closed() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    for _ in 0..2 {
        let mut client = evenkeel.client("web").await;
        client.send("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
        let response = client.response().await;
        assert_eq!((response.status(), response.field("connection")), (200, Some("close")));
        client.expect_close().await;
    }
    assert_eq!(backend.connections(), 1, "that is between the client and us");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let backend = Backend::scripted("a", |head| Reply::text(200, head.target())).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    let mut requests: String = (1..=4).map(|number| get(&format!("/{number}"))).collect();
    requests.push_str("POST /5 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    requests.push_str("POST /6 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    requests.push_str(&get("/7"));
    client.send(requests).await;
    for number in 1..=7 {
        assert_eq!(client.response().await.text(), format!("/{number}"));
    }
    let bodies: Vec<_> = backend.received().into_iter().map(|request| request.body).collect();
    assert_eq!(bodies[4..], [b"abc".to_vec(), b"x".to_vec(), Vec::new()]);
}

#[tokio::test]
async fn a_client_that_has_said_everything_gets_its_answer() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    for request in [get("/"), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi".to_owned()] {
        let mut client = evenkeel.client("web").await;
        client.send(&request).await;
        client.finish_sending().await;
        let response = client.response().await;
        assert_eq!((response.status(), response.text().as_str()), (200, "a"), "{request:?}");
        client.expect_close().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_mid_body_is_not_taken_for_done() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    for request in [
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let mut client = evenkeel.client("web").await;
        client.send(request).await;
        client.finish_sending().await;
        // Whatever the client hears, it is not success.
        if let Ok(response) = client.try_response("POST").await {
            assert!(response.status() >= 400, "{}", response.status());
        }
    }
    assert!(backend.received().iter().all(|request| !request.whole));
}

#[tokio::test]
async fn an_old_client_gets_no_chunks() {
    let chunked =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\nX-T: 1\r\n\r\n";
    let backend = Backend::with_reply("a", Reply::raw(chunked)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("GET / HTTP/1.0\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.framing, response.text().as_str()), (Framing::UntilClose, "abcdef"));
    assert!(response.head.start.starts_with("HTTP/1.1 200"), "an intermediary sends its own version");
    let request = backend.only_request();
    assert_eq!(request.head.start, "GET / HTTP/1.1");
    assert_eq!(request.head.all("host").len(), 1, "HTTP/1.1 needs one");
}

#[tokio::test]
async fn an_old_client_is_closed_unless_it_asks_otherwise() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n").await;
    let kept = client.response().await;
    assert!(kept.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")));
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n").await;
    assert_eq!(client.response().await.text(), "a");
    client.expect_close().await;
}

#[tokio::test]
async fn an_empty_line_before_a_request_is_ignored() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    // RFC 9112 section 2.2: robust servers ignore at least one.
    for _ in 0..2 {
        client.send(format!("\r\n{}", get("/"))).await;
        assert_eq!(client.response().await.status(), 200);
    }
}

#[tokio::test]
async fn idle_clients_are_closed_in_time() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("timeouts = { keep_alive = \"200ms\" }").start().await;
    let mut client = evenkeel.client("web").await;
    client.get("h", "/").await;
    client.expect_close().await;
}
