//! gRPC, with its own implementation on both sides.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Json, Metrics, run_to_end};

use super::{OVER_HTTP2, await_quiet};
use crate::support::{BINARY, Setup};

const PEER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/http2/grpc_peer.py");

/// The interpreter that `cargo xtask test` has given grpcio.
fn python() -> String {
    let target =
        std::path::Path::new(BINARY).ancestors().nth(2).expect("a program lies in a target directory");
    target.join("peers/bin/python3").display().to_string()
}

/// A server of grpcio.
struct Server {
    child: Child,
    _stdin: Option<ChildStdin>,
    port: u16,
}

impl Server {
    fn start(name: &str) -> Self {
        let mut child = Command::new(python())
            .args([PEER, "server", "0", name])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("python with grpcio (`cargo xtask test` installs it): {error}"));
        let mut port = String::new();
        let stdout = child.stdout.take().expect("its output was asked for");
        BufReader::new(stdout).read_line(&mut port).expect("a line with its port");
        let stdin = child.stdin.take();
        let port =
            port.trim().parse().unwrap_or_else(|_| panic!("{port:?} is no port: is grpcio installed?"));
        Self { child, _stdin: stdin, port }
    }

    fn entry(&self) -> String {
        format!("{{ address = \"127.0.0.1:{}\" }}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

async fn client_of(address: &str, arguments: &[&str]) -> Json {
    let arguments = [&[PEER, "client", address][..], arguments].concat();
    let here = std::env::temp_dir();
    let ran = run_to_end(&python(), &arguments, &here, Duration::from_secs(60)).await;
    serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{ran:?}"))
}

async fn client(evenkeel: &Evenkeel, arguments: &[&str]) -> Json {
    client_of(&evenkeel.address("web").to_string(), arguments).await
}

async fn in_front_of(servers: &[Server]) -> Evenkeel {
    Setup::of_entries(servers.iter().map(Server::entry)).pool(OVER_HTTP2).start().await
}

#[tokio::test]
async fn a_hundred_channels_are_spread_evenly_over_three_backends() {
    let servers = ["a", "b", "c"].map(Server::start);
    let evenkeel = in_front_of(&servers).await;
    let counts = client(&evenkeel, &["spread", "100", "3"]).await;
    for name in ["a", "b", "c"] {
        let count = counts[name].as_i64().unwrap_or_default();
        assert!((98..=102).contains(&count), "{counts}");
    }
    await_quiet(&evenkeel).await;
}

#[tokio::test]
async fn calls_of_every_kind_pass() {
    let servers = [Server::start("a")];
    let evenkeel = in_front_of(&servers).await;
    let unary = client(&evenkeel, &["unary", "1000000"]).await;
    assert_eq!(
        (unary["reply"].as_str(), unary["trailers"]["served-by"].as_str()),
        (Some("a 1000000"), Some("a"))
    );
    assert_eq!(client(&evenkeel, &["many", "50"]).await.as_i64(), Some(50));
    let both = client(&evenkeel, &["both", "10"]).await;
    assert_eq!((both[0].as_str(), both[9].as_str()), (Some("M0"), Some("M9")), "one message at a time");
    let metadata = client(&evenkeel, &["call", "/t.T/Metadata", ""]).await;
    let metadata = metadata["said"].as_str().unwrap_or_default();
    assert!(metadata.contains("\"via\": \"2.0 evenkeel\""), "{metadata}");
    await_quiet(&evenkeel).await;
}

fn outcome(metrics: &Metrics, outcome: &str) -> f64 {
    metrics.get("evenkeel_backend_outcomes_total", &[("outcome", outcome)]).unwrap_or_default()
}

#[tokio::test]
async fn the_status_of_a_call_decides_its_outcome() {
    let servers = [Server::start("a")];
    let evenkeel = in_front_of(&servers).await;
    for status in ["NOT_FOUND", "INVALID_ARGUMENT", "PERMISSION_DENIED"] {
        let call = client(&evenkeel, &["call", "/t.T/Fail", status]).await;
        assert_eq!(call["said"]["code"].as_str(), Some(status));
    }
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!((outcome(&metrics, "ok"), outcome(&metrics, "server_error")), (3.0, 0.0));
    for status in ["UNAVAILABLE", "INTERNAL"] {
        let call = client(&evenkeel, &["call", "/t.T/Fail", status]).await;
        assert_eq!(call["said"]["code"].as_str(), Some(status));
    }
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!((outcome(&metrics, "ok"), outcome(&metrics, "server_error")), (3.0, 2.0));
}

#[tokio::test]
async fn the_callers_deadline_holds_and_is_not_the_backends_fault() {
    let servers = [Server::start("a")];
    let evenkeel = in_front_of(&servers).await;
    let call = client(&evenkeel, &["call", "/t.T/Hang", "", "0.4"]).await;
    assert_eq!(call["said"]["code"].as_str(), Some("DEADLINE_EXCEEDED"));
    assert_eq!(client(&evenkeel, &["cancel"]).await.as_str(), Some("CANCELLED"));
    let metrics = await_quiet(&evenkeel).await;
    assert_eq!(outcome(&metrics, "cancelled"), 2.0);
}

#[tokio::test]
async fn our_own_errors_are_grpcs() {
    let closed = evenkeel_testkit::ClosedPort::new();
    let entry = format!("{{ address = \"{}\" }}", closed.address());
    let evenkeel = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let call = client(&evenkeel, &["call", "/t.T/Unary", "x"]).await;
    assert_eq!(call["said"]["code"].as_str(), Some("UNAVAILABLE"));
    assert_eq!(call["said"]["details"].as_str(), Some("the backend refuses connections"));
}

#[tokio::test]
async fn health_is_asked_in_grpc() {
    let servers = ["a", "b"].map(Server::start);
    let pool = "strategy = \"round_robin\"\npassive = false\nprotocol = \"http2\"\n\
                health = { grpc = true, interval = \"100ms\", timeout = \"100ms\", rise = 1, fall = 2 }";
    let evenkeel = Setup::of_entries(servers.iter().map(Server::entry)).pool(pool).start().await;
    evenkeel.await_eligible("web", 2).await;
    let second = format!("127.0.0.1:{}", servers[1].port);
    client_of(&second, &["call", "/t.T/Serve", "0"]).await;
    evenkeel.await_eligible("web", 1).await;
    let pools = evenkeel.admin_json("/pools").await;
    let detail = pools["pools"][0]["backends"][1]["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("NOT_SERVING"), "{detail:?}");
    let counts = client(&evenkeel, &["spread", "2", "10"]).await;
    assert_eq!((counts["a"].as_i64(), counts["b"].as_i64()), (Some(20), None));
    client_of(&second, &["call", "/t.T/Serve", "1"]).await;
    evenkeel.await_eligible("web", 2).await;
}
