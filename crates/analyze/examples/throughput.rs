//! How fast logs are read: megabytes a second of one core's time, for each format.
//!
//! `cargo run --release -p evenkeel-analyze --example throughput`

use std::fmt::Write as _;

use evenkeel_analyze::{FieldMap, Format, Options, analyze};
use evenkeel_core::Rng;

/// Bytes of each log.
const SIZE: usize = 256 << 20;

fn main() {
    let mut rng = Rng::from_seed(1);
    for (name, map, line) in FORMATS {
        let mut log = String::with_capacity(SIZE + 1024);
        let mut number = 0_u32;
        while log.len() < SIZE {
            number += 1;
            // 2,000 requests a second of 5,000 clients for 300 paths at ten backends.
            let (second, milli) = (number / 2000, number % 1000);
            let clock = format!("{:02}:{:02}:{:02}", second / 3600 % 24, second / 60 % 60, second % 60);
            let client = rng.below(5000);
            let text = line
                .replace("CLOCK", &clock)
                .replace("MILLI", &format!("{milli:03}"))
                .replace("CLIENT", &format!("10.1.{}.{}", client / 250, client % 250))
                .replace("PATH", &format!("/catalogue/{}?page={number}", rng.below(300)))
                .replace("BACKEND", &format!("10.0.0.{}:8080", rng.below(10)))
                .replace("EPOCH", &(1_795_219_200 + second).to_string());
            writeln!(log, "{text}").expect("memory");
        }
        let format = map.map(|map| Format::Fields(FieldMap::new(map).expect("a field map")));
        let before = on_processor();
        let report = analyze(log.as_bytes(), &Options { format, ..Options::default() }).expect("a log");
        let seconds = (on_processor() - before) as f64 / 1e9;
        assert_eq!(report.unread, 0, "{name}");
        let megabytes = log.len() as f64 / 1e6;
        println!(
            "{name:18} {:6.0} MB/s  {:5.2} million lines/s",
            megabytes / seconds,
            report.lines as f64 / seconds / 1e6
        );
    }
}

/// Nanoseconds that this thread has been on a processor: what others do on this machine does not count.
fn on_processor() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds come first")
}

const FORMATS: [(&str, Option<&str>, &str); 6] = [
    (
        "haproxy",
        None,
        "Nov 21 CLOCK lb1 haproxy[14389]: CLIENT:33317 [21/Nov/2026:CLOCK.MILLI] http-in web/BACKEND 0/0/1/12/13 200 2750 - - \
         ---- 120/118/12/3/0 0/0 \"GET PATH HTTP/1.1\"",
    ),
    (
        "nginx",
        None,
        "CLIENT - - [21/Nov/2026:CLOCK +0000] \"GET PATH HTTP/1.1\" 200 2750 \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux \
         x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\" 0.013 BACKEND",
    ),
    (
        "envoy",
        None,
        "[2026-11-21TCLOCK.MILLIZ] \"GET PATH HTTP/1.1\" 200 - 0 2750 13 12 \"CLIENT\" \"Mozilla/5.0 (X11; Linux x86_64)\" \
         \"cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2\" \"shop.example\" \"BACKEND\"",
    ),
    (
        "evenkeel-combined",
        None,
        "CLIENT - - [21/Nov/2026:CLOCK +0000] \"GET PATH HTTP/1.1\" 200 2750 \"-\" \"Mozilla/5.0 (X11)\" listener=web pool=web \
         backend=BACKEND reason=algorithm attempts=1 generation=1 error=- id=0a1b2c3d4e5f picked_ms=0.010 connected_ms=0.900 \
         header_ms=12.000 total_ms=13.000",
    ),
    (
        "evenkeel-json",
        None,
        "{\"attempts\":1,\"backend\":\"BACKEND\",\"client\":\"CLIENT\",\"connected_ms\":0.9,\"error\":null,\"generation\":1,\
         \"header_ms\":12.0,\"host\":\"shop.example\",\"listener\":\"web\",\"method\":\"GET\",\"path\":\"PATH\",\"picked_ms\":0.01,\
         \"pool\":\"web\",\"reason\":\"algorithm\",\"referer\":null,\"request_bytes\":0,\"request_id\":\"0a1b\",\"response_bytes\":2750,\
         \"status\":200,\"time\":EPOCH.MILLI,\"total_ms\":13.0,\"user_agent\":\"Mozilla/5.0\"}",
    ),
    (
        "field map",
        Some("backend=10"),
        "CLIENT - - [21/Nov/2026:CLOCK +0000] \"GET PATH HTTP/1.1\" 200 2750 \"https://shop.example/\" \"Mozilla/5.0 (X11; Linux \
         x86_64)\" \"BACKEND\"",
    ),
];
