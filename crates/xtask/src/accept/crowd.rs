//! Thousands of clients that do nothing, or nothing good.

use std::time::Duration;

use evenkeel_testkit::{Client, Metrics};

use super::report::Row;
use super::stage::{Stage, attempts, nginx, quickstart, within_two};
use super::wrk;

const IDLE: usize = 5_000;
const SLOW: usize = 200;
const HOSTILE: usize = 200;

/// They are all connected while others are served.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    stage.block_on(async {
        let backends = nginx::<3>().await;
        let text = quickstart(&backends, &[], "");
        let text = text.replace(
            "pool = \"web\"",
            "pool = \"web\"\ntimeouts = { request_header = \"5m\", keep_alive = \"5m\" }",
        );
        let evenkeel = stage.start(&text, 3).await;
        let web = evenkeel.address("web");
        let lean = evenkeel.resident_bytes();
        let mut idle = Vec::with_capacity(IDLE);
        for _ in 0..IDLE {
            idle.push(Client::connect(web).await);
        }
        let mut slow = Vec::with_capacity(SLOW);
        for _ in 0..SLOW {
            let mut client = Client::connect(web).await;
            client.send("GET / HTTP/1.1\r\nHost: h\r\nX-Part: ").await;
            slow.push(client);
        }
        let crowded = |metrics: &Metrics| {
            metrics.get("evenkeel_connections_open", &[("listener", "web")]) >= Some((IDLE + SLOW) as f64)
        };
        evenkeel.await_metrics("the crowd", crowded).await;
        let grown = (evenkeel.resident_bytes() - lean) as f64 / 1024.0 / (IDLE + SLOW) as f64;

        let load = wrk::start(web, stage.duration.min(Duration::from_secs(15)));
        let mut refused = 0;
        for number in 0..HOSTILE {
            let mut client = Client::connect(web).await;
            client.send([number as u8, 255, 0, 22, 13, 10, 13, 10]).await;
            refused += usize::from(client.response().await.status() == 400);
            for client in &mut slow {
                client.send("x").await;
            }
        }
        let run = load.await.expect("wrk runs");
        let shares = attempts(&evenkeel.metrics().await);
        let mut served = 0;
        for client in &mut slow {
            client.send("\r\n\r\n").await;
            served += usize::from(client.response().await.status() == 200);
        }
        let mut late = 0;
        for client in idle.iter_mut().step_by(10) {
            late += usize::from(client.get("h", "/").await.status() == 200);
        }
        vec![
            Row::new(
                "5,000 idle, 200 slow and hostile clients: no other request fails",
                format!("{} of {} ({:.0}/s)", run.failed(), run.requests, run.per_second),
                run.failed() == 0 && run.requests > 0,
            ),
            within_two("  each backend within 2 requests of a third", &shares, &[1, 1, 1]),
            Row::new(
                "  every hostile client gets 400",
                format!("{refused} of {HOSTILE}"),
                refused == HOSTILE,
            ),
            Row::new(
                "  every slow client is served in the end",
                format!("{served} of {SLOW}"),
                served == SLOW,
            ),
            Row::new("  idle clients can still ask", format!("{late} of {}", IDLE / 10), late == IDLE / 10),
            Row::at_most("  at most 8 KiB of memory for each of them", grown, 8.0, " KiB"),
        ]
    })
}
