//! PING, GOAWAY, PRIORITY, PUSH_PROMISE and RST_STREAM (RFC 9113 sections 6.3 to 6.8).

use evenkeel_testkit::http2::{Event, Frame, code, flag, get, head, kind, request};
use evenkeel_testkit::until;

use super::requirement::{Due, Requirement, bytes, part, serves_on};
use super::scene::Scene;
use super::wire;

pub(super) const ALL: &[Requirement] = &[
    part("9113 6.7", "PING", "its payload, with ACK", |scene| Box::pin(echoed(scene))),
    part("9113 6.7", "an answer to a PING that nobody sent", "nothing: no answer to it", |scene| {
        Box::pin(unasked(scene))
    }),
    part("9113 6.7", "PING while a request is under way", "the answer before the response", |scene| {
        Box::pin(pinged_meanwhile(scene))
    }),
    part("9113 6.8", "a request, then GOAWAY", "status 200, then the connection ends", |scene| {
        Box::pin(client_leaves(scene))
    }),
    part("9113 6.8", "GOAWAY with an unknown code and debug data", "the connection ends", |scene| {
        Box::pin(client_is_cross(scene))
    }),
    bytes(
        "9113 6.6",
        "PUSH_PROMISE",
        || {
            let section = evenkeel_testkit::http2::block(&request("GET", "/never"));
            let payload = [&2_u32.to_be_bytes()[..], &section].concat();
            wire([get(1, "/hang"), Frame::new(kind::PUSH_PROMISE, flag::END_HEADERS, 1, payload)])
        },
        Due::ConnectionError(&[code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 7",
        "RST_STREAM with an unknown code",
        || wire([get(1, "/hang"), Frame::reset(1, 0xdead_beef)]),
        Due::Nothing,
    ),
    part("9113 5.1", "GET and HEAD on ten streams at once", "ten responses, each on its stream", |scene| {
        Box::pin(many_at_once(scene))
    }),
    part(
        "9113 9.1",
        "the end of the sending side, behind a request",
        "the connection ends, and the backend's work is given up",
        |scene| Box::pin(half_closed(scene)),
    ),
];

async fn echoed(scene: &mut Scene) -> Result<(), String> {
    for payload in [*b"one-one-", *b"twotwotw"] {
        scene.send([Frame::ping(payload)]).await?;
        let echo = Event::Ping(true, payload.to_vec());
        scene.client.find("the echo", |event| (*event == echo).then_some(())).await?;
    }
    serves_on(scene).await
}

async fn unasked(scene: &mut Scene) -> Result<(), String> {
    scene.send([Frame::new(kind::PING, flag::ACK, 0, *b"unasked!")]).await?;
    scene.client.ping().await?;
    match scene.client.came(|event| matches!(event, Event::Ping(..) | Event::GoAway(..))) {
        None => serves_on(scene).await,
        Some(event) => Err(format!("{event:?}")),
    }
}

async fn pinged_meanwhile(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/hang")]).await?;
    scene.client.ping().await?;
    scene.send([Frame::reset(1, code::CANCEL)]).await?;
    serves_on(scene).await
}

async fn client_leaves(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/pattern/30000"), Frame::goaway(0, code::NO_ERROR)]).await?;
    let length = scene.client.response(1).await?.body.len();
    if length != 30_000 {
        return Err(format!("{length} bytes"));
    }
    scene.client.closed().await
}

async fn client_is_cross(scene: &mut Scene) -> Result<(), String> {
    let mut goaway = Frame::goaway(0, 0xabcd);
    goaway.payload.extend_from_slice(b"whatever \xff\0");
    scene.send([goaway]).await?;
    scene.client.finish_sending().await.map_err(|error| error.to_string())?;
    scene.client.closed().await
}

async fn many_at_once(scene: &mut Scene) -> Result<(), String> {
    let frames = (0..10).map(|number| match number % 2 {
        0 => get(2 * number + 1, &format!("/pattern/{}", 100 + number)),
        _ => head(2 * number + 1, &format!("/pattern/{}", 100 + number)),
    });
    scene.send(frames).await?;
    for number in (0..10).rev() {
        let length = scene.client.response(2 * number + 1).await?.body.len();
        let due = if number % 2 == 0 { 100 + number as usize } else { 0 };
        if length != due {
            return Err(format!("{length} bytes instead of {due} on stream {}", 2 * number + 1));
        }
    }
    serves_on(scene).await
}

/// A client that says no more has not said GOAWAY; there is no half-closed connection in HTTP/2.
async fn half_closed(scene: &mut Scene) -> Result<(), String> {
    let begun = scene.backend.requests();
    scene.send([get(1, "/hang")]).await?;
    until("the request", async || (scene.backend.requests() > begun).then_some(())).await;
    let open = scene.backend.open_connections();
    scene.client.finish_sending().await.map_err(|error| error.to_string())?;
    scene.client.closed().await?;
    until("the end of it", async || (scene.backend.open_connections() < open).then_some(())).await;
    Ok(())
}
