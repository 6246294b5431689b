use std::net::SocketAddr;

use super::super::forward::{self, Beside, ClientNames, Framing};
use super::*;
use crate::http1::{Line, parse_response, understand as understand_request};
use crate::http2::{write_request, write_response};

const BACKEND: &str = "10.0.0.9:80";

fn sorted(fields: &HeaderMap) -> Vec<(String, Vec<u8>, bool)> {
    let field = |(name, value): (&HeaderName, &HeaderValue)| {
        (name.to_string(), value.as_bytes().to_vec(), value.is_sensitive())
    };
    let mut fields: Vec<_> = fields.iter().map(field).collect();
    // Of one name they stay in order.
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

/// What the backend gets of `sent`: fields that stayed fields, and those of the text of HTTP/1.1.
fn both_ways(sent: &Request<()>, from_trusted: bool, client: &ClientNames) -> (Request<()>, Request<()>) {
    let (mut text, mut fields) = (Vec::new(), Vec::new());
    let line: Line = write_request(&mut text, &mut fields, sent, false).unwrap();
    let head = understand_request(&text, line, &mut fields).unwrap();
    let (bytes, fields) = (&text[..], &fields[..]);
    let asked =
        Incoming { bytes, head: &head, fields, from_trusted, client, request_id: b"id-1", over_http2: true };
    let direct = request(&asked, sent, Scheme::HTTP).unwrap();
    let mut out = Vec::new();
    let address: SocketAddr = BACKEND.parse().unwrap();
    forward::request_head(&mut out, &asked, address, false);
    (direct, http2::request(&out, Scheme::HTTP, asked.takes_trailers()).unwrap())
}

fn assert_same(sent: &Request<()>, from_trusted: bool, client: &ClientNames) {
    let (direct, by_text) = both_ways(sent, from_trusted, client);
    assert_eq!((direct.method(), direct.uri()), (by_text.method(), by_text.uri()));
    assert_eq!(sorted(direct.headers()), sorted(by_text.headers()), "{sent:?}");
}

fn get(uri: &str) -> http::request::Builder {
    Request::builder().method("GET").uri(uri)
}

fn requests() -> Vec<Request<()>> {
    let hostile = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "gopher"),
        ("x-forwarded-host", "evil"),
        ("forwarded", "for=6.6.6.6"),
        ("x-real-ip", "6.6.6.6"),
        ("x-request-id", "given"),
        ("x-client-cert-verify", "SUCCESS"),
        ("x_forwarded_for", "6.6.6.6"),
        ("x_client_cert_subject", "CN=root"),
        ("content_length", "7"),
        ("proxy-authorization", "secret"),
        ("http2-settings", "AAMA"),
        ("via", "1.1 other"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("x", "1"),
        ("x", "2"),
        ("content-length", "5"),
    ];
    let all = hostile
        .into_iter()
        .fold(get("https://h.example:8443/a?b=c"), |request, (name, value)| request.header(name, value));
    let requests = [
        all,
        get("http://h/").header("cookie", "a=1").header("y", "z").header("cookie", "b=2; c=3"),
        get("/path").header("host", "only-host"),
        get("http://h/").header("host", "H").header("empty", "").header("user-agent", "u"),
        Request::builder().method("OPTIONS").uri("*").header("host", "h"),
        Request::builder().method("PROPFIND").uri("http://other/%20?%00"),
    ];
    requests.into_iter().map(|request| request.body(()).unwrap()).collect()
}

#[test]
fn backends_get_the_same_fields_whichever_way_they_go() {
    for from_trusted in [false, true] {
        for peer in ["192.0.2.1:9", "[2001:db8::1]:9"] {
            // All over one connection, twice: what is remembered of one host is for no other.
            let client = ClientNames::new(peer.parse().unwrap());
            for request in requests().iter().chain(&requests()) {
                assert_same(request, from_trusted, &client);
            }
        }
    }
}

#[test]
fn a_connection_remembers_no_long_host() {
    let client = ClientNames::new("192.0.2.1:9".parse().unwrap());
    for length in [HOST_USUAL, HOST_USUAL + 1] {
        let request = get(&format!("http://{}/", "h".repeat(length))).body(()).unwrap();
        assert_same(&request, false, &client);
        let said = client.said.lock().unwrap();
        assert_eq!(said.as_ref().unwrap().host.len(), HOST_USUAL);
    }
}

fn response(status: u16, fields: &[(&str, &str)]) -> Response<()> {
    let builder = Response::builder().status(status);
    fields.iter().fold(builder, |builder, (name, value)| builder.header(*name, *value)).body(()).unwrap()
}

#[test]
fn clients_get_the_same_fields_whichever_way_they_go() {
    let responses = [
        response(200, &[("content-length", "5"), ("server", "s"), ("date", "today")]),
        response(404, &[("set-cookie", "a"), ("set-cookie", "b"), ("x-request-id", "1f")]),
        response(204, &[("content-length", "0"), ("proxy-authenticate", "Basic")]),
        response(304, &[("content-length", "5"), ("etag", "\"x\"")]),
        response(200, &[("host", "h"), ("keep_alive", "5"), ("x", " blank\t"), ("content-length", " 7 ")]),
        response(103, &[("link", "</a>"), ("content-length", "1")]),
    ];
    for mut sent in responses {
        for method in [Method::Get, Method::Head] {
            let (mut text, mut fields, mut out) = (Vec::new(), Vec::new(), Vec::new());
            write_response(&mut text, &mut fields, &sent);
            let by_text = parse_response(&text, method, &mut fields).unwrap();
            let beside = Beside { framing: Framing::AsIs, keep: true, minor: 1, set_cookie: None };
            let date = [b'd'; 29];
            forward::response_head(&mut out, &text, &by_text, &fields, beside, || date);
            let head = understand(&mut sent, method).unwrap();
            assert_eq!((head.status, head.body), (by_text.status, by_text.body));
            assert_eq!((head.keep_alive, head.has_date), (by_text.keep_alive, by_text.has_date));
            let mut direct = sent.clone();
            add_to_response(direct.headers_mut(), &head, None, || date);
            let expected = http2::response(&out).unwrap();
            assert_eq!(sorted(direct.headers()), sorted(expected.headers()), "{sent:?}");
        }
    }
}

#[test]
fn what_is_ambiguous_is_refused() {
    for fields in [
        &[("content-length", "5"), ("content-length", "5")][..],
        &[("content-length", "+5")],
        &[("content-length", "5, 5")],
    ] {
        assert!(understand(&mut response(200, fields), Method::Get).is_err(), "{fields:?}");
    }
    let many: Vec<String> = (0..=FIELDS_MAX).map(|number| format!("x-{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    assert!(understand(&mut response(200, &many), Method::Get).is_err());
    assert!(understand(&mut response(200, &many[1..]), Method::Get).is_ok());
    assert!(understand(&mut response(600, &[]), Method::Get).is_err());
}
