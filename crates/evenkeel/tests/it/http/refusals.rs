//! Requests that can be read in more than one way, or not at all. None of them reaches a backend.

use evenkeel_testkit::{Backend, Client, Evenkeel};

use crate::support::Setup;

/// A name, the raw request, and the statuses that are right for it.
type Case<'a> = (&'a str, String, &'a [u16]);

const HEADER_BYTES: usize = 4096;
const HEADERS: usize = 20;

async fn small(backend: &Backend) -> Evenkeel {
    let listener = format!(
        "http2 = false\nlimits = {{ header_bytes = {HEADER_BYTES}, headers = {HEADERS}, body_bytes = 1000 }}\n\
         timeouts = {{ request_header = \"500ms\", request_body_idle = \"500ms\" }}"
    );
    Setup::new([backend]).listener(&listener).start().await
}

/// Sends each request on a connection of its own and checks the answer.
async fn refuse_all(cases: Vec<Case<'_>>) {
    let backend = Backend::start("a").await;
    let evenkeel = small(&backend).await;
    let mut wrong = Vec::new();
    for (name, request, expected) in cases {
        let seen = backend.requests();
        if let Err(fault) = refused(&evenkeel, &request, expected).await {
            wrong.push(format!("{name}: {fault}"));
        } else if backend.requests() != seen {
            wrong.push(format!("{name}: reached the backend"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Checks status, `Proxy-Status` (RFC 9209) and that nothing follows on the connection.
async fn refused(evenkeel: &Evenkeel, request: &str, expected: &[u16]) -> Result<(), String> {
    let mut client = Client::connect(evenkeel.address("web")).await;
    client.try_send(request).await.map_err(|error| format!("send: {error}"))?;
    let method = if request.starts_with("HEAD") { "HEAD" } else { "GET" };
    let response = client.try_response(method).await.map_err(|error| format!("no response: {error}"))?;
    let (status, proxy_status) = (response.status(), response.field("proxy-status").unwrap_or_default());
    if !expected.contains(&status) {
        return Err(format!("{status} ({proxy_status}) instead of {expected:?}"));
    }
    if !proxy_status.starts_with("evenkeel; error=") {
        return Err(format!("{status} with Proxy-Status {proxy_status:?}"));
    }
    if status == 405 && response.field("allow").is_none() {
        return Err("405 without Allow (RFC 9110 section 15.5.6)".to_owned());
    }
    let rest = client.read_to_close().await.unwrap_or_default();
    if rest.is_empty() { Ok(()) } else { Err(format!("more came: {:?}", String::from_utf8_lossy(&rest))) }
}

/// A POST with these field lines and this body; a smuggled request follows.
fn post(fields: &str, body: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: h\r\n{fields}\r\n{body}GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
}

/// A GET with these field lines.
fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n")
}

#[tokio::test]
async fn ambiguous_framing() {
    let chunked_body = "0\r\n\r\n";
    let cases: Vec<Case<'_>> = vec![
        ("both", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", chunked_body), &[400]),
        (
            "both, other order",
            post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", chunked_body),
            &[400],
        ),
        ("two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), &[400]),
        ("two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), &[400]),
        ("a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), &[400]),
        ("a signed length", post("Content-Length: +5\r\n", "hello"), &[400]),
        ("a negative length", post("Content-Length: -5\r\n", "hello"), &[400]),
        ("a space in a length", post("Content-Length: 1 5\r\n", "hello"), &[400]),
        ("a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), &[400]),
        ("an empty length", post("Content-Length:\r\n", "hello"), &[400]),
        ("a length beyond 64 bits", post("Content-Length: 18446744073709551621\r\n", "hello"), &[400]),
        ("gzip is not understood", post("Transfer-Encoding: gzip\r\n", ""), &[400, 501]),
        ("gzip before chunked", post("Transfer-Encoding: gzip, chunked\r\n", chunked_body), &[400, 501]),
        ("chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", chunked_body), &[400, 501]),
        ("chunked not last", post("Transfer-Encoding: chunked, gzip\r\n", chunked_body), &[400, 501]),
        (
            "two codings",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", chunked_body),
            &[400, 501],
        ),
        ("an odd coding", post("Transfer-Encoding: xchunked\r\n", chunked_body), &[400, 501]),
        ("a control character", post("Transfer-Encoding: \x0bchunked\r\n", chunked_body), &[400, 501]),
        ("an empty coding", post("Transfer-Encoding:\r\n", chunked_body), &[400, 501]),
        ("space before the colon", post("Transfer-Encoding : chunked\r\n", chunked_body), &[400]),
        (
            "chunked in HTTP/1.0",
            format!("POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{chunked_body}"),
            &[400],
        ),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn malformed_fields() {
    let cases: Vec<Case<'_>> = vec![
        ("a bare CR", with("A: b\rc\r\n"), &[400]),
        ("a bare LF", "GET / HTTP/1.1\nHost: h\n\n".to_owned(), &[400]),
        ("one bare LF", "GET / HTTP/1.1\r\nHost: h\nA: b\r\n\r\n".to_owned(), &[400]),
        ("a folded line", with("A: b\r\n c\r\n"), &[400]),
        ("a line folded by a tab", with("A: b\r\n\tc\r\n"), &[400]),
        ("NUL in a value", with("A: b\0c\r\n"), &[400]),
        ("a control character in a value", with("A: b\x01c\r\n"), &[400]),
        ("space before a colon", with("A : b\r\n"), &[400]),
        ("an empty name", with(": b\r\n"), &[400]),
        ("no colon", with("nonsense\r\n"), &[400]),
        ("a name that is no token", with("A(b): c\r\n"), &[400]),
        ("whitespace before the first field", "GET / HTTP/1.1\r\n Host: h\r\n\r\n".to_owned(), &[400]),
        ("an expectation unknown", with("Expect: miracles\r\n"), &[417]),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn malformed_hosts() {
    let host = |value: &str| format!("GET / HTTP/1.1\r\nHost: {value}\r\n\r\n");
    let cases: Vec<Case<'_>> = vec![
        ("none", "GET / HTTP/1.1\r\nA: b\r\n\r\n".to_owned(), &[400]),
        ("two", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), &[400]),
        ("two equal ones", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), &[400]),
        ("a list", host("a, b"), &[400]),
        ("a path", host("a/b"), &[400]),
        ("user information", host("user@a"), &[400]),
        ("a space", host("a b"), &[400]),
        ("a port that is no number", host("a:http"), &[400]),
        ("an open bracket", host("[::1"), &[400]),
        ("no address in brackets", host("[a]"), &[400]),
        ("two in absolute form", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".to_owned(), &[400]),
        (
            "an authority with user information",
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            &[400],
        ),
        (
            "an absolute form without authority",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n".to_owned(),
            &[400],
        ),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn malformed_request_lines() {
    let line = |line: &str| format!("{line}\r\nHost: h\r\n\r\n");
    let cases: Vec<Case<'_>> = vec![
        ("a method that is no token", line("G@T / HTTP/1.1"), &[400]),
        ("two spaces", line("GET  / HTTP/1.1"), &[400]),
        ("a space in the target", line("GET /a b HTTP/1.1"), &[400]),
        ("a tab", line("GET\t/ HTTP/1.1"), &[400]),
        ("a leading space", line(" GET / HTTP/1.1"), &[400]),
        ("a fragment", line("GET /#x HTTP/1.1"), &[400]),
        ("a target beyond ASCII", line("GET /\u{e9} HTTP/1.1"), &[400]),
        ("no slash", line("GET x HTTP/1.1"), &[400]),
        ("another scheme", line("GET ftp://h/ HTTP/1.1"), &[400]),
        ("an asterisk without OPTIONS", line("GET * HTTP/1.1"), &[400]),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), &[400, 505]),
        ("HTTP/2 by name", line("GET / HTTP/2.0"), &[400, 505]),
        // Processing it as HTTP/1.1 would be right as well (a SHOULD of RFC 9110 section 2.5); nobody sends it.
        ("HTTP/1.2", line("GET / HTTP/1.2"), &[505]),
        ("HTTP/1.1x", line("GET / HTTP/1.1x"), &[400]),
        ("http in small letters", line("GET / http/1.1"), &[400]),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505]),
        ("CONNECT", "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n".to_owned(), &[405]),
        ("TRACE", line("TRACE / HTTP/1.1"), &[405]),
        ("garbage", "\u{1}\u{2}\u{ff}\u{fe} garbage\r\n\r\n".to_owned(), &[400]),
        ("garbage without a line end, then nothing", "\u{16}\u{3}\u{1}\u{2}\u{0}".to_owned(), &[400, 408]),
        ("three empty lines", "\r\n\r\n\r\n".to_owned(), &[400]),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn too_much() {
    let long = "x".repeat(HEADER_BYTES);
    let cases: Vec<Case<'_>> = vec![
        ("a long field", with(&format!("A: {long}\r\n")), &[431]),
        ("many long fields", with(&format!("A: {}\r\n", "x".repeat(900)).repeat(5)), &[431]),
        ("many fields", with(&"A: b\r\n".repeat(HEADERS + 1)), &[431]),
        ("a long request line", format!("GET /{long} HTTP/1.1\r\nHost: h\r\n\r\n"), &[414]),
        ("an endless request line", format!("GET /{long}"), &[414]),
        ("an endless header section", format!("GET / HTTP/1.1\r\nHost: h\r\nA: {long}"), &[431]),
        ("a long body", post("Content-Length: 1001\r\n", ""), &[413]),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn as_much_as_is_allowed() {
    let backend = Backend::start("a").await;
    let evenkeel = small(&backend).await;
    let mut client = evenkeel.client("web").await;
    client.send(with(&"A: b\r\n".repeat(HEADERS - 1))).await;
    assert_eq!(client.response().await.status(), 200, "{HEADERS} fields are allowed");
    let head = with("").len() + "A: \r\n".len();
    client.send(with(&format!("A: {}\r\n", "x".repeat(HEADER_BYTES - head)))).await;
    assert_eq!(client.response().await.status(), 200, "{HEADER_BYTES} bytes are allowed");
    client
        .send(format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n{}", "x".repeat(1000)))
        .await;
    assert_eq!(client.response_to("POST").await.status(), 200, "a body of 1000 bytes is allowed");
}

#[tokio::test]
async fn too_slow() {
    let cases: Vec<Case<'_>> = vec![
        ("a request line that does not end", "GET / HT".to_owned(), &[408]),
        ("a header section that does not end", "GET / HTTP/1.1\r\nHost: h\r\nA:".to_owned(), &[408]),
    ];
    refuse_all(cases).await;
}

#[tokio::test]
async fn the_deadline_of_a_header_section_is_for_all_of_it() {
    let backend = Backend::start("a").await;
    let evenkeel = small(&backend).await;
    let mut client = evenkeel.client("web").await;
    let started = std::time::Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: h\r\nA: ").await;
    // One byte each 50 ms would keep a timer busy that begins anew with each byte.
    let status = loop {
        let answer = tokio::time::timeout(std::time::Duration::from_millis(50), client.try_head()).await;
        match answer {
            Ok(head) => break head.expect("an answer").status().expect("a status"),
            Err(_) => client.try_send("x").await.expect("the connection is open until the answer"),
        }
        assert!(started.elapsed().as_secs() < 10, "no end in sight");
    };
    assert_eq!(status, 408);
    assert!(started.elapsed().as_millis() >= 450, "not before its time");
}

#[tokio::test]
async fn a_refusal_does_not_harm_its_neighbours() {
    let backend = Backend::start("a").await;
    let evenkeel = small(&backend).await;
    let mut neighbour = evenkeel.client("web").await;
    neighbour.get("h", "/").await;
    let mut client = evenkeel.client("web").await;
    client.send(format!("{}{}", with(""), with("A : b\r\n"))).await;
    assert_eq!(client.response().await.status(), 200, "what came before was fine");
    assert_eq!(client.response().await.status(), 400);
    client.expect_close().await;
    assert_eq!(neighbour.get("h", "/").await.status(), 200);
}
