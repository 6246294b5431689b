//! Connections: how they begin, age and end.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Client, Gate, Metrics, Reply, Signal, http2, until};

use super::{await_quiet, curl, h2load};
use crate::support::Setup;

/// The client's preface and an empty SETTINGS frame.
const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

#[tokio::test]
async fn responses_under_way_end_in_good_order() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "whole").behind(&gate)).await;
    let mut evenkeel = Setup::new([&backend]).runtime("workers = 2\ndrain_timeout = \"30s\"").start().await;
    let leaving = async {
        until("the request", async || (backend.requests() == 1).then_some(())).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        gate.open();
    };
    let pid = evenkeel.pid().to_string();
    let signal = async {
        until("the request", async || (backend.requests() == 1).then_some(())).await;
        std::process::Command::new("kill").args(["-TERM", &pid]).status().unwrap();
    };
    let (got, (), ()) = tokio::join!(curl(&evenkeel, "/", &["-v"]), signal, leaving);
    assert!(got.status.success() && got.stdout == "whole", "{got:?}");
    assert_eq!(evenkeel.await_exit(Duration::from_secs(10)).await.code(), Some(0));
}

#[tokio::test]
async fn an_idle_connection_is_told_to_go_and_the_process_does_not_wait_for_it() {
    let backend = Backend::start("a").await;
    let mut evenkeel = Setup::new([&backend]).start().await;
    let mut idle = evenkeel.client("web").await;
    idle.send(BEGINNING).await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    assert_eq!(evenkeel.await_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert!(goes_away(&mut idle).await, "a GOAWAY frame");
}

/// Whether what the peer has said until it closed has a GOAWAY frame in it: type 7 on stream 0.
async fn goes_away(client: &mut Client) -> bool {
    let mut said = &client.read_to_close().await.unwrap_or_default()[..];
    while let [a, b, c, kind, rest @ ..] = said {
        if *kind == 7 {
            return true;
        }
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        said = rest.get(5 + length..).unwrap_or_default();
    }
    false
}

#[tokio::test]
async fn silence_ends_a_connection() {
    let backend = Backend::start("a").await;
    let timeouts = "timeouts = { keep_alive = \"300ms\", handshake = \"300ms\" }";
    let evenkeel = Setup::new([&backend]).listener(timeouts).start().await;
    // One that never ends its preface, one without settings, one that has nothing to ask.
    for beginning in [&BEGINNING[..20], &BEGINNING[..24], BEGINNING] {
        let mut client = evenkeel.client("web").await;
        let started = Instant::now();
        client.send(beginning).await;
        client.read_to_close().await.ok();
        let took = started.elapsed();
        assert!(took >= Duration::from_millis(250) && took < Duration::from_secs(4), "{took:?}");
    }
    evenkeel
        .await_metrics("no connection", |metrics| metrics.value("evenkeel_connections_open", &[]) == 0.0)
        .await;
}

#[tokio::test]
async fn an_old_connection_is_replaced_without_loss() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("connection_age = \"300ms\"").start().await;
    // 100 requests a second for two seconds on one connection at a time.
    h2load(&evenkeel, 50, &["-c", "1", "-m", "1"]).await;
    let mut client = evenkeel.client("web").await;
    let mut closed = false;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !closed && Instant::now() < deadline {
        let response = client.get("h", "/").await;
        assert_eq!(response.status(), 200);
        closed = response.field("connection") == Some("close");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(closed, "HTTP/1.1 is told with a response");
    let mut old = evenkeel.client("web").await;
    let started = Instant::now();
    old.send(BEGINNING).await;
    assert!(goes_away(&mut old).await);
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(270) && took < Duration::from_secs(4), "{took:?}");
}

#[tokio::test]
async fn a_silent_client_is_asked_whether_it_is_there() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("http2 = { ping_interval = \"200ms\" }").start().await;
    let mut client = evenkeel.client("web").await;
    client.send(BEGINNING).await;
    let started = Instant::now();
    client.read_to_close().await.ok();
    assert!(started.elapsed() < Duration::from_secs(5), "a client that does not answer is cut");
}

#[tokio::test]
async fn a_listener_that_goes_lets_its_streams_end() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "whole").behind(&gate)).await;
    let setup = Setup::new([&backend]);
    let evenkeel = setup.start().await;
    let without = setup.text().replace("[listener.web]", "[listener.other]");
    let reloading = async {
        until("the request", async || (backend.requests() == 1).then_some(())).await;
        evenkeel.reload(&without).await;
        gate.open();
    };
    let (got, ()) = tokio::join!(curl(&evenkeel, "/", &[]), reloading);
    assert!(got.status.success() && got.stdout == "whole", "{got:?}");
    await_quiet(&evenkeel).await;
}

#[tokio::test]
async fn resets_by_the_thousand_end_the_connection_and_are_counted() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "late").behind(&gate)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    let mut attack = BEGINNING.to_vec();
    for stream in (1_u32..2001).step_by(2) {
        // GET http / with :authority h, then CANCEL.
        let head: &[u8] = &[0x82, 0x86, 0x84, 0x41, 0x01, b'h'];
        attack.extend_from_slice(&[0, 0, head.len() as u8, 1, 5]);
        attack.extend_from_slice(&stream.to_be_bytes());
        attack.extend_from_slice(head);
        attack.extend_from_slice(&[0, 0, 4, 3, 0]);
        attack.extend_from_slice(&stream.to_be_bytes());
        attack.extend_from_slice(&8_u32.to_be_bytes());
    }
    client.try_send(&attack).await.ok();
    client.read_to_close().await.ok();
    let labels = [("reason", "rapid_reset")];
    evenkeel
        .await_metrics("a rapid reset", |metrics| {
            metrics.value("evenkeel_http2_floods_total", &labels) == 1.0
        })
        .await;
    await_quiet(&evenkeel).await;
    assert!(backend.requests() < 300, "{} of 1000 reached the backend", backend.requests());
}

#[tokio::test]
async fn a_listener_that_is_gone_leaves_requests_the_time_to_drain() {
    let backend = Backend::start("a").await;
    let extra = "[listener.extra]\nbind = \"127.0.0.1:0\"\npool = \"web\"";
    let setup = Setup::new([&backend]).runtime("workers = 2\ndrain_timeout = \"1500ms\"");
    let evenkeel = setup.clone().top(extra).start().await;
    let mut client = http2::Client::connect(evenkeel.address("extra")).await;
    // Its body never ends.
    client.send([http2::post(1, "/", &[]), http2::Frame::data(1, 0, "part")]).await.unwrap();
    let in_flight = |metrics: &Metrics| metrics.value("evenkeel_backend_in_flight", &[]);
    evenkeel.await_metrics("a request", |metrics| in_flight(metrics) == 1.0).await;
    let begun = Instant::now();
    evenkeel.reload(&setup.text()).await;
    let closed = |event: &http2::Event| matches!(event, http2::Event::Closed).then_some(());
    client.find_within(Duration::from_secs(6), "the end", closed).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(1400), "{:?}", begun.elapsed());
    await_quiet(&evenkeel).await;
}
