//! Whole logs: what is found in them, and what is not.

use std::fmt::Write as _;
use std::io::{Read, Write as _};

use evenkeel_analyze::{AnalyzeError, Format, Options, Report, analyze};
use evenkeel_core::Rng;

/// One request of a made-up HAProxy log.
struct Request {
    second: u32,
    server: usize,
    client: u32,
    status: u16,
    millis: u32,
}

fn haproxy(requests: impl IntoIterator<Item = Request>) -> String {
    let mut log = String::new();
    for Request { second, server, client, status, millis } in requests {
        let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
        writeln!(
            log,
            "Nov 21 12:00:00 h haproxy[7]: 192.0.2.{client}:4000 [21/Nov/2026:{hours:02}:{minutes:02}:{seconds:02}.000] in web/s{server} \
             0/0/0/{millis}/{millis} {status} 1000 - - ---- 1/1/0/0/0 0/0 \"GET / HTTP/1.1\""
        )
        .expect("memory");
    }
    log
}

fn drawn(rng: &mut Rng, weights: &[u32]) -> usize {
    let mut lot = rng.below(weights.iter().sum());
    weights
        .iter()
        .position(|&weight| {
            let hit = lot < weight;
            lot = lot.wrapping_sub(weight);
            hit
        })
        .expect("the lot is below the sum")
}

/// 50 requests a second, by weights that may change.
fn traffic(seconds: u32, weights: impl Fn(u32) -> [u32; 3]) -> String {
    let mut rng = Rng::from_seed(1);
    haproxy((0..seconds * 50).map(|index| {
        let second = index / 50;
        let server = drawn(&mut rng, &weights(second));
        Request { second, server, client: rng.below(200), status: 200, millis: 5 + rng.below(20) }
    }))
}

fn report(log: &str, options: &Options) -> Report {
    analyze(log.as_bytes(), options).expect("a readable log")
}

#[test]
fn even_traffic_is_cleared() {
    let found = report(&traffic(1200, |_| [1, 1, 1]), &Options::default());
    assert_eq!((found.lines, found.unread, found.pools.len()), (60_000, 0, 1));
    assert!(found.is_clean(), "{:?}", found.pools[0].causes);
    assert_eq!(found.pools[0].needed, 0);
    assert!((found.pools[0].backends[0].share - 1.0 / 3.0).abs() < 0.02);
}

#[test]
fn weights_nobody_meant_are_named_with_their_beginning() {
    let log = traffic(1200, |second| if second < 600 { [1, 1, 1] } else { [5, 1, 1] });
    let pool = &report(&log, &Options::default()).pools[0];
    let worst = &pool.causes[0];
    assert_eq!(
        (worst.dimension, &*worst.backend, worst.above, worst.kind),
        ("requests", "s0", true, "weights")
    );
    assert!(worst.critical);
    assert!((worst.share - 5.0 / 7.0).abs() < 0.01, "{}: of all the time since then", worst.share);
    let began = pool.first + 600;
    assert!((worst.since - began).abs() <= 3, "{} instead of {began}", worst.since);
    assert!(pool.worst.iter().all(|minute| minute.backend == "s0" && minute.minute >= pool.first + 600));
    assert!(pool.causes.iter().all(|cause| cause.dimension == "requests"), "{:?}", pool.causes);
}

#[test]
fn what_is_meant_to_be_uneven_is_not_blamed() {
    let expected = vec![("s0".into(), 5.0), ("s1".into(), 1.0), ("s2".into(), 1.0)];
    let options = Options { expected, ..Options::default() };
    assert!(report(&traffic(600, |_| [5, 1, 1]), &options).is_clean());
    assert!(report(&traffic(600, |_| [1, 1, 1]), &options).pools[0].is_skewed());
}

#[test]
fn who_should_be_there_and_is_not_is_missed() {
    let expected = ["s0", "s1", "s2", "s3"].map(|name| (name.to_owned(), 1.0)).to_vec();
    let found = report(&traffic(600, |_| [1, 1, 1]), &Options { expected, ..Options::default() });
    let missing = found.pools[0].causes.iter().find(|cause| cause.backend == "s3").unwrap();
    assert_eq!((missing.kind, missing.above), ("missing", false));
}

#[test]
fn a_backend_that_fails_or_is_slow_is_told_from_one_that_gets_too_much() {
    let mut rng = Rng::from_seed(2);
    let log = haproxy((0..60_000).map(|index| {
        let server = drawn(&mut rng, &[1, 1, 1]);
        let status = if server == 1 && rng.below(20) == 0 { 503 } else { 200 };
        let millis = if server == 2 { 50 + rng.below(100) } else { 5 + rng.below(20) };
        Request { second: index / 50, server, client: rng.below(200), status, millis }
    }));
    let pool = &report(&log, &Options::default()).pools[0];
    assert!(!pool.is_skewed(), "{:?}", pool.causes);
    let kinds: Vec<_> = pool.causes.iter().map(|cause| (cause.kind, &*cause.backend)).collect();
    assert_eq!(kinds, [("bad_backend", "s1"), ("slow_backend", "s2")]);
}

#[test]
fn slowness_that_all_share_blames_nobody() {
    let mut rng = Rng::from_seed(3);
    let log = haproxy((0..60_000).map(|index| {
        let second = index / 50;
        let slower = if second > 600 { 10 } else { 1 };
        let millis = slower * (5 + rng.below(20));
        let status = if second > 600 && rng.below(10) == 0 { 504 } else { 200 };
        Request { second, server: drawn(&mut rng, &[1, 1, 1]), client: rng.below(200), status, millis }
    }));
    let found = report(&log, &Options::default());
    assert!(found.is_clean(), "{:?}", found.pools[0].causes);
}

#[test]
fn one_client_that_sticks_is_the_reason() {
    let mut rng = Rng::from_seed(4);
    let log = haproxy((0..60_000).map(|index| {
        let sticks = rng.below(10) < 4;
        let client = if sticks { 250 } else { rng.below(200) };
        let server = if sticks { 0 } else { drawn(&mut rng, &[1, 1, 1]) };
        Request { second: index / 50, server, client, status: 200, millis: 5 }
    }));
    let hidden = report(&log, &Options::default());
    let worst = &hidden.pools[0].causes[0];
    assert_eq!((worst.kind, &*worst.backend), ("hot_client", "s0"));
    assert!(!worst.sentence.contains("192.0.2.250"), "{}", worst.sentence);
    let shown = report(&log, &Options { show_clients: true, ..Options::default() });
    assert!(shown.pools[0].causes[0].sentence.contains("192.0.2.250"));
    assert_eq!(shown.pools[0].top_clients[0].0, "192.0.2.250");
    assert!(shown.pools[0].design_effect > 1000.0);
}

#[test]
fn a_short_log_says_how_much_is_missing() {
    let found = report(&traffic(1, |_| [5, 1, 1]), &Options::default());
    assert!(found.is_clean());
    assert!(found.pools[0].needed > 50, "{}", found.pools[0].needed);
}

#[test]
fn compressed_logs_are_read_like_others() {
    let log = traffic(100, |_| [1, 1, 1]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(log.as_bytes()).unwrap();
    let mut twice = gzip.finish().unwrap();
    // Files of several days, one behind the other.
    twice.extend(twice.clone());
    assert_eq!(analyze(twice.as_slice(), &Options::default()).unwrap().lines, 10_000);
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(twice.as_slice()).read_to_string(&mut text).unwrap();
    assert_eq!(text.len(), 2 * log.len());
}

#[test]
fn more_names_than_are_told_apart_are_said_to_be() {
    let server = |index| Request { second: 0, server: index, client: 1, status: 200, millis: 1 };
    let found = report(&haproxy((0..5_000).map(server)), &Options::default());
    assert_eq!((found.pools[0].backends.len(), found.beyond), (4096, 904));
}

#[test]
fn what_cannot_be_read_is_said() {
    assert!(matches!(analyze(&b""[..], &Options::default()), Err(AnalyzeError::Empty)));
    let unknown = analyze(&b"what is this\n"[..], &Options::default()).unwrap_err().to_string();
    assert!(unknown.contains("what is this") && unknown.contains("--format"), "{unknown}");
    let options = Options { format: Some(Format::Haproxy), ..Options::default() };
    assert!(matches!(analyze(&b"x\n"[..], &options), Err(AnalyzeError::NoLine { lines: 1, .. })));
    let mut some = traffic(10, |_| [1, 1, 1]);
    some.push_str("haproxy[7]: Server web/s1 is DOWN\n\n");
    assert_eq!(report(&some, &Options::default()).unread, 1);
}
