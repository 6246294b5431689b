//! What a backend gets to see of a request, and a client of a response.

use evenkeel_testkit::{Backend, Client, Head, Reply};

use crate::support::Setup;

/// What the backend got for `request`.
async fn forwarded(listener: &str, request: &str) -> Head {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener(listener).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(request).await;
    assert_eq!(client.response().await.status(), 200);
    backend.only_request().head
}

#[tokio::test]
async fn host_path_and_end_to_end_fields_are_kept() {
    let request = "GET /a%2Fb//c/./d?x=1&y=%20 HTTP/1.1\r\nHost: Shop.Example:8080\r\nAccept: a/b\r\nCookie: x=y\r\n\
                   accept: c/d\r\nX-Custom:   spaced\t\r\nAuthorization: Basic eDp5\r\n\r\n";
    let head = forwarded("", request).await;
    assert_eq!(head.start, "GET /a%2Fb//c/./d?x=1&y=%20 HTTP/1.1");
    assert_eq!(head.all("host"), ["Shop.Example:8080"]);
    assert_eq!(head.all("accept"), ["a/b", "c/d"]);
    assert_eq!(head.field("cookie"), Some("x=y"));
    assert_eq!(head.field("x-custom"), Some("spaced"));
    assert_eq!(head.field("authorization"), Some("Basic eDp5"));
}

#[tokio::test]
async fn hop_by_hop_fields_end_here() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, X-Hop\r\nConnection: x-other\r\nX-Hop: 1\r\n\
                   X-Other: 2\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: gzip\r\n\
                   Upgrade: chat\r\nX-Kept: 3\r\n\r\n";
    let head = forwarded("", request).await;
    for name in ["x-hop", "x-other", "keep-alive", "proxy-connection", "te", "upgrade", "connection"] {
        assert_eq!(head.field(name), None, "{name} in {:?}", head.fields);
    }
    assert_eq!(head.field("x-kept"), Some("3"));
}

#[tokio::test]
async fn hop_by_hop_fields_of_a_response_end_here() {
    let fields = "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: close\r\nX-Kept: 2\r\n\
                  Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nServer: theirs\r\n";
    let backend = Backend::with_reply("a", Reply::with_fields(200, fields, "ok")).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let response = evenkeel.client("web").await.get("h", "/").await;
    for name in ["x-hop", "keep-alive", "proxy-connection", "connection"] {
        assert_eq!(response.field(name), None, "{name} in {:?}", response.head.fields);
    }
    assert_eq!(response.field("x-kept"), Some("2"));
    assert_eq!(response.field("server"), Some("theirs"));
    assert_eq!(response.head.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(
        response.head.all("date").len(),
        1,
        "a recipient with a clock adds Date (RFC 9110 section 6.6.1)"
    );
}

#[tokio::test]
async fn what_a_stranger_says_of_earlier_hops_is_dropped() {
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 7.7.7.7\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.example\r\nX-Request-Id: theirs\r\n\
                   Forwarded: for=6.6.6.6;proto=https\r\n\r\n";
    let head = forwarded("", request).await;
    assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(head.all("x-forwarded-proto"), ["http"]);
    assert_eq!(head.all("x-forwarded-host"), ["shop.example"]);
    let forwarded = head.all("forwarded");
    assert_eq!(forwarded.len(), 1);
    for part in ["for=127.0.0.1", "proto=http", "shop.example"] {
        assert!(forwarded[0].contains(part), "{part} in {forwarded:?}");
    }
    assert!(!forwarded[0].contains("6.6.6.6") && !forwarded[0].contains("https"), "{forwarded:?}");
    assert_ne!(head.field("x-request-id"), Some("theirs"));
}

#[tokio::test]
async fn a_trusted_proxy_is_believed_and_added_to() {
    let request = "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 203.0.113.7\r\n\
                   X-Forwarded-Proto: https\r\nX-Forwarded-Host: front.example\r\nX-Request-Id: theirs-1\r\n\
                   Forwarded: for=203.0.113.7;proto=https\r\n\r\n";
    let head = forwarded("trusted_proxies = [\"127.0.0.0/8\"]", request).await;
    assert_eq!(head.all("x-forwarded-for").join(", "), "203.0.113.7, 127.0.0.1");
    assert_eq!(head.all("x-forwarded-proto"), ["https"]);
    assert_eq!(head.all("x-forwarded-host"), ["front.example"]);
    assert_eq!(head.all("x-request-id"), ["theirs-1"]);
    let forwarded = head.all("forwarded").join(", ");
    assert!(forwarded.starts_with("for=203.0.113.7;proto=https, for=127.0.0.1"), "{forwarded}");
}

#[tokio::test]
async fn only_the_proxies_named_are_trusted() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n";
    let head = forwarded("trusted_proxies = [\"10.0.0.0/8\"]", request).await;
    assert_eq!(head.all("x-forwarded-for"), ["127.0.0.1"]);
}

#[tokio::test]
async fn every_request_has_an_id_of_its_own() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    for _ in 0..3 {
        client.get("h", "/").await;
    }
    let mut ids: Vec<_> = backend
        .received()
        .iter()
        .filter_map(|request| request.head.field("x-request-id").map(str::to_owned))
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 3, "{ids:?}");
    assert!(ids.iter().all(|id| id.len() >= 16), "{ids:?}");
}

#[tokio::test]
async fn via_tells_the_version_received() {
    let head = forwarded("", "GET / HTTP/1.1\r\nHost: h\r\nVia: 1.0 front\r\n\r\n").await;
    assert_eq!(head.all("via").join(", "), "1.0 front, 1.1 evenkeel");
    // RFC 9110 section 7.6.3: the protocol version is that of the message received.
    let head = forwarded("", "GET / HTTP/1.0\r\nHost: h\r\n\r\n").await;
    assert_eq!(head.all("via"), ["1.0 evenkeel"]);
}

#[tokio::test]
async fn the_absolute_form_replaces_host() {
    let head = forwarded("", "GET http://real.example:81/x?y HTTP/1.1\r\nHost: other.example\r\n\r\n").await;
    assert_eq!(head.start, "GET /x?y HTTP/1.1");
    assert_eq!(head.all("host"), ["real.example:81"]);
    let head = forwarded("", "GET HTTP://real.example?y HTTP/1.1\r\nHost: other.example\r\n\r\n").await;
    assert_eq!(head.start, "GET /?y HTTP/1.1");
}

#[tokio::test]
async fn options_of_the_whole_server() {
    let head = forwarded("", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").await;
    assert_eq!(head.start, "OPTIONS * HTTP/1.1");
}

#[tokio::test]
async fn unknown_methods_and_values_beyond_ascii_pass() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = Client::connect(evenkeel.address("web")).await;
    client.send("PROPFIND / HTTP/1.1\r\nHost: h\r\nX-Name: J\u{fc}rgen\r\n\r\n").await;
    assert_eq!(client.response().await.status(), 200);
    let head = backend.only_request().head;
    assert_eq!((head.method(), head.field("x-name")), ("PROPFIND", Some("J\u{fc}rgen")));
}
