//! A WebSocket library that is not ours, as client and as server.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{Json, TempDir, python, run_to_end};

use crate::support::{BINARY, Setup};

use super::{await_none, in_flight, outcomes};

/// Server and client: see its first line.
pub(crate) const PROGRAM: &str = include_str!("websockets.py");

/// A server that answers each message with its name and the message. Killed on drop.
pub(crate) struct Server {
    child: Child,
    name: &'static str,
    port: u16,
}

impl Server {
    /// `secure` are the files of a certificate and its key, if it is to speak TLS.
    pub(crate) fn start(name: &'static str, program: &Path, secure: &[&Path]) -> Self {
        let mut child = Command::new(python(BINARY))
            .arg(program)
            .args(["serve", name])
            .args(secure)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("python with websockets (`cargo xtask test` installs it): {error}")
            });
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it was asked for"))
            .read_line(&mut line)
            .expect("its port");
        let port = line.trim().parse().unwrap_or_else(|error| panic!("{error}: {line:?}"));
        Self { child, name, port }
    }

    pub(crate) fn entry(&self) -> String {
        format!("{{ address = \"127.0.0.1:{}\", name = \"{}\" }}", self.port, self.name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Twelve at once over three servers: text, binary, fragments, a message of 4 MiB, pings, compression, subprotocols, and
/// the closing handshake from either side.
#[tokio::test]
async fn websockets_talk_through_it_and_are_spread_evenly() {
    let directory = TempDir::new("websockets");
    let program = directory.write("websockets_peer.py", PROGRAM);
    let servers = ["a", "b", "c"].map(|name| Server::start(name, &program, &[]));
    let pool = "strategy = \"least_request\"\nhealth = false\npassive = false";
    let evenkeel = Setup::of_entries(servers.iter().map(Server::entry)).pool(pool).start().await;
    let url = format!("ws://{}/chat", evenkeel.address("web"));
    let program = program.display().to_string();
    let interpreter = python(BINARY).display().to_string();
    let arguments = [program.as_str(), "talk", &url, "12"];
    let talk = run_to_end(&interpreter, &arguments, directory.path(), Duration::from_secs(60));
    let seen = async {
        evenkeel.await_metrics("twelve at once", |metrics| in_flight(metrics) == 12.0).await;
        let metrics = evenkeel.metrics().await;
        metrics.by("evenkeel_backend_attempts_total", &[], "backend")
    };
    let (talked, shares) = tokio::join!(talk, seen);
    assert_eq!(talked.status.code(), Some(0), "{} {}", talked.stdout, talked.stderr);
    assert!(shares.values().all(|share| *share == 4.0), "{shares:?}");
    let told: Json = talked.stdout.parse().unwrap_or_else(|error| panic!("{error}: {}", talked.stdout));
    assert_eq!(told["servers"], "a".repeat(4) + &"b".repeat(4) + &"c".repeat(4), "{told}");
    assert_eq!(
        (&told["subprotocol"], &told["compressed"]),
        (&Json::from("chat"), &Json::from(true)),
        "{told}"
    );
    assert_eq!(told["closed"], codes(), "{told}");
    assert_eq!(outcomes(&await_none(&evenkeel).await, "ok"), 12.0);
}

/// Half of them are closed by the server, with a code of its own.
fn codes() -> Json {
    [1000, 4001].repeat(6).into()
}
