//! What a rehearsal foretells, against what real backends get; and what it says of files that must not be deployed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_testkit::{Backend, Client, Evenkeel, Finished, Json, TempDir, run_to_end};

use crate::support::{BINARY, backends, who};

/// What a share depends on beside the configuration.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Nothing,
    Chance,
    /// How long answers take here and now, on a machine that other tests share.
    Latency,
}

/// Every strategy, with the keys that it needs.
const STRATEGIES: [(&str, &str, By); 9] = [
    ("least_request", "", By::Nothing),
    ("round_robin", "", By::Nothing),
    ("random", "", By::Chance),
    ("p2c", "", By::Chance),
    // A slow answer is remembered for a hundred requests and not for as long as the test takes.
    ("peak_ewma", "peak_ewma = { decay = \"100ms\" }", By::Latency),
    ("maglev", "hash = { query = \"user\" }", By::Chance),
    ("ring", "hash = { query = \"user\" }", By::Chance),
    ("rendezvous", "hash = { query = \"user\" }", By::Chance),
    ("prequal", "probe = { path = \"/load\" }", By::Latency),
];
const WEIGHTS: [u32; 4] = [3, 2, 1, 1];
const REQUESTS: usize = 3_000;

/// One pool and one listener for each strategy, with the same backends.
fn file(all: &[Backend]) -> String {
    let entries: Vec<String> =
        all.iter().zip(WEIGHTS).map(|(backend, weight)| backend.entry(weight)).collect();
    let entries = entries.join(", ");
    let mut text = "[admin]\nlisten = \"127.0.0.1:0\"\n[runtime]\nworkers = 2\n".to_owned();
    for (strategy, keys, _) in STRATEGIES {
        write!(
            text,
            "[listener.{strategy}]\nbind = \"127.0.0.1:0\"\npool = \"{strategy}\"\n\
             [pool.{strategy}]\nstrategy = \"{strategy}\"\n{keys}\nintent = \"weights\"\npassive = false\n\
             health = {{ path = \"/healthz\", interval = \"200ms\", rise = 1, fall = 1 }}\nbackends = [{entries}]\n"
        )
        .expect("text takes everything");
    }
    text
}

/// Shares of the backends, each request with a key of its own; one after the other, so that nothing is in flight.
async fn shares(address: SocketAddr) -> BTreeMap<String, f64> {
    let mut client = Client::connect(address).await;
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for user in 0..REQUESTS {
        client.send(format!("GET /?user={user} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        let response = client.response().await;
        *counts.entry(who(&response)).or_default() += 1.0 / REQUESTS as f64;
    }
    counts
}

/// Of every pool, all at the same time.
async fn all_shares(evenkeel: &Evenkeel) -> Vec<BTreeMap<String, f64>> {
    let asked = STRATEGIES.map(|(strategy, ..)| tokio::spawn(shares(evenkeel.address(strategy))));
    let mut all = Vec::new();
    for one in asked {
        all.push(one.await.expect("requests are answered"));
    }
    all
}

async fn rehearsed(text: &str, arguments: &[&str]) -> Finished {
    let directory = TempDir::new("rehearse");
    let file = directory.path().join("evenkeel.toml");
    std::fs::write(&file, text).expect("a file can be written");
    let mut all = vec!["rehearse", file.to_str().expect("a path in UTF-8")];
    all.extend(arguments);
    run_to_end(BINARY, &all, directory.path(), Duration::from_secs(60)).await
}

fn json(finished: &Finished) -> Json {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|error| panic!("{error}: {finished:?}"))
}

#[track_caller]
fn assert_foretold(pool: &Json, foretold: &[f64], real: &BTreeMap<String, f64>, by: By) {
    let backends = pool["backends"].as_array().expect("a list");
    for (backend, foretold) in backends.iter().zip(foretold) {
        let name = backend["backend"].as_str().expect("a name");
        let real = real.get(name).copied().unwrap_or_default();
        let by_chance = 4.0 * (foretold * (1.0 - foretold) / REQUESTS as f64).sqrt();
        let off = match by {
            By::Nothing => 0.01,
            By::Chance => 0.01 + by_chance,
            // How long answers really take is the machine's doing as well: one that is busy shifts a tenth.
            By::Latency => 0.2,
        };
        assert!((real - foretold).abs() <= off, "{}: {name} {real} instead of {foretold}", pool["pool"]);
    }
}

#[tokio::test]
async fn what_is_foretold_comes_true_for_every_strategy() {
    let mut all = backends(["a", "b", "c", "d"]).await;
    let text = file(&all);
    let report = json(
        &rehearsed(
            &text,
            &["--json", "--rate", "50", "--backend-rate", "10000", "--latency", "1ms", "--requests", "5000"],
        )
        .await,
    );
    let evenkeel = Evenkeel::start(BINARY, &text).await;
    for (strategy, ..) in STRATEGIES {
        evenkeel.await_eligible(strategy, 4).await;
    }
    let well = all_shares(&evenkeel).await;
    all[1].stop().await;
    for (strategy, ..) in STRATEGIES {
        evenkeel.await_eligible(strategy, 3).await;
    }
    let down = all_shares(&evenkeel).await;
    let numbers = |list: &Json| -> Vec<f64> {
        list.as_array().expect("a list").iter().filter_map(Json::as_f64).collect()
    };
    for (at, (strategy, _, by)) in STRATEGIES.into_iter().enumerate() {
        let pool = &report["pools"][at];
        assert_eq!(pool["pool"], strategy);
        let shares: Vec<f64> = pool["backends"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|one| one["share"].as_f64())
            .collect();
        assert_foretold(pool, &shares, &well[at], by);
        let situations = pool["situations"].as_array().expect("a list");
        let without_b = situations.iter().find(|one| one["name"] == "b is down").expect("b fails alone");
        assert_foretold(pool, &numbers(&without_b["shares"]), &down[at], by);
        assert!(!down[at].contains_key("b"), "{strategy}: {:?}", down[at]);
    }
}

fn web(pool: &str) -> String {
    format!("[listener.web]\nbind = \"127.0.0.1:0\"\npool = \"web\"\n[pool.web]\nhealth = {{}}\n{pool}\n")
}

/// The five ways to an outage, each refused with its cause on the first screen.
#[tokio::test]
async fn what_must_not_be_deployed_is_refused_with_its_cause() {
    let servers = "\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"";
    let (two, three) = ("\"10.0.0.2:80\", \"10.0.0.3:80\"", format!("backends = [{servers}]"));
    let weights = format!("backends = [{{ address = \"10.0.0.1:80\", weight = 5 }}, {two}]");
    let to_one = "backends = [\"10.0.0.1:80\", { address = \"10.0.0.2:80\", tier = 1 }, \
                  { address = \"10.0.0.3:80\", enabled = false }]";
    let members = format!("{three}\nexpect = {{ members = 4 }}");
    for (pool, cause) in [
        (weights, "the weights are 5, 1, 1: 10.0.0.1:80 would get 71.4 % of the requests"),
        (
            to_one.to_owned(),
            "10.0.0.1:80 would get every request: of the 2 others, 1 disabled, 1 in later tiers",
        ),
        (members, "4"),
    ] {
        let refused = rehearsed(&web(&pool), &["--requests", "1000"]).await;
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        let said = format!("{}{}", refused.stderr, refused.stdout);
        let screen: Vec<&str> = said.lines().take(24).collect();
        assert!(screen.join(" ").split_whitespace().collect::<Vec<_>>().join(" ").contains(cause), "{said}");
    }
    let sound = rehearsed(&web(&three), &["--requests", "1000"]).await;
    assert_eq!(sound.status.code(), Some(0), "{sound:?}");
    assert!(sound.stdout.starts_with("Yes: "), "{sound:?}");
}

/// The configured servers are not those that there are.
#[tokio::test]
async fn names_are_looked_up_only_when_asked_for() {
    let pool = "backends = [\"localhost:80\", \"gone.invalid:80\", \"10.0.0.3:80\"]";
    let blind = rehearsed(&web(pool), &["--requests", "1000"]).await;
    assert_eq!(blind.status.code(), Some(0), "{blind:?}");
    let seeing = rehearsed(&web(pool), &["--requests", "1000", "--resolve"]).await;
    assert_eq!(seeing.status.code(), Some(1), "{seeing:?}");
    assert!(seeing.stdout.contains("1 of 3 backends do not resolve: gone.invalid:80"), "{seeing:?}");
}

#[tokio::test]
async fn called_wrongly_is_told() {
    let pool = web("backends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]");
    for (arguments, said) in [
        (&["--pool", "wbe"][..], "there is no pool \"wbe\"; pools are web"),
        (&["--rate", "wbe=5"], "there is no pool \"wbe\""),
        (&["--rate", "0"], "is not a number above 0"),
        (&["--zipf=-1"], "is not a number from 0 to 10"),
        (&["--requests", "1"], "500"),
    ] {
        let finished = rehearsed(&pool, arguments).await;
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
        assert!(finished.stderr.contains(said), "{finished:?}");
    }
    let twice =
        web("backends = [\"10.0.0.1:80\", { name = \"x\", address = \"10.0.0.1:80\" }, \"10.0.0.2:80\"]");
    let warned = json(&rehearsed(&twice, &["--json", "--requests", "1000"]).await);
    let first = &warned["warnings"][0];
    assert_eq!((&first["code"], &first["line"]), (&"duplicate-address".into(), &6.into()), "{warned}");
    let wrong = rehearsed("x = ", &["--json"]).await;
    assert_eq!((wrong.status.code(), json(&wrong)["ok"].as_bool()), (Some(1), Some(false)), "{wrong:?}");
}
