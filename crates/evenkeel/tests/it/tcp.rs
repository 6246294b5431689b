//! Connections passed on byte by byte.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, ClosedPort, Evenkeel, Json, Load, Signal, assert_shares, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::raw::{
    Server, await_ended, connect, connect_from, connected, exchange, expect_reset, expect_silence, layer4,
    read, read_to_end, reset,
};
use crate::support::{Setup, backends, counts};

const LOG: &str = "[log]\naccess = { path = \"access.log\", format = \"json\" }";

async fn outcomes(evenkeel: &Evenkeel, outcome: &str) -> f64 {
    evenkeel.metrics().await.value("evenkeel_backend_outcomes_total", &[("outcome", outcome)])
}

async fn log_lines(evenkeel: &Evenkeel, count: usize) -> Vec<Json> {
    let path = evenkeel.directory().join("access.log");
    until(&format!("{count} lines of the access log"), async || {
        let text = std::fs::read_to_string(&path).ok()?;
        let lines: Vec<Json> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (lines.len() >= count).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn connections_are_spread_and_accounted_for() {
    let all = backends(["a", "b", "c"]).await;
    let setup = Setup::new(&all).listener("protocol = \"tcp\"").top(LOG);
    let evenkeel = setup.start().await;
    Load::new(evenkeel.address("web"), 4).fresh_connections().run(300).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1)], 1.0);
    await_ended(&evenkeel, "closed", 300.0).await;
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 300.0);
    assert_eq!(metrics.value("evenkeel_backend_in_flight", &[]), 0.0);
    let moved = |direction| metrics.value("evenkeel_backend_bytes_total", &[("direction", direction)]);
    let lines = log_lines(&evenkeel, 300).await;
    let logged = |field: &str| lines.iter().map(|line| line[field].as_u64().expect("a number")).sum::<u64>();
    assert_eq!(logged("request_bytes") as f64, moved("sent"));
    assert_eq!(logged("response_bytes") as f64, moved("received"));
    assert!(moved("sent") > 300.0 * 20.0 && moved("received") > 300.0 * 20.0);
    let line = &lines[0];
    for (field, expected) in [
        ("client", Json::from("127.0.0.1")),
        ("listener", Json::from("web")),
        ("protocol", Json::from("tcp")),
        ("pool", Json::from("web")),
        ("attempts", Json::from(1)),
        ("status", Json::from(0)),
        ("error", Json::Null),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert!(
        line["backend"].is_string() && line["reason"].is_string() && line["total_ms"].is_number(),
        "{line}"
    );
}

#[tokio::test]
async fn either_side_may_end_first_and_listen_on() {
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).start().await;
    for client_first in [true, false] {
        let (mut first, mut second) = connected(&evenkeel, &server).await;
        exchange(&mut first, &mut second).await;
        if !client_first {
            (first, second) = (second, first);
        }
        first.write_all(b"last words").await.expect("open");
        first.shutdown().await.expect("open");
        assert_eq!(read_to_end(&mut second).await, b"last words");
        second.write_all(&[7; 300_000]).await.expect("open");
        drop(second);
        assert_eq!(read_to_end(&mut first).await.len(), 300_000);
    }
    await_ended(&evenkeel, "closed", 2.0).await;
    assert_eq!(outcomes(&evenkeel, "ok").await, 2.0);
}

#[tokio::test]
async fn servers_may_speak_first() {
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).start().await;
    let (mut client, mut backend) = connected(&evenkeel, &server).await;
    backend.write_all(b"220 ready").await.expect("open");
    assert_eq!(read(&mut client, 9).await, b"220 ready");
}

#[tokio::test]
async fn resets_reach_the_other_side() {
    let server = Server::start("a").await;
    let evenkeel = layer4("tcp", [&server]).top(LOG).start().await;
    let (mut client, mut backend) = connected(&evenkeel, &server).await;
    exchange(&mut client, &mut backend).await;
    reset(backend);
    expect_reset(&mut client).await;
    await_ended(&evenkeel, "backend_reset", 1.0).await;
    assert_eq!(outcomes(&evenkeel, "response_broken").await, 1.0);
    let (mut client, mut backend) = connected(&evenkeel, &server).await;
    exchange(&mut client, &mut backend).await;
    reset(client);
    expect_reset(&mut backend).await;
    await_ended(&evenkeel, "client_reset", 1.0).await;
    assert_eq!(outcomes(&evenkeel, "cancelled").await, 1.0);
    let errors: Vec<Json> = log_lines(&evenkeel, 2).await.iter().map(|line| line["error"].clone()).collect();
    assert_eq!(errors, [Json::from("backend_reset"), Json::from("client_reset")]);
}

#[tokio::test]
async fn a_backend_that_refuses_is_passed_over() {
    let (server, dead) = (Server::start("a").await, ClosedPort::new());
    let dead = format!("{{ address = \"{}\", name = \"dead\" }}", dead.address());
    let setup = Setup::of_entries([dead.clone(), server.entry()]).listener("protocol = \"tcp\"").top(LOG);
    let evenkeel = setup.start().await;
    for _ in 0..4 {
        let (mut client, mut backend) = connected(&evenkeel, &server).await;
        exchange(&mut client, &mut backend).await;
    }
    let lines = log_lines(&evenkeel, 4).await;
    let attempts: u64 = lines.iter().map(|line| line["attempts"].as_u64().expect("a number")).sum();
    let failed = outcomes(&evenkeel, "connect_failed").await;
    assert!(failed >= 1.0 && attempts as f64 == 4.0 + failed, "{attempts} attempts, {failed} failed");
    assert!(lines.iter().all(|line| line["backend"] == "a" && line["error"].is_null()), "{lines:?}");
}

#[tokio::test]
async fn nobody_to_connect_to_ends_the_connection() {
    let dead = ClosedPort::new();
    let entry = format!("{{ address = \"{}\", name = \"dead\" }}", dead.address());
    let evenkeel = Setup::of_entries([entry]).listener("protocol = \"tcp\"").top(LOG).start().await;
    let mut client = connect(&evenkeel).await;
    assert_eq!(read_to_end(&mut client).await, b"");
    await_ended(&evenkeel, "no_backend", 1.0).await;
    let line = log_lines(&evenkeel, 1).await.remove(0);
    assert_eq!((&line["error"], &line["backend"]), (&"connection_refused".into(), &"dead".into()), "{line}");
}

#[tokio::test]
async fn a_backend_that_dies_takes_its_connections_and_no_others() {
    let (doomed, other) = (Backend::start("doomed").await, Server::start("b").await);
    let mut doomed = doomed;
    let entries = [doomed.entry(1), other.entry()];
    let evenkeel = Setup::of_entries(entries).listener("protocol = \"tcp\"").start().await;
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(connect(&evenkeel).await);
    }
    let mut kept = vec![other.connection().await, other.connection().await];
    doomed.stop().await;
    let mut alive = 0;
    for mut client in all {
        let mut byte = [0; 1];
        let gone = tokio::time::timeout(Duration::from_millis(500), client.read(&mut byte)).await.is_ok();
        if !gone {
            client.write_all(b"still here").await.expect("open");
            let mut found = false;
            for backend in &mut kept {
                let mut got = [0; 10];
                let read =
                    tokio::time::timeout(Duration::from_millis(500), backend.read_exact(&mut got)).await;
                found |= read.is_ok() && &got == b"still here";
            }
            assert!(found, "what was sent arrived at nobody");
            alive += 1;
        }
    }
    assert_eq!(alive, 2);
    let (mut client, mut backend) = connected(&evenkeel, &other).await;
    exchange(&mut client, &mut backend).await;
}

#[tokio::test]
async fn relays_outlive_reloads_and_their_listener() {
    let (old, new) = (Server::start("old").await, Server::start("new").await);
    let evenkeel = layer4("tcp", [&old]).start().await;
    let (mut client, mut backend) = connected(&evenkeel, &old).await;
    exchange(&mut client, &mut backend).await;
    for _ in 0..3 {
        evenkeel.reload(&layer4("tcp", [&new]).text()).await;
        exchange(&mut client, &mut backend).await;
        evenkeel.reload(&layer4("tcp", [&old]).text()).await;
        exchange(&mut backend, &mut client).await;
    }
    evenkeel.reload(&layer4("tcp", [&new]).text()).await;
    let (mut late, mut at_new) = connected(&evenkeel, &new).await;
    exchange(&mut late, &mut at_new).await;
    let renamed = layer4("tcp", [&new]).text().replace("[listener.web]", "[listener.other]");
    evenkeel.reload(&renamed).await;
    exchange(&mut client, &mut backend).await;
    exchange(&mut late, &mut at_new).await;
}

#[tokio::test]
async fn a_drain_waits_for_relays_and_cuts_the_rest() {
    let server = Server::start("a").await;
    let setup = layer4("tcp", [&server]).runtime("workers = 2\ndrain_timeout = \"2s\"");
    let mut evenkeel = setup.start().await;
    let (mut ends, mut its_backend) = connected(&evenkeel, &server).await;
    let (mut stays, mut other) = connected(&evenkeel, &server).await;
    exchange(&mut ends, &mut its_backend).await;
    exchange(&mut stays, &mut other).await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    evenkeel.await_message("draining").await;
    exchange(&mut ends, &mut its_backend).await;
    drop(ends);
    assert_eq!(read_to_end(&mut its_backend).await, b"");
    drop(its_backend);
    expect_reset(&mut stays).await;
    assert!(started.elapsed() >= Duration::from_secs(2), "cut before the deadline");
    let status = evenkeel.await_exit(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0));
    let report = evenkeel.log().into_iter().rev().find(|event| event.get("cut").is_some()).expect("a report");
    assert_eq!((report["finished"].as_u64(), report["cut"].as_u64()), (Some(1), Some(1)), "{report}");
}

#[tokio::test]
async fn silence_ends_a_relay() {
    let server = Server::start("a").await;
    let setup = layer4("tcp", [&server]);
    let text =
        setup.text().replace("protocol = \"tcp\"", "protocol = \"tcp\"\ntimeouts = { tunnel_idle = \"1s\" }");
    let evenkeel = Evenkeel::start(crate::support::BINARY, &text).await;
    let (mut client, mut backend) = connected(&evenkeel, &server).await;
    let started = Instant::now();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(400)).await;
        exchange(&mut backend, &mut client).await;
    }
    let last = started.elapsed();
    expect_reset(&mut client).await;
    expect_reset(&mut backend).await;
    assert!(started.elapsed() - last >= Duration::from_millis(900), "{:?}", started.elapsed() - last);
    await_ended(&evenkeel, "idle", 1.0).await;
}

#[tokio::test]
async fn connections_wait_for_room_in_turn() {
    let server = Server::start("a").await;
    let entry = server.entry_with("max_in_flight = 1");
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nqueue = { size = 1, timeout = \"10s\" }";
    let evenkeel = Setup::of_entries([entry]).listener("protocol = \"tcp\"").pool(pool).start().await;
    let (mut first, mut at_server) = connected(&evenkeel, &server).await;
    exchange(&mut first, &mut at_server).await;
    let mut second = connect(&evenkeel).await;
    second.write_all(b"ping").await.expect("accepted");
    evenkeel
        .await_metrics("one that waits", |metrics| {
            metrics.get("evenkeel_pool_queue_length", &[]) == Some(1.0)
        })
        .await;
    let mut third = connect(&evenkeel).await;
    assert_eq!(read_to_end(&mut third).await, b"", "no more may wait");
    expect_silence(&mut second).await;
    assert!(server.take().is_none());
    drop((first, at_server));
    let mut at_server = server.connection().await;
    assert_eq!(read(&mut at_server, 4).await, b"ping");
    at_server.write_all(b"pong").await.expect("open");
    assert_eq!(read(&mut second, 4).await, b"pong");
    await_ended(&evenkeel, "no_backend", 1.0).await;
}

#[tokio::test]
async fn whoever_leaves_the_queue_takes_nobodys_place() {
    let server = Server::start("a").await;
    let entry = server.entry_with("max_in_flight = 1");
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nqueue = { size = 9, timeout = \"10s\" }";
    let evenkeel = Setup::of_entries([entry]).listener("protocol = \"tcp\"").pool(pool).start().await;
    let (first, at_server) = connected(&evenkeel, &server).await;
    let leaves = connect(&evenkeel).await;
    let waiting = |count: f64| {
        move |metrics: &evenkeel_testkit::Metrics| {
            metrics.get("evenkeel_pool_queue_length", &[]) == Some(count)
        }
    };
    evenkeel.await_metrics("one that waits", waiting(1.0)).await;
    drop(leaves);
    evenkeel.await_metrics("nobody that waits", waiting(0.0)).await;
    await_ended(&evenkeel, "client_gone", 1.0).await;
    drop((first, at_server));
    let (mut next, mut at_server) = connected(&evenkeel, &server).await;
    exchange(&mut next, &mut at_server).await;
}

#[tokio::test]
async fn a_source_keeps_its_backend() {
    let servers = [Server::start("a").await, Server::start("b").await, Server::start("c").await];
    let pool = "strategy = \"maglev\"\nhash = { source = true }\nhealth = false\npassive = false";
    let evenkeel = layer4("tcp", &servers).pool(pool).start().await;
    let mut used = std::collections::BTreeSet::new();
    for host in 1..=16 {
        let mut homes = std::collections::BTreeSet::new();
        for _ in 0..3 {
            let client = connect_from([127, 0, 0, host], evenkeel.address("web")).await;
            let home =
                until("a backend", async || servers.iter().position(|server| server.take().is_some())).await;
            homes.insert(home);
            drop(client);
        }
        assert_eq!(homes.len(), 1, "127.0.0.{host} went to {homes:?}");
        used.extend(homes);
    }
    assert_eq!(used.len(), 3, "16 clients share {used:?}");
}

/// That a backend serves is known when it is first heard of, not when a connection ends that may last for days.
#[tokio::test]
async fn a_connection_that_lasts_speaks_for_its_backend() {
    let servers = [Server::start("a").await, Server::start("b").await];
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = { consecutive = 3, max_ejected = 0.5 }";
    let evenkeel = layer4("tcp", &servers).pool(pool).start().await;
    // Each of the servers gets every other one.
    let pair = async || {
        let clients = [connect(&evenkeel).await, connect(&evenkeel).await];
        (clients, servers[0].connection().await, servers[1].connection().await)
    };
    let (mut open, mut lasting) = (Vec::new(), Vec::new());
    for failures in [2, 2] {
        for _ in 0..failures {
            let (clients, at_a, at_b) = pair().await;
            reset(at_a);
            open.push((clients, at_b));
        }
        let (mut clients, mut at_a, at_b) = pair().await;
        at_a.write_all(b"well").await.expect("open");
        for client in &mut clients {
            let heard = tokio::time::timeout(Duration::from_millis(300), client.readable()).await;
            if heard.is_ok() {
                assert_eq!(read(client, 4).await, b"well");
            }
        }
        open.push((clients, at_b));
        lasting.push(at_a);
    }
    assert_eq!(outcomes(&evenkeel, "response_broken").await, 4.0);
    let metrics = evenkeel.metrics().await;
    let ejected = metrics.value("evenkeel_backend_phase", &[("backend", "a"), ("phase", "ejected")]);
    assert_eq!(ejected, 0.0, "two failures in a row are not three");
}

#[tokio::test]
async fn a_listener_has_as_many_connections_as_it_may() {
    let server = Server::start("a").await;
    let text = layer4("tcp", [&server])
        .text()
        .replace("protocol = \"tcp\"", "protocol = \"tcp\"\nlimits = { connections = 2 }");
    let evenkeel = Evenkeel::start(crate::support::BINARY, &text).await;
    let (first, at_server) = connected(&evenkeel, &server).await;
    let _second = connected(&evenkeel, &server).await;
    let mut third = connect(&evenkeel).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(server.take().is_none(), "a third connection was passed on");
    drop((first, at_server));
    let mut at_server = server.connection().await;
    exchange(&mut third, &mut at_server).await;
}
