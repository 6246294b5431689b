//! What happened: kept, followed, and put beside what is wrong.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use evenkeel_testkit::{
    Backend, Client, Evenkeel, Finished, Gate, Json, Load, Reply, Signal, TempDir, run_to_end, until,
    until_within,
};

use crate::support::{BINARY, Setup, backends, get};

const LIMIT: Duration = Duration::from_secs(20);

/// `[events]` with this database.
fn kept_in(path: &Path) -> String {
    format!("[events]\npath = \"{}\"\n", path.display())
}

/// All events that the balancer tells, as it tells them.
async fn told(evenkeel: &Evenkeel, query: &str) -> Vec<Json> {
    let response = evenkeel.admin(&format!("/events?{query}")).await;
    assert_eq!(response.status(), 200, "{}", response.text());
    lines(&response.text())
}

fn lines(text: &str) -> Vec<Json> {
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Waits for the first event of this kind.
async fn await_kind(evenkeel: &Evenkeel, kind: &str) -> Json {
    until(kind, async || told(evenkeel, &format!("kind={kind}")).await.into_iter().next()).await
}

fn kinds(events: &[Json]) -> Vec<&str> {
    events.iter().map(|event| event["kind"].as_str().expect("each has a kind")).collect()
}

async fn command(arguments: &[&str], directory: &Path) -> Finished {
    run_to_end(BINARY, arguments, directory, LIMIT).await
}

fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).expect("it is later").as_secs_f64()
}

#[tokio::test]
async fn a_killed_process_leaves_its_history_behind() {
    let directory = TempDir::new("events");
    let database = directory.path().join("events.redb");
    let [a, b] = backends(["a", "b"]).await;
    let one = Setup::new([&a]).top(&kept_in(&database));
    let two = Setup::new([&a, &b]).top(&kept_in(&database));
    let mut evenkeel = one.start().await;
    evenkeel.reload(&two.text()).await;
    evenkeel.reload("[pool").await;
    let failed = await_kind(&evenkeel, "reload_failed").await;
    let before = told(&evenkeel, "").await;
    assert!(kinds(&before).contains(&"start") && kinds(&before).contains(&"member_added"), "{before:?}");
    // What is older than a second survives anything.
    let at = failed["at_ms"].as_f64().expect("a time") / 1e3;
    until("a second later", async || (since_1970(SystemTime::now()) >= at + 1.0).then_some(())).await;
    evenkeel.signal(Signal::KILL);
    evenkeel.await_exit(LIMIT).await;

    let file = database.to_str().expect("a plain path");
    let dead = command(&["events", "--json", "--file", file], directory.path()).await;
    assert_eq!(lines(&dead.stdout), before, "{}", dead.stderr);
    let dead = command(&["events", "--file", file, "--kind", "reload"], directory.path()).await;
    assert_eq!(dead.stdout.lines().count(), 2, "{}", dead.stdout);
    assert!(dead.stdout.contains("generation 2 was applied: pool web: backend b: added"), "{}", dead.stdout);

    let evenkeel = two.start().await;
    let started =
        until("the second start", async || told(&evenkeel, "kind=start").await.into_iter().nth(1)).await;
    let last = before.last().expect("there are some")["seq"].as_u64();
    assert!(started["seq"].as_u64() > last, "no number is used again: {started}");
    assert_eq!(told(&evenkeel, "").await[..before.len()], before, "it tells of the time before, too");
    assert_eq!(evenkeel.metrics().await.value("evenkeel_events_on_disk", &[]), 1.0);
    evenkeel.signal(Signal::TERM);
    let mut evenkeel = evenkeel;
    evenkeel.await_exit(LIMIT).await;
    let dead = command(&["events", "--json", "--file", file], directory.path()).await;
    let ends = lines(&dead.stdout);
    assert_eq!(kinds(&ends)[ends.len() - 2..], ["stopping", "stop"], "{}", dead.stdout);
}

#[tokio::test]
async fn a_database_that_cannot_be_had_is_refused_at_start_and_by_a_reload() {
    let directory = TempDir::new("events");
    let (database, text) =
        (directory.path().join("events.redb"), directory.write("notes.txt", &"x".repeat(5000)));
    let [a] = backends(["a"]).await;
    let _first = Setup::new([&a]).top(&kept_in(&database)).start().await;
    let mut second = Evenkeel::launch(
        BINARY,
        &Setup::new([&a]).top(&kept_in(&database)).text(),
        &["run", "-c", "evenkeel.toml"],
    );
    assert_eq!(second.await_exit(LIMIT).await.code(), Some(1));
    let log = second.log_text();
    assert!(log.contains("another process has it open") && log.contains("events.redb"), "{log}");

    let setup = Setup::new([&a]);
    let third = setup.start().await;
    for (path, why) in [
        (database.as_path(), "another process has it open"),
        (text.as_path(), "it is no database of events"),
        (Path::new("/proc/no/events.redb"), "No such file"),
    ] {
        let outcome = third.reload(&setup.clone().top(&kept_in(path)).text()).await;
        let error = outcome["last_reload"]["error"].as_str().unwrap_or_default();
        assert!(error.contains(why) && error.contains("cannot open the event database"), "{outcome}");
        assert_eq!(outcome["generation"], 1, "{outcome}");
    }
    assert_eq!(told(&third, "kind=reload_failed").await.len(), 3);
    let own = directory.path().join("own.redb");
    assert_eq!(third.reload(&setup.top(&kept_in(&own)).text()).await["generation"], 2);
    let applied = await_kind(&third, "reload_applied").await;
    assert_eq!(applied["changes"], serde_json::json!(["events: settings changed"]), "{applied}");
}

#[tokio::test]
async fn who_follows_is_told_and_may_come_back() {
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = Setup::new([&a]).start().await;
    let mut client = evenkeel.client("admin").await;
    client.send("GET /events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n").await;
    let head = client.try_head().await.expect("it answers");
    assert_eq!(head.status().ok(), Some(200));
    let mut seen = String::new();
    read_until(&mut client, &mut seen, ":\n\n").await;
    evenkeel.reload(&Setup::new([&a, &b]).text()).await;
    read_until(&mut client, &mut seen, "event: reload_applied").await;
    drop(client);
    let applied = await_kind(&evenkeel, "reload_applied").await;
    assert!(seen.contains(&format!("id: {}\n", applied["seq"])), "{seen}");
    // A browser says how far it has come.
    let added = await_kind(&evenkeel, "member_added").await;
    let mut client = evenkeel.client("admin").await;
    let fields = format!("Accept: text/event-stream\r\nLast-Event-ID: {}\r\n", added["seq"]);
    client.send(format!("GET /events HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")).await;
    client.try_head().await.expect("it answers");
    let mut again = String::new();
    read_until(&mut client, &mut again, "event: reload_applied").await;
    assert!(!again.contains("event: member_added") && !again.contains("lagging"), "{again}");
}

async fn read_until(client: &mut Client, seen: &mut String, wanted: &str) {
    let read = async {
        while !seen.contains(wanted) {
            let more = client.read_some(65_536).await.expect("it goes on");
            assert!(!more.is_empty(), "it ended: {seen}");
            seen.push_str(&String::from_utf8_lossy(&more));
        }
    };
    tokio::time::timeout(LIMIT, read).await.unwrap_or_else(|_| panic!("no {wanted:?} in {seen}"));
}

#[tokio::test]
async fn requests_that_are_turned_away_are_told_once() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "late").behind(&gate)).await;
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false\nmax_attempts = 1";
    let evenkeel = Setup::of_entries([backend.entry_with("max_in_flight = 1")]).pool(pool).start().await;
    let mut first = evenkeel.client("web").await;
    first.send(get("/")).await;
    evenkeel
        .await_metrics("one in flight", |metrics| metrics.value("evenkeel_backend_in_flight", &[]) == 1.0)
        .await;
    for _ in 0..5 {
        assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 503);
    }
    let full = await_kind(&evenkeel, "queue_full").await;
    assert_eq!((full["pool"].as_str(), full["level"].as_str()), (Some("web"), Some("warning")), "{full}");
    let over = await_kind(&evenkeel, "queue_full_over").await;
    assert_eq!(over["refused"], 5, "{over}");
    assert_eq!(told(&evenkeel, "kind=queue_full").await.len(), 2, "each once");
    gate.open();
}

/// What is wrong is told together with what happened when it began.
#[tokio::test]
async fn an_ejection_explains_the_share_that_it_takes_away() {
    let all = backends(["a", "b", "c"]).await;
    let entries = |last: &str| vec![all[0].entry(1), all[1].entry(1), all[2].entry_with(last)];
    let pool = "strategy = \"round_robin\"\nhealth = false\npassive = { consecutive = 3, base = \"1h\", max = \"2h\" }";
    let evenkeel = Setup::of_entries(entries("weight = 1")).pool(pool).start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let (load, stopped) = (Load::new(evenkeel.address("web"), 4), Arc::clone(&stop));
    let load = tokio::spawn(async move { load.run_until(stopped).await });
    until_within(Duration::from_secs(60), "an even pool", async || {
        let pool = evenkeel.admin_json("/diagnose").await["pools"][0].clone();
        (pool["verdict"] == "even").then_some(())
    })
    .await;
    all[2].set_answer(|_| Reply::text(500, "no"));
    let ejected = await_kind(&evenkeel, "ejected").await;
    assert_eq!(
        (ejected["pool"].as_str(), ejected["backend"].as_str()),
        (Some("web"), Some("c")),
        "{ejected}"
    );
    let symptom = until_within(Duration::from_secs(60), "the ejection as a reason", async || {
        let symptoms = evenkeel.admin_json("/diagnose").await["pools"][0]["symptoms"].clone();
        symptoms.as_array()?.iter().find(|one| one["dimension"] == "requests").cloned()
    })
    .await;
    let first = &symptom["changes"][0];
    assert_eq!((first["kind"].as_str(), &first["seq"]), (Some("ejected"), &ejected["seq"]), "{symptom}");
    assert!(
        symptom["changed"].as_str().is_some_and(|text| text.contains("backend c of pool web was ejected"))
    );
    let admin = evenkeel.address("admin").to_string();
    let said = command(&["diagnose", "--admin", &admin], evenkeel.directory()).await;
    assert!(said.stdout.contains("backend c of pool web was ejected"), "{}", said.stdout);
    await_kind(&evenkeel, "skew_raised").await;
    let listed =
        command(&["events", "--admin", &admin, "--pool", "web", "--since", "10m"], evenkeel.directory())
            .await;
    assert!(
        listed.stdout.contains("skew in pool web") && !listed.stdout.contains("started"),
        "{}",
        listed.stdout
    );
    assert_eq!(
        command(&["events", "--admin", &admin, "--kind", "sku"], evenkeel.directory()).await.status.code(),
        Some(2)
    );
    stop.store(true, Ordering::Relaxed);
    load.await.expect("it ran");
}
