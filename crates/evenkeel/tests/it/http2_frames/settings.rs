//! SETTINGS (RFC 9113 section 6.5).

use evenkeel_testkit::http2::{Event, Frame, block, code, flag, kind, request, resize, setting};

use super::requirement::{Due, Requirement, bytes, connection_error, part, serves_on};
use super::scene::Scene;
use super::wire;

const PROTOCOL: Due = Due::ConnectionError(&[code::PROTOCOL_ERROR]);

pub(super) const ALL: &[Requirement] = &[
    part("9113 6.5.3", "three SETTINGS", "three acknowledgements", |scene| Box::pin(acknowledged(scene))),
    part(
        "9113 6.5.3",
        "an acknowledgement of SETTINGS that nobody sent",
        "nothing, or GOAWAY PROTOCOL_ERROR",
        |scene| Box::pin(no_answer(scene)),
    ),
    part(
        "9113 6.5.2",
        "nothing",
        "the server announces values in range: no push, a bound of streams",
        |scene| Box::pin(announced(scene)),
    ),
    bytes(
        "9113 6.5.2",
        "settings of unknown identifiers",
        || wire([Frame::settings(&[(0xff, 7), (0, 1), (7, u32::MAX)])]),
        Due::Nothing,
    ),
    bytes(
        "9113 6.5",
        "one setting twice: the last counts",
        || wire([Frame::settings(&[(setting::MAX_FRAME_SIZE, 16_384), (setting::MAX_FRAME_SIZE, 65_536)])]),
        Due::Nothing,
    ),
    bytes("9113 6.5", "empty SETTINGS", || wire([Frame::settings(&[])]), Due::Nothing),
    bytes(
        "9113 6.5.2",
        "ENABLE_PUSH 1",
        || wire([Frame::settings(&[(setting::ENABLE_PUSH, 1)])]),
        Due::Nothing,
    ),
    bytes("9113 6.5.2", "ENABLE_PUSH 2", || wire([Frame::settings(&[(setting::ENABLE_PUSH, 2)])]), PROTOCOL),
    bytes(
        "9113 6.5.2",
        "INITIAL_WINDOW_SIZE 2,147,483,648",
        || wire([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 1 << 31)])]),
        Due::ConnectionError(&[code::FLOW_CONTROL_ERROR]),
    ),
    bytes(
        "9113 6.5.2",
        "INITIAL_WINDOW_SIZE 2,147,483,647",
        || wire([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, i32::MAX as u32)])]),
        Due::Nothing,
    ),
    bytes(
        "9113 6.5.2",
        "MAX_FRAME_SIZE 16,383",
        || wire([Frame::settings(&[(setting::MAX_FRAME_SIZE, 16_383)])]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.5.2",
        "MAX_FRAME_SIZE 16,777,216",
        || wire([Frame::settings(&[(setting::MAX_FRAME_SIZE, 1 << 24)])]),
        PROTOCOL,
    ),
    bytes(
        "9113 6.5.2",
        "MAX_FRAME_SIZE 16,777,215",
        || wire([Frame::settings(&[(setting::MAX_FRAME_SIZE, 0xff_ffff)])]),
        Due::Nothing,
    ),
    bytes(
        "9113 6.5.2",
        "MAX_CONCURRENT_STREAMS 0: there is nothing to push",
        || wire([Frame::settings(&[(setting::MAX_CONCURRENT_STREAMS, 0)])]),
        Due::Nothing,
    ),
    bytes(
        "9113 6.5.2",
        "MAX_HEADER_LIST_SIZE 0, which is advice",
        || wire([Frame::settings(&[(setting::MAX_HEADER_LIST_SIZE, 0)])]),
        Due::Nothing,
    ),
    bytes(
        "8441 3",
        "ENABLE_CONNECT_PROTOCOL 1 from a client",
        || wire([Frame::settings(&[(setting::ENABLE_CONNECT_PROTOCOL, 1)])]),
        Due::Nothing,
    ),
    part(
        "9113 6.5.2",
        "HEADER_TABLE_SIZE 0, then two requests",
        "responses that use no dynamic table",
        |scene| Box::pin(no_table(scene)),
    ),
    bytes(
        "7541 4.2",
        "a table of 4,096 bytes, the most there is unless the server says more",
        || wire([sized(4096)]),
        Due::Status(1, 200),
    ),
    bytes(
        "7541 4.2",
        "a table of 1 GiB, which the server has not allowed",
        || wire([sized(1 << 30)]),
        Due::ConnectionError(&[code::COMPRESSION_ERROR]),
    ),
];

/// A GET behind a change of the size of its table.
fn sized(size: u64) -> Frame {
    let section = [resize(size), block(&request("GET", "/"))].concat();
    Frame::headers(1, flag::END_HEADERS | flag::END_STREAM, section)
}

async fn acknowledged(scene: &mut Scene) -> Result<(), String> {
    scene.send([(); 3].map(|()| Frame::settings(&[(setting::MAX_FRAME_SIZE, 16_384)]))).await?;
    for _ in 0..3 {
        scene.client.acknowledged().await?;
    }
    serves_on(scene).await
}

/// No section says what an acknowledgement is of which nothing is known.
async fn no_answer(scene: &mut Scene) -> Result<(), String> {
    scene.send([Frame::settings_ack()]).await?;
    if scene.client.ping().await.is_err() {
        return connection_error(scene, &[code::PROTOCOL_ERROR]).await;
    }
    match scene.client.came(|event| !matches!(event, Event::WindowUpdate(..))) {
        None => serves_on(scene).await,
        Some(event) => Err(format!("{event:?}")),
    }
}

async fn announced(scene: &mut Scene) -> Result<(), String> {
    let or = |identifier, default| scene.setting(identifier).unwrap_or(default);
    let frame = or(setting::MAX_FRAME_SIZE, 16_384);
    if !(16_384..1 << 24).contains(&frame) || or(setting::INITIAL_WINDOW_SIZE, 65_535) > i32::MAX as u32 {
        return Err(format!("out of range: {:?}", scene.settings));
    }
    if or(setting::ENABLE_PUSH, 0) != 0 {
        return Err("a server must not announce ENABLE_PUSH other than 0".to_owned());
    }
    match scene.setting(setting::MAX_CONCURRENT_STREAMS) {
        // Section 6.5.2 recommends at least 100.
        Some(100..=1000) => Ok(()),
        other => Err(format!("a bound of streams of {other:?}")),
    }
}

/// The second response would name entries of the first.
async fn no_table(scene: &mut Scene) -> Result<(), String> {
    scene.reopen(&[(setting::HEADER_TABLE_SIZE, 0)]).await?;
    scene.client.allow_table(0);
    for stream in [1, 3] {
        scene.send([evenkeel_testkit::http2::get(stream, "/")]).await?;
        scene.client.response(stream).await?;
    }
    scene.send([Frame::new(kind::PING, flag::NONE, 0, [1; 8])]).await?;
    serves_on(scene).await
}
