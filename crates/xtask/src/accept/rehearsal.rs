//! What `evenkeel rehearse` foretells beside what real sockets do: twenty pools of every strategy, all well and in each
//! single failure.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_testkit::{Backend, Client, Evenkeel, Json, TempDir, run_to_end};

use super::report::Row;
use super::stage::Stage;

/// A pool: its strategy and the weights of its backends, the first so many of [`NAMES`].
type Pool = (&'static str, &'static [u32]);

/// `peak_ewma` and `prequal` go by how long answers take, which is not for a rehearsal to know: with equal weights their
/// shares do not depend on it.
const POOLS: [Pool; 20] = [
    ("least_request", &[1, 1, 1]),
    ("least_request", &[5, 1, 1]),
    ("least_request", &[3, 2, 1, 1]),
    ("round_robin", &[1, 1, 1]),
    ("round_robin", &[5, 1, 1]),
    ("round_robin", &[3, 2, 1, 1]),
    ("random", &[1, 1, 1]),
    ("random", &[3, 2, 1, 1]),
    ("p2c", &[1, 1, 1]),
    ("p2c", &[3, 2, 1, 1]),
    ("peak_ewma", &[1, 1, 1]),
    ("peak_ewma", &[1, 1, 1, 1]),
    ("maglev", &[1, 1, 1]),
    ("maglev", &[3, 2, 1, 1]),
    ("ring", &[1, 1, 1]),
    ("ring", &[3, 2, 1, 1]),
    ("rendezvous", &[1, 1, 1]),
    ("rendezvous", &[3, 2, 1, 1]),
    ("prequal", &[1, 1, 1]),
    ("prequal", &[1, 1, 1, 1]),
];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
/// Requests to each pool in each situation, for each of the seconds that a scenario takes.
const REQUESTS_A_SECOND: f64 = 100_000.0 / 30.0;
/// The largest difference between two shares.
const OFF: f64 = 0.01;
/// One request after the other, so hardly anything is in flight.
const QUIET: [&str; 6] = ["--rate", "50", "--backend-rate", "10000", "--latency", "1ms"];

/// A row for each situation: the largest difference of any share of any pool.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    stage.block_on(compare(&stage))
}

async fn compare(stage: &Stage) -> Vec<Row> {
    let mut backends = Vec::new();
    for name in NAMES {
        backends.push(Backend::start(name).await);
    }
    let text = file(&backends);
    let foretold = foretell(stage, &text).await;
    let evenkeel = stage.start_any(&text).await;
    let mut rows = vec![situation(stage, &evenkeel, &foretold, None).await];
    for (at, name) in NAMES.into_iter().enumerate() {
        backends[at].stop().await;
        rows.push(situation(stage, &evenkeel, &foretold, Some(name)).await);
        backends[at].resume().await;
    }
    rows
}

async fn situation(stage: &Stage, evenkeel: &Evenkeel, foretold: &Json, down: Option<&str>) -> Row {
    for (at, (_, weights)) in POOLS.iter().enumerate() {
        let lost = down.is_some_and(|down| NAMES[..weights.len()].contains(&down));
        evenkeel.await_eligible(&name(at), weights.len() - usize::from(lost)).await;
    }
    let requests = (REQUESTS_A_SECOND * stage.duration.as_secs_f64()) as usize;
    let asked: Vec<_> =
        (0..POOLS.len()).map(|at| tokio::spawn(shares(evenkeel.address(&name(at)), requests))).collect();
    let (mut worst, mut answered) = ((0.0, String::new()), true);
    for (at, one) in asked.into_iter().enumerate() {
        let Ok(real) = one.await else {
            answered = false;
            continue;
        };
        for (backend, foretold) in expected(&foretold["pools"][at], down) {
            let off = (real.get(&backend).copied().unwrap_or_default() - foretold).abs();
            if off > worst.0 {
                worst = (off, format!("{backend} of {} {:?}", POOLS[at].0, POOLS[at].1));
            }
        }
    }
    let claim = match down {
        None => "20 pools, all well: shares as rehearsed".to_owned(),
        Some(name) => format!("20 pools, {name} is down: shares as rehearsed"),
    };
    let (points, of) = (worst.0 * 100.0, worst.1);
    Row::new(
        claim,
        format!("at most {points:.2} points off ({of}), {requests} requests each"),
        answered && worst.0 <= OFF,
    )
}

/// Backends and the shares that were foretold, of those that are alike under the name that was played.
fn expected(pool: &Json, down: Option<&str>) -> Vec<(String, f64)> {
    let names = list(&pool["backends"]).iter().filter_map(|one| one["backend"].as_str().map(str::to_owned));
    let names: Vec<String> = names.collect();
    let shares = |one: &Json| -> Vec<f64> { list(one).iter().filter_map(Json::as_f64).collect() };
    let well: Vec<f64> = list(&pool["backends"]).iter().filter_map(|one| one["share"].as_f64()).collect();
    let Some(down) = down.filter(|down| names.iter().any(|name| name == down)) else {
        return names.into_iter().zip(well).collect();
    };
    let weight = |name: &str| {
        list(&pool["backends"]).iter().find(|one| one["backend"] == name).map(|one| &one["weight"])
    };
    let stands_for = |one: &&Json| {
        one["kind"] == "one_down"
            && (one["failed"][0] == down
                || one["alike"] != 0 && one["failed"][0].as_str().and_then(weight) == weight(down))
    };
    let Some(found) = list(&pool["situations"]).iter().find(stands_for) else { return Vec::new() };
    let mut shares = shares(&found["shares"]);
    let position = |wanted: &Json| names.iter().position(|name| *wanted == **name);
    if let (Some(played), Some(real)) = (position(&found["failed"][0]), position(&Json::from(down))) {
        shares.swap(played, real);
    }
    names.into_iter().zip(shares).collect()
}

fn list(json: &Json) -> &[Json] {
    json.as_array().map_or(&[], Vec::as_slice)
}

async fn foretell(stage: &Stage, text: &str) -> Json {
    let directory = TempDir::new("rehearsal");
    let file = directory.path().join("evenkeel.toml");
    std::fs::write(&file, text).expect("a file can be written");
    let arguments = ["rehearse", &file.to_string_lossy(), "--json"].map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(QUIET).collect();
    let finished = run_to_end(&stage.binary(), &arguments, directory.path(), Duration::from_secs(120)).await;
    finished.stdout.parse().unwrap_or_else(|error| panic!("{error:?}: {}", finished.stderr))
}

/// Shares of the backends, each request with a key of its own.
async fn shares(address: SocketAddr, requests: usize) -> BTreeMap<String, f64> {
    let mut client = Client::connect(address).await;
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for user in 0..requests {
        client.send(format!("GET /?user={user} HTTP/1.1\r\nHost: h\r\n\r\n")).await;
        let response = client.response().await;
        let name = response.field("x-backend").unwrap_or("nobody").to_owned();
        *counts.entry(name).or_default() += 1.0 / requests as f64;
    }
    counts
}

fn name(at: usize) -> String {
    format!("p{at}")
}

fn file(backends: &[Backend]) -> String {
    let mut text = "[admin]\nlisten = \"127.0.0.1:0\"\n[runtime]\nworkers = 1\n".to_owned();
    for (at, (strategy, weights)) in POOLS.iter().enumerate() {
        let entries = backends.iter().zip(*weights).map(|(backend, weight)| backend.entry(*weight));
        let entries = entries.collect::<Vec<_>>().join(", ");
        let keys = match *strategy {
            "maglev" | "ring" | "rendezvous" => "hash = { query = \"user\" }",
            "prequal" => "probe = { path = \"/load\" }",
            "peak_ewma" => "peak_ewma = { decay = \"100ms\" }",
            _ => "",
        };
        writeln!(
            text,
            "[listener.p{at}]\nbind = \"127.0.0.1:0\"\npool = \"p{at}\"\n[pool.p{at}]\nstrategy = \"{strategy}\"\n{keys}\n\
             intent = \"weights\"\npassive = false\n\
             health = {{ path = \"/healthz\", interval = \"500ms\", rise = 1, fall = 2 }}\nbackends = [{entries}]"
        )
        .ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_alike_is_found_under_the_name_that_was_played() {
        let pool: Json = r#"{
            "backends": [
                { "backend": "a", "share": 0.6, "weight": 3 },
                { "backend": "b", "share": 0.2, "weight": 1 },
                { "backend": "c", "share": 0.2, "weight": 1 }
            ],
            "situations": [
                { "kind": "one_slow", "failed": ["a"], "alike": 0, "shares": [0.1, 0.2, 0.7] },
                { "kind": "one_down", "failed": ["b"], "alike": 1, "shares": [0.75, 0.0, 0.25] },
                { "kind": "one_down", "failed": ["a"], "alike": 0, "shares": [0.0, 0.5, 0.5] }
            ]
        }"#
        .parse()
        .unwrap();
        let shares = |down| expected(&pool, down).into_iter().map(|(_, share)| share).collect::<Vec<_>>();
        assert_eq!(shares(None), [0.6, 0.2, 0.2]);
        assert_eq!(shares(Some("a")), [0.0, 0.5, 0.5]);
        assert_eq!(shares(Some("c")), [0.75, 0.25, 0.0]);
        assert_eq!(shares(Some("d")), [0.6, 0.2, 0.2], "not one of its backends");
    }
}
