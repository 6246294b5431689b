//! Request bodies that turn out wrong after the head was fine. The backend may have seen the head; it must never
//! take what it got for a whole request, and nothing of the body may be read as another request.

use evenkeel_testkit::{Backend, Client, until};

use crate::support::Setup;

const CHUNKED: &str = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Name, body, expected status.
const CASES: &[(&str, &str, u16)] = &[
    ("no size", "\r\nabc\r\n0\r\n\r\n", 400),
    ("a size that is no number", "zz\r\nabc\r\n0\r\n\r\n", 400),
    ("a negative size", "-1\r\nabc\r\n0\r\n\r\n", 400),
    ("a signed size", "+3\r\nabc\r\n0\r\n\r\n", 400),
    ("a prefixed size", "0x3\r\nabc\r\n0\r\n\r\n", 400),
    ("a space before the size", " 3\r\nabc\r\n0\r\n\r\n", 400),
    ("a size beyond 64 bits", "10000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    ("a size of endless zeros", "00000000000000000003\r\nabc\r\n0\r\n\r\n", 400),
    ("no line end after a chunk", "3\r\nabcX0\r\n\r\n", 400),
    // Whoever skips two bytes here without a look reads it as a whole body.
    ("two other bytes after a chunk", "3\r\nabcXY0\r\n\r\n", 400),
    ("LF CR after a chunk", "3\r\nabc\n\r0\r\n\r\n", 400),
    ("a longer chunk than its size", "3\r\nabcdef\r\n0\r\n\r\n", 400),
    ("a bare LF after a size", "3\nabc\r\n0\r\n\r\n", 400),
    ("a bare LF after a chunk", "3\r\nabc\n0\r\n\r\n", 400),
    ("a bare CR in an extension", "3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    ("a bare LF in an extension", "3;a\nb\r\nabc\r\n0\r\n\r\n", 400),
    ("a trailer that is no field", "3\r\nabc\r\n0\r\nGET / HTTP/1.1\r\n\r\n", 400),
    ("a bare LF in the trailer section", "3\r\nabc\r\n0\r\nA: b\n\r\n", 400),
    ("more than is allowed", "3e8\r\n", 0),
];

#[tokio::test]
async fn chunks() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("limits = { body_bytes = 100 }").start().await;
    let mut wrong = Vec::new();
    for &(name, body, status) in CASES {
        let (body, status) = if status == 0 {
            (format!("{body}{}\r\n0\r\n\r\n", "x".repeat(1000)), 413)
        } else {
            (body.to_owned(), status)
        };
        let mut client = Client::connect(evenkeel.address("web")).await;
        client.send(format!("{CHUNKED}{body}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        match client.try_response("POST").await {
            Ok(response) if response.status() != status => {
                wrong.push(format!("{name}: {}", response.status()))
            }
            Ok(response) if response.field("proxy-status").is_none() => {
                wrong.push(format!("{name}: no Proxy-Status"))
            }
            Ok(_) => {}
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
        if !client.read_to_close().await.unwrap_or_default().is_empty() {
            wrong.push(format!("{name}: the connection goes on"));
        }
    }
    until("the end of the backend connections", async || (backend.open_connections() == 0).then_some(()))
        .await;
    for request in backend.received() {
        if request.whole || request.head.target() == "/smuggled" {
            wrong.push(format!(
                "the backend took this for a request: {:?}",
                String::from_utf8_lossy(&request.raw)
            ));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[tokio::test]
async fn a_body_that_stops_coming() {
    let backend = Backend::start("a").await;
    let listener = "timeouts = { request_body_idle = \"300ms\" }";
    let evenkeel = Setup::new([&backend]).listener(listener).start().await;
    for request in ["POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf", CHUNKED] {
        let mut client = evenkeel.client("web").await;
        client.send(request).await;
        let response = client.response_to("POST").await;
        assert_eq!(response.status(), 408, "{request:?}");
        assert!(response.field("proxy-status").is_some());
        client.expect_close().await;
    }
    until("the end of the backend connections", async || (backend.open_connections() == 0).then_some(()))
        .await;
    assert!(backend.received().iter().all(|request| !request.whole));
    let metrics = evenkeel.metrics().await;
    assert_eq!(
        metrics.value("evenkeel_backend_errors_total", &[("pool", "web")]),
        0.0,
        "the client is to blame"
    );
}
