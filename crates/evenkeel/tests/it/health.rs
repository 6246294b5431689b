//! Checks, ejection, panic: who may be picked.

use evenkeel_testkit::{Backend, ClosedPort, Evenkeel, Gate, Load, Reply, Step, assert_shares};

use crate::support::{Setup, backends, counts};

const CHECKED: &str = "strategy = \"round_robin\"\npassive = false\n\
    health = { path = \"/healthz\", interval = \"100ms\", timeout = \"100ms\", rise = 2, fall = 2 }";

async fn await_phase(evenkeel: &Evenkeel, backend: &str, phase: &str) {
    let labels = [("backend", backend), ("phase", phase)];
    evenkeel
        .await_metrics(&format!("{backend} {phase}"), |metrics| {
            metrics.get("evenkeel_backend_phase", &labels) == Some(1.0)
        })
        .await;
}

#[tokio::test]
async fn a_backend_joins_with_its_first_pass() {
    let [a, b] = backends(["a", "b"]).await;
    let gate = Gate::new();
    b.set_health(Reply::text(200, "well").behind(&gate));
    let evenkeel = Setup::new([&a, &b]).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 1).await;
    let load = Load::new(evenkeel.address("web"), 4);
    load.run(100).await.assert_all_ok();
    assert_eq!((a.requests(), b.requests()), (100, 0));
    gate.open();
    evenkeel.await_eligible("web", 2).await;
    load.run(100).await.assert_all_ok();
    assert_eq!((a.requests(), b.requests()), (150, 50));
}

#[tokio::test]
async fn a_backend_is_killed_and_returns() {
    let mut all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 3).await;
    let load = Load::new(evenkeel.address("web"), 4);
    all[2].stop().await;
    await_phase(&evenkeel, "c", "unhealthy").await;
    load.run(200).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 0)], 1.0);
    all[2].resume().await;
    await_phase(&evenkeel, "c", "serving").await;
    let before = all[2].requests();
    load.run(300).await.assert_all_ok();
    let share = all[2].requests() - before;
    assert!((99..=101).contains(&share), "no less and no more than its share: {share}");
    let log = evenkeel.log_text();
    assert!(log.contains("backend is out") && log.contains("backend serves"), "{log}");
}

#[tokio::test]
async fn a_backend_that_fails_its_checks_is_out() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 3).await;
    all[1].set_health(Reply::text(500, "ill"));
    await_phase(&evenkeel, "b", "unhealthy").await;
    Load::new(evenkeel.address("web"), 4).run(100).await.assert_all_ok();
    assert_eq!(all[1].requests(), 0);
    let pools = evenkeel.admin_json("/pools").await;
    let detail = pools["pools"][0]["backends"][1]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("500"), "the reason is told: {detail:?}");
}

#[tokio::test]
async fn a_backend_that_hangs_is_out() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 3).await;
    all[0].set_health(Reply::steps([Step::Hang]));
    await_phase(&evenkeel, "a", "unhealthy").await;
    Load::new(evenkeel.address("web"), 4).run(100).await.assert_all_ok();
    assert_eq!(all[0].requests(), 0);
}

#[tokio::test]
async fn one_failure_is_not_enough() {
    let all = backends(["a", "b", "c"]).await;
    let pool = CHECKED.replace("fall = 2", "fall = 100");
    let evenkeel = Setup::new(&all).pool(&pool).start().await;
    evenkeel.await_eligible("web", 3).await;
    all[0].set_health(Reply::text(500, "ill"));
    let seen = all[0].checks();
    evenkeel_testkit::until("three failed checks", async || (all[0].checks() >= seen + 3).then_some(()))
        .await;
    evenkeel.await_eligible("web", 3).await;
}

#[tokio::test]
async fn a_connection_is_enough_for_a_tcp_check() {
    let mut all = backends(["a", "b", "c"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\n\
                health = { type = \"tcp\", interval = \"100ms\", rise = 1, fall = 2 }";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    evenkeel.await_eligible("web", 3).await;
    assert!(all.iter().all(|backend| backend.checks() == 0 && backend.connections() > 0));
    all[0].stop().await;
    await_phase(&evenkeel, "a", "unhealthy").await;
    all[0].resume().await;
    await_phase(&evenkeel, "a", "serving").await;
}

#[tokio::test]
async fn a_backend_that_answers_with_errors_is_ejected() {
    let [a, b] = backends(["a", "b"]).await;
    let bad = Backend::with_reply("bad", Reply::with_fields(500, "X-Backend: bad\r\n", "")).await;
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = { consecutive = 3, base = \"60s\" }";
    let evenkeel = Setup::new([&a, &b, &bad]).pool(pool).start().await;
    // One connection, so that nothing is under way when the third error comes.
    let load = Load::new(evenkeel.address("web"), 1);
    let tally = load.run(9).await;
    assert_eq!(tally.statuses.get(&500), Some(&3), "{:?}", tally.statuses);
    await_phase(&evenkeel, "bad", "ejected").await;
    load.run(100).await.assert_all_ok();
    assert_eq!(bad.requests(), 3);
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_errors_total", &[("backend", "bad")]), 3.0);
}

#[tokio::test]
async fn an_ejection_ends() {
    let [a, b] = backends(["a", "b"]).await;
    let bad = Backend::with_reply("bad", Reply::text(500, "")).await;
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = { consecutive = 3, base = \"500ms\" }";
    let evenkeel = Setup::new([&a, &b, &bad]).pool(pool).start().await;
    Load::new(evenkeel.address("web"), 1).run(9).await;
    await_phase(&evenkeel, "bad", "ejected").await;
    bad.set_answer(|_| Reply::text(200, "well again"));
    await_phase(&evenkeel, "bad", "serving").await;
    let before = bad.requests();
    Load::new(evenkeel.address("web"), 2).run(30).await.assert_all_ok();
    let share = bad.requests() - before;
    assert!((9..=11).contains(&share), "a third of 30, wherever the round began: {share}");
}

#[tokio::test]
async fn panic_is_announced() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 3).await;
    let mode = |mode: &'static str| {
        move |metrics: &evenkeel_testkit::Metrics| {
            metrics.get("evenkeel_pool_mode", &[("pool", "web"), ("mode", mode)]) == Some(1.0)
        }
    };
    assert!(mode("normal")(&evenkeel.metrics().await));
    all[0].set_health(Reply::text(500, "ill"));
    all[1].set_health(Reply::text(500, "ill"));
    let metrics = evenkeel.await_metrics("panic mode", mode("panic")).await;
    assert_eq!(metrics.value("evenkeel_pool_mode", &[("pool", "web"), ("mode", "normal")]), 0.0);
    let event = evenkeel
        .await_event("of panic", |event| event["message"].as_str().is_some_and(|text| text.contains("PANIC")))
        .await;
    assert_eq!((event["pool"].as_str(), event["level"].as_str()), (Some("web"), Some("ERROR")));
    Load::new(evenkeel.address("web"), 4).run(300).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1)], 1.0);
    let metrics = evenkeel.metrics().await;
    let in_panic = metrics.value("evenkeel_backend_attempts_total", &[("reason", "panic")]);
    assert_eq!(in_panic, 300.0, "the ledger knows why");
    all[0].set_health(Reply::text(200, "well"));
    evenkeel.await_metrics("normal mode", mode("normal")).await;
}

#[tokio::test]
async fn checks_need_a_backend_that_listens() {
    let port = ClosedPort::new();
    let [a, b] = backends(["a", "b"]).await;
    let down = format!("{{ address = \"{}\", name = \"down\" }}", port.address());
    let evenkeel = Setup::of_entries([a.entry(1), b.entry(1), down]).pool(CHECKED).start().await;
    await_phase(&evenkeel, "down", "unhealthy").await;
    evenkeel.await_eligible("web", 2).await;
    Load::new(evenkeel.address("web"), 4).run(100).await.assert_all_ok();
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_attempts_total", &[("backend", "down")]), 0.0);
}

#[tokio::test]
async fn checks_share_connections_but_not_for_ever() {
    let all = backends(["a"]).await;
    let evenkeel = Setup::new(&all).pool(CHECKED).start().await;
    evenkeel.await_eligible("web", 1).await;
    evenkeel_testkit::until("45 checks", async || (all[0].checks() >= 45).then_some(())).await;
    let opened = all[0].connections();
    assert!((3..=5).contains(&opened), "{opened} connections for 45 checks, a new one for each twentieth");
}

#[tokio::test]
async fn checks_keep_no_connection_where_requests_keep_none() {
    let all = backends(["a"]).await;
    let pool = format!("{CHECKED}\nkeep_alive = {{ idle_max = 0 }}");
    let evenkeel = Setup::new(&all).pool(&pool).start().await;
    evenkeel.await_eligible("web", 1).await;
    evenkeel_testkit::until("10 checks", async || (all[0].checks() >= 10).then_some(())).await;
    assert!(all[0].connections() >= 10, "{} connections", all[0].connections());
}

#[tokio::test]
async fn a_backend_that_closes_kept_connections_stays_in() {
    let a = Backend::start("a").await;
    let closing = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nwell";
    a.set_health(Reply::raw(closing).then(Step::Close));
    let pool = CHECKED.replace("fall = 2", "fall = 1");
    let evenkeel = Setup::new([&a]).pool(&pool).start().await;
    evenkeel.await_eligible("web", 1).await;
    evenkeel_testkit::until("10 checks", async || (a.checks() >= 10).then_some(())).await;
    assert!(!evenkeel.log_text().contains("backend is out"), "{}", evenkeel.log_text());
}
