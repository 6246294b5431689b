//! States and identifiers of streams (RFC 9113 section 5).

use evenkeel_testkit::http2::{Event, Frame, Outcome, block, code, flag, get, kind, post, request, setting};

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;
use super::wire;

const PROTOCOL: Due = Due::ConnectionError(&[code::PROTOCOL_ERROR]);
/// A new identifier that is below one used is a connection error by section 5.1.1, a frame for a closed stream one by
/// section 5.1; no server can tell them apart once it has forgotten the stream.
const PROTOCOL_OR_CLOSED: Due = Due::ConnectionError(&[code::PROTOCOL_ERROR, code::STREAM_CLOSED]);

pub(super) const ALL: &[Requirement] = &[
    bytes("9113 5.1", "DATA on an idle stream", || wire([Frame::data(1, 0, "x")]), PROTOCOL),
    bytes("9113 5.1", "RST_STREAM on an idle stream", || wire([Frame::reset(1, code::CANCEL)]), PROTOCOL),
    bytes("9113 5.1", "WINDOW_UPDATE on an idle stream", || wire([Frame::window_update(1, 1)]), PROTOCOL),
    bytes(
        "9113 5.1",
        "CONTINUATION on an idle stream",
        || wire([Frame::continuation(1, flag::END_HEADERS, [])]),
        PROTOCOL,
    ),
    bytes("9113 5.1", "PRIORITY on an idle stream", || wire([Frame::priority(1, 0)]), Due::Nothing),
    bytes(
        "9113 5.1",
        "DATA behind END_STREAM, before the response",
        || wire([get(1, "/hang"), Frame::data(1, flag::END_STREAM, "x")]),
        Due::AnyError(1, &[code::STREAM_CLOSED]),
    ),
    bytes(
        "9113 5.1",
        "HEADERS behind END_STREAM, before the response",
        || wire([get(1, "/hang"), get(1, "/never")]),
        Due::AnyError(1, &[code::STREAM_CLOSED]),
    ),
    bytes(
        "9113 5.1",
        "CONTINUATION behind END_STREAM and END_HEADERS",
        || wire([get(1, "/hang"), Frame::continuation(1, flag::END_HEADERS, [])]),
        PROTOCOL,
    ),
    bytes(
        "9113 5.1",
        "WINDOW_UPDATE and PRIORITY behind END_STREAM, before the response",
        || wire([get(1, "/"), Frame::window_update(1, 9), Frame::priority(1, 3)]),
        Due::Status(1, 200),
    ),
    bytes(
        "9113 5.1",
        "DATA behind RST_STREAM",
        || wire([post(1, "/hang", &[]), Frame::reset(1, code::CANCEL), Frame::data(1, 0, "x")]),
        Due::AnyError(1, &[code::STREAM_CLOSED]),
    ),
    bytes(
        "9113 5.1",
        "HEADERS behind RST_STREAM",
        || wire([post(1, "/hang", &[]), Frame::reset(1, code::CANCEL), get(1, "/never")]),
        Due::AnyError(1, &[code::STREAM_CLOSED, code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 5.1",
        "RST_STREAM behind RST_STREAM",
        || wire([get(1, "/hang"), Frame::reset(1, code::CANCEL), Frame::reset(1, code::CANCEL)]),
        Due::Nothing,
    ),
    bytes(
        "9113 5.1",
        "WINDOW_UPDATE behind RST_STREAM",
        || wire([get(1, "/hang"), Frame::reset(1, code::CANCEL), Frame::window_update(1, 1)]),
        Due::Nothing,
    ),
    part(
        "9113 5.1",
        "WINDOW_UPDATE, RST_STREAM and PRIORITY behind a whole response",
        "nothing: they are ignored",
        |scene| Box::pin(late_but_harmless(scene)),
    ),
    part("9113 5.1", "DATA behind a whole response", "an error of STREAM_CLOSED", |scene| {
        Box::pin(late(scene, Frame::data(1, flag::END_STREAM, "x")))
    }),
    part(
        "9113 5.1",
        "HEADERS behind a whole response",
        "an error of STREAM_CLOSED or PROTOCOL_ERROR",
        |scene| Box::pin(late(scene, get(1, "/never"))),
    ),
    part(
        "9113 5.1",
        "RST_STREAM behind a request",
        "the backend's connection is given up, nothing comes of it",
        |scene| Box::pin(cancelled(scene)),
    ),
    part(
        "9113 5.1",
        "RST_STREAM into the middle of an upload",
        "the backend does not take it for whole",
        |scene| Box::pin(cancelled_upload(scene)),
    ),
    bytes("9113 5.1.1", "HEADERS on stream 2", || wire([get(2, "/never")]), PROTOCOL),
    bytes(
        "9113 5.1.1",
        "stream 5, then stream 3",
        || wire([get(5, "/hang"), get(3, "/never")]),
        PROTOCOL_OR_CLOSED,
    ),
    bytes(
        "9113 5.1.1",
        "streams 1, 7 and 9 (others are skipped)",
        || wire([get(1, "/"), get(7, "/"), get(9, "/")]),
        Due::Status(9, 200),
    ),
    bytes(
        "9113 5.1.1",
        "DATA on stream 3, behind a request on stream 5",
        || wire([get(5, "/hang"), Frame::data(3, 0, "x")]),
        Due::AnyError(3, &[code::STREAM_CLOSED, code::PROTOCOL_ERROR]),
    ),
    part("9113 5.1.1", "a request on the last stream of all, 2,147,483,647", "status 200", |scene| {
        Box::pin(last_of_all(scene))
    }),
    part(
        "9113 5.1.2",
        "one stream more than announced",
        "RST_STREAM REFUSED_STREAM or PROTOCOL_ERROR; the others are served",
        |scene| Box::pin(one_too_many(scene)),
    ),
    bytes(
        "9113 5.3.1",
        "a stream that depends on itself, by PRIORITY",
        || wire([Frame::priority(1, 1)]),
        Due::Nothing,
    ),
    bytes(
        "9113 5.3.1",
        "a request that depends on another, exclusively",
        || wire([with_priority(1, 1 << 31 | 3)]),
        Due::Status(1, 200),
    ),
    // RFC 7540 made this an error, RFC 9113 no longer does.
    bytes(
        "9113 5.3.1",
        "a request that depends on itself",
        || wire([with_priority(1, 1)]),
        Due::StatusOrStreamError(1, 200),
    ),
    bytes(
        "9113 5.5",
        "a frame of unknown type inside a field section",
        || {
            let begin = Frame::headers(1, flag::END_STREAM, block(&request("GET", "/never")));
            wire([begin, Frame::new(0xbb, 0, 1, "x"), Frame::continuation(1, flag::END_HEADERS, [])])
        },
        PROTOCOL,
    ),
];

/// A GET whose priority says that it depends on `on`.
fn with_priority(stream: u32, on: u32) -> Frame {
    let payload = [&on.to_be_bytes()[..], &[15], &block(&request("GET", "/"))].concat();
    Frame::new(kind::HEADERS, flag::PRIORITY | flag::END_HEADERS | flag::END_STREAM, stream, payload)
}

async fn last_of_all(scene: &mut Scene) -> Result<(), String> {
    let stream = i32::MAX as u32;
    scene.send([get(stream, "/")]).await?;
    match scene.client.outcome(stream).await? {
        outcome if outcome.status() == Some(200) => Ok(()),
        other => Err(other.to_string()),
    }
}

async fn late_but_harmless(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/")]).await?;
    scene.client.response(1).await?;
    scene.send([Frame::window_update(1, 1), Frame::priority(1, 0), Frame::reset(1, code::NO_ERROR)]).await?;
    serves_on(scene).await?;
    match scene.client.came(|event| matches!(event, Event::Reset(..) | Event::GoAway(..))) {
        None => Ok(()),
        Some(event) => Err(format!("{event:?}")),
    }
}

async fn late(scene: &mut Scene, frame: Frame) -> Result<(), String> {
    scene.send([get(1, "/")]).await?;
    scene.client.response(1).await?;
    scene.send([frame]).await?;
    let pick = |event: &Event| match event {
        Event::Reset(1, code) | Event::GoAway(_, code) => Some(*code),
        _ => None,
    };
    match scene.client.find("an error", pick).await? {
        code::STREAM_CLOSED | code::PROTOCOL_ERROR => Ok(()),
        other => Err(code::name(other)),
    }
}

async fn cancelled(scene: &mut Scene) -> Result<(), String> {
    let begun = scene.backend.requests();
    scene.send([get(1, "/hang")]).await?;
    evenkeel_testkit::until("the request", async || (scene.backend.requests() > begun).then_some(())).await;
    let open = scene.backend.open_connections();
    scene.send([Frame::reset(1, code::CANCEL)]).await?;
    evenkeel_testkit::until("the end of it", async || {
        (scene.backend.open_connections() < open).then_some(())
    })
    .await;
    serves_on(scene).await
}

async fn cancelled_upload(scene: &mut Scene) -> Result<(), String> {
    let begun = scene.backend.received().len();
    scene.send([post(1, "/cancelled-upload", &[]), Frame::data(1, 0, "half")]).await?;
    let upload = async || {
        let received = scene.backend.received();
        received.get(begun).is_some_and(|request| request.body == b"half").then_some(())
    };
    evenkeel_testkit::until("half of the upload", upload).await;
    let open = scene.backend.open_connections();
    scene.send([Frame::reset(1, code::CANCEL)]).await?;
    evenkeel_testkit::until("the end of it", async || {
        (scene.backend.open_connections() < open).then_some(())
    })
    .await;
    let received = scene.backend.received();
    match received.get(begun) {
        Some(request) if !request.whole => serves_on(scene).await,
        other => Err(format!("the backend took it for whole: {other:?}")),
    }
}

async fn one_too_many(scene: &mut Scene) -> Result<(), String> {
    let most = scene.setting(setting::MAX_CONCURRENT_STREAMS).ok_or("the server sets no bound")?;
    let requests: Vec<_> = (0..=most).map(|number| get(2 * number + 1, "/hang")).collect();
    scene.send(requests).await?;
    let last = 2 * most + 1;
    match scene.client.outcome(last).await? {
        Outcome::Reset(code::REFUSED_STREAM | code::PROTOCOL_ERROR) => {}
        other => return Err(format!("{other} to stream {last}, with {most} allowed")),
    }
    scene.client.ping().await?;
    if let Some(event) = scene.client.came(|event| matches!(event, Event::Reset(..) | Event::GoAway(..))) {
        return Err(format!("others suffer: {event:?}"));
    }
    Ok(())
}
