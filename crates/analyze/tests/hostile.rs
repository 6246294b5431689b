//! Logs that are broken, or made to break the reader.

use std::fmt::Write as _;
use std::io::Write as _;

use evenkeel_analyze::{AnalyzeError, FieldMap, Format, Options, Report, Verdict, analyze};
use evenkeel_core::Rng;

const HAPROXY: &str = "192.0.2.1:4000 [21/Nov/2026:12:00:00.000] in web/s1 0/0/0/3/3 200 1000 - - ---- 1/1/0/0/0 0/0 \
                       \"GET /a?b HTTP/1.1\"";
const TCP: &str = "192.0.2.1:4000 [21/Nov/2026:12:00:00.000] in db/s1 0/0/5007 212 -- 0/0/0/0/3 0/0";
const NGINX: &str = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET /a HTTP/1.1\" 200 157 \"-\" \"curl\" 0.250 \
                     10.0.0.1:80, 10.0.0.2:80";
const JSON: &str = r#"{"attempts":1,"backend":"b","client":"192.0.2.1","error":null,"generation":7,"path":"/a","pool":"p","response_bytes":5,"status":200,"time":1795265687.1,"total_ms":4.5}"#;
const COMBINED: &str = "192.0.2.1 - - [21/Nov/2026:12:54:47 +0000] \"GET /a HTTP/1.1\" 200 5 \"-\" \"x\" listener=web pool=p \
                        backend=b reason=algorithm attempts=1 generation=7 error=- id=id total_ms=4.500";
const ENVOY: &str = "[2026-11-21T12:54:47.310Z] \"POST /api HTTP/2\" 204 - 154 0 226 100 \"10.0.35.28\" \"ua\" \"cc21\" \
                     \"locations\" \"10.0.2.1:80\"";
const SYSLOG: &str = "<134>1 2026-11-21T12:54:47Z host haproxy 7 - [a b=\"c\"] ";

fn report(log: impl AsRef<[u8]>, options: &Options) -> Result<Report, AnalyzeError> {
    analyze(log.as_ref(), options)
}

/// One line a second.
fn of_seconds(seconds: impl IntoIterator<Item = i64>) -> String {
    let mut log = String::new();
    for (index, second) in seconds.into_iter().enumerate() {
        let time = evenkeel_analyze::utc(second).replace(' ', "T");
        writeln!(
            log,
            "[{time}Z] \"GET / HTTP/1.1\" 200 - 1 1 5 5 \"192.0.2.{}\" \"-\" \"-\" \"h\" \"10.0.0.{}:80\"",
            index % 200,
            index % 3
        )
        .expect("memory");
    }
    log
}

#[test]
fn nothing_that_is_written_into_a_log_stops_the_reader() {
    let mut rng = Rng::from_seed(7);
    let wrapped = format!("{SYSLOG}{HAPROXY}");
    let object = format!("{{\"log\":{:?},\"stream\":\"stdout\"}}", NGINX);
    let lines = [HAPROXY, TCP, NGINX, JSON, COMBINED, ENVOY, &wrapped, &object];
    for round in 0..600 {
        let mut log = Vec::new();
        for _ in 0..1 + rng.below(12) {
            let mut line = lines[rng.below(lines.len() as u32) as usize].as_bytes().to_vec();
            for _ in 0..rng.below(4) {
                let at = rng.below(line.len().max(1) as u32) as usize;
                if line.is_empty() {
                    break;
                }
                match rng.below(5) {
                    0 => line[at] = rng.below(256) as u8,
                    1 => drop(line.remove(at)),
                    2 => line.truncate(at.max(1)),
                    3 => line.insert(at, b"[]\"\\{}/:, -<>="[rng.below(14) as usize]),
                    _ => line.splice(at..at, vec![b'9'; 25]).for_each(drop),
                }
            }
            log.extend(line);
            log.extend(if rng.below(2) == 0 { &b"\r\n"[..] } else { b"\n" });
        }
        for format in [
            None,
            Some("haproxy"),
            Some("evenkeel-combined"),
            Some("envoy"),
            Some("$remote_addr $upstream_addr"),
        ] {
            let format = format.map(|text| Format::from_text(text).expect("a format"));
            let options = Options { format, ..Options::default() };
            if let Ok(found) = report(&log, &options) {
                let told = serde_json::to_string(&found).unwrap_or_else(|error| panic!("{round}: {error}"));
                assert!(!told.contains("NaN"), "{told}");
            }
        }
        for map in
            ["backend=8", "backend=a.b,status=s", "backend=1,time=2,client=3,status=4,bytes=5,request=6"]
        {
            let map = Format::Fields(FieldMap::new(map).expect("a map"));
            report(&log, &Options { format: Some(map), ..Options::default() }).ok();
        }
    }
}

#[test]
fn numbers_beyond_all_measure_overflow_nothing() {
    let huge = "9".repeat(18);
    let line =
        HAPROXY.replace(" 1000 ", &format!(" {huge} ")).replace("0/0/0/3/3", &format!("0/0/0/3/{huge}"));
    let log =
        format!("{line}\n{}\n", line.replace("2026", "9999")).repeat(60) + &line.replace("2026", "0001");
    let found = report(&log, &Options::default()).unwrap();
    let pool = &found.pools[0];
    assert_eq!((found.lines, pool.backends[0].bytes), (121, u64::MAX));
    assert!(pool.first < -60_000_000_000 && pool.last > 200_000_000_000, "{} {}", pool.first, pool.last);
    let tcp = TCP.replace(" 212 ", &format!(" {huge} "));
    let log = format!("{tcp}\n{}\n", tcp.replace("s1", "s2")).repeat(500);
    assert!(report(&log, &Options::default()).is_ok_and(|found| found.is_clean()));
    let number = r#"{"attempts":99999999999999999999,"backend":"b","client":"c","generation":7,"status":200,"time":1e308}"#;
    let options = Options { format: Some(Format::EvenkeelJson), ..Options::default() };
    assert!(matches!(report(number, &options), Err(AnalyzeError::NoLine { .. })));
}

#[test]
fn lines_with_other_ends_lengths_and_bytes_are_counted_as_what_they_are() {
    let garbage: Vec<u8> = (0..=255).cycle().filter(|byte| *byte != b'\n').take(5_000).collect();
    let mut log = Vec::new();
    for _ in 0..50 {
        writeln!(log, "{HAPROXY}\r").expect("memory");
    }
    for bad in [&garbage[..], &[b'x'; 500_000], b"Proxy web started.", &HAPROXY.as_bytes()[..60]] {
        log.extend_from_slice(bad);
        log.push(b'\n');
    }
    log.extend_from_slice(&HAPROXY.as_bytes()[..HAPROXY.len() - 9]);
    let found = report(&log, &Options::default()).unwrap();
    assert_eq!((found.lines, found.unread), (51, 4), "the last one says enough");
    let mixed = format!("{HAPROXY}\n{HAPROXY}\n{NGINX}\n").repeat(40);
    let found = report(&mixed, &Options::default()).unwrap();
    assert_eq!((found.lines, found.unread, found.notes[0].kind), (80, 40, "mixed"));
    assert!(found.notes[0].sentence.starts_with("33 % of the lines"), "{}", found.notes[0].sentence);
}

#[test]
fn a_file_that_was_cut_off_says_what_it_says() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(of_seconds(0..3_000).as_bytes()).unwrap();
    let whole = gzip.finish().unwrap();
    let found = report(&whole[..whole.len() - 2_000], &Options::default()).unwrap();
    assert!((100..3_000).contains(&found.lines), "{}", found.lines);
    assert_eq!(found.notes[0].kind, "cut");
    let behind = [&whole[..], b"not gzip"].concat();
    let found = report(behind, &Options::default()).unwrap();
    assert_eq!((found.lines, found.notes.len()), (3_000, 1), "{:?}", found.notes);
    assert!(matches!(report(&whole[..12], &Options::default()), Err(AnalyzeError::Read(_))));
    let other = report([0x28, 0xb5, 0x2f, 0xfd, 0, 0], &Options::default()).unwrap_err().to_string();
    assert!(other.contains("zstdcat"), "{other}");
}

#[test]
fn time_may_go_back_stand_still_and_last_for_years() {
    let begin = 1_795_219_200;
    let shuffled = of_seconds((0..2_000).map(|index| begin + (index * 7) % 61));
    let found = report(&shuffled, &Options::default()).unwrap();
    assert!(found.is_clean() && found.notes.is_empty(), "{:?}", found.notes);
    let again = of_seconds((0..1_000).chain(0..1_000).map(|second| begin + second));
    let found = report(&again, &Options::default()).unwrap();
    assert_eq!((found.notes[0].kind, found.lines), ("clock", 2_000));
    assert!(found.notes[0].sentence.contains("1 times, by 999 seconds"), "{}", found.notes[0].sentence);
    let years = of_seconds((0..20_000).map(|index| begin + index * 20_000));
    let found = report(&years, &Options::default()).unwrap();
    assert!(found.is_clean() && found.pools[0].tick >= 30_000, "{}", found.pools[0].tick);
    assert_eq!(found.pools[0].requests, 20_000);
}

#[test]
fn a_change_of_zones_is_no_change_of_time() {
    let line = |hour: i64, zone: &str, index: i64| {
        format!(
            "192.0.2.7 - - [21/Nov/2026:{hour:02}:{:02}:{:02} {zone}] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" 0.001 10.0.0.{}:80\n",
            index / 60 % 60,
            index % 60,
            index % 2
        )
    };
    let log: String = (0..1_000).map(|index| line(12, "+0000", index) + &line(14, "+0200", index)).collect();
    let found = report(log, &Options::default()).unwrap();
    assert_eq!((found.pools[0].last - found.pools[0].first, found.notes.len()), (999, 0));
}

#[test]
fn a_part_of_the_time_is_looked_at_alone() {
    let (begin, middle) = (1_795_219_200, 1_795_219_200 + 600);
    let uneven = |index: i64| if index % 7 < 5 { 0 } else { index % 7 - 4 };
    let mut log = String::new();
    for index in 0..12_000 {
        let at = begin + index / 10;
        let server = if at < middle { index % 3 } else { uneven(index) };
        let time = evenkeel_analyze::utc(at).replace(' ', "T");
        writeln!(
            log,
            "[{time}Z] \"GET / HTTP/1.1\" 200 - 1 1 5 5 \"a\" \"-\" \"-\" \"h\" \"10.0.0.{server}:80\""
        )
        .expect("memory");
    }
    let looked_at = |since, until| report(&log, &Options { since, until, ..Options::default() });
    let before = looked_at(None, Some(middle)).unwrap();
    assert_eq!((before.verdict, before.outside, before.pools[0].requests), (Verdict::Even, 6_000, 6_000));
    let after = looked_at(Some(middle), None).unwrap();
    assert_eq!((after.verdict, after.outside, after.pools[0].first), (Verdict::Balancer, 6_000, middle));
    let error = looked_at(Some(begin + 10_000), None).unwrap_err().to_string();
    assert!(
        error.contains("12000 lines") && error.contains("2026-11-21 00:00:00 to 2026-11-21 00:19:59"),
        "{error}"
    );
}

#[test]
fn only_one_pool_is_looked_at_if_that_is_asked_for() {
    let log = format!("{HAPROXY}\n{}\n", HAPROXY.replace("web/s1", "api/x")).repeat(10);
    let options = Options { pools: vec!["api".into()], ..Options::default() };
    let found = report(log, &options).unwrap();
    assert_eq!((found.pools.len(), &*found.pools[0].pool, found.lines), (1, "api", 20));
}

#[test]
fn a_combined_log_without_a_backend_says_what_to_add() {
    let line = NGINX.split(" 0.250").next().unwrap();
    let error = report(format!("{line}\n").repeat(5), &Options::default()).unwrap_err().to_string();
    assert!(error.contains("$upstream_addr") && error.contains("log_format"), "{error}");
}

#[test]
fn what_is_around_lines_changes_nothing() {
    let bare: String =
        (0..300).map(|index| HAPROXY.replace("/s1 ", &format!("/s{} ", index % 3)) + "\n").collect();
    let plain = report(&bare, &Options::default()).unwrap();
    let wrap = |begin: &str, end: &str| -> String {
        bare.lines().map(|line| format!("{begin}{line}{end}\n")).collect()
    };
    let export: String =
        bare.lines().map(|line| format!("__CURSOR=s=1\n_PID=7\nMESSAGE={line}\nPRIORITY=6\n\n")).collect();
    let object: String = bare.lines().map(|line| format!("{{\"MESSAGE\":{line:?}}}\n")).collect();
    for log in [wrap(SYSLOG, ""), wrap("Nov 21 12:00:00 host haproxy[7]: ", "\r"), export, object] {
        let found = report(&log, &Options::default()).unwrap();
        assert_eq!((found.lines, found.unread), (300, 0), "{}", &log[..200]);
        assert_eq!(found.pools[0].top_clients, plain.pools[0].top_clients, "{}", &log[..200]);
        assert_eq!(found.pools[0].top_paths, [("/a".to_owned(), 1.0)], "{}", &log[..200]);
    }
}
