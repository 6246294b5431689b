//! Receivers of alarms, reached over real sockets; and contracts of pools, broken and mended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use evenkeel_testkit::{Backend, Evenkeel, Json, Reply, Step, run_to_end, until_within};

use crate::support::{BINARY, Setup, backends};

/// Ticks of a second are waited for, and what holds for some of them.
const LONG: Duration = Duration::from_secs(60);

/// Two backends that are checked often, of which both must serve.
const POOL: &str = "strategy = \"round_robin\"\npassive = false\nexpect = { members = 2 }\n\
                    health = { path = \"/healthz\", interval = \"100ms\", timeout = \"100ms\", rise = 1, fall = 1 }";

/// A receiver's entry; its path must never be seen.
fn notify(receiver: &Backend, more: &str) -> String {
    let (name, address) = (receiver.name(), receiver.address());
    format!("[[notify]]\nname = \"{name}\"\nurl = \"http://{address}/hook/sEcReT\"\n{more}\n")
}

/// What a receiver got, whether it took it or not.
fn told(receiver: &Backend) -> Vec<Json> {
    let parse = |body: &[u8]| serde_json::from_slice(body).expect("JSON");
    receiver.received().iter().filter(|request| request.whole).map(|request| parse(&request.body)).collect()
}

async fn told_within(receiver: &Backend, number: usize) -> Vec<Json> {
    let what = format!("{number} messages at {}", receiver.name());
    until_within(LONG, &what, async || Some(told(receiver)).filter(|told| told.len() >= number)).await
}

fn event(parcel: &Json) -> (&str, &str) {
    let message = &parcel["messages"][0];
    assert_eq!(parcel["messages"].as_array().map(Vec::len), Some(1), "{parcel}");
    (message["event"].as_str().expect("an event"), message["kind"].as_str().expect("a kind"))
}

fn fails(backend: &Backend) {
    backend.set_health(Reply::text(503, "ill"));
}

fn heals(backend: &Backend) {
    backend.set_health(Reply::text(200, "well"));
}

async fn sent(evenkeel: &Evenkeel, receiver: &str, result: &str) -> f64 {
    let labels = [("receiver", receiver), ("result", result)];
    evenkeel.metrics().await.value("evenkeel_notifications_total", &labels)
}

async fn is_broken(evenkeel: &Evenkeel, wanted: bool) {
    let labels = [("pool", "web"), ("term", "members")];
    until_within(LONG, "the contract", async || {
        let value = evenkeel.metrics().await.value("evenkeel_expect_broken", &labels);
        (value == f64::from(u8::from(wanted))).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_alarm_is_told_once_though_the_first_tries_fail_and_once_when_it_is_over() {
    let all = backends(["a", "b"]).await;
    let tries = Arc::new(AtomicUsize::new(0));
    let receiver = Backend::scripted("alarms", move |_| match tries.fetch_add(1, Ordering::Relaxed) {
        0 | 1 => Reply::text(500, "not now"),
        _ => Reply::text(200, "ok"),
    })
    .await;
    let top = notify(&receiver, "headers = [\"X-Team: edge\"]");
    let evenkeel = Setup::new(&all).pool(POOL).top(&top).start().await;
    is_broken(&evenkeel, false).await;
    assert_eq!(evenkeel.admin_json("/diagnose").await["pools"][0]["contract"], Json::Array(Vec::new()));

    fails(&all[1]);
    let first = told_within(&receiver, 3).await;
    let message = &first[2]["messages"][0];
    assert_eq!(event(&first[2]), ("raised", "contract"), "{message}");
    assert_eq!(message["sentence"], "contract broken: members 1, expected 2");
    assert_eq!((&message["term"], &message["level"]), (&"members".into(), &"warning".into()));
    let ids: Vec<&Json> = first.iter().map(|parcel| &parcel["messages"][0]["id"]).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "the same message: {ids:?}");
    let request = receiver.received().remove(0);
    assert!(request.head.start.starts_with("POST /hook/sEcReT HTTP/1.1"), "{}", request.head.start);
    assert_eq!(request.head.field("x-team"), Some("edge"));

    is_broken(&evenkeel, true).await;
    let admin = evenkeel.address("admin").to_string();
    let arguments = ["diagnose", "--admin", &admin];
    let shown = run_to_end(BINARY, &arguments, evenkeel.directory(), Duration::from_secs(10)).await;
    assert!(shown.stdout.contains("contract broken: members 1, expected 2, since "), "{}", shown.stdout);
    assert_eq!(shown.status.code(), Some(1));

    heals(&all[1]);
    is_broken(&evenkeel, false).await;
    let both = told_within(&receiver, 4).await;
    assert_eq!(event(&both[3]), ("cleared", "contract"));
    assert_ne!(both[3]["messages"][0]["id"], *ids[0]);
    // Some ticks later nothing more has come.
    evenkeel.await_message("contract holds again").await;
    let looks = evenkeel.await_metrics("both told", |metrics| {
        metrics.value("evenkeel_notifications_total", &[("result", "sent")]) == 2.0
    });
    assert_eq!(looks.await.value("evenkeel_notifications_total", &[("result", "retried")]), 2.0);
    assert_eq!(receiver.requests(), 4);
    let log = evenkeel.log_text();
    assert!(!log.contains("sEcReT"), "{log}");
    assert!(log.contains("cannot be told now") && log.contains("contract broken"), "{log}");
}

#[tokio::test]
async fn a_skew_is_told_with_its_cause_to_those_who_are_to_know() {
    let all = backends(["a", "b", "c"]).await;
    let [chat, other, critical] = backends(["chat", "other", "critical"]).await;
    let top = notify(&chat, "format = \"slack\"\npools = [\"web\"]")
        + &notify(&other, "pools = [\"api\"]")
        + &notify(&critical, "min_level = \"critical\"");
    let api = "\n[pool.api]\nbackends = [\"127.0.0.1:1\", \"127.0.0.1:2\"]\nhealth = false\n\
               [[route]]\npath = \"/api/\"\npool = \"api\"\n";
    let entries = all.iter().zip([5, 1, 1]).map(|(backend, weight)| backend.entry(weight));
    let evenkeel = Setup::of_entries(entries).top(&format!("{top}{api}")).start().await;
    let load = evenkeel_testkit::Load::new(evenkeel.address("web"), 4);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let traffic = tokio::spawn(async move { load.run_until(stopped).await });
    // One with too much and two with too little: each is an alarm.
    let first = told_within(&chat, 3).await;
    let texts: Vec<&str> = first.iter().map(|parcel| parcel["text"].as_str().expect("a text")).collect();
    let about_a = texts.iter().find(|text| text.contains("web* a gets 7")).expect("one about a");
    for part in ["CRITICAL", "the configured weights are not what is intended", "Since ", "To mend it: "] {
        assert!(about_a.contains(part), "{part} in {about_a}");
    }
    let severe = told_within(&critical, 1).await;
    assert!(severe.iter().all(|parcel| parcel["messages"][0]["level"] == "critical"), "{severe:?}");
    stop.store(true, Ordering::Relaxed);
    traffic.await.expect("it ran").assert_all_ok();
    assert_eq!((chat.requests(), other.requests()), (3, 0));
}

/// Says nothing, says something all the time, never comes to the end of a header, leads elsewhere.
#[tokio::test]
async fn receivers_that_hang_or_talk_without_end_hold_up_nobody() {
    let all = backends(["a", "b"]).await;
    let good = Backend::start("good").await;
    let silent = Backend::with_reply("silent", Reply::steps([Step::ReadBody, Step::Hang])).await;
    let head = b"HTTP/1.1 200 OK\r\nX-Long: ".to_vec();
    let drip = [Step::ReadBody, Step::Drip(vec![b'x'; 10_000], 1, Duration::from_millis(50))];
    let trickle = Backend::with_reply("trickle", Reply::steps(drip)).await;
    let endless = Reply::steps([Step::ReadBody, Step::Send(head), Step::SendPattern(50 << 20), Step::Hang]);
    let endless = Backend::with_reply("endless", endless).await;
    let moved = format!("Location: http://{}/\r\n", good.address());
    let moved = Backend::with_reply("moved", Reply::with_fields(302, &moved, "")).await;
    let late =
        [&silent, &trickle, &endless, &moved].map(|receiver| notify(receiver, "timeout = \"1s\"")).concat();
    let top = format!("{late}{}", notify(&good, ""));
    let evenkeel = Setup::new(&all).pool(POOL).top(&top).start().await;
    is_broken(&evenkeel, false).await;
    fails(&all[0]);
    told_within(&good, 1).await;
    for receiver in ["silent", "trickle", "endless"] {
        let labels = [("receiver", receiver), ("result", "retried")];
        until_within(LONG, receiver, async || {
            let metrics = evenkeel.metrics().await;
            (metrics.value("evenkeel_notifications_total", &labels) >= 2.0).then_some(())
        })
        .await;
    }
    assert_eq!(sent(&evenkeel, "moved", "refused").await, 1.0);
    for (receiver, why) in
        [("endless", "not an HTTP response"), ("trickle", "no answer within"), ("silent", "no answer within")]
    {
        evenkeel
            .await_event(why, |event| {
                let said = event["why"].as_str().unwrap_or_default();
                event["receiver"] == receiver && said.starts_with(why)
            })
            .await;
    }
    // The ticks went on: what is mended is seen, and told.
    heals(&all[0]);
    is_broken(&evenkeel, false).await;
    told_within(&good, 2).await;
    assert_eq!((good.requests(), sent(&evenkeel, "good", "sent").await), (2, 2.0));
    assert!(evenkeel.resident_bytes() < 200 << 20, "{} bytes", evenkeel.resident_bytes());
}

#[tokio::test]
async fn a_reload_keeps_what_waits_and_tells_new_receivers_what_stands() {
    let all = backends(["a", "b"]).await;
    let busy = Backend::with_reply("busy", Reply::text(503, "not now")).await;
    let [old, new] = backends(["old", "new"]).await;
    let setup = Setup::new(&all).pool(POOL);
    let evenkeel = setup.clone().top(&(notify(&busy, "") + &notify(&old, ""))).start().await;
    is_broken(&evenkeel, false).await;
    fails(&all[0]);
    let waits = told_within(&busy, 1).await.remove(0);
    told_within(&old, 1).await;
    let reloaded = evenkeel.reload(&setup.top(&(notify(&busy, "") + &notify(&new, ""))).text()).await;
    assert_eq!(reloaded["last_reload"]["ok"], true, "{reloaded}");
    assert_eq!(event(&told_within(&new, 1).await[0]), ("raised", "contract"), "what stands");
    busy.set_answer(|_| Reply::text(200, "ok"));
    until_within(LONG, "what waited", async || (sent(&evenkeel, "busy", "sent").await >= 1.0).then_some(()))
        .await;
    assert!(told(&busy).iter().all(|parcel| *parcel == waits), "the message that waited, and nothing else");
    heals(&all[0]);
    assert_eq!(event(&told_within(&new, 2).await[1]), ("cleared", "contract"));
    until_within(LONG, "that it is over", async || {
        (sent(&evenkeel, "busy", "sent").await >= 2.0).then_some(())
    })
    .await;
    assert_eq!(told(&busy).last().map(event), Some(("cleared", "contract")));
    assert_eq!(old.requests(), 1, "who is gone is told nothing");
}

/// The clauses that are broken.
async fn broken(evenkeel: &Evenkeel) -> Vec<String> {
    let diagnosis = evenkeel.admin_json("/diagnose").await;
    let contract = diagnosis["pools"][0]["contract"].as_array().cloned().unwrap_or_default();
    contract.iter().map(|one| one["term"].as_str().expect("a name").to_owned()).collect()
}

async fn await_broken(evenkeel: &Evenkeel, wanted: &[&str]) {
    let what = format!("{wanted:?} to be broken");
    until_within(LONG, &what, async || (broken(evenkeel).await == wanted).then_some(())).await;
}

/// Waits for a look at a contract with this clause.
async fn await_look(evenkeel: &Evenkeel, term: &str) {
    until_within(LONG, term, async || {
        evenkeel.metrics().await.get("evenkeel_expect_broken", &[("term", term)]).map(|_| ())
    })
    .await;
}

#[tokio::test]
async fn a_reserve_that_is_used_up_and_a_zone_that_gets_something_are_told() {
    let all = backends(["a", "b", "c"]).await;
    let tiers = [("one", 0), ("one", 0), ("two", 1)];
    let entry = |(backend, (zone, tier)): (&Backend, (&str, u8))| {
        backend.entry_with(&format!("zone = \"{zone}\", tier = {tier}"))
    };
    let setup = |expect: &str| {
        Setup::of_entries(all.iter().zip(tiers).map(entry)).pool(&POOL.replace("{ members = 2 }", expect))
    };
    let evenkeel = setup("{ survives = 1 }").start().await;
    await_look(&evenkeel, "survives").await;
    assert_eq!(broken(&evenkeel).await, [""; 0]);
    all[..2].iter().for_each(fails);
    await_broken(&evenkeel, &["survives"]).await;
    let found = evenkeel.admin_json("/diagnose").await["pools"][0]["contract"][0].clone();
    assert!(
        found["sentence"].as_str().is_some_and(|text| text.starts_with("survives 0, expected 1; ")),
        "{found}"
    );
    all[..2].iter().for_each(heals);
    await_broken(&evenkeel, &[]).await;

    evenkeel.reload(&setup("{ forbidden_zones = [\"two\"] }").text()).await;
    await_look(&evenkeel, "forbidden_zones").await;
    let mut client = evenkeel.client("web").await;
    assert_eq!(client.get("h", "/").await.status(), 200);
    assert_eq!(broken(&evenkeel).await, [""; 0]);
    all[..2].iter().for_each(fails);
    evenkeel.await_eligible("web", 1).await;
    assert_eq!(client.get("h", "/").await.field("x-backend"), Some("c"));
    await_broken(&evenkeel, &["forbidden_zones"]).await;
    all[..2].iter().for_each(heals);
    await_broken(&evenkeel, &[]).await;
}

#[tokio::test]
async fn shares_beyond_their_bounds_are_told_with_the_backend() {
    let all = backends(["a", "b", "c"]).await;
    // No file tells that: a backend that answers late gets little.
    let pool = "strategy = \"least_request\"\nhealth = false\nexpect = { min_share = 0.2, max_share = 0.9 }";
    let late = Duration::from_millis(300);
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    let steps = [Step::ReadBody, Step::Pause(late), Step::Send(answer)];
    all[2].set_answer(move |_| Reply::steps(steps.clone()));
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    await_look(&evenkeel, "min_share").await;
    let load = evenkeel_testkit::Load::new(evenkeel.address("web"), 4);
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = Arc::clone(&stop);
    let traffic = tokio::spawn(async move { load.run_until(stopped).await });
    let named = until_within(LONG, "the share", async || {
        let contract = evenkeel.admin_json("/diagnose").await["pools"][0]["contract"].clone();
        let all = contract.as_array().cloned().unwrap_or_default();
        all.into_iter().find(|one| one["term"] == "min_share")
    })
    .await;
    stop.store(true, Ordering::Relaxed);
    traffic.await.expect("it ran");
    assert_eq!(named["backend"], "c", "{named}");
    assert!(named["observed"].as_f64().is_some_and(|share| share < 0.2), "{named}");
    let log = evenkeel.await_message("contract broken").await;
    assert_eq!(log["term"], "min_share", "{log}");
}

#[tokio::test]
async fn check_says_what_is_wrong_with_the_files_of_a_receiver() {
    let [a, b] = backends(["a", "b"]).await;
    let setup = |top: &str| Setup::new([&a, &b]).top(top).text();
    let directory = evenkeel_testkit::TempDir::new("receivers");
    let check = async |top: &str| {
        directory.write("f.toml", &setup(top));
        run_to_end(BINARY, &["check", "f.toml"], directory.path(), Duration::from_secs(10)).await
    };
    let top = "[[notify]]\nname = \"chat\"\nurl_file = \"chat.url\"\n";
    let missing = check(top).await;
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(missing.stderr.contains("cannot be read") && missing.stderr.contains("chat.url"), "{missing:?}");
    directory.write("chat.url", "hooks.example.com/sEcReT\n");
    let bad = check(top).await;
    assert!(bad.stderr.contains("does not begin with https://"), "{bad:?}");
    assert!(!format!("{bad:?}").contains("sEcReT"), "{bad:?}");
    directory.write("chat.url", "https://hooks.example.com/sEcReT\n");
    assert_eq!(check(top).await.status.code(), Some(0));
    directory.write("chat.headers", "Authorization: Bearer x\n\nsEcReT\n");
    let bad = check(&format!("{top}headers_file = \"chat.headers\"\n")).await;
    assert!(bad.stderr.contains("line 3 has no colon") && !format!("{bad:?}").contains("sEcReT"), "{bad:?}");
}
