//! Pseudo-header fields and CONNECT (RFC 9113 sections 8.3 and 8.5, RFC 8441).

use evenkeel_testkit::http2::{Frame, Outcome, block, code, flag, post, request, setting};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;

const WHOLE: u8 = flag::END_HEADERS | flag::END_STREAM;
const MALFORMED: Due = Due::Malformed(1);
const BYTES: Due = Due::MalformedBytes(1);
const GOOD: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "http"), (":authority", "h"), (":path", "/never")];

pub(super) const ALL: &[Requirement] = &[
    bytes("9113 8.3.1", "no :method", || without(":method"), MALFORMED),
    bytes("9113 8.3.1", "no :scheme", || without(":scheme"), MALFORMED),
    bytes("9113 8.3.1", "no :path", || without(":path"), MALFORMED),
    bytes("9113 8.3.1", "neither :authority nor host", || without(":authority"), MALFORMED),
    bytes("9113 8.3.1", "no pseudo-header field at all", || section(&[("host", "h")]), MALFORMED),
    bytes("9113 4.3", "an empty field section", || section::<0>(&[]), MALFORMED),
    bytes("9113 8.3.1", ":method twice", || with(":method", "GET"), MALFORMED),
    bytes("9113 8.3.1", ":scheme twice", || with(":scheme", "http"), MALFORMED),
    bytes("9113 8.3.1", ":authority twice", || with(":authority", "h"), MALFORMED),
    bytes("9113 8.3.1", ":path twice", || with(":path", "/never"), MALFORMED),
    bytes("9113 8.3", "an unknown pseudo-header field", || with(":foo", "bar"), BYTES),
    bytes("9113 8.3", "a pseudo-header field of responses", || with(":status", "200"), MALFORMED),
    bytes("9113 8.3", "a pseudo-header field without a name", || with(":", "x"), BYTES),
    bytes(
        "9113 8.3",
        "an upper-case letter in a pseudo-header field",
        || replaced(":path", ":Path", "/never"),
        BYTES,
    ),
    bytes(
        "9113 8.3",
        "a pseudo-header field behind a regular one",
        || section(&[GOOD[0], GOOD[1], ("x-a", "1"), GOOD[2], GOOD[3]]),
        MALFORMED,
    ),
    bytes("9113 8.3.1", "an empty :path", || path(""), MALFORMED),
    bytes("9113 8.3.1", "a :path without a slash", || path("never"), MALFORMED),
    bytes("9113 8.3.1", "a space in :path", || path("/never HTTP/1.1"), MALFORMED),
    bytes("9113 8.2.1", "CR LF in :path", || path("/never HTTP/1.1\r\nx: y"), MALFORMED),
    bytes("9113 8.2.1", "NUL in :path", || path("/never\0"), MALFORMED),
    part("9112 3.2", "a fragment in :path", "an error, or the request without it", |scene| {
        Box::pin(fragment(scene))
    }),
    bytes("9112 3.2", "a byte beyond ASCII in :path", || path("/never\u{e9}"), MALFORMED),
    bytes("9113 8.3.1", "an asterisk for :path of GET", || path("*"), MALFORMED),
    bytes("9113 8.3.1", "an absolute :path", || path("http://other/never"), MALFORMED),
    part("9113 8.3.1", "an asterisk for :path of OPTIONS", "the backend gets OPTIONS *", |scene| {
        Box::pin(options(scene))
    }),
    bytes("9113 8.3.1", "an empty :method", || replaced(":method", ":method", ""), BYTES),
    bytes("9113 8.3.1", "a space in :method", || replaced(":method", ":method", "GET /never"), BYTES),
    bytes(
        "9113 8.2.1",
        "CR LF in :method",
        || replaced(":method", ":method", "GET / HTTP/1.1\r\nx: y\r\n\r\nGET"),
        BYTES,
    ),
    bytes("9113 8.3.1", "an empty :scheme", || replaced(":scheme", ":scheme", ""), MALFORMED),
    bytes("9113 8.3.1", "CR LF in :scheme", || replaced(":scheme", ":scheme", "http\r\nx: y"), MALFORMED),
    bytes("9113 8.3.1", "an empty :authority", || authority(""), MALFORMED),
    bytes("9113 8.3.1", "user information in :authority", || authority("u@h"), MALFORMED),
    bytes("9113 8.2.1", "CR LF in :authority", || authority("h\r\nx: y"), MALFORMED),
    bytes("9110 4.2", "a path in :authority", || authority("h/never"), MALFORMED),
    bytes("9110 4.2", "a space in :authority", || authority("h h"), MALFORMED),
    bytes("9110 4.2", "a port that is no number in :authority", || authority("h:http"), MALFORMED),
    bytes("9113 8.3.1", "a host other than :authority", || with("host", "other"), MALFORMED),
    bytes(
        "9110 7.2",
        "two hosts",
        || section(&[GOOD[0], GOOD[1], GOOD[3], ("host", "h"), ("host", "h")]),
        MALFORMED,
    ),
    part("9113 8.3.1", "a host that is :authority", "the backend gets one Host", |scene| {
        Box::pin(hosts(scene, "/same-host", &[(":authority", "h"), ("host", "h")]))
    }),
    part("9113 8.3.1", "a host instead of :authority", "the backend gets one Host", |scene| {
        Box::pin(hosts(scene, "/only-host", &[("host", "h")]))
    }),
    part("9113 8.3.1", ":authority", "the backend gets one Host", |scene| {
        Box::pin(hosts(scene, "/only-authority", &[(":authority", "h")]))
    }),
    part("9113 8.1", "a pseudo-header field in trailers", "an error, or the trailers without it", |scene| {
        Box::pin(in_trailers(scene))
    }),
    part("9110 9.3.6", "CONNECT", "status 405; no backend sees it", |scene| Box::pin(connect(scene))),
    bytes(
        "9113 8.5",
        "CONNECT with :scheme and :path",
        || replaced(":method", ":method", "CONNECT"),
        MALFORMED,
    ),
    bytes("9113 8.5", "CONNECT without :authority", || section(&[(":method", "CONNECT")]), MALFORMED),
    part("8441 3", "SETTINGS of the server", "ENABLE_CONNECT_PROTOCOL is 1", |scene| {
        Box::pin(announced(scene))
    }),
    part(
        "8441 4",
        "extended CONNECT, of another protocol than websocket",
        "status 405; no backend sees it",
        |scene| Box::pin(other_protocol(scene)),
    ),
    bytes("8441 4", "extended CONNECT without :path", || tunnel(&[CONNECT[1], CONNECT[2]]), MALFORMED),
    bytes("8441 4", "extended CONNECT without :scheme", || tunnel(&[CONNECT[2], CONNECT[3]]), MALFORMED),
    bytes("8441 4", "extended CONNECT without :authority", || tunnel(&[CONNECT[1], CONNECT[3]]), MALFORMED),
    bytes(
        "9110 9.3.6",
        "extended CONNECT with a content-length",
        || tunnel(&[CONNECT[1], CONNECT[2], CONNECT[3], ("content-length", "0")]),
        MALFORMED,
    ),
    bytes(
        "8441 5.1",
        "extended CONNECT with connection: upgrade",
        || tunnel(&[CONNECT[1], CONNECT[2], CONNECT[3], ("connection", "upgrade")]),
        MALFORMED,
    ),
    bytes("8441 4", ":protocol with GET", || with(":protocol", "websocket"), MALFORMED),
    bytes("9110 9.3.8", "TRACE", || replaced(":method", ":method", "TRACE"), Due::Status(1, 405)),
];

/// What asks for a WebSocket, but for `:protocol`.
const CONNECT: [(&str, &str); 4] =
    [(":method", "CONNECT"), (":scheme", "http"), (":authority", "h"), (":path", "/never")];

/// An extended CONNECT with these fields beside its method and protocol.
fn tunnel(fields: &[(&str, &str)]) -> Vec<u8> {
    let all = [&[CONNECT[0], (":protocol", "websocket")], fields].concat();
    Frame::headers(1, flag::END_HEADERS, block(&all)).bytes()
}

fn section<const N: usize>(fields: &[(&str, &str); N]) -> Vec<u8> {
    Frame::headers(1, WHOLE, block(fields)).bytes()
}

/// All but one.
fn without(name: &str) -> Vec<u8> {
    let fields: Vec<_> = GOOD.into_iter().filter(|(other, _)| *other != name).collect();
    Frame::headers(1, WHOLE, block(&fields)).bytes()
}

/// One more.
fn with(name: &str, value: &str) -> Vec<u8> {
    section(&[GOOD[0], GOOD[1], GOOD[2], GOOD[3], (name, value)])
}

/// One of them otherwise.
fn replaced(name: &str, by: &str, value: &str) -> Vec<u8> {
    section(&GOOD.map(|field| if field.0 == name { (by, value) } else { field }))
}

fn path(value: &str) -> Vec<u8> {
    replaced(":path", ":path", value)
}

fn authority(value: &str) -> Vec<u8> {
    replaced(":authority", ":authority", value)
}

/// A client has no use for one, and a backend must not see it. Whoever parses targets as URIs drops it.
async fn fragment(scene: &mut Scene) -> Result<(), String> {
    scene.client.send_bytes(path("/fragment#x")).await.map_err(|error| error.to_string())?;
    let outcome = scene.client.outcome(1).await?;
    let received = scene.backend.received();
    match received.iter().rev().find(|request| request.head.target().starts_with("/fragment")) {
        None if refused(&outcome) => serves_on(scene).await,
        Some(request) if request.head.target() == "/fragment" => serves_on(scene).await,
        other => Err(format!("{outcome}, the backend got {other:?}")),
    }
}

/// A backend must not take it for a line of its own.
async fn in_trailers(scene: &mut Scene) -> Result<(), String> {
    let trailers = Frame::headers(1, WHOLE, block(&[(":path", "/never"), ("x-end", "here")]));
    scene.send([post(1, "/pseudo-trailers", &[]), Frame::data(1, 0, "x"), trailers]).await?;
    let outcome = scene.client.outcome(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == "/pseudo-trailers");
    match request.filter(|request| request.whole).map(|request| &request.trailers) {
        None if refused(&outcome) => serves_on(scene).await,
        Some(trailers) if trailers.iter().all(|(name, _)| name.eq_ignore_ascii_case("x-end")) => {
            serves_on(scene).await
        }
        other => Err(format!("{outcome}, the backend got {other:?}")),
    }
}

fn refused(outcome: &Outcome) -> bool {
    *outcome == Outcome::Reset(code::PROTOCOL_ERROR) || outcome.status() == Some(400)
}

async fn options(scene: &mut Scene) -> Result<(), String> {
    scene.send([Frame::headers(1, WHOLE, block(&request("OPTIONS", "*")))]).await?;
    scene.client.response(1).await?;
    let received = scene.backend.received();
    match received.iter().any(|request| request.head.start.starts_with("OPTIONS * ")) {
        true => serves_on(scene).await,
        false => Err("it did not arrive".to_owned()),
    }
}

async fn hosts(scene: &mut Scene, path: &str, more: &[(&str, &str)]) -> Result<(), String> {
    let fields = [&[(":method", "GET"), (":scheme", "http"), (":path", path)], more].concat();
    scene.send([Frame::headers(1, WHOLE, block(&fields))]).await?;
    scene.client.response(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == path);
    match request.map(|request| request.head.all("host")).as_deref() {
        Some(["h"]) => serves_on(scene).await,
        other => Err(format!("{other:?}")),
    }
}

async fn connect(scene: &mut Scene) -> Result<(), String> {
    let before = scene.backend.requests();
    let section = block(&[(":method", "CONNECT"), (":authority", "h:443")]);
    scene.send([Frame::headers(1, flag::END_HEADERS, section)]).await?;
    match scene.client.outcome(1).await? {
        outcome if outcome.status() == Some(405) && scene.backend.requests() == before => {
            serves_on(scene).await
        }
        other => Err(other.to_string()),
    }
}

async fn announced(scene: &mut Scene) -> Result<(), String> {
    match scene.setting(setting::ENABLE_CONNECT_PROTOCOL) {
        Some(1) => serves_on(scene).await,
        other => Err(format!("ENABLE_CONNECT_PROTOCOL is {other:?}")),
    }
}

async fn other_protocol(scene: &mut Scene) -> Result<(), String> {
    let before = scene.backend.requests();
    let mut fields = request("CONNECT", "/never");
    fields.push((":protocol", "connect-udp"));
    scene.send([Frame::headers(1, flag::END_HEADERS, block(&fields))]).await?;
    match scene.client.outcome(1).await? {
        outcome if outcome.status() == Some(405) && scene.backend.requests() == before => {
            serves_on(scene).await
        }
        other => Err(other.to_string()),
    }
}
