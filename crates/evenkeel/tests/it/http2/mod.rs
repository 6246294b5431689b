//! HTTP/2 on both sides, and gRPC, with real peers: curl, h2load, nginx, grpcio.

mod backends;
mod bodies;
mod connections;
mod ends;
mod grpc;
mod refusing;
mod requests;

use std::time::Duration;

use evenkeel_testkit::{Backend, Evenkeel, Finished, Metrics, run_to_end};

use crate::support::Setup;

/// A pool whose backends are spoken to in HTTP/2.
const OVER_HTTP2: &str = "strategy = \"round_robin\"\nhealth = false\npassive = false\nprotocol = \"http2\"";

/// Runs curl, which speaks HTTP/2 from its first byte on.
async fn curl(evenkeel: &Evenkeel, path: &str, arguments: &[&str]) -> Finished {
    let url = format!("http://{}{path}", evenkeel.address("web"));
    let common = ["--http2-prior-knowledge", "-sS", "--max-time", "20"];
    let arguments = [&common[..], arguments, &[&url]].concat();
    run_to_end("curl", &arguments, evenkeel.directory(), Duration::from_secs(30)).await
}

/// Runs h2load; every request must get 200.
async fn h2load(evenkeel: &Evenkeel, requests: u32, arguments: &[&str]) {
    let url = format!("http://{}/", evenkeel.address("web"));
    let count = requests.to_string();
    let arguments = [&["-n", &count][..], arguments, &[&url]].concat();
    let ran = run_to_end("h2load", &arguments, evenkeel.directory(), Duration::from_secs(60)).await;
    let expected = format!("status codes: {requests} 2xx");
    assert!(ran.stdout.contains(&expected), "{}{}", ran.stdout, ran.stderr);
}

/// Until nothing is under way any more.
async fn await_quiet(evenkeel: &Evenkeel) -> Metrics {
    let is_quiet = |metrics: &Metrics| metrics.value("evenkeel_backend_in_flight", &[]) == 0.0;
    evenkeel.await_metrics("no attempt in flight", is_quiet).await
}

/// An Evenkeel that others take for a backend which speaks HTTP/2, in front of `backend`.
async fn front_of(backend: &Backend) -> (Evenkeel, String) {
    let front = Setup::new([backend]).start().await;
    let entry = format!("{{ address = \"{}\" }}", front.address("web"));
    (front, entry)
}
