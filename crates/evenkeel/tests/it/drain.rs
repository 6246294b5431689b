//! Draining: sessions stay, nothing new comes, and in the end nobody misses the backend.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use evenkeel_testkit::{Backend, Load, Response, assert_shares};

use crate::support::{Setup, backends, counts, get_with, who};

const POOL: &str = "strategy = \"round_robin\"\nhealth = false\npassive = false";

fn setup(all: &[Backend; 3], draining: Option<usize>) -> Setup {
    let entry = |(index, backend): (usize, &Backend)| {
        let keys = if draining == Some(index) { "drain = true" } else { "drain = false" };
        backend.entry_with(keys)
    };
    Setup::of_entries(all.iter().enumerate().map(entry)).pool(&format!("{POOL}\nsticky = true"))
}

fn cookie(response: &Response) -> Option<String> {
    Some(response.field("set-cookie")?.split(';').next()?.to_owned())
}

#[tokio::test]
async fn sessions_stay_and_nobody_new_comes() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = setup(&all, None).start().await;
    let mut client = evenkeel.client("web").await;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        let begun = client.get("h", "/").await;
        sessions.push((who(&begun), cookie(&begun).expect("a session")));
    }
    let reload = evenkeel.reload(&setup(&all, Some(1)).text()).await;
    let changes = reload["last_reload"]["changes"].to_string();
    assert!(changes.contains("backend b: drains"), "{changes}");
    let before = counts(&all);
    for (home, cookie) in &sessions {
        for _ in 0..5 {
            client.send(get_with("/", &format!("Cookie: {cookie}\r\n"))).await;
            let response = client.response().await;
            assert_eq!((who(&response), response.field("set-cookie")), (home.clone(), None));
        }
    }
    Load::new(evenkeel.address("web"), 4).run(100).await.assert_all_ok();
    let mut since = counts(&all);
    for (name, count) in &mut since {
        *count -= before[name] + 5;
    }
    assert_shares(&since, &[("a", 1), ("b", 0), ("c", 1)], 1.0);
    let metrics = evenkeel.metrics().await;
    let of_b = |name: &str, label: (&str, &str)| metrics.value(name, &[("backend", "b"), label]);
    assert_eq!(of_b("evenkeel_backend_phase", ("phase", "draining")), 1.0);
    assert_eq!(of_b("evenkeel_backend_attempts_total", ("reason", "sticky")), 5.0);
    assert_eq!(
        (of_b("evenkeel_share", ("kind", "plan")), of_b("evenkeel_share", ("kind", "intent"))),
        (0.0, 0.0)
    );
    let pools = evenkeel.admin_json("/pools").await;
    assert_eq!(pools["pools"][0]["backends"][1]["phase"], "draining");
    evenkeel.await_message("backend drains").await;
}

#[tokio::test]
async fn drained_and_removed_costs_no_request() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = setup(&all, None).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let load = Load::new(evenkeel.address("web"), 4);
    let running = tokio::spawn({
        let stop = Arc::clone(&stop);
        async move { load.run_until(stop).await }
    });
    let begun = evenkeel.client("web").await.get("h", "/").await;
    let old = cookie(&begun).expect("a session");
    let home = all.iter().position(|backend| backend.name() == who(&begun)).expect("one of them");
    evenkeel.reload(&setup(&all, Some(home)).text()).await;
    let in_flight = [("backend", all[home].name())];
    evenkeel
        .await_metrics("nothing on its way there", |metrics| {
            metrics.get("evenkeel_backend_in_flight", &in_flight) == Some(0.0)
        })
        .await;
    let drained = all[home].requests();
    let rest = all.iter().filter(|backend| backend.name() != all[home].name());
    let without =
        Setup::of_entries(rest.map(|backend| backend.entry(1))).pool(&format!("{POOL}\nsticky = true"));
    evenkeel.reload(&without.text()).await;
    let mut client = evenkeel.client("web").await;
    client.send(get_with("/", &format!("Cookie: {old}\r\n"))).await;
    let moved = client.response().await;
    assert!(moved.status() == 200 && cookie(&moved).is_some_and(|new| new != old), "{moved:?}");
    stop.store(true, Ordering::Relaxed);
    running.await.expect("the load ends").assert_all_ok();
    assert_eq!(all[home].requests(), drained, "nothing came after it was drained");
}
