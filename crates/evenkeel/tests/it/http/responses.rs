//! Responses that can be read in more than one way, or not at all. None of them reaches a client.

use evenkeel_testkit::{Backend, Client, Reply};

use crate::support::{Setup, get};

/// Path (its own name) and what the backend sends.
const CASES: &[(&str, &str)] = &[
    ("/two-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc"),
    ("/two-equal-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    ("/a-list-of-lengths", "HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc"),
    ("/a-signed-length", "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc"),
    (
        "/both",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    ("/gzip", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc"),
    ("/chunked-twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    ("/bare-lf", "HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
    ("/folded", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\nabc"),
    ("/space-before-colon", "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n\r\nabc"),
    ("/nul", "HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 3\r\n\r\nabc"),
    ("/bare-cr", "HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 3\r\n\r\nabc"),
    ("/garbage", "this is not HTTP\r\n\r\n"),
    ("/ssh", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("/status-of-two-digits", "HTTP/1.1 20 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("/status-999", "HTTP/1.1 999 Odd\r\nContent-Length: 3\r\n\r\nabc"),
    ("/http2", "HTTP/2.0 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    ("/unasked-upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
];

#[tokio::test]
async fn ambiguous_responses_become_502() {
    let backend = Backend::scripted("a", |head| {
        let case = CASES.iter().find(|(path, _)| *path == head.target());
        case.map_or_else(|| Reply::text(200, "fine"), |(_, raw)| Reply::raw(*raw))
    })
    .await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut wrong = Vec::new();
    for (path, _) in CASES {
        let mut client = Client::connect(evenkeel.address("web")).await;
        client.send(get(path)).await;
        match client.try_response("GET").await {
            Ok(response) => {
                let reason = response.field("proxy-status").unwrap_or_default();
                if response.status() != 502 || !reason.starts_with("evenkeel; error=http_protocol_error") {
                    wrong.push(format!("{path}: {} {reason:?} {:?}", response.status(), response.text()));
                }
            }
            Err(error) => wrong.push(format!("{path}: {error}")),
        }
        if client.get("h", "/next").await.text() != "fine" {
            wrong.push(format!("{path}: the next response is not its own"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn what_follows_a_response_is_nobodys_response() {
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON";
    let backend = Backend::scripted("a", move |head| match head.target() {
        "/length" => Reply::raw(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{poison}")),
        "/chunks" => Reply::raw(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{poison}"
        )),
        "/none" => Reply::raw(format!("HTTP/1.1 204 No Content\r\n\r\n{poison}")),
        _ => Reply::text(200, "fine"),
    })
    .await;
    let evenkeel = Setup::new([&backend]).runtime("workers = 1").start().await;
    let mut client = evenkeel.client("web").await;
    for path in ["/length", "/chunks", "/none"] {
        let response = client.get("h", path).await;
        assert!(response.text() == "ok" || path == "/none", "{path}: {:?}", response.text());
        assert_eq!(client.get("h", "/").await.text(), "fine", "after {path}");
    }
    // The answer to HEAD must not have a body; a backend that sends one anyway is out of step.
    client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(client.response_to("HEAD").await.status(), 200);
    assert_eq!(client.get("h", "/").await.text(), "fine", "after HEAD");
}
