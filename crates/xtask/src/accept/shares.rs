//! Shares under load, read from `/metrics`.

use super::report::Row;
use super::stage::{Stage, attempts, nginx, quickstart, within_two};
use super::wrk;

/// Equal, then 5:1:1.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    stage.block_on(async {
        let backends = nginx::<3>().await;
        let mut rows = Vec::new();
        for (weights, pool, claim) in [
            ([1, 1, 1], "", "three equal backends: each within 2 requests of a third"),
            ([5, 1, 1], "intent = \"weights\"", "weights 5:1:1: each within 2 requests of its share"),
        ] {
            let evenkeel = stage.start(&quickstart(&backends, &weights, pool), 3).await;
            let run = wrk::start(evenkeel.address("web"), stage.duration).await.expect("wrk runs");
            rows.push(within_two(claim, &attempts(&evenkeel.metrics().await), &weights));
            rows.push(Row::new(
                "  no request fails",
                format!("{} of {} ({:.0}/s)", run.failed(), run.requests, run.per_second),
                run.failed() == 0 && run.requests > 0,
            ));
        }
        rows
    })
}

/// Five backends, two of them killed in the middle of the run.
pub(crate) fn run_stopped(stage: Stage) -> Vec<Row> {
    stage.block_on(async {
        let mut backends = nginx::<5>().await;
        let evenkeel = stage.start(&quickstart(&backends, &[], ""), 5).await;
        let load = wrk::start(evenkeel.address("web"), stage.duration);
        tokio::time::sleep(stage.duration / 3).await;
        backends[3].kill();
        backends[4].kill();
        evenkeel.await_eligible("web", 3).await;
        let before = attempts(&evenkeel.metrics().await);
        let run = load.await.expect("wrk runs");
        let mut since = attempts(&evenkeel.metrics().await);
        for (name, count) in &mut since {
            *count -= before[name];
        }
        let down: f64 = ["d", "e"].iter().filter_map(|name| since.remove(*name)).sum();
        let failed = run.failed();
        vec![
            within_two("two of five stop: the other three within 2 requests of a third", &since, &[1, 1, 1]),
            Row::at_most("  none goes to the stopped ones once they are out", down, 0.0, ""),
            Row::new(
                "  at most one request in flight on each client connection fails",
                format!("{failed} of {}", run.requests),
                failed <= u64::from(wrk::CONNECTIONS),
            ),
        ]
    })
}
