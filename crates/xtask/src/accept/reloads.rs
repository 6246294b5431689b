//! Reloads under load.

use std::time::Duration;

use evenkeel_testkit::{Signal, until};

use super::report::Row;
use super::stage::{Stage, attempts, nginx, quickstart, within_two};
use super::wrk;

/// SIGHUP every 100 ms, two files in turn.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    stage.block_on(async {
        let backends = nginx::<3>().await;
        let files = [quickstart(&backends, &[], ""), quickstart(&backends, &[], "max_attempts = 2")];
        let evenkeel = stage.start(&files[0], 3).await;
        let load = wrk::start(evenkeel.address("web"), stage.duration);
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        let mut sent = 0_usize;
        while !load.is_finished() {
            ticks.tick().await;
            sent += 1;
            evenkeel.write_config(&files[sent % 2]);
            evenkeel.signal(Signal::HUP);
        }
        let run = load.await.expect("wrk runs");
        // Signals that arrive while one is pending are one signal to the kernel.
        let settled = until("the last reload", async || {
            let one = reloads(&evenkeel.metrics().await);
            tokio::time::sleep(Duration::from_millis(300)).await;
            let metrics = evenkeel.metrics().await;
            (one == reloads(&metrics)).then_some(metrics)
        })
        .await;
        let done = reloads(&settled);
        let refused = settled.value("evenkeel_config_reload_total", &[("result", "refused")]);
        vec![
            Row::new(
                "a reload every 100 ms: no request fails",
                format!("{} of {} ({:.0}/s)", run.failed(), run.requests, run.per_second),
                run.failed() == 0 && run.requests > 0,
            ),
            within_two("  each backend within 2 requests of a third", &attempts(&settled), &[1, 1, 1]),
            Row::new(
                "  at least nine of ten signals are a reload of their own, none refused",
                format!("{done} of {sent}, {refused} refused"),
                done >= 0.9 * sent as f64 && refused == 0.0,
            ),
        ]
    })
}

fn reloads(metrics: &evenkeel_testkit::Metrics) -> f64 {
    metrics.value("evenkeel_config_reload_total", &[])
}
