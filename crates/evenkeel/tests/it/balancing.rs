//! Shares: exact where the strategy promises it, across workers, reloads and failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Capacity, Load, Reply, assert_shares};

use crate::support::{Setup, backends, counts};

const ROUND_ROBIN: &str = "strategy = \"round_robin\"\nhealth = false\npassive = false";

#[tokio::test]
async fn round_robin_is_exact_across_workers() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let tally = Load::new(evenkeel.address("web"), 8).run(3000).await;
    tally.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1)], 1.0);
    assert_eq!(tally.backends, counts(&all), "what clients saw is what backends got");
}

#[tokio::test]
async fn round_robin_is_exact_over_short_connections() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let tally = Load::new(evenkeel.address("web"), 8).fresh_connections().run(900).await;
    tally.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1)], 1.0);
}

#[tokio::test]
async fn weights_are_exact() {
    let all = backends(["a", "b", "c"]).await;
    let entries = [all[0].entry(5), all[1].entry(1), all[2].entry(1)];
    let pool = format!("{ROUND_ROBIN}\nintent = \"weights\"");
    let evenkeel = Setup::of_entries(entries).pool(&pool).start().await;
    Load::new(evenkeel.address("web"), 8).run(3500).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 5), ("b", 1), ("c", 1)], 1.0);
}

/// The weight of who is down does not go to whoever is next: 5:1:1 with the 5 down is 1:1.
#[tokio::test]
async fn weights_are_exact_whoever_is_down() {
    let mut all = backends(["a", "b", "c"]).await;
    let entries = [all[0].entry(5), all[1].entry(1), all[2].entry(1)];
    let pool = "strategy = \"round_robin\"\nintent = \"weights\"\npassive = false\n\
                health = { path = \"/healthz\", interval = \"100ms\", fall = 1, rise = 1 }";
    let evenkeel = Setup::of_entries(entries).pool(pool).start().await;
    evenkeel.await_eligible("web", 3).await;
    all[0].stop().await;
    evenkeel.await_eligible("web", 2).await;
    Load::new(evenkeel.address("web"), 8).run(1000).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 0), ("b", 1), ("c", 1)], 1.0);
}

#[tokio::test]
async fn least_request_is_even_among_equals() {
    let all = backends(["a", "b", "c", "d"]).await;
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    Load::new(evenkeel.address("web"), 8).run(2000).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1), ("d", 1)], 50.0);
}

#[tokio::test]
async fn least_request_spares_a_slow_backend() {
    let quick = || Capacity { concurrency: 8, service: Duration::from_millis(2) };
    let slow = Capacity { concurrency: 8, service: Duration::from_millis(50) };
    let all = [
        Backend::with_capacity("quick-1", quick()).await,
        Backend::with_capacity("quick-2", quick()).await,
        Backend::with_capacity("slow", slow).await,
    ];
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    Load::new(evenkeel.address("web"), 6).run(600).await.assert_all_ok();
    let counts = counts(&all);
    assert!(counts["slow"] * 4 < counts["quick-1"], "{counts:?}");
    assert!(counts["slow"] > 0, "{counts:?}");
    assert!(counts["quick-1"].abs_diff(counts["quick-2"]) < 60, "{counts:?}");
}

#[tokio::test]
async fn reloads_under_load_cost_no_request_and_no_evenness() {
    let all = backends(["a", "b", "c"]).await;
    let setup = Setup::new(&all);
    let evenkeel = setup.start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = Load::new(evenkeel.address("web"), 8);
    let running = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move { load.run_until(stop).await }
    });
    // Two files that differ in what does not matter to the shares.
    let texts = [setup.text(), setup.clone().pool(&format!("{ROUND_ROBIN}\nmax_attempts = 2")).text()];
    let started = Instant::now();
    let mut ticks = tokio::time::interval(Duration::from_millis(50));
    let mut reloads = 0;
    while started.elapsed() < Duration::from_secs(3) {
        ticks.tick().await;
        reloads += 1;
        evenkeel.reload(&texts[reloads % 2]).await;
    }
    stop.store(true, Ordering::Relaxed);
    let tally = running.await.expect("the load ends");
    tally.assert_all_ok();
    assert!(reloads >= 10, "only {reloads} reloads");
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 1)], 2.0);
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_config_generation", &[]), 1.0 + reloads as f64);
    let attempts = metrics.by("evenkeel_backend_attempts_total", &[("pool", "web")], "backend");
    let attempts = attempts.into_iter().map(|(name, count)| (name, count as u64)).collect();
    assert_eq!(counts(&all), attempts, "counters outlive reloads");
}

#[tokio::test]
async fn two_of_five_stop_in_mid_run() {
    let mut all = backends(["a", "b", "c", "d", "e"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\n\
                health = { path = \"/healthz\", interval = \"100ms\", fall = 2, rise = 2 }";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    evenkeel.await_eligible("web", 5).await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = Load::new(evenkeel.address("web"), 8);
    let running = tokio::spawn({
        let (load, stop) = (load.clone(), Arc::clone(&stop));
        async move { load.run_until(stop).await }
    });
    all[3].stop().await;
    all[4].stop().await;
    evenkeel.await_eligible("web", 3).await;
    stop.store(true, Ordering::Relaxed);
    let tally = running.await.expect("the load ends");
    let failed =
        tally.errors.len() as u64 + tally.answered() - tally.statuses.get(&200).copied().unwrap_or(0);
    // Each connection can have had one request on a connection that was cut after the backend had read it.
    assert!(failed <= 8, "{failed} failed: {:?} {:?}", tally.statuses, tally.errors);
    let before = counts(&all);
    load.run(900).await.assert_all_ok();
    let mut since = counts(&all);
    for (name, count) in &mut since {
        *count -= before[name];
    }
    assert_shares(&since, &[("a", 1), ("b", 1), ("c", 1), ("d", 0), ("e", 0)], 1.0);
}

#[tokio::test]
async fn metrics_and_pools_agree_with_what_backends_counted() {
    let all = backends(["a", "b", "c"]).await;
    let entries = [all[0].entry(3), all[1].entry(2), all[2].entry(1)];
    let pool = format!("{ROUND_ROBIN}\nintent = \"weights\"");
    let evenkeel = Setup::of_entries(entries).pool(&pool).start().await;
    Load::new(evenkeel.address("web"), 4).run(600).await.assert_all_ok();
    let counted = counts(&all);
    let metrics = evenkeel.metrics().await;
    let pools = evenkeel.admin_json("/pools").await;
    let listed = pools["pools"][0]["backends"].as_array().expect("a list of backends");
    for (backend, intent) in listed.iter().zip([3.0 / 6.0, 2.0 / 6.0, 1.0 / 6.0]) {
        let name = backend["name"].as_str().expect("a name");
        let labels = [("pool", "web"), ("backend", name)];
        let count = counted[name] as f64;
        assert_eq!(metrics.value("evenkeel_backend_attempts_total", &labels), count, "{name}");
        assert_eq!(backend["attempts"].as_f64(), Some(count), "{name}");
        for (kind, key, expected) in
            [("intent", "intent", intent), ("plan", "plan", intent), ("requests", "observed", count / 600.0)]
        {
            let share =
                metrics.value("evenkeel_share", &[("pool", "web"), ("backend", name), ("kind", kind)]);
            assert!((share - expected).abs() < 1e-6, "{name} {kind}: {share} instead of {expected}");
            let listed = backend[key].as_f64().expect("a share");
            assert!((listed - expected).abs() < 1e-6, "{name} {key}: {listed} instead of {expected}");
        }
    }
}

/// To what goes by requests in flight, one that fails at once looks idle.
#[tokio::test]
async fn a_backend_that_fails_fast_wins_no_traffic_and_is_named() {
    let capacity = || Capacity { concurrency: 100, service: Duration::from_millis(20) };
    let all = [
        Backend::with_capacity("a", capacity()).await,
        Backend::with_capacity("b", capacity()).await,
        Backend::with_reply("hole", Reply::text(500, "broken")).await,
    ];
    let evenkeel = Setup::new(&all).pool("health = false\npassive = false").start().await;
    evenkeel.await_eligible("web", 3).await;
    Load::new(evenkeel.address("web"), 20).run(2_000).await;
    let metrics = evenkeel.metrics().await;
    let attempts = metrics.by("evenkeel_backend_attempts_total", &[("pool", "web")], "backend");
    assert!(attempts["hole"] < 0.1 * 2_000.0, "{attempts:?}");
    let named = metrics.by("evenkeel_backend_fails_fast", &[("pool", "web")], "backend");
    assert_eq!((named["a"], named["b"], named["hole"]), (0.0, 0.0, 1.0));
    let pools = evenkeel.admin_json("/pools").await;
    assert_eq!(pools["pools"][0]["backends"][2]["fails_fast"], true);
}
