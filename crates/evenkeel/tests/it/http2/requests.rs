//! One request: what a backend and a client get to see.

use evenkeel_testkit::http2::{Client, get};
use evenkeel_testkit::{Backend, Gate, Reply, until};

use super::{await_quiet, curl, h2load};
use crate::support::{Setup, backends};

#[tokio::test]
async fn a_backend_gets_http_1_1_and_the_client_http_2() {
    let backend =
        Backend::with_reply("a", Reply::with_fields(200, "X-Answer: 42\r\nConnection: x\r\n", "hello")).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let fields = ["-v", "-H", "cookie: a=1", "-H", "cookie: b=2", "-H", "TE: trailers", "-H", "X-Mine: yes"];
    let got = curl(&evenkeel, "/path?query", &fields).await;
    assert!(got.stderr.contains("< HTTP/2 200") && got.stderr.contains("< x-answer: 42"), "{}", got.stderr);
    assert!(!got.stderr.contains("< connection") && got.stdout == "hello", "{got:?}");
    let received = backend.only_request();
    let host = evenkeel.address("web").to_string();
    assert_eq!((received.head.method(), received.head.target()), ("GET", "/path?query"));
    for (name, value) in
        [("host", host.as_str()), ("cookie", "a=1; b=2"), ("x-mine", "yes"), ("via", "2.0 evenkeel")]
    {
        assert_eq!(received.head.field(name), Some(value), "{name}");
    }
    for absent in ["te", "transfer-encoding", "connection"] {
        assert_eq!(received.head.field(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn http_1_1_is_spoken_on_the_same_port() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 200);
    assert_eq!(curl(&evenkeel, "/", &[]).await.stdout, "a");
}

#[tokio::test]
async fn it_may_be_switched_off() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("http2 = false").start().await;
    let mut client = evenkeel.client("web").await;
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 505);
}

#[tokio::test]
async fn each_stream_is_balanced_by_itself() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).start().await;
    h2load(&evenkeel, 3000, &["-c", "1", "-m", "50"]).await;
    let counts: Vec<u64> = all.iter().map(Backend::requests).collect();
    assert_eq!(counts, [1000, 1000, 1000], "one connection, three backends");
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!(metrics.value("evenkeel_http2_connections_total", &[]), 1.0);
    assert_eq!(metrics.value("evenkeel_http2_streams_total", &[]), 3000.0);
}

#[tokio::test]
async fn a_hundred_requests_in_one_packet_are_all_begun() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "fine").behind(&gate)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = Client::connect(evenkeel.address("web")).await;
    let streams = || (1..200_u32).step_by(2);
    client.send(streams().map(|stream| get(stream, "/"))).await.expect("they are sent");
    // No answer, no end of a stream and no other frame helps the later ones on.
    until("all requests", async || (backend.requests() == 100).then_some(())).await;
    gate.open();
    for stream in streams() {
        assert_eq!(client.response(stream).await.expect("an answer").status(), 200);
    }
}

#[tokio::test]
async fn more_streams_than_allowed_wait_their_turn() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).listener("http2 = { streams = 4 }").start().await;
    h2load(&evenkeel, 400, &["-c", "3", "-m", "4"]).await;
    let busiest = all.iter().map(Backend::busiest).max();
    assert!(busiest <= Some(12), "{busiest:?}");
}

#[tokio::test]
async fn answers_of_our_own_are_answers_like_others() {
    let backend = Backend::start("a").await;
    let listener = "limits = { body_bytes = \"1KiB\" }";
    let evenkeel = Setup::new([&backend]).listener(listener).start().await;
    let long = "x".repeat(2000);
    let got = curl(&evenkeel, "/", &["-v", "--data-raw", &long]).await;
    assert!(
        got.stderr.contains("< HTTP/2 413") && got.stderr.contains("< proxy-status: evenkeel;"),
        "{}",
        got.stderr
    );
    assert!(got.stdout.starts_with("413 Content Too Large"), "{}", got.stdout);
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn a_head_that_is_too_long_is_refused() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("limits = { header_bytes = \"8KiB\" }").start().await;
    for length in [8_000, 40_000] {
        let long = format!("x-long: {}", "x".repeat(length));
        let got = curl(&evenkeel, "/", &["-w", "%{http_code}", "-o", "/dev/null", "-H", &long]).await;
        let expected = if length < 8_192 { "200" } else { "431" };
        assert_eq!(got.stdout, expected, "{got:?}");
    }
    assert_eq!(backend.requests(), 1);
}

#[tokio::test]
async fn responses_without_content_end_with_their_head() {
    let backend = Backend::scripted("a", |head| match head.target() {
        "/none" => Reply::raw("HTTP/1.1 204 No Content\r\n\r\n"),
        _ => Reply::raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
    })
    .await;
    let evenkeel = Setup::new([&backend]).start().await;
    let got = curl(&evenkeel, "/none", &["-v"]).await;
    assert!(got.status.success() && got.stderr.contains("< HTTP/2 204"), "{}", got.stderr);
    let got = curl(&evenkeel, "/", &["-v", "-I"]).await;
    assert!(got.status.success() && got.stdout.contains("content-length: 5"), "{got:?}");
}

#[tokio::test]
async fn the_access_log_names_the_version() {
    let backend = Backend::start("a").await;
    let log = "[log]\naccess = { path = \"access.log\", format = \"combined\" }";
    let evenkeel = Setup::new([&backend]).top(log).start().await;
    curl(&evenkeel, "/", &[]).await;
    let path = evenkeel.directory().join("access.log");
    let line =
        until("a line", async || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')));
    let line = line.await;
    assert!(line.contains("\"GET / HTTP/2.0\" 200 1 "), "{line}");
}
