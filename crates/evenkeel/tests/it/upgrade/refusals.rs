//! Requests that are not turned into tunnels, and answers that are no switch. HTTP goes on, byte by byte.

use evenkeel_testkit::{Backend, Gate, Metrics, Reply, Response, Step, until};

use crate::support::{Setup, get_with};

use super::{ASKS, GRANTS};

/// What a backend gets of a request, and what its client gets back.
async fn sent(request: &str, pool: &str) -> (evenkeel_testkit::Received, Response) {
    let backend = Backend::with_reply("a", Reply::named("a", "plain")).await;
    let pool = format!("strategy = \"round_robin\"\nhealth = false\npassive = false\n{pool}");
    let evenkeel = Setup::new([&backend]).pool(&pool).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(request).await;
    let response = client.response().await;
    (backend.only_request(), response)
}

#[tokio::test]
async fn what_must_not_switch_is_served_as_if_it_had_not_asked() {
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (start, fields, body) in [
        ("POST / HTTP/1.1", format!("{websocket}Content-Length: 4\r\n"), "body"),
        ("GET / HTTP/1.1", format!("Content-Length: 4\r\n{websocket}"), "body"),
        ("POST / HTTP/1.1", format!("{websocket}Transfer-Encoding: chunked\r\n"), "4\r\nbody\r\n0\r\n\r\n"),
        ("GET / HTTP/1.0", websocket.to_owned(), ""),
        ("GET / HTTP/1.1", "Upgrade: websocket\r\n".to_owned(), ""),
        ("GET / HTTP/1.1", "Connection: Upgrade\r\n".to_owned(), ""),
        ("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: web socket\r\n".to_owned(), ""),
        (
            "GET / HTTP/1.1",
            "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
                .to_owned(),
            "",
        ),
        ("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: TLS/1.2, HTTP/2.0\r\n".to_owned(), ""),
    ] {
        let request = format!("{start}\r\nHost: h\r\n{fields}\r\n{body}");
        let (received, response) = sent(&request, "").await;
        let names = ["upgrade", "connection", "http2-settings"].map(|name| received.head.field(name));
        assert_eq!(names, [None; 3], "{request}");
        assert_eq!(response.status(), 200, "{request}");
        assert!(received.body.is_empty() == body.is_empty(), "{request}");
    }
}

#[tokio::test]
async fn only_what_may_pass_is_offered() {
    let fields = "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n";
    let (received, _) = sent(&get_with("/", fields), "").await;
    assert_eq!(received.head.all("upgrade"), ["websocket"]);
    // An empty body is none: this is how exec of Kubernetes asks.
    let fields = "Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\nContent-Length: 0\r\n";
    let (received, _) = sent(&get_with("/", fields), "").await;
    assert_eq!(received.head.all("upgrade"), ["SPDY/3.1"]);
}

#[tokio::test]
async fn a_pool_may_keep_to_http() {
    let (received, response) = sent(&get_with("/", ASKS), "upgrade = false").await;
    assert_eq!((received.head.field("upgrade"), received.head.field("connection")), (None, None));
    assert_eq!(response.status(), 200);
}

/// A switch that nobody asked for, or to something else. Were it passed on, a client would take what follows for it, and
/// a backend could talk to it behind our back.
#[tokio::test]
async fn a_switch_that_was_not_offered_is_an_error() {
    let switch = |fields: &str| format!("HTTP/1.1 101 Switching Protocols\r\n{fields}\r\n");
    let other = switch("Connection: Upgrade\r\nUpgrade: chat\r\n");
    for (asks, keys, answer) in [
        ("", "", GRANTS.to_owned()),
        (ASKS, "upgrade = false", GRANTS.to_owned()),
        ("Connection: Upgrade\r\nUpgrade: h2c\r\n", "", switch("Connection: Upgrade\r\nUpgrade: h2c\r\n")),
        (
            "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
            "",
            switch("Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        ),
        ("Upgrade: websocket\r\n", "", GRANTS.to_owned()),
        (ASKS, "", other),
        (ASKS, "", switch("Connection: Upgrade\r\nUpgrade: websocket, chat\r\n")),
        (ASKS, "", switch("Connection: Upgrade\r\n")),
        (ASKS, "", switch("Upgrade: websocket\r\n")),
        (ASKS, "", switch("")),
        (ASKS, "", GRANTS.replace("HTTP/1.1", "HTTP/1.0")),
    ] {
        let backend =
            Backend::with_reply("a", Reply::raw(answer.clone() + "SMUGGLED").then(Step::Hang)).await;
        let pool = format!("strategy = \"round_robin\"\nhealth = false\npassive = false\n{keys}");
        let evenkeel = Setup::new([&backend]).pool(&pool).start().await;
        let mut client = evenkeel.client("web").await;
        client.send(get_with("/", asks)).await;
        let response = client.response().await;
        assert_eq!(response.status(), 502, "{asks:?} {answer:?}");
        assert!(!response.text().contains("SMUGGLED"));
        let metrics = evenkeel.metrics().await;
        assert_eq!(super::outcomes(&metrics, "response_broken"), 1.0);
        assert_eq!(metrics.value("evenkeel_tunnels_total", &[]), 0.0);
    }
}

/// A front end that takes a refused upgrade for a granted one passes on blindly what a backend reads as requests.
#[tokio::test]
async fn behind_a_refused_upgrade_requests_are_requests() {
    let refusals = [
        "HTTP/1.1 426 Upgrade Required\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 200 OK\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno",
    ];
    for refusal in refusals {
        let backend = Backend::scripted("a", move |head| match head.target() {
            "/ws" => Reply::raw(refusal),
            target => Reply::text(200, target),
        })
        .await;
        let evenkeel = Setup::new([&backend]).start().await;
        let mut client = evenkeel.client("web").await;
        let smuggled = "GET /second HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n";
        client.send(get_with("/ws", ASKS) + smuggled).await;
        let response = client.response().await;
        assert_eq!((response.text().as_str(), response.field("upgrade")), ("no", None));
        assert_eq!(client.response().await.text(), "/second");
        assert_eq!(client.get("h", "/third").await.text(), "/third");
        let received = backend.received();
        assert_eq!(received.len(), 3);
        assert_eq!(received[1].head.field("x-forwarded-for"), Some("127.0.0.1"), "nothing passed by unread");
        let all_three = |metrics: &Metrics| metrics.get("evenkeel_requests_total", &[]) == Some(3.0);
        evenkeel.await_metrics("three requests", all_three).await;
    }
}

#[tokio::test]
async fn what_a_client_sends_before_the_answer_does_not_reach_the_backend() {
    let gate = Gate::new();
    let reply = Reply::text(403, "no").behind(&gate);
    let backend = Backend::with_reply("a", reply).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get_with("/ws", ASKS) + "\u{1}frame").await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    client.send("another\r\n\r\n").await;
    gate.open();
    assert_eq!(client.response().await.status(), 403);
    assert_eq!(client.response().await.status(), 400, "it is no request");
    client.expect_close().await;
    assert_eq!(backend.requests(), 1);
    assert!(!String::from_utf8_lossy(&backend.only_request().raw).contains("frame"));
}

#[tokio::test]
async fn interim_responses_may_come_before_the_switch() {
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let steps = [Step::Send((early.to_owned() + GRANTS).into_bytes()), Step::Echo];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get_with("/ws", ASKS)).await;
    assert_eq!(client.try_head().await.unwrap().status().unwrap(), 103);
    assert_eq!(client.try_head().await.unwrap().status().unwrap(), 101);
    super::echo(&mut client, "hello").await;
}

#[tokio::test]
async fn connect_is_still_refused() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client
        .send("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    assert_eq!(client.response().await.status(), 405);
    assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 200);
    assert_eq!(backend.requests(), 1);
}
