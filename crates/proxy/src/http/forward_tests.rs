use super::*;
use crate::http1::{Method, parse_request, parse_response};

/// Passes the request that `text` is on to `look`, as one of an untrusted client.
pub(crate) fn with_incoming<R>(text: &str, look: impl FnOnce(&Incoming<'_>) -> R) -> R {
    incoming(text, false, "192.0.2.1:999", look)
}

fn incoming<R>(text: &str, from_trusted: bool, peer: &str, look: impl FnOnce(&Incoming<'_>) -> R) -> R {
    let mut fields = Vec::new();
    let head = parse_request(text.as_bytes(), 100, &mut fields).unwrap();
    let client = ClientNames::new(peer.parse().unwrap());
    look(&Incoming {
        bytes: text.as_bytes(),
        head: &head,
        fields: &fields,
        from_trusted,
        client: &client,
        request_id: b"id-1",
        over_http2: false,
    })
}

fn forwarded(text: &str, from_trusted: bool, peer: &str) -> String {
    let mut out = Vec::new();
    incoming(text, from_trusted, peer, |request| {
        request_head(&mut out, request, "10.0.0.9:80".parse().unwrap(), false)
    });
    String::from_utf8(out).unwrap()
}

#[test]
fn an_upgrade_is_offered_without_what_may_not_be() {
    let text = "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade, X-Hop\r\nX-Hop: 1\r\n\
                Upgrade: websocket, h2c\r\nUpgrade: chat/2\r\nHTTP2-Settings: AAMA\r\n\
                Sec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let mut out = Vec::new();
    incoming(text, false, "192.0.2.1:1", |request| {
        assert!(request.head.upgrade);
        request_head(&mut out, request, "10.0.0.9:80".parse().unwrap(), true);
    });
    let sent = String::from_utf8(out).unwrap();
    let expected = "GET /chat HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Key: k\r\nSec-WebSocket-Version: 13\r\n\
                    Connection: Upgrade\r\nUpgrade: websocket, chat/2\r\nX-Forwarded-For: ";
    assert!(sent.starts_with(expected), "{sent}");
}

#[test]
fn a_switch_is_passed_on_without_what_was_for_one_hop() {
    let text = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade, x-hop\r\nX-Hop: 1\r\n\
                 Content-Length: 5\r\nSec-WebSocket-Accept: s\r\nKeep-Alive: 5\r\n\r\n";
    let mut fields = Vec::new();
    let head = parse_response(text, Method::Get, &mut fields).unwrap();
    assert!(head.switches);
    let mut out = Vec::new();
    switch_head(&mut out, text, &head, &fields, None);
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\n\r\n"
    );
}

#[test]
fn a_backend_sees_the_request_without_what_was_for_one_hop() {
    let text = "GET http://shop.example/a?b HTTP/1.1\r\nHost: other\r\nConnection: x-hop, keep-alive\r\n\
                X-Hop: 1\r\nKeep-Alive: 5\r\nTE: trailers\r\nUpgrade: websocket\r\nProxy-Authorization: s\r\n\
                Accept: */*\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\n\
                Forwarded: for=6.6.6.6\r\nX-Request-Id: mine\r\n\r\n";
    assert_eq!(
        forwarded(text, false, "192.0.2.1:999"),
        "GET /a?b HTTP/1.1\r\nHost: shop.example\r\nAccept: */*\r\nX-Forwarded-For: 192.0.2.1\r\n\
         X-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.example\r\n\
         Forwarded: for=192.0.2.1;host=\"shop.example\";proto=http\r\nX-Request-Id: id-1\r\nVia: 1.1 evenkeel\r\n\r\n"
    );
}

#[test]
fn fields_are_sent_in_one_form_however_they_were_written() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB:2\r\nC:   3\r\nD: 4 \t\r\nE: 5\r\nConnection: f\r\nF: 6\r\n\
                G: 7\r\nH:\r\nI: 8\r\n\r\n";
    let sent = forwarded(text, false, "192.0.2.1:1");
    let expected =
        "Host: a\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nG: 7\r\nH: \r\nI: 8\r\nX-Forwarded-For: 192";
    assert!(sent.contains(expected), "{sent}");
}

#[test]
fn a_trusted_proxy_is_added_to() {
    let text = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\
                Forwarded: for=198.51.100.7\r\n\r\n";
    assert_eq!(
        forwarded(text, true, "[::ffff:10.0.0.1]:999"),
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 198.51.100.7, 10.0.0.1\r\n\
         X-Forwarded-Host: a\r\nForwarded: for=198.51.100.7, for=10.0.0.1;host=\"a\";proto=http\r\n\
         X-Request-Id: id-1\r\nVia: 1.1 evenkeel\r\n\r\n"
    );
}

#[test]
fn a_request_without_host_names_the_backend() {
    let sent = forwarded("GET / HTTP/1.0\r\n\r\n", false, "[2001:db8::1]:1");
    assert!(sent.starts_with("GET / HTTP/1.1\r\nHost: 10.0.0.9:80\r\n"), "{sent}");
    assert!(sent.contains("Forwarded: for=\"[2001:db8::1]\";proto=http\r\n"), "{sent}");
    assert!(sent.ends_with("Via: 1.0 evenkeel\r\n\r\n"), "{sent}");
}

#[test]
fn bodies_keep_their_framing() {
    let length = forwarded(
        "POST ?q HTTP/1.1\r\nHost: a\r\n\r\n".replace("?q", "http://a?q").as_str(),
        false,
        "1.1.1.1:1",
    );
    assert!(length.starts_with("POST /?q HTTP/1.1\r\n"), "{length}");
    let chunked = forwarded(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: x\r\nExpect: 100-continue\r\n\r\n",
        false,
        "1.1.1.1:1",
    );
    assert!(chunked.contains("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n"), "{chunked}");
}

#[test]
fn a_client_sees_the_response_without_what_was_for_one_hop() {
    let text =
        b"HTTP/1.0 200 Fine\r\nServer: x\r\nConnection: x-hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\r\n";
    let mut fields = Vec::new();
    let head = parse_response(text, Method::Get, &mut fields).unwrap();
    let render = |minor, keep, set_cookie| {
        let mut out = Vec::new();
        let framing = framing(head.body, minor);
        let beside = Beside { framing, keep, minor, set_cookie };
        response_head(&mut out, text, &head, &fields, beside, || b"now");
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        render(1, true, None),
        "HTTP/1.1 200 Fine\r\nServer: x\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    assert_eq!(
        render(0, false, None),
        "HTTP/1.1 200 Fine\r\nServer: x\r\nDate: now\r\nConnection: close\r\n\r\n"
    );
    let config = evenkeel_config::Sticky {
        cookie: "HOME".to_owned(),
        ttl: None,
        path: "/".to_owned(),
        secure: false,
        http_only: false,
        same_site: evenkeel_config::SameSite::Lax,
    };
    let sticky = crate::pool::Sticky::new(&config);
    let head = render(1, true, sticky.set(None, 7));
    assert!(
        head.contains("Date: now\r\nSet-Cookie: HOME=0000000000000007; Path=/; SameSite=Lax\r\nTransfer-"),
        "{head}"
    );
}
