//! Clients that mean harm over HTTP/2, beside one that does not.

use std::time::Duration;

use evenkeel_testkit::http2::{Attack, Siege};
use evenkeel_testkit::{Backend, Head, Reply};

use super::report::Row;
use super::stage::{Stage, config};

/// Longer than a window that nobody opens.
const LARGE: &str = "/large";
/// How much longer the slowest hundredth of another client's requests may take.
const SLOWER_MAX: f64 = 2.0;
/// Below this a wait is the scheduler's, on two cores that attackers, balancer and bystander share.
const UNFELT: Duration = Duration::from_millis(2);
const GROWN_MAX_MIB: f64 = 64.0;

/// One attack after the other, each on a balancer of its own.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    Attack::ALL.iter().flat_map(|attack| stage.block_on(withstood(&stage, *attack))).collect()
}

async fn withstood(stage: &Stage, attack: Attack) -> Vec<Row> {
    let backend = Backend::scripted("a", |head: &Head| match head.target() {
        LARGE => Reply::pattern(100_000),
        _ => Reply::text(200, "well"),
    })
    .await;
    let evenkeel = stage.start(&config(&format!("  {},\n", backend.entry(1)), "", ""), 1).await;
    let length = stage.duration.min(Duration::from_secs(10));
    let siege = Siege::lay(&evenkeel, attack, "web", LARGE, length).await;
    let Siege { fought, quiet, under_attack, grown } = &siege;
    let slower = under_attack.p99().as_secs_f64() / quiet.p99().max(UNFELT).as_secs_f64();
    let floods = evenkeel.metrics().await.by("evenkeel_http2_floods_total", &[], "reason");
    let counted: Vec<_> =
        floods.iter().filter(|(_, count)| **count > 0.0).map(|(reason, _)| reason).collect();
    vec![
        Row::new(
            format!("{}: no other request fails", attack.name()),
            format!(
                "{} of {}; {} connections, {} cut, as {counted:?}",
                under_attack.failed,
                under_attack.latencies.len(),
                fought.connections,
                fought.cut,
            ),
            under_attack.failed == 0 && fought.bytes > 0,
        ),
        Row::new(
            format!("  the p99 of another client at most {SLOWER_MAX} times its quiet value"),
            format!("{:.2?} after {:.2?} ({slower:.2})", under_attack.p99(), quiet.p99()),
            slower <= SLOWER_MAX,
        ),
        Row::at_most("  at most 64 MiB of memory", *grown as f64 / f64::from(1 << 20), GROWN_MAX_MIB, " MiB"),
    ]
}
