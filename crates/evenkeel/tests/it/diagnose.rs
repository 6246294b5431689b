//! "Is it the balancer?", asked of a running one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use evenkeel_testkit::{Backend, Evenkeel, Finished, Json, Load, Reply, Step, run_to_end, until_within};

use crate::support::{BINARY, Setup, backends};

/// Ticks of a second are waited for.
const LONG: Duration = Duration::from_secs(60);

/// Somebody who asks all the time.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    load: tokio::task::JoinHandle<evenkeel_testkit::Tally>,
}

impl Traffic {
    pub(crate) fn start(evenkeel: &Evenkeel) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (load, stopped) = (Load::new(evenkeel.address("web"), 4), Arc::clone(&stop));
        Self { stop, load: tokio::spawn(async move { load.run_until(stopped).await }) }
    }

    pub(crate) async fn end(self) -> evenkeel_testkit::Tally {
        self.stop.store(true, Ordering::Relaxed);
        self.load.await.expect("it ran")
    }
}

async fn diagnose(evenkeel: &Evenkeel) -> Finished {
    let admin = evenkeel.address("admin").to_string();
    let arguments = ["diagnose", "--admin", &admin];
    run_to_end(BINARY, &arguments, evenkeel.directory(), Duration::from_secs(10)).await
}

/// Waits until the only pool has this verdict.
pub(crate) async fn verdict(evenkeel: &Evenkeel, wanted: &str) -> Json {
    until_within(LONG, &format!("the verdict {wanted}"), async || {
        let pool = evenkeel.admin_json("/diagnose").await["pools"][0].clone();
        (pool["verdict"] == wanted).then_some(pool)
    })
    .await
}

pub(crate) fn after(millis: u64) -> Reply {
    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
    Reply::steps([Step::Pause(Duration::from_millis(millis)), Step::Send(answer)])
}

pub(crate) async fn slow_backends<const N: usize>(names: [&str; N]) -> [Backend; N] {
    let all = backends(names).await;
    all.iter().for_each(|backend| backend.set_answer(|_| after(5)));
    all
}

#[tokio::test]
async fn weights_that_came_with_a_reload_are_named_with_it() {
    let all = slow_backends(["a", "b", "c"]).await;
    let entries = |weights: [u32; 3]| all.iter().zip(weights).map(|(backend, weight)| backend.entry(weight));
    let pool = "strategy = \"round_robin\"";
    let evenkeel = Setup::of_entries(entries([1, 1, 1])).pool(pool).start().await;
    let none = diagnose(&evenkeel).await;
    assert!(none.stdout.contains("not enough data"), "{}", none.stdout);
    let traffic = Traffic::start(&evenkeel);
    verdict(&evenkeel, "even").await;
    assert_eq!(diagnose(&evenkeel).await.status.code(), Some(0));

    let broken = Setup::of_entries(entries([5, 1, 1])).pool(pool).text();
    evenkeel.reload(&broken).await;
    let found = verdict(&evenkeel, "skewed").await;
    let worst = &found["symptoms"][0];
    let is = |name: &str, value: &str| assert_eq!(worst[name], value, "{worst}");
    is("backend", "a");
    is("cause", "weights");
    is("blame", "balancer");
    is("dimension", "requests");
    is("level", "critical");
    assert!(worst["changed"].as_str().is_some_and(|changed| changed.contains("generation 2")), "{worst}");
    let told = diagnose(&evenkeel).await;
    assert_eq!(told.status.code(), Some(1), "{}", told.stderr);
    for part in
        ["web: balancer: yes", "a gets 7", "33 % would be its share", "generation 2", "made of", "mend"]
    {
        assert!(told.stdout.contains(part), "{part} in {}", told.stdout);
    }
    assert!(told.stdout.lines().all(|line| line.chars().count() <= 100) && told.stdout.lines().count() < 24);
    leads_to_the_line(&evenkeel, &broken, worst, &told.stdout).await;
    let metrics = evenkeel.metrics().await;
    let labels = [("backend", "a"), ("dim", "requests"), ("cause", "weights"), ("severity", "critical")];
    assert_eq!(metrics.value("evenkeel_skew_state", &labels), 1.0);
    assert!(metrics.value("evenkeel_skew_alarms_total", &[("cause", "weights")]) >= 1.0);
    evenkeel.await_message("SKEW").await;
    traffic.end().await.assert_all_ok();
}

/// The verdict names the line of the file that makes it so, and what would mend it there; and no line of a file that has
/// been edited since.
async fn leads_to_the_line(evenkeel: &Evenkeel, file: &str, worst: &Json, told: &str) {
    let line = 1 + file.lines().position(|line| line.contains("weight = 5")).expect("it is there");
    let column =
        1 + file.lines().nth(line - 1).and_then(|line| line.find("weight = 5")).expect("it is there");
    let config = &worst["config"];
    assert_eq!(
        (config["line"].as_u64(), config["column"].as_u64()),
        (Some(line as u64), Some(column as u64))
    );
    assert_eq!((&config["text"], &config["changed"]), (&"weight = 5".into(), &false.into()), "{config}");
    let name = config["file"].as_str().expect("a file");
    let mend = |admin: &str| {
        format!("set weight = 1 at {name}:{line}, then `evenkeel check {name} && evenkeel reload{admin}`")
    };
    // Who asked for it named no port in `Host`; the command does, and its flag is needed again.
    assert_eq!(worst["command"].as_str(), Some(&*mend("")));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let with_flag = mend(&format!(" --admin {}", evenkeel.address("admin")));
    for part in [format!("at {name}:{line}:{column} weight = 5"), with_flag] {
        assert!(words(told).contains(&part), "{part} in {told}");
    }
    evenkeel.write_config(&format!("# somebody edits\n{file}"));
    let pool = evenkeel.admin_json("/diagnose").await["pools"][0].clone();
    let config = &pool["symptoms"][0]["config"];
    assert_eq!((&config["changed"], &config["line"]), (&true.into(), &Json::Null), "{pool}");
    let told = words(&diagnose(evenkeel).await.stdout);
    assert!(
        told.contains("which has changed since it was applied") && told.contains("`evenkeel drift"),
        "{told}"
    );
    evenkeel.write_config(file);
}

#[tokio::test]
async fn a_backend_that_fails_is_to_blame_and_not_the_balancer() {
    let all = slow_backends(["a", "b", "c"]).await;
    let pool = "strategy = \"round_robin\"\npassive = false";
    let evenkeel = Setup::new(&all).pool(pool).start().await;
    let traffic = Traffic::start(&evenkeel);
    verdict(&evenkeel, "even").await;
    all[1].set_answer(|_| Reply::text(503, "no"));
    let found = verdict(&evenkeel, "skewed").await;
    let worst = &found["symptoms"][0];
    assert_eq!(
        (worst["backend"].as_str(), worst["cause"].as_str()),
        (Some("b"), Some("failing_backend")),
        "{worst}"
    );
    assert!(diagnose(&evenkeel).await.stdout.starts_with("web: backend b, not the balancer"));
    assert_eq!(worst["config"]["text"], all[1].entry(1), "the entry that could be drained: {worst}");
    assert!(worst["command"].as_str().is_some_and(|command| command.starts_with("write `drain = true` at ")));
    traffic.end().await;
}

/// What they share is slow: nobody's share is wrong.
#[tokio::test]
async fn what_all_backends_share_clears_the_balancer() {
    let all = slow_backends(["a", "b", "c"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let traffic = Traffic::start(&evenkeel);
    // What is usual has to be known first.
    until_within(LONG, "what is usual", async || {
        let pool = evenkeel.admin_json("/diagnose").await["pools"][0].clone();
        pool["usual_latency_ms"].is_number().then_some(())
    })
    .await;
    all.iter().for_each(|backend| backend.set_answer(|_| after(100)));
    let found = verdict(&evenkeel, "shared_dependency").await;
    assert_eq!(found["symptoms"], Json::Array(Vec::new()));
    let told = diagnose(&evenkeel).await;
    assert!(told.stdout.contains("shared dependency suspected"), "{}", told.stdout);
    assert_eq!(evenkeel.metrics().await.value("evenkeel_shared_dependency_suspected", &[]), 1.0);
    assert_eq!(told.status.code(), Some(1));
    traffic.end().await.assert_all_ok();
}
