//! `evenkeel load`: latencies from when requests were due, shares, failures, and the search for the capacity.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use evenkeel_testkit::{
    Backend, Capacity, ClosedPort, Evenkeel, Finished, Head, Json, Reply, Signal, Step, TempDir, run_to_end,
    until,
};

use crate::support::{BINARY, Setup, backends};

async fn run(directory: &TempDir, url: &str, flags: &str) -> Finished {
    let arguments: Vec<&str> = ["load", url].into_iter().chain(flags.split_whitespace()).collect();
    run_to_end(BINARY, &arguments, directory.path(), Duration::from_secs(120)).await
}

async fn measured(url: &str, flags: &str) -> (Option<i32>, Json) {
    let done = run(&TempDir::new("load"), url, &format!("{flags} --json")).await;
    let report =
        done.stdout.parse().unwrap_or_else(|error| panic!("{error}: {} {}", done.stdout, done.stderr));
    (done.status.code(), report)
}

fn url(backend: &Backend) -> String {
    format!("http://{}/", backend.address())
}

/// Answers at once, except within a second that begins so long after the second request: then when that is over.
fn stalls_after(wait: Duration) -> impl Fn(&Head) -> Reply + Send + Sync + 'static {
    let (asked, began) = (AtomicU64::new(0), Mutex::new(None));
    move |_| {
        // The first one only looks who is there.
        if asked.fetch_add(1, Ordering::Relaxed) == 0 {
            return Reply::named("a", "");
        }
        let began = *began.lock().expect("nobody panicked").get_or_insert_with(Instant::now);
        let (since, end) = (began.elapsed(), wait + Duration::from_secs(1));
        let stall = if since >= wait { end.saturating_sub(since) } else { Duration::ZERO };
        let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Backend: a\r\n\r\n";
        Reply::steps([Step::Pause(stall), Step::ReadBody, Step::Send(answer.into())])
    }
}

const STALL: &str = "--rate 400 --duration 5s --arrivals constant --by header:X-Backend --threads 1";

/// The point of the curve nearest to a quantile: where it is, and the latency there, in seconds.
fn at_quantile(report: &Json, wanted: f64, which: &str) -> (f64, f64) {
    let figure = |point: &Json, name: &str| point[name].as_f64().expect("a number");
    let distance = |point: &Json| (figure(point, "quantile") - wanted).abs();
    let points = report["curve"].as_array().expect("a curve").iter();
    let nearest = points.min_by(|one, other| distance(one).total_cmp(&distance(other))).expect("points");
    (figure(nearest, "quantile"), figure(nearest, which) / 1000.0)
}

/// At a fixed rate for d = 5 s a stall of s = 1 s is met by the part s/d of all requests, which wait from 0 to s, evenly: the
/// quantile q is s − (1 − q) d, 0.5 s for p90 and 0.95 s for p99. All that are due meanwhile find a connection.
#[tokio::test]
async fn a_stall_of_the_backend_shows_in_full() {
    let backend = Backend::scripted("a", stalls_after(Duration::from_secs(2))).await;
    let (code, report) = measured(&url(&backend), &format!("{STALL} --connections 500")).await;
    let counts = (report["requests"].as_u64(), report["failed"].as_u64());
    assert_eq!((code, counts), (Some(0), (Some(2000), Some(0))), "{report}");
    let lag = report["generator"]["lag_max_ms"].as_f64().expect("a number") / 1000.0;
    for wanted in [0.85, 0.9, 0.95, 0.99] {
        let (at, latency) = at_quantile(&report, wanted, "latency_ms");
        let expected = 1.0 - (1.0 - at) * 5.0;
        let off = (latency - expected).abs();
        assert!(off < 0.06 + lag, "p{}: {latency} s, {expected} expected: {report}", at * 100.0);
    }
    assert!(at_quantile(&report, 0.5, "latency_ms").1 < 0.1, "the others are not touched: {report}");
}

/// With four connections, four requests meet the stall; the others wait for a connection meanwhile, which shows only if it is
/// counted.
#[tokio::test]
async fn counted_from_when_it_was_sent_a_stall_hides() {
    let backend = Backend::scripted("a", stalls_after(Duration::from_secs(2))).await;
    let (_, report) = measured(&url(&backend), &format!("{STALL} --connections 4")).await;
    assert_eq!(report["failed"], 0, "{report}");
    assert!(at_quantile(&report, 0.99, "latency_ms").1 > 0.85, "{report}");
    assert!(at_quantile(&report, 0.99, "uncorrected_ms").1 < 0.2, "{report}");
    assert!(report["generator"]["waited_for_connection"].as_u64() > Some(300), "{}", report["generator"]);
}

#[tokio::test]
async fn uneven_weights_are_told_by_who_answers_and_even_ones_are_not() {
    let all = backends(["a", "b", "c"]).await;
    let even = Setup::new(&all).start().await;
    let flags = "--rate 500 --duration 2s --connections 8 --equal 3";
    let (code, report) = measured(&format!("http://{}/", even.address("web")), flags).await;
    assert_eq!((code, report["split"]["verdict"].as_str()), (Some(0), Some("even")), "{report}");
    let weights = [5, 1, 1];
    let uneven =
        Setup::of_entries(all.iter().zip(weights).map(|(one, weight)| one.entry(weight))).start().await;
    let place = format!("http://{}/", uneven.address("web"));
    let (code, report) = measured(&place, flags).await;
    assert_eq!((code, report["split"]["verdict"].as_str()), (Some(1), Some("skewed")), "{report}");
    assert_eq!(report["by"], "header:x-backend");
    let first = &report["backends"][0];
    assert!(first["backend"] == "a" && first["share"].as_f64().unwrap() > 0.68, "{first}");
    assert!(
        first["latency"]["p99_ms"].as_f64().unwrap() > 0.0
            && first["errors"] == Json::Object(Default::default())
    );
    let (code, report) = measured(&place, "--rate 500 --duration 2s --expect a=5,b=1,c=1").await;
    assert_eq!((code, report["split"]["verdict"].as_str()), (Some(0), Some("even")), "{report}");
}

#[tokio::test]
async fn streams_of_http2_are_told_apart() {
    let all = backends(["a", "b"]).await;
    let evenkeel = Setup::new(&all).start().await;
    let flags = "--rate 400 --duration 2s --http2 --connections 2 --streams 8 --equal 2 --vary header:X-User";
    let (code, report) = measured(&format!("http://{}/", evenkeel.address("web")), flags).await;
    assert_eq!((code, report["split"]["verdict"].as_str()), (Some(0), Some("even")), "{report}");
    assert_eq!(report["failed"], 0, "{report}");
    let received = all[0].received();
    let key = |index: usize| received[index].head.field("x-user").map(str::to_owned);
    let last = received.len() - 1;
    assert!(key(last).is_some() && key(last) != key(last - 1), "{:?}", received[last].head);
}

#[tokio::test]
async fn a_connection_is_used_as_often_as_is_said() {
    let backend = Backend::start("a").await;
    let flags =
        "--rate 120 --duration 1s --arrivals constant --connections 4 --requests-per-connection 5 --by body";
    let (_, report) = measured(&url(&backend), flags).await;
    assert_eq!((report["requests"].as_u64(), report["failed"].as_u64()), (Some(120), Some(0)), "{report}");
    let connections = backend.connections() as u64;
    assert!((25..=28).contains(&connections), "24 and the one that looked who is there: {connections}");
}

#[tokio::test]
async fn failures_are_told_by_class_and_by_backend() {
    let asked = AtomicU64::new(0);
    let backend = Backend::scripted("a", move |_| match asked.fetch_add(1, Ordering::Relaxed) % 10 {
        3 => Reply::with_fields(503, "X-Backend: a\r\n", ""),
        5 => Reply::with_fields(404, "X-Backend: a\r\n", ""),
        7 => Reply::steps([Step::Reset]),
        8 => Reply::raw("garbage\r\n\r\n").then(Step::Close),
        9 => Reply::steps([Step::Hang]),
        _ => Reply::named("a", ""),
    });
    let backend = backend.await;
    let flags = "--rate 200 --duration 1s --timeout 500ms --by header:X-Backend --objective errors<1%";
    let (code, report) = measured(&url(&backend), flags).await;
    assert_eq!((code, report["objective"]["met"].as_bool()), (Some(1), Some(false)), "{report}");
    for class in ["5xx", "4xx", "reset", "protocol", "timeout"] {
        let count = report["errors"][class].as_u64().unwrap_or(0);
        assert!((10..=30).contains(&count), "{class}: {count} in {}", report["errors"]);
    }
    assert_eq!(report["backends"][0]["errors"]["5xx"], report["errors"]["5xx"]);
    assert!(report["latency"]["max_ms"].as_f64().unwrap() >= 500.0, "who gave up waiting has waited");
}

#[tokio::test]
async fn a_target_that_only_fails_is_no_success() {
    let backend = Backend::with_reply("a", Reply::with_fields(503, "X-Backend: a\r\n", "")).await;
    let done = run(&TempDir::new("load"), &url(&backend), "--rate 50 --duration 1s").await;
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert!(done.stdout.starts_with("No request was answered well."), "{}", done.stdout);
}

/// 2 at a time, 20 ms each: 100 a second at most. A little above that the queue takes longer than a step to get long.
#[tokio::test]
async fn the_capacity_is_found() {
    let capacity = Capacity { concurrency: 2, service: Duration::from_millis(20) };
    let backend = Backend::with_capacity("a", capacity).await;
    let directory = TempDir::new("load");
    let flags =
        "--find-capacity --objective p90<400ms --rate 40 --step-time 1s --timeout 2s --html page.html";
    let done = run(&directory, &url(&backend), flags).await;
    assert_eq!(done.status.code(), Some(0), "{} {}", done.stdout, done.stderr);
    let first = done.stdout.lines().next().unwrap_or_default();
    let rate: f64 =
        first.split(' ').next().and_then(|rate| rate.parse().ok()).unwrap_or_else(|| panic!("{first}"));
    assert!((50.0..=170.0).contains(&rate), "{}", done.stdout);
    assert!(first.contains("are not: p90 was"), "{first}");
    assert!(done.stdout.contains("not good"), "{}", done.stdout);
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 100), "{}", done.stdout);
    let page = std::fs::read_to_string(directory.path().join("page.html")).unwrap();
    assert!(page.matches("<svg").count() >= 5 && page.contains(">Capacity<"), "{page}");
    assert!(!page.contains("<script") && !page.contains("src=") && !page.contains("NaN"), "{page}");
}

#[tokio::test]
async fn steps_are_told_one_by_one() {
    let backend = Backend::start("a").await;
    let flags = "--rate 50..150 --step 50 --step-time 1s --arrivals constant --by body";
    let (code, report) = measured(&url(&backend), flags).await;
    let requests: Vec<u64> = report["stages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| stage["requests"].as_u64().unwrap())
        .collect();
    assert_eq!((code, requests), (Some(0), vec![50, 100, 150]), "{report}");
}

#[tokio::test]
async fn an_interrupt_ends_it_with_the_report_so_far() {
    let backend = Backend::start("a").await;
    let arguments = ["load", &url(&backend), "--rate", "100", "--duration", "60s", "--json"];
    let mut process = Evenkeel::launch(BINARY, "", &arguments);
    until("requests", async || (backend.requests() > 100).then_some(())).await;
    process.signal(Signal::INT);
    let status = process.await_exit(Duration::from_secs(10)).await;
    let report: Json = until("the report", async || process.stdout().join("\n").parse().ok()).await;
    assert_eq!((status.code(), report["interrupted"].as_bool()), (Some(0), Some(true)), "{report}");
    let (requests, seconds) = (report["requests"].as_u64().unwrap(), report["seconds"].as_f64().unwrap());
    assert!(requests > 90 && seconds < 30.0, "{report}");
}

#[tokio::test]
async fn nobody_is_attacked_by_mistake() {
    let directory = TempDir::new("load");
    let refused = run(&directory, "http://192.0.2.1/", "").await;
    assert_eq!(refused.status.code(), Some(2), "{}", refused.stderr);
    assert!(
        refused.stderr.contains("192.0.2.1") && refused.stderr.contains("--with-permission"),
        "{}",
        refused.stderr
    );
    let port = ClosedPort::new();
    let nobody = run(&directory, &format!("http://{}/", port.address()), "").await;
    assert_eq!(nobody.status.code(), Some(1), "{}", nobody.stderr);
    assert!(nobody.stderr.contains(&port.address().to_string()), "{}", nobody.stderr);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_to_write() {
    let directory = TempDir::new("load");
    for (flags, hint) in [
        ("--rate 0", "write it like 500"),
        ("--rate 1..10 --step 0", "--step 100"),
        ("--objective p99", "write it like p99<50ms"),
        ("--find-capacity", "--objective"),
        ("--find-capacity --objective p99<1s --rate 1..2", "--rate 100"),
        ("--header nonsense", "write it like 'X-Name: value'"),
        ("--header Content-Length:5", "decided by the connection"),
        ("--insecure", "write https://"),
        ("--connect-to nowhere", "an address and a port"),
        ("--expect a=0", "more than 0"),
        ("--by nonsense", "header:NAME"),
        ("--streams 5", "--http2"),
        ("--connections 20000 --http2 --streams 1000", "100,000"),
    ] {
        let done = run(&directory, "http://127.0.0.1:1/", flags).await;
        assert_eq!(done.status.code(), Some(2), "{flags}: {}", done.stderr);
        assert!(done.stderr.contains(hint), "{flags}: {}", done.stderr);
    }
    let limited = format!("ulimit -n 256; exec {BINARY} load http://127.0.0.1:1/ --connections 1000");
    let done = run_to_end("sh", &["-c", &limited], directory.path(), Duration::from_secs(10)).await;
    assert_eq!(done.status.code(), Some(1), "{}", done.stderr);
    assert!(done.stderr.contains("256 files open") && done.stderr.contains("ulimit"), "{}", done.stderr);
}

/// One connection for 100 requests a second that take 50 ms each: four fifths of them wait in vain.
#[tokio::test]
async fn a_target_that_is_too_slow_is_not_waited_for() {
    let capacity = Capacity { concurrency: 1, service: Duration::from_millis(50) };
    let backend = Arc::new(Backend::with_capacity("a", capacity).await);
    let began = Instant::now();
    let flags = "--rate 100 --duration 2s --connections 1 --timeout 1s --arrivals constant --by body";
    let (_, report) = measured(&url(&backend), flags).await;
    assert!(began.elapsed() < Duration::from_secs(8));
    let (requests, unsent) =
        (report["requests"].as_u64().unwrap(), report["errors"]["unsent"].as_u64().unwrap());
    assert_eq!(requests, 200, "{report}");
    assert!((120..=150).contains(&unsent), "20 a second for 3 s are sent: {report}");
    assert!(report["latency"]["p50_ms"].as_f64().unwrap() > 1000.0, "{report}");
    assert!(report["generator"]["notes"].to_string().contains("--connections"), "{report}");
    assert_eq!(
        report["uncorrected"]["count"].as_u64(),
        Some(requests - unsent),
        "what was never sent took no time"
    );
}
