//! What the simulation foretells beside what real sockets do: every strategy before four backends, one of them five
//! times slower, one failing fast.

use std::time::{Duration, Instant};

use evenkeel_core::sim::{self, Arrivals, Failing, Keys, Law, Report, Scenario, Server};
use evenkeel_core::{MemberSpec, PoolSpec, REGISTRY, Registration, Rng};
use evenkeel_testkit::{Backend, Capacity, Client, Evenkeel, Reply};

use super::report::Row;
use super::stage::{Stage, attempts, config};

/// Requests that a backend works on at a time.
const WORKERS: u32 = 16;
/// How long each takes; long beside what the machine itself adds.
const SERVICE: Duration = Duration::from_millis(30);
const SLOWER: u32 = 5;
/// How long the one that fails takes to do so.
const FAILURE: Duration = Duration::from_micros(300);
/// Requests a second: just under half of what the slow one could do, if each backend got a quarter.
const RATE: f64 = 200.0;
/// Different values of the key that hashing strategies go by.
const USERS: u32 = 10_000;
/// Requests that the simulation asks, for figures without its own noise.
const SIMULATED: u64 = 100_000;
const WARM_UP: Duration = Duration::from_secs(2);
const NAMES: [&str; 4] = ["a", "b", "slow", "failing"];

/// What was foretold, or what happened.
#[derive(Clone, Debug, PartialEq)]
struct Outcome {
    /// In the order of [`NAMES`].
    shares: [f64; 4],
    /// Of the requests that were answered well, milliseconds.
    p99: f64,
}

/// A row for each strategy's shares, and one for its 99th percentile.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    let rows = |known: &Registration| {
        let foretold = foretell(known);
        let happened = stage.block_on(happen(&stage, known));
        compare(known.name, &foretold, &happened)
    };
    REGISTRY.iter().flat_map(rows).collect()
}

/// Within a tenth; of a share that is small, within a hundredth of all requests.
fn compare(strategy: &str, foretold: &Outcome, happened: &Outcome) -> [Row; 2] {
    let near =
        |foretold: f64, happened: f64, least: f64| (foretold - happened).abs() <= (foretold * 0.1).max(least);
    let shares = foretold.shares.iter().zip(&happened.shares);
    let text = |shares: &[f64; 4]| shares.map(|share| format!("{:.1}", share * 100.0)).join(" ");
    [
        Row::new(
            format!("{strategy}: shares of {} as foretold", NAMES.join(", ")),
            format!("{} %, foretold {}", text(&happened.shares), text(&foretold.shares)),
            shares.into_iter().all(|(foretold, happened)| near(*foretold, *happened, 0.01)),
        ),
        Row::new(
            "  99th percentile as foretold",
            format!("{:.0} ms, foretold {:.0}", happened.p99, foretold.p99),
            near(foretold.p99, happened.p99, 0.0),
        ),
    ]
}

fn foretell(known: &Registration) -> Outcome {
    let service = Law::Constant(SERVICE);
    let server = |name: &&str| Server {
        speed: if *name == "slow" { 1.0 / f64::from(SLOWER) } else { 1.0 },
        failing: (*name == "failing").then_some(Failing { probability: 1.0, takes: Law::Constant(FAILURE) }),
        ..Server::new(name, WORKERS, service)
    };
    let arrivals = Arrivals::Poisson { rate: RATE };
    let mut scenario = Scenario::new(pool(known), NAMES.iter().map(server).collect(), arrivals, SIMULATED);
    scenario.keys = if known.keyed { Keys::Uniform { n: USERS } } else { Keys::None };
    Outcome::from(&sim::run(&scenario))
}

impl From<&Report> for Outcome {
    fn from(report: &Report) -> Self {
        let share = |name| report.servers.iter().find(|server| server.id.as_str() == name);
        Self {
            shares: NAMES.map(|name| share(name).map_or(0.0, |server| server.share)),
            p99: report.latency.percentile(0.99).as_secs_f64() * 1e3,
        }
    }
}

fn pool(known: &Registration) -> PoolSpec {
    let members = NAMES.map(|name| MemberSpec::new(name, ([127, 0, 0, 1], 80).into()));
    PoolSpec { strategy: known.kind, ..PoolSpec::new("web", members.to_vec()) }
}

async fn happen(stage: &Stage, known: &Registration) -> Outcome {
    let backends = backends().await;
    let entries: Vec<String> = backends.iter().map(|backend| format!("  {},\n", backend.entry(1))).collect();
    let keys = match known.name {
        _ if known.keyed => "hash = { header = \"X-User\" }",
        "prequal" => "probe = { path = \"/healthz\", timeout = \"1s\" }",
        _ => "",
    };
    // Keys of the pool that are given twice are errors, so the strategy comes instead of the usual one.
    let config = config(&entries.concat(), "", &format!("passive = false\n{keys}"))
        .replace("strategy = \"round_robin\"", &format!("strategy = \"{}\"", known.name))
        .replace("health = { path = \"/\", interval = \"1s\" }", "health = false");
    let evenkeel = stage.start(&config, NAMES.len()).await;
    offer(&evenkeel, WARM_UP).await;
    let before = attempts(&evenkeel.metrics().await);
    let mut latencies = offer(&evenkeel, stage.duration).await;
    let after = attempts(&evenkeel.metrics().await);
    let counts = NAMES.map(|name| after[name] - before[name]);
    let sum: f64 = counts.iter().sum();
    latencies.sort_unstable();
    let p99 = latencies.get(latencies.len() * 99 / 100).copied().unwrap_or_default();
    Outcome { shares: counts.map(|count| count / sum), p99: p99.as_secs_f64() * 1e3 }
}

/// They tell a probe what a request takes that finds them idle.
async fn backends() -> Vec<Backend> {
    let mut backends = Vec::new();
    for name in NAMES {
        let service = SERVICE * if name == "slow" { SLOWER } else { 1 };
        let capacity = Capacity { concurrency: WORKERS as usize, service };
        let backend = match name {
            "failing" => Backend::with_reply(name, Reply::text(500, "broken")).await,
            _ => Backend::with_capacity(name, capacity).await,
        };
        let takes = if name == "failing" { FAILURE } else { service };
        let said = format!("Endpoint-Load-Metrics: TEXT latency_ms={}\r\n", takes.as_secs_f64() * 1e3);
        backend.set_health(Reply::with_fields(200, &said, ""));
        backends.push(backend);
    }
    backends
}

/// Requests that come independently of each other and of the answers. The latencies of those answered well.
async fn offer(evenkeel: &Evenkeel, duration: Duration) -> Vec<Duration> {
    let address = evenkeel.address("web");
    let mut rng = Rng::from_seed(7);
    let (start, mut due) = (Instant::now(), Duration::ZERO);
    let mut requests = tokio::task::JoinSet::new();
    while due < duration {
        due += Duration::from_secs_f64(-(1.0 - rng.unit()).ln() / RATE);
        let user = rng.below(USERS);
        let at = start + due;
        requests.spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            let mut client = Client::try_connect(address).await.ok()?;
            let request =
                format!("GET / HTTP/1.1\r\nHost: shop.test\r\nX-User: {user}\r\nConnection: close\r\n\r\n");
            client.try_send(request).await.ok()?;
            let response = client.try_response("GET").await.ok()?;
            (response.status() == 200).then(|| at.elapsed())
        });
    }
    let mut latencies = Vec::new();
    while let Some(ended) = requests.join_next().await {
        latencies.extend(ended.ok().flatten());
    }
    latencies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_near_and_more_is_not() {
        let foretold = Outcome { shares: [0.4, 0.4, 0.199, 0.001], p99: 150.0 };
        let verdicts =
            |shares, p99| compare("x", &foretold, &Outcome { shares, p99 }).map(|row| row.passed());
        assert_eq!(verdicts([0.39, 0.395, 0.205, 0.01], 164.0), [true, true]);
        assert_eq!(verdicts([0.45, 0.35, 0.199, 0.001], 166.0), [false, false]);
    }
}
