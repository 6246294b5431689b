//! Many clients, slow clients, hostile clients: others are served.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Client, Load, until};

use crate::support::{Setup, backends, counts};

#[tokio::test]
async fn idle_slow_and_hostile_clients_do_not_disturb_others() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).listener("timeouts = { request_header = \"60s\" }").start().await;
    let address = evenkeel.address("web");
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(Client::connect(address).await);
    }
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut client = Client::connect(address).await;
        client.send("GET /slow HTTP/1.1\r\nHost: h\r\nX-Part: ").await;
        slow.push(client);
    }
    for number in 0..50_u8 {
        Client::connect(address).await.send([number, 255, 0, 13, 10, 13, 10]).await;
    }
    evenkeel
        .await_metrics("all connections", |metrics| {
            metrics.get("evenkeel_connections_open", &[("listener", "web")]).is_some_and(|open| open >= 550.0)
        })
        .await;
    let started = Instant::now();
    let tally = Load::new(address, 8).run(1000).await;
    tally.assert_all_ok();
    assert!(started.elapsed() < Duration::from_secs(20), "{:?} for 1000 requests", started.elapsed());
    assert_eq!(counts(&all).values().sum::<u64>(), 1000);
    for client in &mut slow {
        client.send("late\r\n\r\n").await;
        assert_eq!(client.response().await.status(), 200, "slow is not wrong");
    }
    let mut last = idle.pop().expect("500 of them");
    assert_eq!(last.get("h", "/").await.status(), 200, "idle is not gone");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener("limits = { connections = 2 }").start().await;
    let mut one = evenkeel.client("web").await;
    let mut two = evenkeel.client("web").await;
    one.get("h", "/").await;
    two.get("h", "/").await;
    let mut three = evenkeel.client("web").await;
    three.send(crate::support::get("/three")).await;
    let early = tokio::time::timeout(Duration::from_millis(300), three.try_head()).await;
    assert!(early.is_err(), "the third waits in the kernel's queue: {early:?}");
    drop(one);
    assert_eq!(three.response().await.status(), 200, "until there is room");
    assert_eq!(two.get("h", "/").await.status(), 200);
}

#[tokio::test]
async fn clients_that_leave_are_forgotten() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).start().await;
    let descriptors =
        || std::fs::read_dir(format!("/proc/{}/fd", evenkeel.pid())).map(Iterator::count).unwrap_or(0);
    evenkeel.client("web").await.get("h", "/").await;
    let before = descriptors();
    for _ in 0..200 {
        let mut client = evenkeel.client("web").await;
        client.send("GET / HTTP/1.1\r\nHost: h").await;
    }
    until("the descriptors of 200 clients that left", async || (descriptors() <= before + 5).then_some(()))
        .await;
    Load::new(evenkeel.address("web"), 4).run(100).await.assert_all_ok();
}
