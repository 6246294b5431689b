//! The access log: a line for each request, with the backend and why it was chosen.

use std::path::Path;

use evenkeel_testkit::{Backend, Json, Signal, until};

use crate::support::Setup;

const TO_FILE: &str = "[log]\naccess = { path = \"access.log\", format = \"json\" }";

/// The lines of a log file once there are `count`.
async fn lines(path: &Path, count: usize) -> Vec<String> {
    until(&format!("{count} lines in {}", path.display()), async || {
        let text = std::fs::read_to_string(path).ok()?;
        let whole = text.ends_with('\n') || text.is_empty();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (whole && lines.len() >= count).then_some(lines)
    })
    .await
}

fn parse(line: &str) -> Json {
    line.parse().unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[tokio::test]
async fn a_line_tells_who_what_where_and_why() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).top(TO_FILE).start().await;
    let mut client = evenkeel.client("web").await;
    client
        .send("POST /p?q=1 HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: t/1\r\nContent-Length: 3\r\n\r\nabc")
        .await;
    client.response_to("POST").await;
    let lines = lines(&evenkeel.directory().join("access.log"), 1).await;
    let line = parse(&lines[0]);
    for (field, expected) in [
        ("client", Json::from("127.0.0.1")),
        ("listener", Json::from("web")),
        ("method", Json::from("POST")),
        ("host", Json::from("shop.example")),
        ("path", Json::from("/p?q=1")),
        ("status", Json::from(200)),
        ("pool", Json::from("web")),
        ("backend", Json::from("a")),
        ("attempts", Json::from(1)),
        ("generation", Json::from(1)),
        ("request_bytes", Json::from(3)),
        ("response_bytes", Json::from(1)),
        ("user_agent", Json::from("t/1")),
        ("error", Json::Null),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert!(line["reason"].is_string() && line["time"].is_number(), "{line}");
    for time in ["picked_ms", "connected_ms", "header_ms", "total_ms"] {
        assert!(line[time].as_f64().is_some_and(|time| (0.0..60_000.0).contains(&time)), "{time} in {line}");
    }
    let sent = backend.only_request();
    assert_eq!(
        line["request_id"].as_str(),
        sent.head.field("x-request-id"),
        "the backend knows it by the same id"
    );
}

#[tokio::test]
async fn refusals_are_in_it_too() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).top(TO_FILE).start().await;
    let mut client = evenkeel.client("web").await;
    client
        .send(
            "GET /\"quoted\" HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n",
        )
        .await;
    assert_eq!(client.response().await.status(), 400);
    let lines = lines(&evenkeel.directory().join("access.log"), 1).await;
    let line = parse(&lines[0]);
    assert_eq!((line["status"].as_u64(), &line["backend"]), (Some(400), &Json::Null), "{line}");
    assert_eq!(line["error"].as_str(), Some("http_request_error"), "{line}");
}

#[tokio::test]
async fn a_moved_file_is_replaced_on_a_signal() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).top(TO_FILE).start().await;
    let (current, moved) =
        (evenkeel.directory().join("access.log"), evenkeel.directory().join("access.log.1"));
    let mut client = evenkeel.client("web").await;
    client.get("h", "/before").await;
    lines(&current, 1).await;
    std::fs::rename(&current, &moved).unwrap();
    client.get("h", "/between").await;
    assert!(lines(&moved, 2).await[1].contains("/between"), "the old file is still open");
    evenkeel.signal(Signal::USR1);
    until("the new file", async || current.exists().then_some(())).await;
    client.get("h", "/after").await;
    assert!(lines(&current, 1).await[0].contains("/after"));
    assert_eq!(lines(&moved, 2).await.len(), 2);
}

#[tokio::test]
async fn standard_output_is_a_place_for_it() {
    let backend = Backend::start("a").await;
    let top = "[log]\naccess = { path = \"-\", format = \"combined\" }";
    let evenkeel = Setup::new([&backend]).top(top).start().await;
    let mut client = evenkeel.client("web").await;
    client.get("h", "/x\"y").await;
    let line = until("a line", async || evenkeel.stdout().into_iter().next()).await;
    assert!(
        line.starts_with("127.0.0.1 - - [") && line.contains("\"GET /x\\\"y HTTP/1.1\" 200 1 "),
        "{line}"
    );
    assert!(line.contains(" backend=a "), "{line}");
}
