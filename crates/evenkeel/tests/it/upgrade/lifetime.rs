//! How long a tunnel lives: through reloads, until it is silent for too long, until everybody must go.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Client, Json, Signal, until};

use crate::support::{Setup, backends};

use super::{LOG, await_none, echo, echoing, in_flight, logged, open, open_tunnels, outcomes, switched};

const POOL: &str = "strategy = \"round_robin\"\nhealth = false\npassive = false";

#[tokio::test]
async fn twenty_reloads_leave_it_and_what_is_in_flight_alone() {
    let (a, [b]) = (echoing("a").await, backends(["b"]).await);
    let with = |keys: &str, others: &[String]| {
        let entries = std::iter::once(a.entry_with(keys)).chain(others.iter().cloned());
        Setup::of_entries(entries).pool(&format!("{POOL}\nintent = \"weights\""))
    };
    let evenkeel = with("weight = 1", &[]).start().await;
    let mut client = open(&evenkeel).await;
    for round in 2..=21 {
        // Weights change, backends come, the one with the tunnel drains, the pool changes its strategy.
        let setup = match round % 4 {
            0 => with(&format!("weight = {round}"), &[]),
            1 => with("drain = true", &[b.entry(1)]),
            2 => with("weight = 3", &[b.entry(2)])
                .pool("strategy = \"least_request\"\nhealth = false\npassive = false"),
            _ => with("weight = 1", &[b.entry(1)]).listener("timeouts = { tunnel_idle = \"1m\" }"),
        };
        let reload = evenkeel.reload(&setup.text()).await;
        assert_eq!(reload["last_reload"]["ok"], true, "{reload}");
        echo(&mut client, &format!("round {round}")).await;
        let metrics = evenkeel.metrics().await;
        assert_eq!(metrics.value("evenkeel_config_generation", &[]), f64::from(round));
        let of_a = metrics.value("evenkeel_backend_in_flight", &[("backend", "a")]);
        assert_eq!((of_a, in_flight(&metrics), open_tunnels(&metrics)), (1.0, 1.0, 1.0), "round {round}");
    }
    drop(client);
    assert_eq!(outcomes(&await_none(&evenkeel).await, "ok"), 1.0);
}

#[tokio::test]
async fn a_backend_that_is_gone_from_the_file_keeps_its_tunnels() {
    let (a, [b]) = (echoing("a").await, backends(["b"]).await);
    let evenkeel = Setup::new([&a]).start().await;
    let mut client = open(&evenkeel).await;
    evenkeel.reload(&Setup::new([&b]).text()).await;
    echo(&mut client, "still here").await;
    assert_eq!(open_tunnels(&evenkeel.metrics().await), 1.0);
    drop(client);
    await_none(&evenkeel).await;
}

#[tokio::test]
async fn silence_ends_it_and_traffic_does_not() {
    let backend = echoing("a").await;
    let keys = "timeouts = { tunnel_idle = \"600ms\" }";
    let evenkeel = Setup::new([&backend]).top(LOG).listener(keys).start().await;
    let mut client = open(&evenkeel).await;
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        echo(&mut client, "ping").await;
    }
    let quiet = Instant::now();
    client.expect_close().await;
    assert!(quiet.elapsed() >= Duration::from_millis(550), "{:?}", quiet.elapsed());
    let metrics = await_none(&evenkeel).await;
    assert_eq!(outcomes(&metrics, "cancelled"), 1.0, "silence is not the backend's failure");
    let line = &logged(&evenkeel, 1).await[0];
    assert_eq!((&line["error"], &line["status"]), (&Json::from("idle"), &Json::from(101)));
}

/// The time for a whole request is that to the switch. What bounds a request while it waits does not bound a tunnel.
#[tokio::test]
async fn no_timeout_of_requests_ends_it() {
    let backend = echoing("a").await;
    let pool = format!(
        "{POOL}\ntimeouts = {{ total = \"300ms\", response_header = \"300ms\", response_idle = \"300ms\" }}"
    );
    let keys = "timeouts = { keep_alive = \"300ms\", write_idle = \"300ms\", request_body_idle = \"300ms\" }";
    let evenkeel = Setup::new([&backend]).pool(&pool).listener(keys).start().await;
    let mut client = open(&evenkeel).await;
    tokio::time::sleep(Duration::from_millis(1000)).await;
    echo(&mut client, "still here").await;
}

/// The event that tells how the shutdown went.
fn report(evenkeel: &evenkeel_testkit::Evenkeel) -> (Option<u64>, Option<u64>) {
    let report = evenkeel.log().into_iter().rev().find(|event| event.get("cut").is_some());
    let report =
        report.unwrap_or_else(|| panic!("no report of the shutdown in the log:\n{}", evenkeel.log_text()));
    (report["finished"].as_u64(), report["cut"].as_u64())
}

async fn until_refused(evenkeel: &evenkeel_testkit::Evenkeel) {
    let address = evenkeel.address("web");
    until("closed listeners", async || Client::try_connect(address).await.is_err().then_some(())).await;
}

#[tokio::test]
async fn draining_waits_for_it() {
    let backend = echoing("a").await;
    let mut evenkeel = Setup::new([&backend]).runtime("workers = 2\ndrain_timeout = \"60s\"").start().await;
    let mut client = open(&evenkeel).await;
    evenkeel.signal(Signal::TERM);
    until_refused(&evenkeel).await;
    echo(&mut client, "still here").await;
    drop(client);
    assert_eq!(evenkeel.await_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert_eq!(report(&evenkeel), (Some(1), Some(0)));
}

#[tokio::test]
async fn the_drain_deadline_cuts_and_counts_it() {
    let backend = echoing("a").await;
    let runtime = "workers = 2\ndrain_timeout = \"500ms\"";
    let mut evenkeel = Setup::new([&backend]).top(LOG).runtime(runtime).start().await;
    let mut clients = [open(&evenkeel).await, open(&evenkeel).await];
    let begun = Instant::now();
    evenkeel.signal(Signal::TERM);
    for client in &mut clients {
        client.expect_close().await;
    }
    assert!(begun.elapsed() >= Duration::from_millis(500), "{:?}", begun.elapsed());
    assert_eq!(evenkeel.await_exit(Duration::from_secs(10)).await.code(), Some(0));
    assert_eq!(report(&evenkeel), (Some(0), Some(2)));
    // They are accounted for like any other.
    assert!(logged(&evenkeel, 2).await.iter().all(|line| line["error"] == "cut"));
}

#[tokio::test]
async fn a_listener_that_is_gone_leaves_it_the_time_to_drain() {
    let backend = echoing("a").await;
    let extra = "[listener.extra]\nbind = \"127.0.0.1:0\"\npool = \"web\"";
    let setup = Setup::new([&backend]).runtime("workers = 2\ndrain_timeout = \"700ms\"");
    let evenkeel = setup.clone().top(extra).start().await;
    let mut stays = open(&evenkeel).await;
    let mut goes = evenkeel.client("extra").await;
    goes.send(crate::support::get_with("/ws", super::ASKS)).await;
    assert_eq!(goes.try_head().await.unwrap().status().unwrap(), 101);
    let begun = Instant::now();
    evenkeel.reload(&setup.text()).await;
    echo(&mut goes, "still here").await;
    goes.expect_close().await;
    assert!(begun.elapsed() >= Duration::from_millis(690), "{:?}", begun.elapsed());
    echo(&mut stays, "and here").await;
    let metrics = evenkeel.await_metrics("one tunnel", |metrics| open_tunnels(metrics) == 1.0).await;
    assert_eq!((in_flight(&metrics), outcomes(&metrics, "cancelled")), (1.0, 1.0));
}

#[tokio::test]
async fn a_backend_that_drains_keeps_its_tunnels_and_gets_no_new_ones() {
    let all = [echoing("a").await, echoing("b").await];
    let setup = |keys: [&str; 2]| {
        let entries = all.iter().zip(keys).map(|(backend, keys)| backend.entry_with(keys));
        Setup::of_entries(entries)
    };
    let evenkeel = setup(["weight = 1", "weight = 1"]).start().await;
    let mut tunnels = [open(&evenkeel).await, open(&evenkeel).await];
    evenkeel.reload(&setup(["drain = true", "weight = 1"]).text()).await;
    let before = all[0].requests();
    for _ in 0..4 {
        switched(&evenkeel, "").await;
    }
    assert_eq!(all[0].requests(), before, "nothing new goes to the one that drains");
    for client in &mut tunnels {
        echo(client, "still here").await;
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_in_flight", &[("backend", "a")]), 1.0);
}
