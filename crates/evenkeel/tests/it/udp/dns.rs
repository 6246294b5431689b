//! DNS, as dnsmasq and dig speak it, and sessions that end with their replies.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use evenkeel_testkit::{Dnsmasq, run_to_end};

use super::{await_count, await_open, backends, client, listener, setup};
use crate::support::Setup;

#[tokio::test]
async fn questions_are_answered_and_leave_nothing_behind() {
    let servers =
        [Dnsmasq::start(Ipv4Addr::new(10, 0, 0, 1)).await, Dnsmasq::start(Ipv4Addr::new(10, 0, 0, 2)).await];
    let entries = servers.iter().map(|server| format!("\"{}\"", server.address()));
    let evenkeel = Setup::of_entries(entries).listener(&listener("replies = 1")).start().await;
    let address = evenkeel.address("web");
    let mut answers = [0, 0];
    for number in 0..20 {
        let name = format!("n{number}.test");
        match dig(&evenkeel, address, &name).await.as_str() {
            "10.0.0.1" => answers[0] += 1,
            "10.0.0.2" => answers[1] += 1,
            other => panic!("{name}: {other}"),
        }
    }
    assert_eq!(answers, [10, 10], "in turn");
    await_count(&evenkeel, "evenkeel_udp_sessions_ended_total", ("why", "answered"), 20.0).await;
    await_open(&evenkeel, 0).await;
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_in_flight", &[]), 0.0);
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 20.0);
    assert_eq!(metrics.value("evenkeel_request_duration_seconds_count", &[]), 20.0);
}

async fn dig(evenkeel: &evenkeel_testkit::Evenkeel, address: SocketAddr, name: &str) -> String {
    let (server, port) = (format!("@{}", address.ip()), address.port().to_string());
    let question = [&*server, "-p", &port, "+short", "+tries=1", "+time=10", name];
    let finished = run_to_end("/usr/bin/dig", &question, evenkeel.directory(), Duration::from_secs(20)).await;
    finished.stdout
}

/// A resolver asks for both kinds of address at once from one port: the first reply must not cut off the second.
#[tokio::test]
async fn each_question_gets_its_reply() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "replies = 1").start().await;
    for _ in 0..20 {
        let client = client(&evenkeel).await;
        for question in [b"A   ", b"AAAA"] {
            client.send(question).await;
        }
        let mut replies = [client.receive().await, client.receive().await];
        replies.sort();
        assert_eq!(replies, [b"a:A   ".to_vec(), b"a:AAAA".to_vec()]);
    }
    await_open(&evenkeel, 0).await;
}

#[tokio::test]
async fn two_replies_to_each_where_two_are_due() {
    let all = backends(["a"]).await;
    all[0].set_replies(2);
    let evenkeel = setup(&all, "replies = 2").start().await;
    let client = client(&evenkeel).await;
    client.send(b"x").await;
    assert_eq!((client.receive().await, client.receive().await), (b"a:x".to_vec(), b"a:x".to_vec()));
    await_count(&evenkeel, "evenkeel_udp_sessions_ended_total", ("why", "answered"), 1.0).await;
}
