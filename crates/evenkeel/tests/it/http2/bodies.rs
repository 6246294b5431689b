//! Bodies, both ways, between all versions.

use evenkeel_testkit::{Backend, Digest, Gate, Reply, Step, pattern, until};

use super::{OVER_HTTP2, await_quiet, curl, front_of};
use crate::support::Setup;

/// Longer than every window and buffer on the way.
const LONG: u64 = 3_000_000;

/// Down and up between `curl` with `arguments` and a backend behind `evenkeel`.
async fn both_ways(evenkeel: &evenkeel_testkit::Evenkeel, backend: &Backend, version: &str) {
    let sent = evenkeel.directory().join("sent");
    let mut content = Vec::new();
    while (content.len() as u64) < LONG {
        content.extend_from_slice(pattern(content.len() as u64, 1 << 16));
    }
    content.truncate(LONG as usize);
    std::fs::write(&sent, &content).expect("what the test needs");
    let before = backend.received().len();
    for upload in ["--data-binary", "-T"] {
        let file = if upload == "-T" { "sent".to_owned() } else { "@sent".to_owned() };
        let framing = if upload == "-T" { "Transfer-Encoding: chunked" } else { "X: y" };
        let more = ["-X", "POST", "-H", framing, "-H", "Expect:"];
        let arguments = [&[version, upload, &file, "-o", "got"][..], &more].concat();
        let ran = curl(evenkeel, "/", &arguments).await;
        assert!(ran.status.success(), "{ran:?}");
        assert!(
            std::fs::read(evenkeel.directory().join("got")).expect("what the test needs") == content,
            "what came back"
        );
    }
    let received = backend.received();
    assert_eq!(received.len(), before + 2);
    for request in &received[before..] {
        assert_eq!(request.digest, Digest::of_pattern(LONG), "{:?}", request.head);
    }
}

#[tokio::test]
async fn long_bodies_arrive_whole_from_and_to_either_version() {
    let backend = Backend::with_reply("a", Reply::pattern(LONG)).await;
    let (front, entry) = front_of(&backend).await;
    both_ways(&front, &backend, "--http2-prior-knowledge").await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    for version in ["--http2-prior-knowledge", "--http1.1"] {
        both_ways(&chained, &backend, version).await;
    }
    let metrics = await_quiet(&chained).await;
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 4.0);
}

#[tokio::test]
async fn chunks_and_trailers_pass() {
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
                   5\r\nhello\r\n7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n";
    let backend = Backend::with_reply("a", Reply::raw(chunked)).await;
    let (front, entry) = front_of(&backend).await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    for evenkeel in [&front, &chained] {
        let got = curl(evenkeel, "/", &["-v"]).await;
        assert_eq!(got.stdout, "hello, world");
        assert!(got.stderr.contains("< x-sum: 12"), "{}", got.stderr);
    }
    // And back into chunks.
    let mut client = chained.client("web").await;
    let response = client.get("h", "/").await;
    assert_eq!(response.text(), "hello, world");
    assert_eq!(response.trailers, [("x-sum".to_owned(), "12".to_owned())]);
}

#[tokio::test]
async fn a_truncated_response_never_looks_whole() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello";
    let cut = Reply::steps([Step::ReadBody, Step::Send(head.into()), Step::Close]);
    let backend = Backend::with_reply("a", cut).await;
    let (front, entry) = front_of(&backend).await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    for evenkeel in [&front, &chained] {
        let got = curl(evenkeel, "/", &["-w", "%{http_code}"]).await;
        // Where the reset overtakes the head there is no response that it could cut short.
        let is_cut = got.status.code() == Some(92) || got.stdout.ends_with("502");
        assert!(is_cut, "a stream that was not closed cleanly: {got:?}");
        let metrics = await_quiet(evenkeel).await;
        assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "response_broken")]), 1.0);
    }
}

#[tokio::test]
async fn content_is_not_held_back() {
    let gate = Gate::new();
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n".to_vec();
    let steps = [
        Step::ReadBody,
        Step::Send(head),
        Step::Pass(gate.clone()),
        Step::Send(b"4\r\nlast\r\n0\r\n\r\n".to_vec()),
    ];
    let backend = Backend::with_reply("a", Reply::steps(steps)).await;
    let (_front, entry) = front_of(&backend).await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let got = chained.directory().join("got");
    let watching = async {
        until("the first part", async || (std::fs::read(&got).unwrap_or_default() == b"first").then_some(()))
            .await;
        gate.open();
    };
    let (ran, ()) = tokio::join!(curl(&chained, "/", &["-N", "-o", "got"]), watching);
    assert!(ran.status.success(), "{ran:?}");
    assert_eq!(std::fs::read(&got).unwrap(), b"firstlast");
}

#[tokio::test]
async fn a_client_that_leaves_frees_its_backend() {
    let gate = Gate::new();
    let backend = Backend::with_reply("a", Reply::named("a", "late").behind(&gate)).await;
    let (front, entry) = front_of(&backend).await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let ran = curl(&chained, "/", &["--max-time", "0.3"]).await;
    assert_eq!(ran.status.code(), Some(28), "{ran:?}");
    for evenkeel in [&chained, &front] {
        let metrics = await_quiet(evenkeel).await;
        assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "cancelled")]), 1.0);
    }
}

#[tokio::test]
async fn a_slow_client_slows_its_backend_and_holds_little() {
    let backend = Backend::with_reply("a", Reply::pattern(64 << 20)).await;
    let (front, entry) = front_of(&backend).await;
    let chained = Setup::of_entries([entry]).pool(OVER_HTTP2).start().await;
    let before = [&front, &chained].map(|evenkeel| evenkeel.resident_bytes());
    let ran = curl(&chained, "/", &["--limit-rate", "100K", "--max-time", "2", "-o", "/dev/null"]).await;
    assert_eq!(ran.status.code(), Some(28), "{ran:?}");
    for (evenkeel, before) in [&front, &chained].into_iter().zip(before) {
        assert!(evenkeel.peak_resident_bytes() < before + (16 << 20), "the body is not kept anywhere");
        await_quiet(evenkeel).await;
    }
}
