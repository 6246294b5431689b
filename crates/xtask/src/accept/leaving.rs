//! SIGTERM while long responses are under way.

use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Client, Digest, Evenkeel, Reply, Signal, Step, until};

use super::report::Row;
use super::stage::{Stage, config};

const CLIENTS: usize = 20;
const BODY: usize = 30_000;

/// In good order, then against the deadline.
pub(crate) fn run(stage: Stage) -> Vec<Row> {
    let mut rows = stage.block_on(drained(&stage));
    rows.extend(stage.block_on(cut(&stage)));
    rows
}

/// Responses of three seconds each.
async fn drained(stage: &Stage) -> Vec<Row> {
    let body = evenkeel_testkit::pattern(0, BODY).to_vec();
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {BODY}\r\n\r\n").into_bytes();
    let drip = Step::Drip(body, BODY / 30, Duration::from_millis(100));
    let backend = Backend::scripted("a", move |head_| match head_.target() {
        "/" => Reply::text(200, "well"),
        _ => Reply::steps([Step::ReadBody, Step::Send(head.clone()), drip.clone()]),
    })
    .await;
    let mut evenkeel = stage.start(&long(&backend, "drain_timeout = \"30s\""), 1).await;
    let mut clients = with_requests(&evenkeel, &backend).await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    let mut whole = 0;
    for client in &mut clients {
        let response = client.digested_response("GET").await;
        whole +=
            usize::from(response.is_ok_and(|response| response.digest == Digest::of_pattern(BODY as u64)));
    }
    let status = evenkeel.await_exit(Duration::from_secs(30)).await;
    let took = started.elapsed().as_secs_f64();
    vec![
        Row::new(
            "SIGTERM: every response under way ends whole",
            format!("{whole} of {CLIENTS}"),
            whole == CLIENTS,
        ),
        Row::new("  exit status 0", status.to_string(), status.success()),
        Row::at_most("  gone within 6 s, when the last 3 s response has ended", took, 6.0, " s"),
    ]
}

/// Responses that never end.
async fn cut(stage: &Stage) -> Vec<Row> {
    let backend = Backend::scripted("a", |head| match head.target() {
        "/" => Reply::text(200, "well"),
        _ => Reply::steps([Step::ReadBody, Step::Hang]),
    })
    .await;
    let mut evenkeel = stage.start(&long(&backend, "drain_timeout = \"2s\""), 1).await;
    let _clients = with_requests(&evenkeel, &backend).await;
    let started = Instant::now();
    evenkeel.signal(Signal::TERM);
    let status = evenkeel.await_exit(Duration::from_secs(30)).await;
    let took = started.elapsed().as_secs_f64();
    let counted = evenkeel.log().iter().rev().find_map(|event| event["cut"].as_u64());
    vec![
        Row::new(
            "at the deadline of 2 s what is left is cut, and counted",
            format!("{counted:?} of {CLIENTS}, {status}"),
            counted == Some(CLIENTS as u64) && status.success(),
        ),
        Row::new("  not before, and not much later", format!("{took:.2} s"), (2.0..5.0).contains(&took)),
    ]
}

fn long(backend: &Backend, runtime: &str) -> String {
    config(&format!("  {},\n", backend.entry(1)), runtime, "")
}

/// Clients whose requests have reached the backend.
async fn with_requests(evenkeel: &Evenkeel, backend: &Backend) -> Vec<Client> {
    let before = backend.requests();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let mut client = evenkeel.client("web").await;
        client.send("GET /long HTTP/1.1\r\nHost: h\r\n\r\n").await;
        clients.push(client);
    }
    until("all requests", async || (backend.requests() >= before + CLIENTS as u64).then_some(())).await;
    clients
}
