//! Slow start: a backend that comes back is brought up to its weight.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Load, Metrics};

use crate::support::{Setup, backends, counts};

#[tokio::test]
async fn the_share_of_a_backend_that_returns_rises() {
    let mut all = backends(["a", "b"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\nslow_start = \"2s\"\n\
                health = { path = \"/healthz\", interval = \"100ms\", rise = 1, fall = 2 }";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    evenkeel.await_eligible("web", 2).await;
    let plan = |metrics: &Metrics| metrics.value("evenkeel_share", &[("backend", "b"), ("kind", "plan")]);
    assert_eq!(plan(&evenkeel.metrics().await), 0.5, "a pool that is new as a whole has nobody to wait for");
    // Nobody ramps beside one that has just begun itself.
    tokio::time::sleep(Duration::from_millis(2100)).await;
    all[1].stop().await;
    evenkeel.await_eligible("web", 1).await;
    all[1].resume().await;
    evenkeel.await_eligible("web", 2).await;
    let began = Instant::now();
    let load = Load::new(evenkeel.address("web"), 2);
    let mut seen = Vec::new();
    for at in [Duration::ZERO, Duration::from_millis(900), Duration::from_millis(2300)] {
        tokio::time::sleep_until((began + at).into()).await;
        let (share, before) = (plan(&evenkeel.metrics().await), counts(&all));
        load.run(200).await.assert_all_ok();
        let got = (counts(&all)["b"] - before["b"]) as f64 / 200.0;
        seen.push((share, got));
    }
    let [(first, got_first), (middle, got_middle), (last, got_last)] = seen[..] else { panic!("{seen:?}") };
    assert!(first < 0.25 && middle > first && middle < 0.5 && last == 0.5, "{seen:?}");
    // It went on rising while these requests ran.
    assert!(got_first < 0.35 && got_middle < 0.5 && (got_last - 0.5).abs() < 0.01, "{seen:?}");
    assert!(got_first >= first - 0.02 && got_middle >= middle - 0.02, "{seen:?}");
}

/// Where all are new, there is nobody to spare them: ramping beside each other they would only be overrun the later.
#[tokio::test]
async fn nobody_ramps_beside_one_that_has_just_begun() {
    let mut all = backends(["a", "b"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\nslow_start = \"20s\"\npanic_threshold = 0\n\
                health = { path = \"/healthz\", interval = \"100ms\", rise = 1, fall = 2 }";
    let setup = Setup::new(&all).pool(pool);
    all[1].stop().await;
    let evenkeel = setup.start().await;
    evenkeel.await_eligible("web", 1).await;
    // No window after the first, but so late that one that had been ramping since would have got further.
    tokio::time::sleep(Duration::from_secs(4)).await;
    all[1].resume().await;
    evenkeel.await_eligible("web", 2).await;
    let plan = |metrics: &Metrics| metrics.value("evenkeel_share", &[("backend", "b"), ("kind", "plan")]);
    assert_eq!(plan(&evenkeel.metrics().await), 0.5);
    let before = counts(&all);
    Load::new(evenkeel.address("web"), 2).run(200).await.assert_all_ok();
    assert_eq!(counts(&all)["b"] - before["b"], 100);
}
