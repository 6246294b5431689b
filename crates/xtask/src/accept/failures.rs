//! Backends that die and that hang.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Evenkeel, Nginx};
use rustix::process::{Pid, Signal, kill_process};

use super::report::Row;
use super::stage::{Stage, attempts, nginx, quickstart, within_two};
use super::wrk;

/// Three failed checks a second apart, each of which may take a second, and a little.
const OUT_MAX: f64 = 6.0;
/// Two passed checks a second apart, and a little.
const BACK_MAX: f64 = 5.0;
/// What requests see ejects for 10 s, whatever checks say.
const EJECTED_MAX: f64 = 10.0 + BACK_MAX;

/// `kill -9` and return, then a backend that accepts and says nothing.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    let mut rows = stage.block_on(killed(&stage));
    rows.extend(stage.block_on(hanging(&stage)));
    rows
}

async fn killed(stage: &Stage) -> Vec<Row> {
    let mut backends = nginx::<3>().await;
    let evenkeel = stage.start(&quickstart(&backends, &[], ""), 3).await;
    let load = wrk::start(evenkeel.address("web"), stage.duration.max(Duration::from_secs(25)));
    let port = backends[2].address().port();
    backends[2].kill();
    let out = seconds_until_eligible(&evenkeel, 2).await;
    let returned = Nginx::try_start(port, "location / { return 200 \"c\"; }").await;
    let back = seconds_until_eligible(&evenkeel, 3).await;
    let before = attempts(&evenkeel.metrics().await);
    let run = load.await.expect("wrk runs");
    let mut since = attempts(&evenkeel.metrics().await);
    for (name, count) in &mut since {
        *count -= before[name];
    }
    vec![
        Row::at_most("kill -9 of a backend: out after at most 6 s", out, OUT_MAX, " s"),
        Row::at_most(
            "  back after at most 15 s, of which 10 s are its ejection",
            if returned.is_some() { back } else { f64::INFINITY },
            EJECTED_MAX,
            " s",
        ),
        Row::new(
            "  at most one request in flight on each client connection fails",
            format!("{} of {}", run.failed(), run.requests),
            run.failed() <= u64::from(wrk::CONNECTIONS),
        ),
        within_two("  after its return each within 2 requests of a third", &since, &[1, 1, 1]),
    ]
}

async fn hanging(stage: &Stage) -> Vec<Row> {
    let backends = nginx::<3>().await;
    let evenkeel =
        stage.start(&quickstart(&backends, &[], "timeouts = { response_header = \"3s\" }"), 3).await;
    let pid = Pid::from_raw(backends[2].pid() as i32).expect("a process has an id");
    kill_process(pid, Signal::STOP).expect("our own child can be stopped");
    let out = seconds_until_eligible(&evenkeel, 2).await;
    let run = wrk::start(evenkeel.address("web"), Duration::from_secs(5)).await.expect("wrk runs");
    kill_process(pid, Signal::CONT).expect("our own child can go on");
    let back = seconds_until_eligible(&evenkeel, 3).await;
    vec![
        Row::at_most("a hanging backend: out after at most 6 s", out, OUT_MAX, " s"),
        Row::new(
            "  no request fails while it is out",
            format!("{} of {}", run.failed(), run.requests),
            run.failed() == 0 && run.requests > 0,
        ),
        Row::at_most("  back after at most 5 s", back, BACK_MAX, " s"),
    ]
}

async fn seconds_until_eligible(evenkeel: &Evenkeel, count: usize) -> f64 {
    let started = Instant::now();
    evenkeel.await_eligible("web", count).await;
    started.elapsed().as_secs_f64()
}
