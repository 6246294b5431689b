//! What passes through a tunnel, and how it ends.

use std::time::Duration;

use evenkeel_testkit::{Backend, Digest, Gate, Reply, Step, until};

use crate::support::{Setup, get_with, who};

use super::{
    ASKS, GRANTS, await_none, echo, echoing, granted, hear, in_flight, open, open_tunnels, outcomes, switched,
};

#[tokio::test]
async fn a_granted_upgrade_becomes_a_tunnel() {
    let backend = echoing("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let (mut client, head) = switched(&evenkeel, "X-Hop: 1\r\nConnection: X-Hop\r\nKeep-Alive: 5\r\n").await;
    let field = |name: &str| head.field(name).map(str::to_owned);
    assert_eq!(field("upgrade").as_deref(), Some("websocket"));
    assert_eq!(field("connection").as_deref(), Some("Upgrade"));
    assert_eq!(field("sec-websocket-accept").as_deref(), Some("c2VjcmV0"));
    let request = backend.only_request().head;
    assert_eq!(request.all("connection"), ["Upgrade"]);
    assert_eq!(request.all("upgrade"), ["websocket"]);
    assert_eq!((request.field("x-hop"), request.field("keep-alive")), (None, None));
    assert_eq!(request.field("sec-websocket-key"), Some("a2V5"));
    for text in ["hello", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", "\0\r\n\r\n"] {
        echo(&mut client, text).await;
    }
    assert_eq!(backend.requests(), 1, "what passes through is nobody's request");
    client.finish_sending().await;
    client.expect_close().await;
    await_none(&evenkeel).await;
    // Neither connection serves a request afterwards.
    let response = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!((who(&response).as_str(), backend.connections()), ("a", 2));
}

#[tokio::test]
async fn what_follows_the_heads_at_once_goes_first() {
    let mut grant = GRANTS.as_bytes().to_vec();
    grant.extend_from_slice(b"welcome ");
    let gate = Gate::new();
    let steps = [Step::Pass(gate.clone()), Step::Send(grant), Step::Echo];
    let reply = Reply::steps(steps);
    let backend = Backend::with_reply("a", reply).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    // Before it can know that it may: with the head, and after it.
    client.send(get_with("/ws", ASKS) + "first ").await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    client.send("second ").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!String::from_utf8_lossy(&backend.only_request().raw).contains("first"));
    gate.open();
    assert_eq!(client.try_head().await.unwrap().status().unwrap(), 101);
    hear(&mut client, "welcome first second ").await;
    echo(&mut client, "third").await;
}

#[tokio::test]
async fn one_side_may_end_before_the_other() {
    let gate = Gate::new();
    let last = [Step::Pass(gate.clone()), Step::Send(b"last words".to_vec()), Step::Close];
    let backend = Backend::with_reply("a", granted(last)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = open(&evenkeel).await;
    client.finish_sending().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(in_flight(&evenkeel.metrics().await), 1.0, "the backend has not said all");
    gate.open();
    assert_eq!(client.read_to_close().await.expect("a proper end"), b"last words");
    assert_eq!(outcomes(&await_none(&evenkeel).await, "ok"), 1.0);
}

#[tokio::test]
async fn a_reset_is_passed_on_and_counted() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", granted([Step::Pass(gate.clone()), Step::Reset])).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = open(&evenkeel).await;
    gate.open();
    let error = client.read_to_close().await.expect_err("this is no proper end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let metrics = await_none(&evenkeel).await;
    assert_eq!((outcomes(&metrics, "response_broken"), outcomes(&metrics, "ok")), (1.0, 0.0));
    assert_eq!(metrics.value("evenkeel_tunnels_total", &[("pool", "web")]), 1.0);
}

#[tokio::test]
async fn a_client_that_vanishes_ends_it_and_the_backend_is_not_to_blame() {
    let backend = echoing("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = open(&evenkeel).await;
    echo(&mut client, "hello").await;
    assert_eq!(open_tunnels(&evenkeel.metrics().await), 1.0);
    drop(client);
    let metrics = await_none(&evenkeel).await;
    assert_eq!(outcomes(&metrics, "response_broken"), 0.0);
    until("the backend to know", async || (backend.open_connections() == 0).then_some(())).await;
}

/// What a client does not read is not read from the backend, either: memory stays where it was.
#[tokio::test]
async fn a_slow_reader_slows_its_backend() {
    const LENGTH: u64 = 64 << 20;
    let backend = Backend::with_reply("a", granted([Step::SendPattern(LENGTH), Step::Close])).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let before = evenkeel.resident_bytes();
    let mut client = open(&evenkeel).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = evenkeel.resident_bytes().saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes are held for a client that reads none");
    assert_eq!(in_flight(&evenkeel.metrics().await), 1.0, "most of it is still to come");
    let mut digest = Digest::new();
    loop {
        let some = client.read_some(usize::MAX).await.expect("a proper end");
        if some.is_empty() {
            break;
        }
        digest.add(&some);
    }
    assert_eq!(digest, Digest::of_pattern(LENGTH));
    assert_eq!(in_flight(&evenkeel.metrics().await), 1.0, "the client has not said all");
    drop(client);
    let metrics = await_none(&evenkeel).await;
    assert_eq!(metrics.value("evenkeel_backend_bytes_total", &[("direction", "received")]), LENGTH as f64);
}

#[tokio::test]
async fn a_switch_begins_a_session_and_keeps_to_it() {
    let all = [echoing("a").await, echoing("b").await, echoing("c").await];
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nsticky = true";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    let (_first, head) = switched(&evenkeel, "").await;
    let cookie = head.field("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a session");
    let home = all.iter().position(|backend| backend.requests() == 1).expect("one of them");
    for _ in 0..3 {
        let (_again, head) = switched(&evenkeel, &format!("Cookie: {cookie}\r\n")).await;
        assert_eq!(head.field("set-cookie"), None);
    }
    assert_eq!(all[home].requests(), 4, "a session has one backend");
}
