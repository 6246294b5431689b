//! Connections that switch to another protocol: when they do, what becomes of them, and what gets in nobody's way.

mod accounts;
mod lifetime;
pub(crate) mod peers;
mod refusals;
mod streams;
mod tunnels;

use evenkeel_testkit::{Backend, Client, Evenkeel, Head, Json, Metrics, Reply, Step, until};

use crate::support::get_with;

/// What asks for a WebSocket.
const ASKS: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a2V5\r\n\
                    Sec-WebSocket-Version: 13\r\n";
/// What grants it.
const GRANTS: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: c2VjcmV0\r\n\r\n";

/// A backend that grants a WebSocket at `/ws`, sends back what comes through it, and serves everything else.
async fn echoing(name: &'static str) -> Backend {
    Backend::scripted(name, move |head| match head.target() {
        "/ws" => granted([Step::Echo]),
        _ => Reply::named(name, name),
    })
    .await
}

/// The switch, and what happens in the tunnel.
fn granted(then: impl IntoIterator<Item = Step>) -> Reply {
    Reply::steps([Step::Send(GRANTS.into())].into_iter().chain(then))
}

/// An open tunnel to whatever grants one at `/ws`.
async fn open(evenkeel: &Evenkeel) -> Client {
    switched(evenkeel, "").await.0
}

/// The same with more fields in the request, and the head that granted it.
async fn switched(evenkeel: &Evenkeel, fields: &str) -> (Client, Head) {
    let mut client = evenkeel.client("web").await;
    client.send(get_with("/ws", &format!("{ASKS}{fields}"))).await;
    let head = client.try_head().await.expect("an answer");
    assert_eq!(head.status().ok(), Some(101), "{}", head.start);
    (client, head)
}

/// Sends `text` and checks that it comes back.
async fn echo(client: &mut Client, text: &str) {
    client.send(text).await;
    hear(client, text).await;
}

/// Checks that exactly `text` comes next.
async fn hear(client: &mut Client, text: &str) {
    let mut got = Vec::new();
    while got.len() < text.len() {
        let some = client.read_some(text.len() - got.len()).await.expect("the tunnel is open");
        assert!(!some.is_empty(), "closed after {:?}", String::from_utf8_lossy(&got));
        got.extend_from_slice(&some);
    }
    assert_eq!(String::from_utf8_lossy(&got), text);
}

/// What puts the access log where [`logged`] reads it.
const LOG: &str = "[log]\naccess = { path = \"access.log\", format = \"json\" }";

/// The lines of the access log, once there are `count`.
async fn logged(evenkeel: &Evenkeel, count: usize) -> Vec<Json> {
    let path = evenkeel.directory().join("access.log");
    until(&format!("{count} lines in the access log"), async || {
        let text = std::fs::read_to_string(&path).ok().filter(|text| text.ends_with('\n'))?;
        let lines: Vec<Json> = text.lines().filter_map(|line| line.parse().ok()).collect();
        (lines.len() == count).then_some(lines)
    })
    .await
}

fn in_flight(metrics: &Metrics) -> f64 {
    metrics.value("evenkeel_backend_in_flight", &[])
}

fn open_tunnels(metrics: &Metrics) -> f64 {
    metrics.value("evenkeel_tunnels_open", &[("pool", "web")])
}

fn outcomes(metrics: &Metrics, outcome: &str) -> f64 {
    metrics.value("evenkeel_backend_outcomes_total", &[("outcome", outcome)])
}

/// Waits until no tunnel is open and nothing is in flight.
async fn await_none(evenkeel: &Evenkeel) -> Metrics {
    evenkeel
        .await_metrics("the end of all tunnels", |metrics| {
            (open_tunnels(metrics), in_flight(metrics)) == (0.0, 0.0)
        })
        .await;
    // Of one scrape some figures may be from before the end, others from after it.
    evenkeel.metrics().await
}
