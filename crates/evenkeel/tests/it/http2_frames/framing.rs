//! The preface, and frames by their length (RFC 9113 sections 3.4, 4 and 6).

use std::time::Duration;

use evenkeel_testkit::http2::{Client, Event, Frame, PREFACE, block, code, flag, get, kind, post, request};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;
use super::wire;

const SIZE: Due = Due::ConnectionError(&[code::FRAME_SIZE_ERROR]);
const PROTOCOL: Due = Due::ConnectionError(&[code::PROTOCOL_ERROR]);
/// One more than every receiver takes.
const TOO_LONG: usize = 16_385;

pub(super) const ALL: &[Requirement] = &[
    part("9113 3.4", "preface and SETTINGS", "SETTINGS first of all, then an acknowledgement", |scene| {
        Box::pin(settings_come_first(scene))
    }),
    part(
        "9113 3.4",
        "a request right behind the preface, before the server's SETTINGS",
        "status 200",
        |scene| Box::pin(at_once(scene)),
    ),
    part("9113 3.4", "the preface byte by byte", "status 200 to a request behind it", |scene| {
        Box::pin(byte_by_byte(scene))
    }),
    part("9113 3.4", "a preface that ends otherwise", "the connection ends, or 400 of HTTP/1.1", |scene| {
        Box::pin(wrong_preface(scene))
    }),
    part("9113 3.4", "PING instead of the first SETTINGS", "the connection ends", |scene| {
        Box::pin(no_settings(scene))
    }),
    bytes("9113 4.1", "a frame of unknown type", || wire([Frame::new(0xbb, 0xff, 0, "x")]), Due::Nothing),
    bytes(
        "9113 5.5",
        "a frame of unknown type on an idle stream",
        || wire([Frame::new(0xbb, 0, 77, "x")]),
        Due::Nothing,
    ),
    bytes(
        "9113 4.1",
        "the reserved bit of a stream identifier",
        || wire([Frame { stream: 1 | 1 << 31, ..get(1, "/") }]),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 4.1",
        "flags without a meaning on HEADERS",
        || wire([Frame { flags: flag::END_HEADERS | flag::END_STREAM | 0xd2, ..get(1, "/") }]),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 4.1",
        "flags without a meaning on PING",
        || wire([Frame::new(kind::PING, 0xfe, 0, [7; 8])]),
        Due::Nothing,
    ),
    bytes(
        "9113 4.2",
        "DATA of 16,384 bytes",
        || wire([post(1, "/", &[]), Frame::data(1, flag::END_STREAM, vec![b'x'; TOO_LONG - 1])]),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 4.2",
        "DATA of 16,385 bytes",
        || wire([post(1, "/", &[]), Frame::data(1, flag::END_STREAM, vec![b'x'; TOO_LONG])]),
        Due::AnyError(1, &[code::FRAME_SIZE_ERROR]),
    ),
    bytes(
        "9113 4.2",
        "HEADERS of 16,385 bytes",
        || wire([Frame::headers(1, flag::END_HEADERS | flag::END_STREAM, long_section(TOO_LONG))]),
        SIZE,
    ),
    bytes(
        "9113 4.2",
        "CONTINUATION of 16,385 bytes",
        || {
            let begin = Frame::headers(1, flag::END_STREAM, block(&request("GET", "/never")));
            wire([begin, Frame::continuation(1, flag::END_HEADERS, long_section(TOO_LONG))])
        },
        SIZE,
    ),
    bytes(
        "9113 4.2",
        "an unknown frame of 16,385 bytes",
        || wire([Frame::new(0xbb, 0, 0, vec![0; TOO_LONG])]),
        SIZE,
    ),
    bytes(
        "9113 4.2",
        "a frame header that announces 16,777,215 bytes",
        || Frame::data(1, 0, "x").bytes_with_length(0xff_ffff),
        SIZE,
    ),
    bytes(
        "9113 6.3",
        "PRIORITY of 4 bytes",
        || wire([Frame::new(kind::PRIORITY, 0, 1, [0; 4])]),
        Due::AnyError(1, &[code::FRAME_SIZE_ERROR]),
    ),
    bytes(
        "9113 6.3",
        "PRIORITY of 6 bytes",
        || wire([Frame::new(kind::PRIORITY, 0, 1, [0; 6])]),
        Due::AnyError(1, &[code::FRAME_SIZE_ERROR]),
    ),
    bytes(
        "9113 6.4",
        "RST_STREAM of 3 bytes",
        || wire([get(1, "/hang"), Frame::new(kind::RST_STREAM, 0, 1, [0; 3])]),
        SIZE,
    ),
    bytes(
        "9113 6.4",
        "RST_STREAM of 5 bytes",
        || wire([get(1, "/hang"), Frame::new(kind::RST_STREAM, 0, 1, [0; 5])]),
        SIZE,
    ),
    bytes("9113 6.5", "SETTINGS of 5 bytes", || wire([Frame::new(kind::SETTINGS, 0, 0, [0; 5])]), SIZE),
    bytes("9113 6.5", "SETTINGS of 7 bytes", || wire([Frame::new(kind::SETTINGS, 0, 0, [0; 7])]), SIZE),
    bytes(
        "9113 6.5",
        "an acknowledgement of SETTINGS with a payload",
        || wire([Frame::new(kind::SETTINGS, flag::ACK, 0, [0; 6])]),
        SIZE,
    ),
    bytes("9113 6.7", "PING of 7 bytes", || wire([Frame::new(kind::PING, 0, 0, [0; 7])]), SIZE),
    bytes("9113 6.7", "PING of 9 bytes", || wire([Frame::new(kind::PING, 0, 0, [0; 9])]), SIZE),
    bytes("9113 6.8", "GOAWAY of 7 bytes", || wire([Frame::new(kind::GOAWAY, 0, 0, [0; 7])]), SIZE),
    bytes(
        "9113 6.9",
        "WINDOW_UPDATE of 3 bytes",
        || wire([Frame::new(kind::WINDOW_UPDATE, 0, 0, [1; 3])]),
        SIZE,
    ),
    bytes(
        "9113 6.9",
        "WINDOW_UPDATE of 5 bytes",
        || wire([Frame::new(kind::WINDOW_UPDATE, 0, 0, [1; 5])]),
        SIZE,
    ),
    bytes(
        "9113 6.2",
        "HEADERS with the PRIORITY flag and 4 bytes",
        || wire([Frame::headers(1, flag::PRIORITY | flag::END_HEADERS, [0; 4])]),
        Due::ConnectionError(&[code::FRAME_SIZE_ERROR, code::PROTOCOL_ERROR]),
    ),
    bytes("9113 6.1", "DATA on stream 0", || wire([Frame::data(0, 0, "x")]), PROTOCOL),
    bytes("9113 6.2", "HEADERS on stream 0", || wire([get(0, "/never")]), PROTOCOL),
    bytes("9113 6.3", "PRIORITY on stream 0", || wire([Frame::priority(0, 1)]), PROTOCOL),
    bytes("9113 6.4", "RST_STREAM on stream 0", || wire([Frame::reset(0, code::CANCEL)]), PROTOCOL),
    bytes("9113 6.5", "SETTINGS on stream 1", || wire([Frame::new(kind::SETTINGS, 0, 1, [])]), PROTOCOL),
    bytes("9113 6.7", "PING on stream 1", || wire([Frame::new(kind::PING, 0, 1, [0; 8])]), PROTOCOL),
    bytes("9113 6.8", "GOAWAY on stream 1", || wire([Frame::new(kind::GOAWAY, 0, 1, [0; 8])]), PROTOCOL),
    bytes(
        "9113 6.10",
        "CONTINUATION on stream 0",
        || wire([Frame::continuation(0, flag::END_HEADERS, [])]),
        PROTOCOL,
    ),
];

/// A section of so many bytes, none of which a backend should see.
fn long_section(length: usize) -> Vec<u8> {
    let mut section = block(&request("GET", "/never"));
    while section.len() < length {
        let left = (length - section.len()).min(100);
        // Six bytes are name, lengths and kind; what is too short for a field is an entry of the static table.
        let field = if left > 6 { block(&[("x-a", "y".repeat(left - 6))]) } else { vec![0x90; left] };
        section.extend(field);
    }
    section
}

async fn settings_come_first(scene: &mut Scene) -> Result<(), String> {
    let mut client = Client::silent(scene.address).await.map_err(|error| error.to_string())?;
    client
        .send_bytes([PREFACE, &Frame::settings(&[]).bytes()].concat())
        .await
        .map_err(|error| error.to_string())?;
    match client.find("a first frame", |event| Some(event.clone())).await? {
        Event::Settings(_) => client.acknowledged().await,
        other => Err(format!("first came {other:?}")),
    }
}

async fn at_once(scene: &mut Scene) -> Result<(), String> {
    let mut client = Client::silent(scene.address).await.map_err(|error| error.to_string())?;
    let bytes = [PREFACE, &wire([Frame::settings(&[]), get(1, "/")])].concat();
    client.send_bytes(bytes).await.map_err(|error| error.to_string())?;
    client.response(1).await.and_then(|response| match response.status() {
        200 => Ok(()),
        status => Err(format!("status {status}")),
    })
}

async fn byte_by_byte(scene: &mut Scene) -> Result<(), String> {
    let mut client = Client::silent(scene.address).await.map_err(|error| error.to_string())?;
    for byte in [PREFACE, &Frame::settings(&[]).bytes()].concat() {
        client.send_bytes([byte]).await.map_err(|error| error.to_string())?;
        // Each byte is a segment of its own, and a read of its own.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    scene.client = client;
    scene.client.settings().await?;
    serves_on(scene).await
}

async fn wrong_preface(scene: &mut Scene) -> Result<(), String> {
    let mut client = evenkeel_testkit::Client::connect(scene.address).await;
    client.send(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n").await;
    let said = client.read_to_close().await.unwrap_or_default();
    let of_http1 = said.starts_with(b"HTTP/1.1 400") || said.starts_with(b"HTTP/1.1 505");
    let of_http2 =
        said.is_empty() || said.get(3).is_some_and(|&kind| matches!(kind, kind::SETTINGS | kind::GOAWAY));
    if of_http1 || of_http2 { Ok(()) } else { Err(format!("came {:?}", String::from_utf8_lossy(&said))) }
}

async fn no_settings(scene: &mut Scene) -> Result<(), String> {
    let mut client = Client::silent(scene.address).await.map_err(|error| error.to_string())?;
    client
        .send_bytes([PREFACE, &Frame::ping([0; 8]).bytes()].concat())
        .await
        .map_err(|error| error.to_string())?;
    client.closed().await
}
