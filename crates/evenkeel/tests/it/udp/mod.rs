//! Layer 4 over UDP.

mod backends;
mod bounds;
mod dns;
mod reload;
mod sessions;

use std::time::Duration;

use evenkeel_testkit::{Evenkeel, UdpBackend, UdpClient};

use crate::support::Setup;

/// Long enough for whatever does come, on a busy machine; what must not come is awaited for this long.
const SILENCE: Duration = Duration::from_millis(300);

/// A listener for datagrams before these backends, with equal weights, round robin, and these keys of `udp`.
fn setup<'a>(backends: impl IntoIterator<Item = &'a UdpBackend>, udp: &str) -> Setup {
    Setup::of_entries(backends.into_iter().map(|backend| backend.entry(1))).listener(&listener(udp))
}

fn listener(udp: &str) -> String {
    format!("protocol = \"udp\"\nudp = {{ {udp} }}")
}

async fn backends<const N: usize>(names: [&str; N]) -> [UdpBackend; N] {
    let mut started = Vec::new();
    for name in names {
        started.push(UdpBackend::start(name).await);
    }
    started.try_into().expect("one for each name")
}

async fn client(evenkeel: &Evenkeel) -> UdpClient {
    UdpClient::connect(evenkeel.address("web")).await
}

/// Waits until as many sessions are open.
async fn await_open(evenkeel: &Evenkeel, sessions: u64) {
    let open = |metrics: &evenkeel_testkit::Metrics| {
        metrics.get("evenkeel_udp_sessions_open", &[]) == Some(sessions as f64)
    };
    evenkeel.await_metrics(&format!("{sessions} open sessions"), open).await;
}

/// Waits until a counter of the listener has come to a number.
async fn await_count(evenkeel: &Evenkeel, name: &str, label: (&str, &str), expected: f64) {
    let what = format!("{name} {label:?} {expected}");
    evenkeel.await_metrics(&what, |metrics| metrics.get(name, &[label]) == Some(expected)).await;
}
