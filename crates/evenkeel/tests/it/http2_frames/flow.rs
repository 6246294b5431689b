//! Flow control (RFC 9113 sections 5.2 and 6.9).

use std::time::Duration;

use evenkeel_testkit::http2::{Event, Frame, code, flag, get, post, setting};

use super::requirement::{Due, Requirement, bytes, connection_error, part, serves_on};
use super::scene::Scene;
use super::wire;

/// Long enough for content that should not come to come.
const A_WHILE: Duration = Duration::from_millis(200);
/// Of a connection, and of a stream unless SETTINGS say otherwise.
const WINDOW: usize = 65_535;
const MOST: u32 = i32::MAX as u32;

pub(super) const ALL: &[Requirement] = &[
    bytes(
        "9113 6.9",
        "WINDOW_UPDATE of 0 on the connection",
        || wire([Frame::window_update(0, 0)]),
        Due::ConnectionError(&[code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 6.9",
        "WINDOW_UPDATE of 0 on a stream",
        || wire([get(1, "/hang"), Frame::window_update(1, 0)]),
        Due::AnyError(1, &[code::PROTOCOL_ERROR]),
    ),
    bytes(
        "9113 6.9.1",
        "more than 2,147,483,647 on the connection",
        || wire([Frame::window_update(0, MOST)]),
        Due::ConnectionError(&[code::FLOW_CONTROL_ERROR]),
    ),
    bytes(
        "9113 6.9.1",
        "more than 2,147,483,647 on a stream",
        || wire([get(1, "/hang"), Frame::window_update(1, MOST)]),
        Due::StreamError(1, &[code::FLOW_CONTROL_ERROR]),
    ),
    bytes(
        "9113 6.9.1",
        "2,147,483,647 on connection and stream",
        || {
            let rest = MOST - WINDOW as u32;
            wire([Frame::window_update(0, rest), get(1, "/"), Frame::window_update(1, rest)])
        },
        Due::Status(1, 200),
    ),
    part(
        "9113 6.9.2",
        "a setting that takes a stream's window beyond 2,147,483,647",
        "GOAWAY FLOW_CONTROL_ERROR",
        |scene| Box::pin(overflow_by_setting(scene)),
    ),
    part("9113 6.9.1", "a request for more than the windows", "65,535 bytes, and not one more", |scene| {
        Box::pin(stops(scene))
    }),
    part("9113 6.9.1", "the same, then both windows opened", "all of it", |scene| Box::pin(goes_on(scene))),
    part("9113 6.9.1", "the same, then only the stream's window opened", "not one byte more", |scene| {
        Box::pin(connection_window(scene))
    }),
    part(
        "9113 6.9.2",
        "INITIAL_WINDOW_SIZE 0, a request, then one byte at a time",
        "a field section, then one byte at a time",
        |scene| Box::pin(byte_by_byte(scene)),
    ),
    part("9113 6.9.2", "INITIAL_WINDOW_SIZE 10, a request, then 25", "10 bytes, then 15 more", |scene| {
        Box::pin(raised(scene))
    }),
    part(
        "9113 6.9.2",
        "a request for 200 bytes at window 100, then INITIAL_WINDOW_SIZE 0, then WINDOW_UPDATE of 60 and 60",
        "100 bytes, nothing at -40, then 20",
        |scene| Box::pin(negative(scene)),
    ),
    part(
        "9113 5.2.1",
        "a full window on one stream, then a request on another",
        "the other is served",
        |scene| Box::pin(others_go_on(scene)),
    ),
    part(
        "9113 5.2.2",
        "an upload of 1 MiB, within the windows",
        "windows that open, and all of it at the backend",
        |scene| Box::pin(upload(scene)),
    ),
    part(
        "9113 6.9.1",
        "an upload of 200 KiB of padding, within the windows",
        "windows that open: padding counts, and is given back",
        |scene| Box::pin(padding(scene)),
    ),
    part(
        "9113 5.2.2",
        "an upload that its backend does not read",
        "a window that stays closed; others are served",
        |scene| Box::pin(unread(scene)),
    ),
    part("9113 6.9", "an upload beyond the windows", "RST_STREAM or GOAWAY, FLOW_CONTROL_ERROR", |scene| {
        Box::pin(overrun(scene))
    }),
    part(
        "9113 6.9",
        "uploads that are cancelled with content under way, ten times a window in all",
        "a connection window that opens again",
        |scene| Box::pin(given_back(scene)),
    ),
];

/// How much of a stream's content comes until none has for a while.
async fn taken(scene: &mut Scene, stream: u32) -> usize {
    let mut length = 0;
    let pick = |event: &Event| match event {
        Event::Data(of, content, _) if *of == stream => Some(content.len()),
        _ => None,
    };
    while let Ok(piece) = scene.client.find_within(A_WHILE, "content", pick).await {
        length += piece;
    }
    length
}

/// That exactly so much comes, and then nothing for a while.
async fn exactly(scene: &mut Scene, stream: u32, due: usize) -> Result<(), String> {
    // The first of it may take its time on a busy machine; that no more comes is seen soon.
    if due > 0 {
        let come = |event: &Event| matches!(event, Event::Data(of, content, _) if *of == stream && !content.is_empty());
        let first = scene.client.find("content", |event| come(event).then(|| event.clone())).await?;
        let Event::Data(_, content, _) = first else { return Err("no content".to_owned()) };
        return compare(content.len() + taken(scene, stream).await, due);
    }
    compare(taken(scene, stream).await, due)
}

fn compare(length: usize, due: usize) -> Result<(), String> {
    if length == due { Ok(()) } else { Err(format!("{length} bytes instead of {due}")) }
}

/// Waits for the field section of a response.
async fn fields(scene: &mut Scene, stream: u32) -> Result<(), String> {
    let come = |event: &Event| matches!(event, Event::Fields(of, ..) if *of == stream);
    scene.client.find("a field section", |event| come(event).then_some(())).await
}

async fn overflow_by_setting(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/hang"), Frame::window_update(1, MOST - WINDOW as u32)]).await?;
    scene.send([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, WINDOW as u32 + 1)])]).await?;
    connection_error(scene, &[code::FLOW_CONTROL_ERROR]).await
}

async fn stops(scene: &mut Scene) -> Result<(), String> {
    scene.send([get(1, "/pattern/200000")]).await?;
    exactly(scene, 1, WINDOW).await
}

async fn goes_on(scene: &mut Scene) -> Result<(), String> {
    stops(scene).await?;
    scene.send([Frame::window_update(0, 300_000), Frame::window_update(1, 300_000)]).await?;
    exactly(scene, 1, 200_000 - WINDOW).await?;
    serves_on(scene).await
}

async fn connection_window(scene: &mut Scene) -> Result<(), String> {
    stops(scene).await?;
    scene.send([Frame::window_update(1, 300_000)]).await?;
    exactly(scene, 1, 0).await?;
    scene.send([Frame::window_update(0, 7)]).await?;
    exactly(scene, 1, 7).await
}

async fn byte_by_byte(scene: &mut Scene) -> Result<(), String> {
    scene.reopen(&[(setting::INITIAL_WINDOW_SIZE, 0)]).await?;
    scene.send([get(1, "/pattern/5")]).await?;
    fields(scene, 1).await?;
    exactly(scene, 1, 0).await?;
    for number in 1..=5 {
        scene.send([Frame::window_update(1, 1)]).await?;
        let one = |event: &Event| match event {
            Event::Data(1, content, _) if !content.is_empty() => Some(content.len()),
            _ => None,
        };
        match scene.client.find("a byte", one).await? {
            1 => {}
            length => return Err(format!("{length} bytes, the {number}. time")),
        }
    }
    scene.send([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 65_535)])]).await?;
    serves_on(scene).await
}

async fn raised(scene: &mut Scene) -> Result<(), String> {
    scene.reopen(&[(setting::INITIAL_WINDOW_SIZE, 10)]).await?;
    scene.send([get(1, "/pattern/100")]).await?;
    exactly(scene, 1, 10).await?;
    scene.send([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 25)])]).await?;
    exactly(scene, 1, 15).await
}

async fn negative(scene: &mut Scene) -> Result<(), String> {
    scene.reopen(&[(setting::INITIAL_WINDOW_SIZE, 100)]).await?;
    scene.send([get(1, "/pattern/200")]).await?;
    exactly(scene, 1, 100).await?;
    scene.send([Frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 0)])]).await?;
    scene.client.acknowledged().await?;
    scene.send([Frame::window_update(1, 60)]).await?;
    exactly(scene, 1, 0).await?;
    scene.send([Frame::window_update(1, 60)]).await?;
    exactly(scene, 1, 20).await
}

async fn others_go_on(scene: &mut Scene) -> Result<(), String> {
    scene.send([Frame::window_update(0, 1 << 20), get(1, "/pattern/200000")]).await?;
    exactly(scene, 1, WINDOW).await?;
    serves_on(scene).await
}

/// The server's windows as its client sees them.
struct Windows {
    initial: u32,
    stream: i64,
    connection: i64,
}

impl Windows {
    fn new(scene: &Scene) -> Self {
        let initial = scene.setting(setting::INITIAL_WINDOW_SIZE).unwrap_or(WINDOW as u32);
        Self { initial, stream: i64::from(initial), connection: WINDOW as i64 }
    }

    /// A stream that begins.
    fn begin(&mut self) {
        self.stream = i64::from(self.initial);
    }

    /// Waits, for at most `limit`, until there is room for `length` bytes on both, and takes it.
    async fn take(
        &mut self,
        scene: &mut Scene,
        stream: u32,
        length: i64,
        limit: Duration,
    ) -> Result<(), String> {
        while self.stream.min(self.connection) < length {
            let update = |event: &Event| match event {
                Event::WindowUpdate(of, increment) if *of == 0 || *of == stream => Some((*of, *increment)),
                _ => None,
            };
            let (of, increment) = scene.client.find_within(limit, "a window", update).await?;
            *(if of == 0 { &mut self.connection } else { &mut self.stream }) += i64::from(increment);
        }
        self.stream -= length;
        self.connection -= length;
        Ok(())
    }
}

const PATIENT: Duration = Duration::from_secs(10);
const PIECE: usize = 8192;

async fn upload(scene: &mut Scene) -> Result<(), String> {
    let mut windows = Windows::new(scene);
    scene.send([post(1, "/upload", &[])]).await?;
    for number in 0..128 {
        windows.take(scene, 1, PIECE as i64, PATIENT).await?;
        let end = if number == 127 { flag::END_STREAM } else { flag::NONE };
        scene.send([Frame::data(1, end, vec![b'x'; PIECE])]).await?;
    }
    scene.client.response(1).await?;
    let received = scene.backend.received();
    let request = received.iter().rev().find(|request| request.head.target() == "/upload");
    match request {
        Some(request) if request.whole && request.body.len() == 128 * PIECE => serves_on(scene).await,
        other => Err(format!("the backend got {:?} bytes", other.map(|request| request.body.len()))),
    }
}

async fn padding(scene: &mut Scene) -> Result<(), String> {
    let mut windows = Windows::new(scene);
    scene.send([post(1, "/padding", &[])]).await?;
    for number in 0..800 {
        windows.take(scene, 1, 257, PATIENT).await?;
        let end = if number == 799 { flag::END_STREAM } else { flag::NONE };
        scene.send([Frame::data(1, end, "x").padded(255)]).await?;
    }
    scene.client.response(1).await?;
    serves_on(scene).await
}

async fn unread(scene: &mut Scene) -> Result<(), String> {
    let mut windows = Windows::new(scene);
    scene.send([post(1, "/unread", &[])]).await?;
    // What the kernels on the way take is not small, and is not without end.
    for number in 0.. {
        match windows.take(scene, 1, PIECE as i64, Duration::from_secs(1)).await {
            Ok(()) if number < 4096 => scene.send([Frame::data(1, flag::NONE, vec![b'x'; PIECE])]).await?,
            Ok(()) => return Err("32 MiB that nobody reads".to_owned()),
            Err(_) => break,
        }
    }
    serves_on(scene).await
}

async fn overrun(scene: &mut Scene) -> Result<(), String> {
    scene.send([post(1, "/unread", &[])]).await?;
    // Nobody reads at the backend: the windows cannot open for long, whatever they are.
    for _ in 0..4096 {
        if scene.send([Frame::data(1, flag::NONE, vec![b'x'; PIECE])]).await.is_err() {
            break;
        }
    }
    let error = |event: &Event| match event {
        Event::Reset(1, code) | Event::GoAway(_, code) => Some(*code),
        _ => None,
    };
    match scene.client.find("an error", error).await? {
        code::FLOW_CONTROL_ERROR => Ok(()),
        other => Err(code::name(other)),
    }
}

async fn given_back(scene: &mut Scene) -> Result<(), String> {
    let mut windows = Windows::new(scene);
    for number in 0..80 {
        let stream = 2 * number + 1;
        windows.begin();
        scene.send([post(stream, "/unread", &[])]).await?;
        windows
            .take(scene, stream, PIECE as i64, PATIENT)
            .await
            .map_err(|fault| format!("stream {stream}: {fault}"))?;
        let content = Frame::data(stream, flag::NONE, vec![b'x'; PIECE]);
        scene.send([content, Frame::reset(stream, code::CANCEL)]).await?;
    }
    serves_on(scene).await
}
