//! Backends that are gone, leave or do not answer.

use evenkeel_testkit::{UdpBackend, UdpClient};

use super::{SILENCE, await_count, await_open, backends, client, listener, setup};
use crate::support::Setup;

const LOST: &str = "evenkeel_udp_backends_lost_total";
const OUTCOMES: &str = "evenkeel_backend_outcomes_total";
const ATTEMPTS: &str = "evenkeel_backend_attempts_total";

/// Two backends, one client for each; the second client's backend is then closed.
async fn with_one_gone(pool: &str) -> (evenkeel_testkit::Evenkeel, UdpBackend, [UdpClient; 2]) {
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = setup([&a, &b], "").pool(pool).start().await;
    let mut clients = [client(&evenkeel).await, client(&evenkeel).await];
    if clients[0].ask(b"x").await == "b" {
        clients.swap(0, 1);
    }
    assert_eq!((clients[0].ask(b"x").await.as_str(), clients[1].ask(b"x").await.as_str()), ("a", "b"));
    drop(b);
    tokio::task::yield_now().await;
    (evenkeel, a, clients)
}

#[tokio::test]
async fn whoever_is_refused_goes_elsewhere_with_the_next_datagram() {
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false";
    let (evenkeel, _a, [one, two]) = with_one_gone(pool).await;
    two.send(b"lost").await;
    await_count(&evenkeel, LOST, ("why", "refused"), 1.0).await;
    for _ in 0..3 {
        assert_eq!(two.ask(b"next").await, "a", "and stays");
    }
    assert_eq!(one.ask(b"x").await, "a");
    let metrics = evenkeel.metrics().await;
    let of_b = |name, label| metrics.value(name, &[("backend", "b"), label]);
    assert_eq!(of_b(OUTCOMES, ("outcome", "connect_failed")), 1.0);
    assert_eq!(metrics.value(ATTEMPTS, &[("backend", "a"), ("reason", "retry")]), 1.0);
    assert_eq!(metrics.value("evenkeel_udp_sessions_total", &[]), 2.0, "it is the same session");
    assert_eq!(metrics.value("evenkeel_backend_in_flight", &[]), 2.0);
    // A new one is sent there, too, and finds another as soon as it is refused.
    for _ in 0..2 {
        let new = client(&evenkeel).await;
        new.send(b"x").await;
        if let Some(reply) = new.receive_within(SILENCE).await {
            assert_eq!(reply, b"a:x");
        } else {
            assert_eq!(new.ask(b"y").await, "a");
        }
    }
}

/// A refusal speaks against the backend; once it is out, sessions leave it before they are refused themselves.
#[tokio::test]
async fn a_backend_that_refuses_is_ejected_and_its_sessions_leave() {
    let pool = "strategy = \"round_robin\"\nhealth = false\n\
                passive = { consecutive = 1, base = \"60s\", max_ejected = 0.5 }";
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = setup([&a, &b], "").pool(pool).start().await;
    let mut of_b = Vec::new();
    while of_b.len() < 2 {
        let client = client(&evenkeel).await;
        if client.ask(b"x").await == "b" {
            of_b.push(client);
        }
    }
    drop(b);
    tokio::task::yield_now().await;
    of_b[0].send(b"lost").await;
    await_count(&evenkeel, "evenkeel_backend_eligible", ("backend", "b"), 0.0).await;
    assert_eq!(of_b[1].ask(b"not lost").await, "a");
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value(LOST, &[("why", "left")]), 1.0);
    assert_eq!(metrics.value(OUTCOMES, &[("backend", "b"), ("outcome", "connect_failed")]), 1.0);
    let phase = [("backend", "b"), ("phase", "ejected")];
    assert_eq!(metrics.value("evenkeel_backend_phase", &phase), 1.0);
}

#[tokio::test]
async fn one_that_drains_keeps_its_sessions_and_gets_no_other() {
    let all = backends(["a", "b"]).await;
    let evenkeel = setup(&all, "").start().await;
    let (one, two) = (client(&evenkeel).await, client(&evenkeel).await);
    let homes = (one.ask(b"x").await, two.ask(b"x").await);
    let draining =
        Setup::of_entries([all[0].entry_with("drain = true"), all[1].entry(1)]).listener(&listener(""));
    assert_eq!(evenkeel.reload(&draining.text()).await["last_reload"]["ok"], true);
    assert_eq!((one.ask(b"x").await, two.ask(b"x").await), homes);
    for _ in 0..4 {
        assert_eq!(client(&evenkeel).await.ask(b"x").await, "b");
    }
    assert_eq!(all[0].peers(), 1);
}

#[tokio::test]
async fn no_backend_no_session() {
    let [a] = backends(["a"]).await;
    let text = setup([&a], "")
        .pool("strategy = \"round_robin\"\nhealth = false\npassive = false\npanic_threshold = 0.0");
    let disabled = Setup::of_entries([a.entry_with("enabled = false")]).listener(&listener(""));
    let evenkeel = text.start().await;
    let client = client(&evenkeel).await;
    client.ask(b"x").await;
    let outcome = evenkeel.reload(&disabled.text()).await;
    if outcome["last_reload"]["ok"] == true {
        assert_eq!(client.ask_within(b"x", SILENCE).await, None);
        let stranger = super::client(&evenkeel).await;
        assert_eq!(stranger.ask_within(b"x", SILENCE).await, None);
        await_count(&evenkeel, "evenkeel_udp_datagrams_dropped_total", ("reason", "no_backend"), 2.0).await;
        assert_eq!(evenkeel.metrics().await.value("evenkeel_udp_sessions_total", &[]), 1.0);
    }
}

/// A dead machine says nothing. Where replies are due, that is a failure, and a client that asks again and again does not
/// stay with it.
#[tokio::test]
async fn replies_that_are_due_and_do_not_come_are_a_failure() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "idle = \"500ms\", replies = 1").start().await;
    all[0].set_replies(0);
    let client = client(&evenkeel).await;
    for _ in 0..15 {
        client.send(b"are you there?").await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let metrics = evenkeel.metrics().await;
    let timeouts = metrics.value(OUTCOMES, &[("outcome", "response_timeout")]);
    assert!((1.0..=3.0).contains(&timeouts), "{timeouts} in 1.5 s");
    await_open(&evenkeel, 0).await;
}

#[tokio::test]
async fn without_due_replies_silence_is_no_failure() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "idle = \"200ms\"").start().await;
    all[0].set_replies(0);
    client(&evenkeel).await.send(b"to the log").await;
    await_count(&evenkeel, "evenkeel_udp_sessions_ended_total", ("why", "idle"), 1.0).await;
    assert_eq!(evenkeel.metrics().await.value(OUTCOMES, &[("outcome", "ok")]), 1.0);
}
