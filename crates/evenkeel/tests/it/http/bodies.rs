//! Framing of bodies, both ways.

use std::time::Duration;

use evenkeel_testkit::{Backend, Framing, Gate, Reply, Step, until};

use crate::support::{Setup, get};

#[tokio::test]
async fn a_request_body_with_a_length() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Type: t/p\r\n\r\nhello").await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    let request = backend.only_request();
    assert_eq!(request.head.request_framing().unwrap(), Framing::Length(5));
    assert_eq!((request.body.as_slice(), request.whole), (&b"hello"[..], true));
}

#[tokio::test]
async fn a_chunked_request_with_trailers() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    let head = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n";
    client.send(format!("{head}3;ext=\"v\"\r\nabc\r\n0A\r\n0123456789\r\n000\r\nX-Sum: 13\r\n\r\n")).await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    let request = backend.only_request();
    assert_eq!(request.head.request_framing().unwrap(), Framing::Chunked);
    assert_eq!(request.body, b"abc0123456789");
    assert_eq!(request.trailers, [("X-Sum".to_owned(), "13".to_owned())]);
    assert!(request.whole);
    // The connection is in step: another request follows.
    assert_eq!(client.get("h", "/").await.status(), 200);
}

#[tokio::test]
async fn a_chunked_response_with_trailers() {
    let raw = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
               5\r\nhello\r\n1\r\n!\r\n0\r\nX-Sum: 6\r\n\r\n";
    let backend = Backend::with_reply("a", Reply::raw(raw)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        let response = client.get("h", "/").await;
        assert_eq!((response.framing, response.text().as_str()), (Framing::Chunked, "hello!"));
        assert_eq!(response.trailers, [("X-Sum".to_owned(), "6".to_owned())]);
    }
    assert_eq!(backend.open_connections(), 1, "the backend connection is in step, too");
}

#[tokio::test]
async fn chunks_are_passed_on_as_they_come() {
    let gate = Gate::new();
    let first = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".to_vec();
    let steps = [
        Step::ReadBody,
        Step::Send(first),
        Step::Pass(gate.clone()),
        Step::Send(b"6\r\nsecond\r\n0\r\n\r\n".to_vec()),
    ];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    let mut seen = Vec::new();
    while !seen.windows(5).any(|window| window == b"first") {
        seen.extend(client.read_some(4096).await.expect("the first chunk comes before the second"));
    }
    gate.open();
    while !seen.ends_with(b"0\r\n\r\n") {
        seen.extend(client.read_some(4096).await.expect("the second chunk comes"));
    }
}

#[tokio::test]
async fn request_bytes_are_passed_on_as_they_come() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nfirst").await;
    until("the first half", async || {
        backend.received().first().filter(|request| request.body == b"first").map(|_| ())
    })
    .await;
    client.send("other").await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    assert_eq!(backend.only_request().body, b"firstother");
}

#[tokio::test]
async fn a_response_that_ends_with_the_connection() {
    let steps = [Step::ReadBody, Step::Send(b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec()), Step::Close];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        let response = client.get("h", "/").await;
        assert_eq!((response.framing, response.text().as_str()), (Framing::Chunked, "to the end"));
    }
    assert_eq!(backend.connections(), 2);
}

#[tokio::test]
async fn a_response_from_an_old_server() {
    let steps = [
        Step::ReadBody,
        Step::Send(b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nold".to_vec()),
        Step::Close,
    ];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        let response = client.get("h", "/").await;
        assert!(response.head.start.starts_with("HTTP/1.1 200"), "an intermediary sends its own version");
        assert_eq!(response.text(), "old");
    }
}

#[tokio::test]
async fn responses_without_a_body() {
    let backend = Backend::scripted("a", |head| match head.target() {
        "/204" => Reply::raw("HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n"),
        "/304" => Reply::raw("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"e\"\r\n\r\n"),
        "/head" if head.method() == "HEAD" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        "/head-chunked" if head.method() == "HEAD" => {
            Reply::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        }
        "/empty" => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        _ => Reply::text(200, "body"),
    })
    .await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for (method, path, status) in [
        ("GET", "/204", 204),
        ("GET", "/304", 304),
        ("HEAD", "/head", 200),
        ("HEAD", "/head-chunked", 200),
        ("GET", "/empty", 200),
        ("GET", "/", 200),
    ] {
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        let response = client.response_to(method).await;
        assert_eq!(response.status(), status, "{method} {path}");
        assert_eq!(response.body.is_empty(), path != "/", "{method} {path}");
        match path {
            "/head" | "/304" => assert_eq!(response.field("content-length"), Some("5"), "{path}"),
            "/204" => assert_eq!(response.field("x-a"), Some("b")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn slow_drips_arrive_whole() {
    let raw = b"HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz".to_vec();
    let drip = Step::Drip(raw, 3, Duration::from_millis(5));
    let backend = Backend::with_reply("a", Reply::steps([Step::ReadBody, drip])).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for byte in
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndrip\r\n0\r\n\r\n".bytes()
    {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(client.response_to("POST").await.text(), "abcdefghijklmnopqrstuvwxyz");
    assert_eq!(backend.only_request().body, b"drip");
}
