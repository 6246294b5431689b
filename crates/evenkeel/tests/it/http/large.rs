//! Bodies larger than any buffer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use evenkeel_testkit::{Backend, Client, Digest, Evenkeel, Gate, Reply, Step, pattern, until};

use crate::support::{Setup, get};

const LARGE: u64 = 64 << 20;
/// What the kernel's socket buffers may hold on the way, two connections with two ends each, generously.
const IN_KERNEL_MAX: u64 = 40 << 20;
/// Of a debug build, with everything.
const RESIDENT_MAX: u64 = 64 << 20;

#[tokio::test]
async fn both_ways_unchanged_in_bounded_memory() {
    let backend = Backend::with_reply("a", Reply::pattern(LARGE)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE}\r\n\r\n")).await;
    client.send_pattern(LARGE).await.expect("the body is taken");
    let response = client.digested_response("PUT").await.expect("a whole response");
    assert_eq!(response.digest, Digest::of_pattern(LARGE));
    assert_eq!(backend.only_request().digest, Digest::of_pattern(LARGE));
    let peak = evenkeel.peak_resident_bytes();
    assert!(peak < RESIDENT_MAX, "{} MiB resident", peak >> 20);
}

#[tokio::test]
async fn a_backend_that_does_not_read_holds_the_client_back() {
    let gate = Gate::new();
    let reply = Reply::steps([Step::Pass(gate.clone()), Step::ReadBody]);
    let reply = reply.then(Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec()));
    let backend = Backend::with_reply("a", reply).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(format!("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: {LARGE}\r\n\r\n")).await;
    let sent = Arc::new(AtomicU64::new(0));
    let progress = Arc::clone(&sent);
    let sending = tokio::spawn(async move {
        while progress.load(Ordering::Relaxed) < LARGE {
            let at = progress.load(Ordering::Relaxed);
            let piece = pattern(at, (LARGE - at).min(1 << 16) as usize);
            client.send(piece).await;
            progress.fetch_add(piece.len() as u64, Ordering::Relaxed);
        }
        client
    });
    let stalled_at = standstill(&sent).await;
    assert!(stalled_at < IN_KERNEL_MAX, "{} MiB went nowhere", stalled_at >> 20);
    assert_lean(&evenkeel);
    gate.open();
    let mut client: Client = sending.await.expect("sending goes on");
    assert_eq!(client.response_to("PUT").await.status(), 200);
    assert_eq!(backend.only_request().digest, Digest::of_pattern(LARGE));
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_the_backend_back() {
    let backend = Backend::with_reply("a", Reply::pattern(LARGE)).await;
    let evenkeel = Setup::new([&backend]).start().await;
    let mut client = evenkeel.client("web").await;
    client.send(get("/")).await;
    until("the request", async || (backend.requests() == 1).then_some(())).await;
    let received = async || {
        let metrics = evenkeel.metrics().await;
        metrics.value("evenkeel_backend_in_flight", &[("pool", "web")])
    };
    assert_eq!(received().await, 1.0, "the response is under way");
    assert_lean(&evenkeel);
    let response = client.digested_response("GET").await.expect("a whole response");
    assert_eq!(response.digest, Digest::of_pattern(LARGE));
    assert_lean(&evenkeel);
}

/// Where a counter stops: when it has not moved for half a second.
async fn standstill(counter: &AtomicU64) -> u64 {
    let mut last = (counter.load(Ordering::Relaxed), Instant::now());
    until("a standstill", async || {
        let now = counter.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        (now > 0 && last.1.elapsed() > Duration::from_millis(500)).then_some(now)
    })
    .await
}

#[track_caller]
fn assert_lean(evenkeel: &Evenkeel) {
    let resident = evenkeel.resident_bytes();
    assert!(resident < RESIDENT_MAX, "{} MiB resident", resident >> 20);
}
