//! How many sessions there may be, how fast they may begin, and which one goes when there are too many.

use std::time::Duration;

use evenkeel_testkit::UdpClient;

use super::{SILENCE, await_count, await_open, backends, client, setup};

const DROPPED: &str = "evenkeel_udp_datagrams_dropped_total";
const ENDED: &str = "evenkeel_udp_sessions_ended_total";

/// Ten thousand addresses that send one datagram each, as somebody who makes addresses up does, against a hundred places.
/// Whoever has answered keeps its place.
#[tokio::test]
async fn a_flood_takes_no_more_than_its_places_and_nobody_elses() {
    let all = backends(["a", "b"]).await;
    let evenkeel = setup(&all, "sessions = 100").start().await;
    let regular = client(&evenkeel).await;
    let home = regular.ask(b"one").await;
    assert_eq!(regular.ask(b"two").await, home);
    let before = evenkeel.resident_bytes();
    for _ in 0..20 {
        let mut crowd = Vec::new();
        for _ in 0..500 {
            let stranger = client(&evenkeel).await;
            stranger.send(&[0; 1_000]).await;
            crowd.push(stranger);
        }
        // What the kernel would drop is not seen here.
        assert_eq!(regular.ask(b"still here").await, home);
    }
    let open = |metrics: &evenkeel_testkit::Metrics| metrics.value("evenkeel_udp_sessions_open", &[]);
    let begun = |metrics: &evenkeel_testkit::Metrics| metrics.value("evenkeel_udp_sessions_total", &[]);
    let made_room = |metrics: &evenkeel_testkit::Metrics| {
        begun(metrics) - metrics.value(ENDED, &[("why", "evicted")]) == open(metrics)
    };
    let metrics = evenkeel.await_metrics("each to have made room for another", made_room).await;
    assert!(begun(&metrics) > 5_000.0, "{} sessions have begun", begun(&metrics));
    assert!(open(&metrics) <= 100.0);
    let grown = evenkeel.resident_bytes().saturating_sub(before);
    assert!(grown < 16 << 20, "{grown} bytes more than before");
    assert_eq!(regular.ask(b"at last").await, home, "and it never moved");
    assert!(metrics.value("evenkeel_backend_in_flight", &[]) <= 100.0);
}

#[tokio::test]
async fn where_everybody_has_answered_nobody_makes_room() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "sessions = 2, idle = \"60s\"").start().await;
    let (one, two, three) = (client(&evenkeel).await, client(&evenkeel).await, client(&evenkeel).await);
    for client in [&one, &one, &two, &two] {
        client.ask(b"x").await;
    }
    assert_eq!(three.ask_within(b"x", SILENCE).await, None);
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value(DROPPED, &[("reason", "sessions")]), 1.0);
    assert_eq!(metrics.value(ENDED, &[]), 0.0);
    assert_eq!(metrics.value("evenkeel_udp_sessions_open", &[]), 2.0);
    one.ask(b"x").await;
    two.ask(b"x").await;
    let grown = setup(&all, "sessions = 3, idle = \"60s\"");
    assert_eq!(evenkeel.reload(&grown.text()).await["last_reload"]["ok"], true);
    assert_eq!(three.ask(b"x").await, "a", "the bound is that of the newest configuration");
}

#[tokio::test]
async fn new_ones_no_faster_than_they_may_come() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "new_per_second = 10").start().await;
    let mut clients = Vec::new();
    for _ in 0..100 {
        clients.push(client(&evenkeel).await);
    }
    let started = std::time::Instant::now();
    for client in &clients {
        client.send(b"x").await;
    }
    let answered = |metrics: &evenkeel_testkit::Metrics| {
        metrics.value("evenkeel_udp_sessions_total", &[]) + metrics.value(DROPPED, &[("reason", "rate")])
            == 100.0
    };
    let metrics = evenkeel.await_metrics("all datagrams", answered).await;
    let begun = metrics.value("evenkeel_udp_sessions_total", &[]);
    let most = 10.0 + 10.0 * started.elapsed().as_secs_f64() + 1.0;
    assert!((10.0..=most).contains(&begun), "{begun} began, of at most {most}");
    let home = begun as usize;
    assert!(home < 100, "not all began");
    // Whoever has a session may send as fast as it likes.
    let mut served = None;
    for client in &clients {
        if client.receive_within(Duration::from_millis(50)).await.is_some() {
            served = Some(client);
            break;
        }
    }
    let served = served.expect("one of those that began");
    for _ in 0..50 {
        served.ask(b"y").await;
    }
}

#[tokio::test]
async fn a_backend_has_no_more_than_it_may_have() {
    let all = backends(["a", "b"]).await;
    let entries = [all[0].entry_with("max_in_flight = 1"), all[1].entry_with("max_in_flight = 1")];
    let evenkeel = crate::support::Setup::of_entries(entries)
        .listener(&super::listener("idle = \"500ms\""))
        .start()
        .await;
    let (one, two, three) = (client(&evenkeel).await, client(&evenkeel).await, client(&evenkeel).await);
    assert_ne!(one.ask(b"x").await, two.ask(b"x").await);
    assert_eq!(three.ask_within(b"x", Duration::from_millis(100)).await, None);
    await_count(&evenkeel, DROPPED, ("reason", "backend_limit"), 1.0).await;
    await_open(&evenkeel, 0).await;
    three.ask(b"x").await;
}

#[tokio::test]
async fn one_client_more_than_files_allow_is_refused_and_not_fatal() {
    let all = backends(["a"]).await;
    let evenkeel = setup(&all, "").runtime("workers = 1").start().await;
    let regular = client(&evenkeel).await;
    regular.ask(b"x").await;
    let files = std::fs::read_dir(format!("/proc/{}/fd", evenkeel.pid())).expect("it runs").count() as u64;
    limit_files(&evenkeel, Some(files + 10));
    let mut clients: Vec<UdpClient> = Vec::new();
    for _ in 0..40 {
        let client = client(&evenkeel).await;
        client.send(b"x").await;
        clients.push(client);
    }
    // Served in the order in which they have come.
    regular.ask(b"y").await;
    // The scrape needs a file, too.
    limit_files(&evenkeel, Some(files + 100));
    let metrics = evenkeel.metrics().await;
    assert!(metrics.value(DROPPED, &[("reason", "resources")]) >= 20.0);
    assert_eq!(metrics.value("evenkeel_backend_errors_total", &[]), 0.0, "not the backend's fault");
    client(&evenkeel).await.ask(b"x").await;
}

fn limit_files(evenkeel: &evenkeel_testkit::Evenkeel, current: Option<u64>) {
    use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
    let pid = Pid::from_raw(evenkeel.pid() as i32);
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(pid, Resource::Nofile, Rlimit { current, maximum }).expect("a child of ours");
}
