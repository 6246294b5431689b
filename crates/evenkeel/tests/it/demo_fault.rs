//! `evenkeel demo --fault`: every story comes true, and each is named by the running balancer's own verdict.

use std::sync::Arc;
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Finished, Json, Signal, TempDir, run_to_end, until};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, LocalSet};

use crate::support::BINARY;

/// A story, as it is called, and what may be named. The longest first, so that all are told soonest.
const FAULTS: [(&str, &[&str]); 8] = [
    ("pinned", &["stickiness", "long_lived_connections"]),
    ("shared-slow", &["shared_dependency"]),
    ("slow-backend", &["slow_backend"]),
    ("weights", &["weights"]),
    ("one-backend", &["weights"]),
    ("hot-key", &["hot_key"]),
    ("stale-pool", &["config_drift"]),
    ("black-hole", &["failing_backend", "black_hole"]),
];
/// Stories at a time: each takes a tenth of a core, and is no longer true where it does not get that.
const AT_A_TIME: usize = 3;
/// The acts are as long as they must be; nobody reads.
const FAST: [&str; 2] = ["--speed", "50"];
const LONG: Duration = Duration::from_secs(120);

async fn demo(arguments: &[&str]) -> Finished {
    let directory = TempDir::new("demo");
    let arguments: Vec<&str> = ["demo"].iter().chain(arguments).copied().collect();
    run_to_end(BINARY, &arguments, directory.path(), LONG).await
}

/// Side by side: each mostly waits.
#[tokio::test]
async fn every_story_is_named_and_mended() {
    let places = Arc::new(Semaphore::new(AT_A_TIME));
    let side_by_side = async {
        let mut told = JoinSet::new();
        for (fault, causes) in FAULTS {
            let place = Arc::clone(&places).acquire_owned().await;
            let arguments = [&["--fault", fault], &FAST[..]].concat();
            told.spawn_local(async move {
                holds(fault, causes, &demo(&arguments).await);
                drop(place);
            });
        }
        while let Some(one) = told.join_next().await {
            one.expect("it holds");
        }
    };
    LocalSet::new().run_until(side_by_side).await;
}

fn holds(fault: &str, causes: &[&str], done: &Finished) {
    let text = &done.stdout;
    assert_eq!(done.status.code(), Some(0), "{fault}: {text}\n{}", done.stderr);
    let named = |cause: &&str| text.contains(&format!("({cause})"));
    assert!(causes.iter().any(named), "{fault}: none of {causes:?} in\n{text}");
    for part in ["EVEN", "FAULT", "VERDICT", "MEND", "What happened", "Even again", "Users: 99 %"] {
        assert!(text.contains(part), "{fault}: no {part:?} in\n{text}");
    }
    assert!(!text.contains('\x1b'), "{fault}: colours off a terminal");
}

#[tokio::test]
async fn events_are_json_one_a_line() {
    let done = demo(&[&["--fault", "weights", "--json"], &FAST[..]].concat()).await;
    assert_eq!(done.status.code(), Some(0), "{}\n{}", done.stdout, done.stderr);
    let events: Vec<Json> =
        done.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(events.iter().all(|event| event["schema"] == 1), "{events:?}");
    let of = |kind: &str| events.iter().find(|event| event["event"] == kind).expect("it came");
    assert_eq!(events[0]["event"], "start");
    assert_eq!(of("start")["fault"], "weights");
    assert!(of("shares")["backends"][0]["share"].is_number());
    let verdict = of("verdict");
    assert_eq!(verdict["cause"], "weights");
    assert_eq!(verdict["diagnosis"]["pools"][0]["symptoms"][0]["backend"], "web1");
    assert!(verdict["text"].as_str().is_some_and(|text| text.starts_with("web: balancer: yes")), "{verdict}");
    assert!(verdict["requests"].as_u64().is_some_and(|requests| (30..3_000).contains(&requests)));
    let end = events.last().expect("one");
    assert_eq!((&end["event"], &end["told"]), (&"end".into(), &true.into()), "{end}");
    assert_eq!(end["warned"], serde_json::json!(["weights-without-intent"]));
}

#[tokio::test]
async fn it_can_be_ended_at_any_time() {
    let mut demo = Evenkeel::launch(BINARY, "", &["demo", "--fault", "weights"]);
    until("the first act", async || demo.stdout().iter().any(|line| line.contains("EVEN")).then_some(()))
        .await;
    demo.signal(Signal::INT);
    let status = demo.await_exit(LONG).await;
    assert_eq!(status.code(), Some(0), "{}", demo.log_text());
}

#[tokio::test]
async fn a_fault_that_there_is_not_is_answered_with_those_that_there_are() {
    let help = demo(&["--help"]).await;
    let unknown = demo(&["--fault", "gremlins"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    for (fault, _) in FAULTS {
        let line = help.stdout.lines().find(|line| line.trim_start().starts_with(&format!("- {fault}:")));
        assert!(line.is_some_and(|line| line.len() > 30), "{fault} in\n{}", help.stdout);
        assert!(unknown.stderr.contains(fault), "{fault} in\n{}", unknown.stderr);
    }
    let both = demo(&["--fault", "weights", "--backends", "3"]).await;
    assert_eq!(both.status.code(), Some(2), "a story has its own backends");
    assert_eq!(demo(&["--json"]).await.status.code(), Some(2), "events are of a story");
}
