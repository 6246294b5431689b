//! New configurations in a running process.

use std::time::Duration;

use evenkeel_testkit::{Client, Load, Signal, assert_shares, run_to_end, until};

use crate::support::{BINARY, Setup, backends, counts};

const EXTRA: &str = "[listener.extra]\nbind = \"127.0.0.1:0\"\npool = \"web\"";

#[tokio::test]
async fn listeners_come_and_go_while_connections_stay() {
    let [a] = backends(["a"]).await;
    let setup = Setup::new([&a]);
    let evenkeel = setup.start().await;
    let mut open = evenkeel.client("web").await;
    open.get("h", "/").await;
    let web = evenkeel.address("web");

    evenkeel.reload(&setup.clone().top(EXTRA).text()).await;
    let extra = until("the new listener in the log", async || evenkeel.try_address("extra")).await;
    assert_eq!(Client::connect(extra).await.get("h", "/").await.status(), 200);
    assert_eq!(open.get("h", "/").await.status(), 200, "the connection is still open");

    evenkeel.reload(&setup.text()).await;
    let refused = Client::try_connect(extra).await.expect_err("the listener is gone");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(open.get("h", "/").await.status(), 200, "the connection is still open");
    assert_eq!(Client::connect(web).await.get("h", "/").await.status(), 200, "the listener was never closed");
}

#[tokio::test]
async fn a_bad_file_changes_nothing_and_is_told_everywhere() {
    let [a] = backends(["a"]).await;
    let setup = Setup::new([&a]);
    let evenkeel = setup.start().await;
    let admin = evenkeel.address("admin").to_string();
    evenkeel.write_config(&setup.clone().pool("strategy = \"round_robbin\"").text());
    let limit = Duration::from_secs(20);
    let reload = run_to_end(BINARY, &["reload", "--admin", &admin], evenkeel.directory(), limit).await;
    assert_eq!(reload.status.code(), Some(1), "{} {}", reload.stdout, reload.stderr);
    let said = format!("{}{}", reload.stdout, reload.stderr);
    assert!(said.contains("round_robbin") && said.contains("round_robin"), "{said}");

    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_config_reload_total", &[("result", "refused")]), 1.0);
    assert_eq!(metrics.value("evenkeel_config_last_reload_success", &[]), 0.0);
    assert_eq!(metrics.value("evenkeel_config_generation", &[]), 1.0);
    assert_eq!(evenkeel.client("web").await.get("h", "/").await.status(), 200, "the old one serves");
    let ready = evenkeel.admin("/readyz").await;
    assert_eq!(ready.status(), 200, "a refused file does not make it unready");
    assert!(ready.text().contains("refused") || ready.text().contains("reload"), "{}", ready.text());
    let generation = evenkeel.admin_json("/generation").await;
    assert_eq!(generation["last_reload"]["ok"], false, "{generation}");

    evenkeel.write_config(&setup.text());
    let reload = run_to_end(BINARY, &["reload", "--admin", &admin], evenkeel.directory(), limit).await;
    assert_eq!(reload.status.code(), Some(0), "{} {}", reload.stdout, reload.stderr);
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_config_last_reload_success", &[]), 1.0);
    assert_eq!(metrics.value("evenkeel_config_generation", &[]), 2.0);
}

/// All or nothing: a listener that cannot be bound takes the rest of the file with it.
#[tokio::test]
async fn a_port_in_use_changes_nothing() {
    let [a, b] = backends(["a", "b"]).await;
    let evenkeel = Setup::new([&a]).start().await;
    // The backend's own port is taken for sure.
    let top = format!("[listener.extra]\nbind = \"{}\"\npool = \"web\"", a.address());
    let generation = evenkeel.reload(&Setup::new([&b]).top(&top).text()).await;
    assert_eq!(generation["last_reload"]["ok"], false, "{generation}");
    let error = generation["last_reload"]["error"].as_str().unwrap_or_default();
    assert!(error.contains("extra") && error.contains(&a.address().to_string()), "{generation}");
    let response = evenkeel.client("web").await.get("h", "/").await;
    assert_eq!(response.field("x-backend"), Some("a"), "pools are as before");
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_config_generation", &[]), 1.0);
}

/// The new sockets are bound while the old ones are open.
#[tokio::test]
async fn a_port_that_evenkeel_has_itself_is_said_to_be_its_own() {
    let [a] = backends(["a"]).await;
    let setup = Setup::new([&a]);
    let evenkeel = setup.start().await;
    let taken = evenkeel.address("web");
    let top = format!("[listener.extra]\nbind = \":{}\"\npool = \"web\"", taken.port());
    let generation = evenkeel.reload(&setup.clone().top(&top).text()).await;
    assert_eq!(generation["last_reload"]["ok"], false, "{generation}");
    let refusal = evenkeel.await_message("reload refused; the running configuration stays").await;
    let own = format!("listener web ({taken})");
    assert!(refusal["hint"].as_str().is_some_and(|hint| hint.contains(&own)), "{refusal}");

    let admin = setup.text().replacen("127.0.0.1:0", &taken.to_string(), 1);
    let generation = evenkeel.reload(&admin).await;
    assert!(generation["last_reload"]["diagnostics"].to_string().contains(&own), "{generation}");
}

#[tokio::test]
async fn backends_and_weights_change_at_once() {
    let all = backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all[..2]).start().await;
    let load = Load::new(evenkeel.address("web"), 4);
    load.run(100).await.assert_all_ok();
    assert_shares(&counts(&all), &[("a", 1), ("b", 1), ("c", 0)], 1.0);

    let pool = "strategy = \"round_robin\"\nintent = \"weights\"\nhealth = false\npassive = false";
    let after = Setup::of_entries([all[1].entry(1), all[2].entry(3)]).pool(pool);
    let generation = evenkeel.reload(&after.text()).await;
    assert_eq!(generation["last_reload"]["ok"], true, "{generation}");
    let changes = generation["last_reload"]["changes"].to_string();
    assert!(changes.contains('a') && changes.contains('c'), "{changes}");
    let before = counts(&all);
    load.run(400).await.assert_all_ok();
    let mut since = counts(&all);
    for (name, count) in &mut since {
        *count -= before[name];
    }
    assert_shares(&since, &[("a", 0), ("b", 1), ("c", 3)], 1.0);
    let metrics = evenkeel.metrics().await;
    assert_eq!(
        metrics.value("evenkeel_backend_attempts_total", &[("backend", "b")]),
        150.0,
        "b kept its count"
    );
    assert_eq!(metrics.get("evenkeel_backend_attempts_total", &[("backend", "a")]), None, "a is gone");
}

#[tokio::test]
async fn a_request_under_way_ends_under_its_old_configuration() {
    let [b] = backends(["b"]).await;
    let gate = evenkeel_testkit::Gate::new();
    let reply = evenkeel_testkit::Reply::named("a", "from the old one").behind(&gate);
    let a = evenkeel_testkit::Backend::with_reply("a", reply).await;
    let evenkeel = Setup::new([&a]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(crate::support::get("/")).await;
    until("the request", async || (a.requests() == 1).then_some(())).await;
    evenkeel.reload(&Setup::new([&b]).text()).await;
    gate.open();
    assert_eq!(client.response().await.text(), "from the old one");
    assert_eq!(client.get("h", "/").await.field("x-backend"), Some("b"));
}

#[tokio::test]
async fn a_healthy_backend_stays_healthy_across_reloads() {
    let [a, b] = backends(["a", "b"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\n\
                health = { path = \"/healthz\", interval = \"20s\", timeout = \"5s\", rise = 2, fall = 2 }";
    let setup = Setup::new([&a, &b]).pool(pool);
    let evenkeel = setup.start().await;
    evenkeel.await_eligible("web", 2).await;
    // From now on no check would pass, and none is due for a long time.
    let gate = evenkeel_testkit::Gate::new();
    for backend in [&a, &b] {
        backend.set_health(evenkeel_testkit::Reply::text(200, "late").behind(&gate));
    }
    evenkeel.reload(&setup.clone().pool(&format!("{pool}\nmax_attempts = 2")).text()).await;
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_eligible", &[("pool", "web")]), 2.0);
}

/// So that whoever asks how many have begun knows which one is going to read the file after that.
#[tokio::test]
async fn a_reload_is_numbered_when_it_begins() {
    let [a, b] = backends(["a", "b"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false\n\
                health = { path = \"/healthz\", interval = \"20s\", timeout = \"20s\" }";
    let evenkeel = Setup::new([&a]).pool(pool).start().await;
    let gate = evenkeel_testkit::Gate::new();
    b.set_health(evenkeel_testkit::Reply::text(200, "late").behind(&gate));
    evenkeel.write_config(&Setup::new([&a, &b]).pool(pool).text());
    evenkeel.signal(Signal::HUP);
    until("the check of the new backend", async || (b.checks() > 0).then_some(())).await;
    let during = evenkeel.admin_json("/generation").await;
    assert_eq!((&during["reloads_begun"], &during["reloads"]), (&1.into(), &0.into()), "{during}");
    gate.open();
    let attempt = async || evenkeel.admin_json("/generation").await["last_reload"]["attempt"].as_u64();
    assert_eq!(until("its outcome", attempt).await, 1);
}

/// A reload that runs already has read an older file: its outcome is not that of the command.
#[tokio::test]
async fn reload_waits_for_its_own_outcome() {
    let mut signalled = std::process::Command::new("sleep").arg("60").spawn().expect("sleep starts");
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", signalled.id())).expect("it runs");
    let started = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).expect("field 22");
    let process = format!(r#""pid":{},"process_start_ticks":{started}"#, signalled.id());
    let asked = std::sync::atomic::AtomicU64::new(0);
    // The first reload, which began before, ends before the second one does.
    let balancer = evenkeel_testkit::Backend::scripted("balancer", move |_| {
        let (begun, last) = match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => (1, "null".to_owned()),
            1 => (2, outcome(1, "the earlier one")),
            _ => (2, outcome(2, "its own")),
        };
        let answer = format!(r#"{{"generation":1,{process},"reloads_begun":{begun},"last_reload":{last}}}"#);
        evenkeel_testkit::Reply::text(200, &answer)
    })
    .await;
    let directory = evenkeel_testkit::TempDir::new("reload");
    let command = ["reload", "--admin", &balancer.address().to_string()];
    let reload = run_to_end(BINARY, &command, directory.path(), Duration::from_secs(20)).await;
    signalled.wait().expect("the signal has ended it");
    assert_eq!(reload.stdout, "its own\napplied; generation 1", "{}", reload.stderr);
}

fn outcome(attempt: u64, change: &str) -> String {
    format!(r#"{{"attempt":{attempt},"ok":true,"generation":1,"changes":["{change}"]}}"#)
}
