//! Field sections as bytes: fragments, padding, compression (RFC 9113 sections 4.3, 6.1, 6.2, 6.10; RFC 7541).

use evenkeel_testkit::http2::{
    Frame, Outcome, block, code, flag, get, incremental, indexed, integer, literal, post, request, resize,
};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::{HEADER_BYTES, Scene};
use super::wire;

const PROTOCOL: Due = Due::ConnectionError(&[code::PROTOCOL_ERROR]);
const COMPRESSION: Due = Due::ConnectionError(&[code::COMPRESSION_ERROR]);
const WHOLE: u8 = flag::END_HEADERS | flag::END_STREAM;

pub(super) const ALL: &[Requirement] = &[
    bytes(
        "9113 6.10",
        "a field section in a HEADERS and four CONTINUATIONs",
        || pieces(4),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 6.10",
        "an empty HEADERS, then all in one CONTINUATION",
        || {
            wire([
                Frame::headers(1, flag::END_STREAM, []),
                Frame::continuation(1, flag::END_HEADERS, section("/")),
            ])
        },
        Due::Status(1, 200),
    ),
    bytes(
        "9113 6.10",
        "an empty CONTINUATION at the end",
        || {
            wire([
                Frame::headers(1, flag::END_STREAM, section("/")),
                Frame::continuation(1, flag::END_HEADERS, []),
            ])
        },
        Due::Status(1, 200),
    ),
    bytes(
        "9113 6.10",
        "PING inside a field section",
        || wire([Frame::headers(1, flag::END_STREAM, section("/never")), Frame::ping([0; 8])]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "DATA inside a field section",
        || wire([Frame::headers(1, flag::NONE, section("/never")), Frame::data(1, 0, "x")]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "HEADERS of another stream inside a field section",
        || wire([Frame::headers(1, flag::END_STREAM, section("/never")), get(3, "/never")]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "RST_STREAM of the stream inside its field section",
        || wire([Frame::headers(1, flag::END_STREAM, section("/never")), Frame::reset(1, code::CANCEL)]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "CONTINUATION of another stream inside a field section",
        || {
            let begin = Frame::headers(1, flag::END_STREAM, section("/never"));
            wire([begin, Frame::continuation(3, flag::END_HEADERS, [])])
        },
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "CONTINUATION behind DATA",
        || {
            wire([
                post(1, "/hang", &[]),
                Frame::data(1, 0, "x"),
                Frame::continuation(1, flag::END_HEADERS, []),
            ])
        },
        PROTOCOL,
    ),
    bytes(
        "9113 6.10",
        "HEADERS in the middle of an upload, without END_STREAM",
        || wire([post(1, "/hang", &[]), Frame::headers(1, flag::END_HEADERS, block(&[("x-end", "1")]))]),
        Due::StreamError(1, &[code::PROTOCOL_ERROR]),
    ),
    bytes("9113 6.2", "HEADERS with padding", || wire([get(1, "/").padded(200)]), Due::Status(1, 200)),
    bytes(
        "9113 6.2",
        "HEADERS with padding of no bytes",
        || wire([get(1, "/").padded(0)]),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 6.2",
        "HEADERS with more padding than payload",
        || wire([Frame::headers(1, WHOLE | flag::PADDED, [&[250], section("/never").as_slice()].concat())]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.2",
        "HEADERS with padding and nothing else, not even its length",
        || wire([Frame::headers(1, WHOLE | flag::PADDED, [])]),
        Due::ConnectionError(&[code::PROTOCOL_ERROR, code::FRAME_SIZE_ERROR]),
    ),
    part("9113 6.1", "DATA with padding", "the backend gets the content without it", |scene| {
        Box::pin(padded_data(scene))
    }),
    bytes(
        "9113 6.1",
        "DATA with as much padding as payload",
        || wire([post(1, "/hang", &[]), Frame::data(1, flag::PADDED, [5, 0, 0, 0, 0])]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.1",
        "DATA with padding and nothing else, not even its length",
        || wire([post(1, "/hang", &[]), Frame::data(1, flag::PADDED, [])]),
        Due::ConnectionError(&[code::PROTOCOL_ERROR, code::FRAME_SIZE_ERROR]),
    ),
    bytes("7541 2.3.3", "the index 0", || broken(&[0x80]), COMPRESSION),
    bytes("7541 2.3.3", "an index beyond both tables", || broken(&indexed(70)), COMPRESSION),
    bytes(
        "7541 2.3.3",
        "a name by an index beyond both tables",
        || broken(&[0x7f, 0x10, 1, b'x']),
        COMPRESSION,
    ),
    bytes("7541 5.1", "an integer that does not end", || broken(&[0xff]), COMPRESSION),
    bytes("7541 5.1", "an integer beyond 64 bits", || broken(&[0xff; 12]), COMPRESSION),
    bytes(
        "7541 5.2",
        "a string that is longer than its section",
        || broken(&[0, 0x7f, 5, b'a']),
        COMPRESSION,
    ),
    bytes(
        "7541 5.2",
        "Huffman padding of eight bits",
        || broken(&[0, 1, b'a', 0x82, 0b0000_0111, 0xff]),
        COMPRESSION,
    ),
    bytes(
        "7541 5.2",
        "Huffman padding that is not of ones",
        || broken(&[0, 1, b'a', 0x81, 0b0000_0110]),
        COMPRESSION,
    ),
    bytes(
        "7541 5.2",
        "Huffman's end-of-string symbol",
        || broken(&[0, 1, b'a', 0x84, 0xff, 0xff, 0xff, 0xff]),
        COMPRESSION,
    ),
    bytes("7541 4.2", "a new table size behind a field line", || broken(&resize(100)), COMPRESSION),
    bytes("9113 4.3", "a field section that ends inside a field line", || broken(b"\0\x05x-a"), COMPRESSION),
    part(
        "9113 4.3",
        "a refused request that fills the table, then one that uses it",
        "status 200 to the second",
        |scene| Box::pin(compression_survives(scene)),
    ),
    part(
        "9113 10.5.1",
        "a field section longer than is allowed, then one that uses its table",
        "an error or 431, then status 200",
        |scene| Box::pin(too_long(scene)),
    ),
    bytes(
        "7541 6.2.3",
        "a field line that is never to be indexed",
        || {
            wire([Frame::headers(
                1,
                WHOLE,
                [section("/"), integer(0x10, 4, 23), integer(0, 7, 1), b"x".to_vec()].concat(),
            )])
        },
        Due::Status(1, 200),
    ),
];

fn section(path: &str) -> Vec<u8> {
    block(&request("GET", path))
}

/// A GET in so many pieces and one more.
fn pieces(count: usize) -> Vec<u8> {
    let section = section("/");
    let pieces: Vec<_> = section.chunks(section.len().div_ceil(count + 1)).collect();
    let mut bytes = Frame::headers(1, flag::END_STREAM, pieces[0]).bytes();
    for (index, piece) in pieces.iter().enumerate().skip(1) {
        let flags = if index == pieces.len() - 1 { flag::END_HEADERS } else { flag::NONE };
        bytes.extend(Frame::continuation(1, flags, *piece).bytes());
    }
    bytes
}

/// A GET with these bytes at the end of its field section.
fn broken(end: &[u8]) -> Vec<u8> {
    wire([Frame::headers(1, WHOLE, [&section("/never"), end].concat())])
}

async fn padded_data(scene: &mut Scene) -> Result<(), String> {
    scene
        .send([
            post(1, "/padded", &[]),
            Frame::data(1, flag::NONE, "con").padded(255),
            Frame::data(1, flag::NONE, "").padded(7),
            Frame::data(1, flag::END_STREAM, "tent").padded(0),
        ])
        .await?;
    scene.client.response(1).await?;
    let received = scene.backend.received();
    match received.iter().rev().find(|request| request.head.target() == "/padded") {
        Some(request) if request.body == b"content" && request.whole => serves_on(scene).await,
        other => Err(format!("the backend got {other:?}")),
    }
}

/// Whatever becomes of a request, its lines go into the table: the peers must agree on it.
async fn compression_survives(scene: &mut Scene) -> Result<(), String> {
    let refused =
        [section("/never"), literal("connection", "close"), incremental("x-kept", "value")].concat();
    scene.send([Frame::headers(1, WHOLE, refused)]).await?;
    match scene.client.outcome(1).await? {
        Outcome::GoAway(code) => return Err(format!("GOAWAY {}", code::name(code))),
        Outcome::Closed => return Err("the connection ended".to_owned()),
        Outcome::Reset(_) | Outcome::Response(_) => {}
    }
    uses_table(scene, "/kept", "value").await
}

async fn too_long(scene: &mut Scene) -> Result<(), String> {
    let mut long = [section("/never"), incremental("x-kept", "other")].concat();
    for number in 0..HEADER_BYTES / 100 {
        long.extend(literal(format!("x-{number}"), "y".repeat(100)));
    }
    scene.send([Frame::headers(1, WHOLE, long)]).await?;
    match scene.client.outcome(1).await? {
        Outcome::Reset(_) => {}
        Outcome::Response(response) if response.status() == 431 => {}
        other => return Err(other.to_string()),
    }
    uses_table(scene, "/kept-long", "other").await
}

/// The newest entry of the table must arrive.
async fn uses_table(scene: &mut Scene, path: &str, value: &str) -> Result<(), String> {
    scene.send([Frame::headers(3, WHOLE, [section(path), indexed(62)].concat())]).await?;
    scene.client.response(3).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == path);
    match request.and_then(|request| request.head.field("x-kept")) {
        Some(kept) if kept == value => serves_on(scene).await,
        other => Err(format!("the backend got {other:?}")),
    }
}
