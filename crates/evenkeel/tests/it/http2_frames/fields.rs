//! Regular fields (RFC 9113 section 8.2).

use evenkeel_testkit::http2::{Frame, block, flag, get, request};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;

const WHOLE: u8 = flag::END_HEADERS | flag::END_STREAM;
const MALFORMED: Due = Due::Malformed(1);
const BYTES: Due = Due::MalformedBytes(1);

pub(super) const ALL: &[Requirement] = &[
    bytes("9113 8.2.1", "an upper-case letter in a name", || with(b"X-a", b"1"), BYTES),
    bytes("9113 8.2.1", "an upper-case letter at the end of a name", || with(b"x-aB", b"1"), BYTES),
    bytes("9113 8.2.1", "an empty name", || with(b"", b"1"), BYTES),
    bytes("9113 8.2.1", "a space in a name", || with(b"x a", b"1"), BYTES),
    bytes("9113 8.2.1", "a space at the end of a name", || with(b"transfer-encoding ", b"chunked"), BYTES),
    bytes("9113 8.2.1", "NUL in a name", || with(b"x\0a", b"1"), BYTES),
    bytes("9113 8.2.1", "CR LF in a name", || with(b"x: y\r\nx-a", b"1"), BYTES),
    bytes("9113 8.2.1", "a tab in a name", || with(b"x\ta", b"1"), BYTES),
    bytes("9113 8.2.1", "DEL in a name", || with(b"x\x7fa", b"1"), BYTES),
    bytes("9113 8.2.1", "a byte beyond ASCII in a name", || with(b"x\xe9a", b"1"), BYTES),
    bytes("9113 8.2.1", "a colon in a name", || with(b"x:a", b"1"), BYTES),
    bytes("9110 5.1", "brackets in a name: no token", || with(b"x(a)", b"1"), BYTES),
    bytes("9113 8.2.1", "NUL in a value", || with(b"x-a", b"1\x002"), BYTES),
    bytes("9113 8.2.1", "CR in a value", || with(b"x-a", b"1\r2"), BYTES),
    bytes("9113 8.2.1", "LF in a value", || with(b"x-a", b"1\n2"), BYTES),
    bytes(
        "9113 8.2.1",
        "a request in a value",
        || with(b"x-a", b"1\r\n\r\nGET /never HTTP/1.1\r\nHost: h\r\n\r\n"),
        BYTES,
    ),
    bytes("9113 8.2.1", "a space before a value", || with(b"x-a", b" 1"), MALFORMED),
    bytes("9113 8.2.1", "a space behind a value", || with(b"x-a", b"1 "), MALFORMED),
    bytes("9113 8.2.1", "a tab before a value", || with(b"x-a", b"\t1"), MALFORMED),
    bytes("9113 8.2.1", "a tab behind a value", || with(b"x-a", b"1\t"), MALFORMED),
    bytes("9110 5.5", "a control character in a value", || with(b"x-a", b"1\x012"), BYTES),
    part(
        "9110 5.5",
        "spaces inside a value, an empty one, and bytes beyond ASCII",
        "the backend gets them as they are",
        |scene| Box::pin(odd_values(scene)),
    ),
    bytes("9113 8.2.2", "connection: close", || with(b"connection", b"close"), MALFORMED),
    bytes("9113 8.2.2", "connection: x-a", || with(b"connection", b"x-a"), MALFORMED),
    bytes("9113 8.2.2", "keep-alive: 5", || with(b"keep-alive", b"5"), MALFORMED),
    bytes(
        "9113 8.2.2",
        "proxy-connection: keep-alive",
        || with(b"proxy-connection", b"keep-alive"),
        MALFORMED,
    ),
    bytes("9113 8.2.2", "transfer-encoding: chunked", || with(b"transfer-encoding", b"chunked"), MALFORMED),
    bytes("9113 8.2.2", "transfer-encoding: identity", || with(b"transfer-encoding", b"identity"), MALFORMED),
    bytes("9113 8.2.2", "upgrade: websocket", || with(b"upgrade", b"websocket"), MALFORMED),
    bytes("9113 8.2.2", "te: gzip", || with(b"te", b"gzip"), MALFORMED),
    bytes("9113 8.2.2", "te: trailers, deflate", || with(b"te", b"trailers, deflate"), MALFORMED),
    bytes("9113 8.2.2", "te: trailers", || good(b"te", b"trailers"), Due::Status(1, 200)),
    part(
        "9113 8.2.3",
        "a cookie in three crumbs",
        "the backend gets one Cookie field, joined by a semicolon and a space",
        |scene| Box::pin(crumbs(scene)),
    ),
    part(
        "9110 7.6.1",
        "whatever the backend says of its connection",
        "nothing of it reaches the client",
        |scene| Box::pin(hop_by_hop(scene)),
    ),
];

/// A GET with one more field that must not reach a backend.
fn with(name: &[u8], value: &[u8]) -> Vec<u8> {
    let section = [block(&request("GET", "/never")), block(&[(name, value)])].concat();
    Frame::headers(1, WHOLE, section).bytes()
}

/// A GET with one more field that is right.
fn good(name: &[u8], value: &[u8]) -> Vec<u8> {
    let section = [block(&request("GET", "/")), block(&[(name, value)])].concat();
    Frame::headers(1, WHOLE, section).bytes()
}

async fn odd_values(scene: &mut Scene) -> Result<(), String> {
    let odd: [(&[u8], &[u8]); 3] =
        [(b"x-space", b"a  b\tc"), (b"x-empty", b""), (b"x-beyond", b"caf\xc3\xa9")];
    let section = [block(&request("GET", "/odd-values")), block(&odd)].concat();
    scene.send([Frame::headers(1, WHOLE, section)]).await?;
    scene.client.response(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == "/odd-values");
    let request = request.ok_or("it did not arrive")?;
    for (name, value) in odd {
        let name = String::from_utf8_lossy(name);
        if request.head.field(&name).map(str::as_bytes) != Some(value) {
            return Err(format!("{name}: {:?}", request.head.field(&name)));
        }
    }
    serves_on(scene).await
}

async fn crumbs(scene: &mut Scene) -> Result<(), String> {
    let mut all = request("GET", "/crumbs");
    all.extend([("cookie", "a=1"), ("x-between", "b"), ("cookie", "b=2"), ("cookie", "c=3; d=4")]);
    scene.send([Frame::headers(1, WHOLE, block(&all))]).await?;
    scene.client.response(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == "/crumbs");
    match request.map(|request| request.head.all("cookie")).as_deref() {
        Some(["a=1; b=2; c=3; d=4"]) => serves_on(scene).await,
        other => Err(format!("{other:?}")),
    }
}

async fn hop_by_hop(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/hop")]).await?;
    // The client itself refuses Connection, Keep-Alive and the like.
    let response = scene.client.response(1).await?;
    match (response.field("x-private"), response.field("x-public")) {
        (None, Some("1")) => serves_on(scene).await,
        other => Err(format!("{other:?}")),
    }
}
