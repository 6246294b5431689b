//! Clients that mean harm over HTTP/2, beside one that does not.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use evenkeel_testkit::http2::{Attack, Siege, stand_back};
use evenkeel_testkit::{Backend, Head, Reply};
use tokio::sync::oneshot;

use super::report::Row;
use super::stage::{Stage, config};

/// Longer than a window that nobody opens.
const LARGE: &str = "/large";
/// How much longer the slowest hundredth of another client's requests may take.
const SLOWER_MAX: f64 = 2.0;
/// Below this a wait is the scheduler's, on two cores that attackers, balancer and bystander share.
const UNFELT: Duration = Duration::from_millis(2);
const GROWN_MAX_MIB: f64 = 64.0;

const ROUTES: &str =
    "[[route]]\npool = \"web\"\n[[route]]\npath = \"/bystander\"\npool = \"own\"\n[pool.own]\n";

/// One attack after the other, each on a balancer of its own.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    Attack::ALL.iter().flat_map(|attack| stage.block_on(withstood(&stage, *attack))).collect()
}

async fn withstood(stage: &Stage, attack: Attack) -> Vec<Row> {
    // What an attack costs a backend is no matter of the balancer's: the bystander is served by another.
    let attacked = Apart::start();
    let own = Backend::start("own").await;
    let text = config(&format!("  {},\n", attacked.entry), "", "").replace("\npool = \"web\"\n", "\n");
    let text = format!("{text}{ROUTES}backends = [{}]\nhealth = false\n", own.entry(1));
    let evenkeel = stage.start(&text, 1).await;
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

/// A backend on a thread of its own, which goes behind all others.
struct Apart {
    entry: String,
    /// It ends with this.
    _stop: oneshot::Sender<()>,
}

impl Apart {
    fn start() -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, entry) = mpsc::channel();
        thread::spawn(move || {
            stand_back();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(async move {
                let backend = Backend::scripted("a", |head: &Head| match head.target() {
                    LARGE => Reply::pattern(100_000),
                    _ => Reply::text(200, "well"),
                })
                .await;
                told.send(backend.entry(1)).expect("somebody waits for it");
                stopped.await.ok();
            });
        });
        Self { entry: entry.recv().expect("the backend starts"), _stop: stop }
    }
}
