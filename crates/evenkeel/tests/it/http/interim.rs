//! Interim responses, expectations, and responses that come before the request has ended.

use evenkeel_testkit::{Backend, Reply, Step};

use crate::support::{Setup, get};

const EARLY_HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn interim_responses_are_passed_on() {
    let backend = Backend::with_reply("a", Reply::raw(format!("{EARLY_HINTS}{EARLY_HINTS}{OK}"))).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        let response = client.get("h", "/").await;
        assert_eq!((response.status(), response.text().as_str()), (200, "ok"));
        let links: Vec<_> = response.interim.iter().map(|head| head.field("link")).collect();
        assert_eq!(links, [Some("</style.css>; rel=preload"); 2]);
    }
}

#[tokio::test]
async fn an_old_client_gets_no_interim_response() {
    let backend = Backend::with_reply("a", Reply::raw(format!("{EARLY_HINTS}{OK}"))).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n").await;
    let response = client.response().await;
    assert_eq!((response.status(), response.interim.len()), (200, 0));
}

#[tokio::test]
async fn continue_comes_from_the_backend() {
    let steps = [
        Step::Send(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        Step::ReadBody,
        Step::Send(OK.as_bytes().to_vec()),
    ];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n").await;
        assert_eq!(client.try_head().await.expect("an interim response").status().unwrap(), 100);
        client.send("body").await;
        assert_eq!(client.response_to("POST").await.text(), "ok");
    }
    let received = backend.received();
    assert!(received.iter().all(|request| request.head.field("expect").is_some() && request.body == b"body"));
}

#[tokio::test]
async fn an_expectation_may_be_refused_without_the_body() {
    let refusal = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno!";
    let backend = Backend::with_reply("a", Reply::steps([Step::Send(refusal.into()), Step::Close])).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4000\r\n\r\n").await;
    let response = client.response_to("POST").await;
    assert_eq!((response.status(), response.text().as_str(), response.interim.len()), (413, "no!", 0));
    // Whether the client sends the body now cannot be known, so no other request can follow.
    client.expect_close().await;
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_continue_is_served() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody").await;
    assert_eq!(client.response_to("POST").await.status(), 200);
    assert_eq!(backend.only_request().body, b"body");
}

#[tokio::test]
async fn an_early_response_reaches_a_client_that_still_sends() {
    let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly";
    let backend = Backend::with_reply("a", Reply::steps([Step::Send(refusal.into()), Step::Hang])).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n").await;
    client.send_pattern(50_000).await.expect("a part of the body is taken");
    let response = client.response_to("POST").await;
    assert_eq!((response.status(), response.text().as_str()), (403, "early"));
    client.expect_close().await;
}

#[tokio::test]
async fn an_unfinished_request_leaves_no_backend_connection_behind() {
    let backend = Backend::scripted("a", |head| match head.target() {
        "/early" => Reply::steps([Step::Send(OK.as_bytes().to_vec()), Step::Hang]),
        _ => Reply::text(200, "fresh"),
    })
    .await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    let mut client = evenkeel.client("web").await;
    client.send("POST /early HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nonly this").await;
    assert_eq!(client.response_to("POST").await.text(), "ok");
    drop(client);
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    assert_eq!(client.response().await.text(), "fresh", "the half-sent request must not swallow this one");
}
