//! What a tunnel counts as, and what it weighs.

use std::time::Duration;

use evenkeel_testkit::{Client, Json, Metrics};

use crate::support::{Setup, get, get_with};

use super::{ASKS, LOG, await_none, echo, echoing, in_flight, logged, open, open_tunnels, outcomes};

#[tokio::test]
async fn a_tunnel_is_told_of_while_it_is_open_and_when_it_has_ended() {
    let backend = echoing("a").await;
    let evenkeel = Setup::new([&backend]).top(LOG).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get_with("/ws", &format!("User-Agent: t/1\r\nX-Other: secret\r\n{ASKS}"))).await;
    assert_eq!(client.try_head().await.unwrap().status().unwrap(), 101);
    echo(&mut client, "hello").await;
    // While it is open, too: its bytes are not kept back to its end.
    let bytes = |metrics: &Metrics| {
        ["sent", "received"]
            .map(|direction| metrics.value("evenkeel_backend_bytes_total", &[("direction", direction)]))
    };
    let metrics = evenkeel.await_metrics("its bytes", |metrics| bytes(metrics) == [5.0, 5.0]).await;
    assert_eq!((in_flight(&metrics), open_tunnels(&metrics)), (1.0, 1.0));
    assert_eq!(metrics.value("evenkeel_requests_total", &[("class", "1xx")]), 1.0);
    let pools = evenkeel.admin_json("/pools").await;
    assert_eq!(
        (&pools["pools"][0]["tunnels"], &pools["pools"][0]["backends"][0]["in_flight"]),
        (&Json::from(1), &Json::from(1))
    );
    tokio::time::sleep(Duration::from_millis(300)).await;
    echo(&mut client, "good bye").await;
    assert!(
        std::fs::read_to_string(evenkeel.directory().join("access.log")).is_ok_and(|text| text.is_empty())
    );
    client.finish_sending().await;
    client.expect_close().await;
    let metrics = await_none(&evenkeel).await;
    assert_eq!((outcomes(&metrics, "ok"), metrics.value("evenkeel_tunnels_total", &[])), (1.0, 1.0));
    assert_eq!(bytes(&metrics), [13.0, 13.0]);
    let line = &logged(&evenkeel, 1).await[0];
    for (field, expected) in [
        ("status", Json::from(101)),
        ("method", Json::from("GET")),
        ("path", Json::from("/ws")),
        ("host", Json::from("h")),
        ("user_agent", Json::from("t/1")),
        ("backend", Json::from("a")),
        ("request_bytes", Json::from(13)),
        ("response_bytes", Json::from(13)),
        ("error", Json::Null),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    let millis = |field: &str| line[field].as_f64().unwrap_or_default();
    assert!(millis("total_ms") >= 300.0 && millis("header_ms") < millis("total_ms") - 250.0, "{line}");
    // How long it was open is not how long the request took.
    assert_eq!(metrics.value("evenkeel_request_duration_seconds_count", &[]), 1.0);
    assert!(metrics.value("evenkeel_request_duration_seconds_sum", &[]) < 0.3);
}

#[tokio::test]
async fn it_takes_a_place_among_the_requests_in_flight() {
    let backend = echoing("a").await;
    let evenkeel = Setup::of_entries([backend.entry_with("max_in_flight = 1")]).start().await;
    let mut tunnel = open(&evenkeel).await;
    let mut other = evenkeel.client("web").await;
    assert_eq!(other.get("h", "/").await.status(), 503);
    echo(&mut tunnel, "still here").await;
    drop(tunnel);
    await_none(&evenkeel).await;
    other.send(get("/")).await;
    assert_eq!(other.response().await.status(), 200);
}

/// Even by how many are open, whatever came and went in between. Turns would not see that a backend has lost its own.
#[tokio::test]
async fn least_request_keeps_the_number_of_open_tunnels_even() {
    let all = [echoing("a").await, echoing("b").await, echoing("c").await];
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    let mut tunnels: Vec<Client> = Vec::new();
    let open_on =
        async |name: &str| evenkeel.metrics().await.value("evenkeel_backend_in_flight", &[("backend", name)]);
    for _ in 0..30 {
        tunnels.push(open(&evenkeel).await);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(open_on(name).await, 10.0, "{name}");
    }
    // Every third ends; others come.
    let mut index = 0;
    tunnels.retain(|_| {
        index += 1;
        index % 3 != 0
    });
    evenkeel.await_metrics("20 tunnels", |metrics| open_tunnels(metrics) == 20.0).await;
    for _ in 0..10 {
        tunnels.push(open(&evenkeel).await);
    }
    for name in ["a", "b", "c"] {
        assert_eq!(open_on(name).await, 10.0, "{name}");
    }
}

/// An idle tunnel weighs what its two connections do when they are idle, and what is told of it at its end. The buffers
/// of a single one that is busy are 32 KiB.
#[tokio::test]
async fn two_thousand_idle_tunnels_weigh_little() {
    const COUNT: u64 = 2_000;
    let backend = echoing("a").await;
    let evenkeel = Setup::new([&backend]).top(LOG).start().await;
    let mut clients = Vec::new();
    // What the first ones take, such as threads' caches, is there for all.
    for _ in 0..100 {
        clients.push(open(&evenkeel).await);
    }
    let before = evenkeel.resident_bytes();
    for _ in 0..COUNT {
        let mut client = evenkeel.client("web").await;
        client.get("h", "/").await;
        clients.push(client);
    }
    let with_connections = evenkeel.resident_bytes();
    for _ in 0..COUNT {
        let mut client = open(&evenkeel).await;
        echo(&mut client, "hello").await;
        clients.push(client);
    }
    let with_tunnels = evenkeel.resident_bytes();
    assert_eq!(open_tunnels(&evenkeel.metrics().await), 2_100.0);
    let connection = with_connections.saturating_sub(before) / COUNT;
    let tunnel = with_tunnels.saturating_sub(with_connections) / COUNT;
    println!("bytes of an idle connection {connection}, tunnel {tunnel}");
    assert!(tunnel <= 2 * connection + 256, "an idle connection takes {connection} bytes, a tunnel {tunnel}");
    for client in clients.iter_mut().rev().step_by(100).take(20) {
        echo(client, "still here").await;
    }
    drop(clients);
    await_none(&evenkeel).await;
}
