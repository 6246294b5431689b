//! Who gets which datagrams, and what of them.

use std::collections::BTreeMap;
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Json, UdpClient, assert_shares, until};

use super::{SILENCE, await_count, await_open, backends, client, setup};

#[tokio::test]
async fn are_spread_exactly_and_stay_where_they_are() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = setup(&all, "").start().await;
    let mut homes = BTreeMap::new();
    let mut clients = Vec::new();
    for _ in 0..60 {
        let client = client(&evenkeel).await;
        let home = client.ask(b"first").await;
        *homes.entry(home.clone()).or_insert(0) += 1;
        clients.push((client, home));
    }
    assert_shares(&homes, &[("a", 1), ("b", 1), ("c", 1)], 0.0);
    for (client, home) in &clients {
        for _ in 0..3 {
            assert_eq!(client.ask(b"again").await, *home);
        }
    }
    let peers: Vec<u64> = all.iter().map(evenkeel_testkit::UdpBackend::peers).collect();
    assert_eq!(peers, [20, 20, 20], "a socket for each session");
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_udp_sessions_total", &[("listener", "web")]), 60.0);
    assert_eq!(metrics.value("evenkeel_udp_sessions_open", &[]), 60.0);
    for name in ["a", "b", "c"] {
        let of =
            |metric: &str, direction| metrics.value(metric, &[("backend", name), ("direction", direction)]);
        assert_eq!(
            metrics.value("evenkeel_backend_in_flight", &[("backend", name)]),
            20.0,
            "a lease for each"
        );
        assert_eq!(of("evenkeel_backend_datagrams_total", "sent"), 80.0);
        assert_eq!(of("evenkeel_backend_datagrams_total", "received"), 80.0);
        assert_eq!(of("evenkeel_backend_bytes_total", "sent"), 400.0);
        assert_eq!(of("evenkeel_backend_bytes_total", "received"), 560.0);
    }
    assert_eq!(evenkeel.admin_json("/pools").await["sessions"], 60);
    let status = evenkeel_testkit::run_to_end(
        crate::support::BINARY,
        &["status", "--admin", &evenkeel.address("admin").to_string()],
        evenkeel.directory(),
        Duration::from_secs(20),
    )
    .await;
    assert!(status.stdout.contains("  60 sessions  "), "{}", status.stdout);
}

#[tokio::test]
async fn datagrams_of_any_size_pass_as_they_are() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "").start().await;
    let client = client(&evenkeel).await;
    // The largest that IPv4 carries is 65,507, and the backend adds two bytes.
    for size in [0, 1, 1_472, 1_473, 9_000, 65_505] {
        let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
        assert_eq!(client.ask(&content).await, "a", "{size} bytes");
    }
}

#[tokio::test]
async fn many_at_once_all_arrive() {
    let all = backends(["a", "b"]).await;
    let evenkeel = setup(&all, "").start().await;
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(client(&evenkeel).await);
    }
    for round in 0..5_u8 {
        for client in &clients {
            client.send(&[round; 3]).await;
        }
        for client in &clients {
            assert_eq!(client.receive().await[2..], [round; 3]);
        }
    }
    assert_eq!(all.iter().map(evenkeel_testkit::UdpBackend::datagrams).sum::<u64>(), 200);
}

/// A listener on all addresses answers from the one that was asked: clients take replies from nowhere else.
#[tokio::test]
async fn replies_come_from_the_address_that_was_asked() {
    for (bind, addresses) in [("0.0.0.0:0", &["127.0.0.1", "127.0.0.5"][..]), ("[::]:0", &["::1"])] {
        let all = backends(["a", "b"]).await;
        let text =
            setup(&all, "").text().replacen("bind = \"127.0.0.1:0\"", &format!("bind = \"{bind}\""), 1);
        let evenkeel = Evenkeel::start(crate::support::BINARY, &text).await;
        let port = evenkeel.address("web").port();
        let mut clients = Vec::new();
        for address in addresses.iter().cycle().take(8) {
            clients.push(
                UdpClient::connect((address.parse::<std::net::IpAddr>().expect("an address"), port).into())
                    .await,
            );
        }
        for client in &clients {
            client.send(b"x").await;
        }
        for client in &clients {
            assert_eq!(client.receive().await.len(), 3, "{bind}");
        }
    }
}

#[tokio::test]
async fn end_when_nothing_has_come_for_long_enough() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "idle = \"400ms\"").start().await;
    let (busy, lazy) = (client(&evenkeel).await, client(&evenkeel).await);
    lazy.ask(b"x").await;
    let started = tokio::time::Instant::now();
    while started.elapsed() < Duration::from_millis(1_200) {
        busy.ask(b"x").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_udp_sessions_ended_total", &[("why", "idle")]), 1.0, "the other one");
    assert_eq!(metrics.value("evenkeel_udp_sessions_total", &[]), 2.0);
    await_open(&evenkeel, 0).await;
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_in_flight", &[]), 0.0);
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 2.0);
    lazy.ask(b"x").await;
    assert_eq!(all[0].peers(), 3, "it begins a session anew");
}

#[tokio::test]
async fn clients_are_told_apart_by_their_address_where_the_strategy_wants_it() {
    let all = backends(["a", "b", "c"]).await;
    let pool = "strategy = \"maglev\"\nhash = { source = true }\nhealth = false\npassive = false";
    let evenkeel = setup(&all, "").pool(pool).start().await;
    let home = client(&evenkeel).await.ask(b"x").await;
    for _ in 0..10 {
        assert_eq!(client(&evenkeel).await.ask(b"x").await, home, "another port is the same client");
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_attempts_total", &[("reason", "hash")]), 11.0);
}

#[tokio::test]
async fn a_client_gets_what_its_backend_sends_and_nothing_else() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "").start().await;
    let (one, other) = (client(&evenkeel).await, client(&evenkeel).await);
    other.ask(b"other").await;
    all[0].set_replies(3);
    one.send(b"one").await;
    for _ in 0..3 {
        assert_eq!(one.receive().await, b"a:one");
    }
    all[0].set_replies(0);
    assert_eq!(one.ask_within(b"nothing", SILENCE).await, None);
    assert_eq!(other.receive_within(SILENCE).await, None);
}

#[tokio::test]
async fn a_line_in_the_access_log_for_each() {
    let all = backends(["a"]).await;
    let log = "[log]\naccess = { path = \"access.log\", format = \"json\" }";
    let evenkeel = setup(&all, "idle = \"200ms\"").top(log).start().await;
    let client = client(&evenkeel).await;
    client.ask(b"12345").await;
    client.ask(b"123").await;
    await_count(&evenkeel, "evenkeel_udp_sessions_ended_total", ("why", "idle"), 1.0).await;
    let path = evenkeel.directory().join("access.log");
    let text =
        until("a line", async || std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n')))
            .await;
    let line: Json = text.trim_end().parse().expect("one line of JSON");
    for (field, expected) in [
        ("client", Json::from("127.0.0.1")),
        ("listener", Json::from("web")),
        ("pool", Json::from("web")),
        ("backend", Json::from("a")),
        ("reason", Json::from("only_choice")),
        ("attempts", Json::from(1)),
        ("request_bytes", Json::from(8)),
        ("response_bytes", Json::from(12)),
        ("error", Json::Null),
        ("method", Json::Null),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert!(line["total_ms"].as_f64().is_some_and(|total| total >= 200.0), "{line}");
}

#[tokio::test]
async fn a_port_that_somebody_has_is_refused() {
    let all = backends(["a"]).await;
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound");
    let evenkeel = setup(&all, "").start().await;
    let extra = format!("[listener.extra]\nbind = \"{address}\"\npool = \"web\"\nprotocol = \"udp\"");
    let outcome = evenkeel.reload(&setup(&all, "").top(&extra).text()).await;
    assert_eq!(outcome["last_reload"]["ok"], false, "{outcome}");
    let error = outcome["last_reload"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("extra") && error.contains(&address.to_string()), "{outcome}");
    // The same number of another protocol is another port.
    let both = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = both.local_addr().expect("it is bound");
    drop((both, std::net::UdpSocket::bind(address).expect("free for both")));
    let listener = |protocol| {
        format!("[listener.{protocol}]\nbind = \"{address}\"\npool = \"web\"\nprotocol = \"{protocol}\"\n")
    };
    let text = setup(&all, "").top(&[listener("tcp"), listener("udp")].concat()).text();
    let outcome = evenkeel.reload(&text).await;
    assert_eq!(outcome["last_reload"]["ok"], true, "{outcome}");
    assert_eq!(UdpClient::connect(address).await.ask(b"x").await, "a");
}
