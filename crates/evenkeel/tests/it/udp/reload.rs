//! Sessions through reloads and shutdowns.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Evenkeel, Json, Signal, UdpClient};

use super::{SILENCE, await_count, backends, client, listener, setup};
use crate::support::Setup;

const DROPPED: &str = "evenkeel_udp_datagrams_dropped_total";

#[tokio::test]
async fn sessions_stay_through_a_reload() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = setup(&all[..2], "").start().await;
    let mut clients = Vec::new();
    for _ in 0..10 {
        let client = client(&evenkeel).await;
        let home = client.ask(b"x").await;
        clients.push((client, home));
    }
    let pool = "strategy = \"round_robin\"\nintent = \"weights\"\nhealth = false\npassive = false";
    let after = Setup::of_entries([all[0].entry(5), all[1].entry(1), all[2].entry(1)])
        .pool(pool)
        .listener(&listener("idle = \"45s\""));
    assert_eq!(evenkeel.reload(&after.text()).await["last_reload"]["ok"], true);
    for (client, home) in &clients {
        assert_eq!(client.ask(b"again").await, *home);
    }
    let peers: Vec<u64> = all.iter().map(evenkeel_testkit::UdpBackend::peers).collect();
    assert_eq!(peers, [5, 5, 0], "no session has a new socket");
}

#[tokio::test]
async fn a_session_leaves_a_backend_that_is_not_in_the_pool_any_more() {
    let all = backends(["a", "b"]).await;
    let evenkeel = setup(&all, "").start().await;
    let (one, two) = (client(&evenkeel).await, client(&evenkeel).await);
    one.ask(b"x").await;
    two.ask(b"x").await;
    assert_eq!(evenkeel.reload(&setup(&all[1..], "").text()).await["last_reload"]["ok"], true);
    assert_eq!((one.ask(b"x").await.as_str(), two.ask(b"x").await.as_str()), ("b", "b"));
    await_count(&evenkeel, "evenkeel_udp_backends_lost_total", ("why", "left"), 1.0).await;
}

#[tokio::test]
async fn a_session_goes_to_the_pool_that_the_listener_has_now() {
    let all = backends(["a", "b"]).await;
    let evenkeel = setup(&all[..1], "").start().await;
    let client = client(&evenkeel).await;
    assert_eq!(client.ask(b"x").await, "a");
    let other = format!("[pool.other]\nhealth = false\nbackends = [{}]", all[1].entry(1));
    let text = setup(&all[..1], "").top(&other).text().replacen("pool = \"web\"", "pool = \"other\"", 1);
    evenkeel.reload(&text).await;
    assert_eq!(client.ask(b"x").await, "b");
}

/// The text of `setup` with its listener at `address`, under `name`.
fn at(setup: &Setup, name: &str, address: &str) -> String {
    setup.text().replacen(
        "[listener.web]\nbind = \"127.0.0.1:0\"",
        &format!("[listener.{name}]\nbind = \"{address}\""),
        1,
    )
}

/// Two ports that are free.
fn two_addresses() -> [String; 2] {
    let sockets = [0; 2].map(|_| std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port"));
    sockets.map(|socket| socket.local_addr().expect("it is bound").to_string())
}

#[tokio::test]
async fn a_listener_that_moves_keeps_its_sessions_until_they_end() {
    let all = backends(["a"]).await;
    let [before, after] = two_addresses();
    let setup = setup(&all, "idle = \"700ms\"");
    let evenkeel = Evenkeel::start(crate::support::BINARY, &at(&setup, "web", &before)).await;
    let old = UdpClient::connect(before.parse().expect("an address")).await;
    old.ask(b"x").await;
    assert_eq!(evenkeel.reload(&at(&setup, "web", &after)).await["last_reload"]["ok"], true);
    assert_eq!(old.ask(b"still here").await, "a");
    let late = UdpClient::connect(before.parse().expect("an address")).await;
    assert_eq!(late.ask_within(b"x", SILENCE).await, None, "nobody new at the old address");
    await_count(&evenkeel, DROPPED, ("reason", "closing"), 1.0).await;
    UdpClient::connect(after.parse().expect("an address")).await.ask(b"x").await;
    assert_eq!(all[0].peers(), 2);
    // With its last session the old address is given up.
    evenkeel_testkit::until("the old address", async || std::net::UdpSocket::bind(&before).ok()).await;
}

#[tokio::test]
async fn what_is_renamed_takes_the_socket_over() {
    let all = backends(["a"]).await;
    let [address, _] = two_addresses();
    let setup = setup(&all, "");
    let evenkeel = Evenkeel::start(crate::support::BINARY, &at(&setup, "web", &address)).await;
    let client = UdpClient::connect(address.parse().expect("an address")).await;
    client.ask(b"x").await;
    // A port that is given up may be the next client's, whose session is then not new.
    let mut kept = Vec::new();
    for name in ["other", "web", "third"] {
        let outcome = evenkeel.reload(&at(&setup, name, &address)).await;
        assert_eq!(outcome["last_reload"]["ok"], true, "{outcome}");
        for number in 0..20 {
            assert_eq!(client.ask(b"x").await, "a", "a new session, and no gap");
            let new = UdpClient::connect(address.parse().expect("an address")).await;
            assert_eq!(new.ask(b"x").await, "a");
            let begun = evenkeel.metrics().await.value("evenkeel_udp_sessions_total", &[("listener", name)]);
            assert_eq!(begun, f64::from(number + 2), "{name} has all that comes");
            kept.push(new);
        }
    }
}

#[tokio::test]
async fn an_address_that_still_drains_can_be_had_again() {
    let all = backends(["a"]).await;
    let [first, second] = two_addresses();
    let setup = setup(&all, "");
    let evenkeel = Evenkeel::start(crate::support::BINARY, &at(&setup, "web", &first)).await;
    let client = UdpClient::connect(first.parse().expect("an address")).await;
    client.ask(b"x").await;
    for address in [&second, &first, &second, &first] {
        let outcome = evenkeel.reload(&at(&setup, "web", address)).await;
        assert_eq!(outcome["last_reload"]["ok"], true, "{outcome}");
        UdpClient::connect(address.parse().expect("an address")).await.ask(b"x").await;
    }
    client.ask(b"x").await;
}

/// The event that tells how the shutdown went.
fn report(evenkeel: &Evenkeel) -> Json {
    let report = evenkeel.log().into_iter().rev().find(|event| event.get("cut").is_some());
    report.unwrap_or_else(|| panic!("no report of the shutdown in the log:\n{}", evenkeel.log_text()))
}

#[tokio::test]
async fn a_shutdown_waits_for_sessions_to_end() {
    let all = backends(["a"]).await;
    let runtime = "workers = 2\ndrain_timeout = \"30s\"";
    let mut evenkeel = setup(&all, "idle = \"700ms\"").runtime(runtime).start().await;
    let (client, late) = (client(&evenkeel).await, client(&evenkeel).await);
    client.ask(b"x").await;
    evenkeel.signal(Signal::TERM);
    evenkeel.await_message("draining").await;
    assert_eq!(client.ask(b"still here").await, "a");
    assert_eq!(late.ask_within(b"x", Duration::from_millis(100)).await, None, "nobody new");
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    let report = report(&evenkeel);
    assert_eq!((report["finished"].as_u64(), report["cut"].as_u64()), (Some(1), Some(0)), "{report}");
}

#[tokio::test]
async fn the_deadline_cuts_sessions_and_counts_them() {
    let all = backends(["a"]).await;
    let runtime = "workers = 2\ndrain_timeout = \"400ms\"";
    let mut evenkeel = setup(&all, "").runtime(runtime).start().await;
    let clients = [client(&evenkeel).await, client(&evenkeel).await];
    for client in &clients {
        client.ask(b"x").await;
    }
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!((status.code(), started.elapsed() >= Duration::from_millis(400)), (Some(0), true));
    assert_eq!(report(&evenkeel)["cut"].as_u64(), Some(2));
}
