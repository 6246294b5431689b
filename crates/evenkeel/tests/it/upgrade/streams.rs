//! WebSocket over HTTP/2: streams that become tunnels (RFC 8441).

use std::time::Duration;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evenkeel_testkit::http2::{Client, Event, Frame, block, code, flag, request};
use evenkeel_testkit::{Backend, Evenkeel, Head, Reply, Step, TempDir};

use crate::support::Setup;

use super::peers::{PROGRAM, Server};
use super::{LOG, await_none, in_flight, logged, open_tunnels, outcomes};

/// Asks for a WebSocket on a stream.
fn ask(stream: u32, more: &[(&str, &str)]) -> Frame {
    let mut fields = request("CONNECT", "/chat");
    fields.extend([(":protocol", "websocket"), ("sec-websocket-version", "13")]);
    fields.extend_from_slice(more);
    Frame::headers(stream, flag::END_HEADERS, block(&fields))
}

/// What a backend of HTTP/1.1 answers that speaks WebSocket (RFC 6455 section 4.2.2).
fn grant(head: &Head) -> Vec<u8> {
    let key = head.field("sec-websocket-key").expect("a key");
    let key = STANDARD.decode(key).map(|bytes| (bytes.len(), key)).expect("base64");
    assert_eq!(key.0, 16, "bytes of a key");
    let text = format!("{}258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key.1);
    let proof = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {proof}\r\n\r\n"
    )
    .into_bytes()
}

/// A text message as clients send it (RFC 6455 section 5.2): masked, and shorter than 126 bytes.
fn message(text: &str) -> Vec<u8> {
    let mask = [0x0f, 0xa5, 0x5a, 0xf0];
    let masked = text.bytes().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask);
    [0x81, 0x80 | text.len() as u8].into_iter().chain(mask).chain(masked).collect()
}

/// The same as servers send it.
fn answer(text: &str) -> Vec<u8> {
    [0x81, text.len() as u8].into_iter().chain(text.bytes()).collect()
}

async fn client(evenkeel: &Evenkeel) -> Client {
    let mut client = Client::silent(evenkeel.address("web")).await.expect("it listens");
    let settings = client.handshake(&[]).await.expect("HTTP/2");
    assert!(settings.contains(&(8, 1)), "SETTINGS_ENABLE_CONNECT_PROTOCOL: {settings:?}");
    client
}

/// The fields that answer a stream, and whether they end it.
async fn fields(client: &mut Client, stream: u32) -> (Vec<(String, String)>, bool) {
    let found = client.find("the answer", |event| match event {
        Event::Fields(of, fields, ends) if *of == stream => Some((fields.clone(), *ends)),
        _ => None,
    });
    found.await.unwrap_or_else(|error| panic!("{error}"))
}

/// Exactly these bytes come next on a stream.
async fn hear(client: &mut Client, stream: u32, expected: &[u8]) {
    let mut got = Vec::new();
    while got.len() < expected.len() {
        let piece = client.find("content", |event| match event {
            Event::Data(of, content, _) if *of == stream && !content.is_empty() => Some(content.clone()),
            _ => None,
        });
        got.extend(piece.await.unwrap_or_else(|error| panic!("{error}, after {got:?}")));
    }
    assert_eq!(got, expected);
}

/// The status of the answer to a stream that asks for a WebSocket.
async fn refusal(evenkeel: &Evenkeel) -> (u16, bool) {
    let mut client = client(evenkeel).await;
    client.send([ask(1, &[])]).await.expect("it is open");
    let (fields, ends) = fields(&mut client, 1).await;
    let status = fields.iter().find(|(name, _)| name == ":status").expect("a status");
    (status.1.parse().expect("a number"), ends)
}

/// Three at once on one connection, spread over two servers of a library that is not ours; one ends in order, one is
/// reset by its client, one is told by its server to leave.
#[tokio::test]
async fn streams_become_tunnels_and_each_is_balanced() {
    let directory = TempDir::new("streams");
    let program = directory.write("websockets_peer.py", PROGRAM);
    let servers = ["a", "b"].map(|name| Server::start(name, &program, &[]));
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries(servers.iter().map(Server::entry)).pool(pool).top(LOG).start().await;
    let mut client = client(&evenkeel).await;
    for stream in [1, 3, 5] {
        client.send([ask(stream, &[("sec-websocket-protocol", "chat")])]).await.expect("it is open");
        let (fields, ends) = fields(&mut client, stream).await;
        let value = |name| fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        assert_eq!(
            (value(":status"), value("sec-websocket-protocol"), ends),
            (Some("200"), Some("chat"), false)
        );
        for absent in ["connection", "upgrade", "sec-websocket-accept", "transfer-encoding"] {
            assert_eq!(value(absent), None, "{absent}");
        }
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!((open_tunnels(&metrics), in_flight(&metrics)), (3.0, 3.0));
    let shares = metrics.by("evenkeel_backend_in_flight", &[], "backend");
    assert!(shares.values().all(|share| (1.0..=2.0).contains(share)), "{shares:?}");
    for stream in [1, 3, 5] {
        for text in ["hello", "GET / HTTP/1.1"] {
            client.send([Frame::data(stream, 0, message(text))]).await.expect("it is open");
            hear(&mut client, stream, &answer(text)).await;
        }
    }
    client.send([Frame::data(1, flag::END_STREAM, [])]).await.expect("it is open");
    ended(&mut client, 1).await;
    client.send([Frame::reset(3, code::CANCEL)]).await.expect("it is open");
    client.send([Frame::data(5, 0, message("leave"))]).await.expect("it is open");
    // Its server's closing message, 4001 and a reason, which the client answers; then the server closes.
    hear(&mut client, 5, &[&[0x88, 9, 0x0f, 0xa1][..], b"as told"].concat()).await;
    let close = [0x88, 0x82, 0, 0, 0, 0, 0x0f, 0xa1];
    client.send([Frame::data(5, 0, close)]).await.expect("it is open");
    ended(&mut client, 5).await;
    client.send([Frame::data(5, flag::END_STREAM, [])]).await.expect("it is open");
    let metrics = await_none(&evenkeel).await;
    assert_eq!((outcomes(&metrics, "ok"), outcomes(&metrics, "cancelled")), (2.0, 1.0));
    let lines = logged(&evenkeel, 3).await;
    assert!(lines.iter().all(|line| line["status"] == 200), "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line["error"] == "client_reset").count(), 1, "{lines:?}");
    assert!(lines.iter().all(|line| line["request_bytes"].as_u64() > Some(0)), "{lines:?}");
    // The connection goes on.
    client.ping().await.expect("an answer");
}

async fn ended(client: &mut Client, stream: u32) {
    let end = client.find("the end of the stream", |event| match event {
        Event::Data(of, _, true) if *of == stream => Some(()),
        _ => None,
    });
    end.await.unwrap_or_else(|error| panic!("{error}"));
}

/// More than all windows hold, each way: nothing is lost, and who does not read is not read from.
#[tokio::test]
async fn windows_bound_what_is_under_way() {
    let echoing = |head: &Head| Reply::steps([Step::Send(grant(head)), Step::Echo]);
    let backend = Backend::scripted("a", echoing).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = client(&evenkeel).await;
    client.send([ask(1, &[])]).await.expect("it is open");
    assert!(!fields(&mut client, 1).await.1);
    // 64 KiB are what a client may send, and be sent, without another word.
    let first: Vec<u8> = (0..65_535_u32).map(|index| (index % 251) as u8).collect();
    let pieces = first.chunks(16_384).map(|piece| Frame::data(1, 0, piece));
    client.send(pieces).await.expect("it is open");
    hear(&mut client, 1, &first).await;
    // The window is used up: of what goes there now nothing comes back.
    client.send([Frame::data(1, 0, *b"more")]).await.expect("it is open");
    client.ping().await.expect("an answer");
    assert!(client.came(|event| matches!(event, Event::Data(1, _, _))).is_none());
    client.send([Frame::window_update(1, 10), Frame::window_update(0, 10)]).await.expect("it is open");
    hear(&mut client, 1, b"more").await;
}

/// Sends on a stream for as long as its windows are opened again.
async fn fill(client: &mut Client, stream: u32) {
    let (mut of_stream, mut of_connection) = (65_535_u32, 65_535_u32);
    loop {
        let mut room = of_stream.min(of_connection);
        (of_stream, of_connection) = (of_stream - room, of_connection - room);
        while room > 0 {
            let length = room.min(16_384);
            client.send([Frame::data(stream, 0, vec![b'x'; length as usize])]).await.expect("it is open");
            room -= length;
        }
        let opened = client.find_within(Duration::from_secs(1), "window", |event| match event {
            Event::WindowUpdate(of, more) => Some((*of, *more)),
            _ => None,
        });
        match opened.await {
            Ok((0, more)) => of_connection += more,
            Ok((_, more)) => of_stream += more,
            Err(_) => break,
        }
    }
    assert_eq!(of_stream, 0, "the backend reads");
}

/// What a client has sent may wait for as long as it likes for a backend that does not read: that the client has gone
/// shows all the same.
#[tokio::test]
async fn clients_that_leave_while_their_backend_does_not_read_are_let_go() {
    let deaf = |head: &Head| Reply::steps([Step::Send(grant(head)), Step::Pause(Duration::from_secs(3600))]);
    let backend = Backend::scripted("a", deaf).await;
    let evenkeel = Setup::new([&backend]).start().await;
    for resets in [true, false] {
        let mut client = client(&evenkeel).await;
        client.send([ask(1, &[])]).await.expect("it is open");
        assert!(!fields(&mut client, 1).await.1);
        fill(&mut client, 1).await;
        assert_eq!(open_tunnels(&evenkeel.metrics().await), 1.0);
        if resets {
            client.send([Frame::reset(1, code::CANCEL)]).await.expect("it is open");
            await_none(&evenkeel).await;
        }
        drop(client);
        await_none(&evenkeel).await;
    }
    assert_eq!(outcomes(&evenkeel.metrics().await, "cancelled"), 2.0);
}

#[tokio::test]
async fn only_a_switch_that_is_proven_opens_a_tunnel() {
    let with = |fields: &str| Reply::steps([Step::Send(format!("HTTP/1.1 101 Yes\r\n{fields}\r\n").into())]);
    let unproven = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: c2VjcmV0\r\n";
    let silent = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    for (reply, expected) in [
        (with(unproven), 502),
        (with(silent), 502),
        // A page: to a client of HTTP/2 its status would say that the tunnel is open.
        (Reply::named("a", "page"), 502),
        (Reply::with_fields(204, "", ""), 502),
        (Reply::with_fields(403, "", "no"), 403),
        (Reply::with_fields(302, "Location: /\r\n", ""), 302),
    ] {
        let backend = Backend::with_reply("a", reply).await;
        let evenkeel = Setup::new([&backend]).start().await;
        assert_eq!(refusal(&evenkeel).await.0, expected);
        let received = backend.only_request().head;
        assert_eq!((received.method(), received.field("upgrade")), ("GET", Some("websocket")));
    }
}

/// A hostile client must not be able to have backends ejected by asking for tunnels at pages.
#[tokio::test]
async fn a_page_instead_of_a_tunnel_is_no_failure_of_the_backend() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    for _ in 0..12 {
        assert_eq!(refusal(&evenkeel).await.0, 502);
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(outcomes(&metrics, "ok"), 12.0);
    assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 200);
}

#[tokio::test]
async fn pools_without_tunnels_say_so() {
    for pool in ["upgrade = false", "protocol = \"http2\""] {
        let backend = Backend::start("a").await;
        let pool = format!("{pool}\nhealth = false");
        let evenkeel = Setup::new([&backend]).pool(&pool).start().await;
        assert_eq!(refusal(&evenkeel).await.0, 501, "{pool}");
        assert_eq!(backend.requests(), 0);
    }
}
