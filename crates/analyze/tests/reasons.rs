//! Why traffic is uneven, or a backend in trouble: each reason is told from those that look like it.

use std::fmt::Write as _;

use evenkeel_analyze::{Options, PoolReport, Report, Verdict, analyze};
use evenkeel_core::Rng;

/// One request of a made-up HAProxy log, 20 a second.
#[derive(Clone, Copy)]
struct Request {
    server: u32,
    client: u32,
    path: u32,
    status: u16,
    millis: u32,
}

const EVEN: Request = Request { server: 0, client: 0, path: 0, status: 200, millis: 20 };

/// `of` gets the second and a request with a server, a client and a path by chance.
fn report(seconds: u32, options: &Options, mut of: impl FnMut(u32, Request, &mut Rng) -> Request) -> Report {
    let mut rng = Rng::from_seed(11);
    let mut log = String::new();
    for index in 0..seconds * 20 {
        let second = index / 20;
        let drawn = Request { server: rng.below(3), client: rng.below(250), path: rng.below(40), ..EVEN };
        let Request { server, client, path, status, millis } = of(second, drawn, &mut rng);
        writeln!(
            log,
            "192.0.2.{client}:4000 [21/Nov/2026:{:02}:{:02}:{:02}.000] in web/s{server} 0/0/0/{millis}/{millis} {status} 1000 - - \
             ---- 1/1/0/0/0 0/0 \"GET /p{path}?x={index} HTTP/1.1\"",
            second / 3600,
            second / 60 % 60,
            second % 60
        )
        .expect("memory");
    }
    analyze(log.as_bytes(), options).expect("a readable log")
}

fn kinds(pool: &PoolReport) -> Vec<(&'static str, &str)> {
    pool.causes.iter().map(|cause| (cause.kind, &*cause.backend)).collect()
}

/// 5:1:1.
fn heavy(rng: &mut Rng) -> u32 {
    [0, 0, 0, 0, 0, 1, 2][rng.below(7) as usize]
}

#[test]
fn a_client_that_is_everywhere_is_no_reason() {
    let found = report(300, &Options::default(), |_, request, rng| Request {
        server: heavy(rng),
        client: 7,
        ..request
    });
    let mut all = kinds(&found.pools[0]);
    assert_eq!(all[0], ("weights", "s0"));
    all.sort_unstable();
    assert_eq!(all, [("displaced", "s1"), ("displaced", "s2"), ("weights", "s0")]);
    let sentence = &found.pools[0].causes[0].sentence;
    assert!(sentence.contains("about 5 : 1 : 1 (s0, s1, s2)"), "{sentence}");
    assert!(found.pools[0].causes[1].sentence.ends_with("what it lacks goes to s0"));
}

#[test]
fn paths_that_stick_are_told_from_clients_that_do() {
    let found = report(600, &Options::default(), |_, request, _| {
        let hot = request.path < 16;
        Request {
            path: if hot { 1 } else { request.path },
            server: if hot { 0 } else { request.path % 3 },
            ..request
        }
    });
    let pool = &found.pools[0];
    assert_eq!(kinds(pool)[0], ("hot_path", "s0"), "{:?}", pool.causes);
    assert!(
        pool.causes[0].sentence.contains("path /p1 alone makes 40 % of all"),
        "{}",
        pool.causes[0].sentence
    );
    assert_eq!((&*pool.top_paths[0].0, pool.top_clients.len()), ("/p1", 0));
    let three = report(600, &Options::default(), |_, request, _| {
        let hot = request.client < 120;
        let client = if hot { request.client % 3 } else { request.client };
        Request { client, server: if hot { 0 } else { request.server }, ..request }
    });
    let pool = &three.pools[0];
    assert_eq!(kinds(pool)[0], ("hot_client", "s0"), "{:?}", pool.causes);
    assert!(pool.causes[0].sentence.contains("3 clients together make"), "{}", pool.causes[0].sentence);
}

#[test]
fn who_does_the_work_of_others_is_not_to_blame() {
    let found = report(1200, &Options::default(), |second, request, rng| {
        let server = if second >= 600 { rng.below(2) } else { request.server };
        Request { server, ..request }
    });
    let pool = &found.pools[0];
    let mut all = kinds(pool);
    all.sort_unstable();
    assert_eq!(all, [("failover", "s0"), ("failover", "s1"), ("missing", "s2")], "{:?}", pool.causes);
    assert!(
        pool.causes.iter().all(|cause| (cause.since - pool.first - 600).abs() <= 10),
        "{:?}",
        pool.causes
    );
    let missing = pool.causes.iter().find(|cause| cause.kind == "missing").unwrap();
    assert!(missing.sentence.starts_with("s2 gets nothing, 33 % would be its share"), "{}", missing.sentence);
}

#[test]
fn one_that_gets_nearly_all_is_not_one_of_other_weights() {
    let expected = ["s0", "s1", "s2"].map(|name| (name.to_owned(), 1.0)).to_vec();
    let all = Options { expected, ..Options::default() };
    let one = |_: u32, request: Request, _: &mut Rng| Request { server: 0, ..request };
    let found = report(60, &all, one);
    assert_eq!(kinds(&found.pools[0])[0], ("one_backend", "s0"));
    assert!(!found.pools[0].causes[0].sentence.contains("one address"));
    let behind_a_proxy = report(60, &all, |_, request, _| Request { server: 0, client: 9, ..request });
    assert!(behind_a_proxy.pools[0].causes[0].sentence.contains("all come from one address"));
    // Nobody knows of the others.
    let alone = report(60, &Options::default(), one);
    assert_eq!((alone.verdict, alone.pools[0].notes[0].kind), (Verdict::OneBackend, "one_backend"));
}

#[test]
fn one_that_fails_fast_is_told_from_one_that_has_too_much() {
    let fails = |millis: u32| {
        move |_: u32, request: Request, rng: &mut Rng| {
            let request = Request { server: heavy(rng), ..request };
            let fails = request.server == 0 && rng.below(3) == 0;
            if fails { Request { status: 503, millis, ..request } } else { request }
        }
    };
    let fast = report(300, &Options::default(), fails(1));
    assert_eq!(kinds(&fast.pools[0])[0], ("black_hole", "s0"), "{:?}", fast.pools[0].causes);
    let slow = report(300, &Options::default(), fails(900));
    let all = kinds(&slow.pools[0]);
    assert_eq!(all[0], ("weights", "s0"), "{:?}", slow.pools[0].causes);
    assert!(all.contains(&("overload", "s0")), "{all:?}");
    assert!(slow.pools[0].causes[0].sentence.ends_with("so it has too much to do"));
    assert_eq!(slow.verdict, Verdict::Balancer);
}

#[test]
fn what_clients_do_wrong_is_no_error_of_a_backend() {
    let found = report(300, &Options::default(), |_, request, rng| {
        let bad = request.server == 1 && rng.below(2) == 0;
        Request { status: if bad { 404 } else { 200 }, ..request }
    });
    assert_eq!(found.verdict, Verdict::Even, "{:?}", found.pools[0].causes);
    let found = report(300, &Options::default(), |_, request, rng| {
        let bad = request.server == 1 && rng.below(2) == 0;
        Request { status: if bad { 500 } else { 200 }, ..request }
    });
    assert_eq!(kinds(&found.pools[0]), [("bad_backend", "s1")]);
}

#[test]
fn trouble_that_all_share_is_noted_with_its_time_and_trouble_of_one_is_not_shared() {
    let slow = |whose: fn(u32) -> bool| {
        report(1800, &Options::default(), move |second, request, _| {
            let slow = (600..1200).contains(&second) && whose(request.server);
            Request { millis: if slow { 200 } else { 20 }, ..request }
        })
    };
    let all = slow(|_| true);
    assert_eq!(all.verdict, Verdict::Shared, "{:?}", all.pools[0].causes);
    let note = &all.pools[0].notes[0];
    assert_eq!((note.kind, note.from.unwrap() - all.pools[0].first), ("shared_slow", 600));
    assert_eq!(note.until.unwrap() - note.from.unwrap(), 600);
    assert!(
        note.sentence.starts_with("from 00:10:00 to 00:20:00 requests took 10.0 times as long"),
        "{}",
        note.sentence
    );
    assert!(
        note.sentence.contains("at all 3 backends alike: it is something that they share"),
        "{}",
        note.sentence
    );
    let one = slow(|server| server == 1);
    assert!(one.pools[0].notes.is_empty(), "{:?}", one.pools[0].notes);
    assert_eq!(one.verdict, Verdict::Backend);
    let two = slow(|server| server < 2);
    assert!(two.pools[0].notes.is_empty(), "{:?}", two.pools[0].notes);
    let never = slow(|_| false);
    assert!(never.verdict == Verdict::Even && never.pools[0].notes.is_empty());
}

#[test]
fn errors_of_all_and_a_rush_are_told() {
    let found = report(1800, &Options::default(), |second, request, rng| {
        let fails = (900..1200).contains(&second) && rng.below(5) == 0;
        Request { status: if fails { 502 } else { 200 }, ..request }
    });
    let note = &found.pools[0].notes[0];
    assert_eq!((found.verdict, note.kind), (Verdict::Shared, "shared_errors"));
    assert!(note.sentence.contains("20 % of the requests failed instead of 0 %"), "{}", note.sentence);
    // 50 a second, and three times as many for a while, which all backends are slow at.
    let mut log = String::new();
    for index in 0..18_000 {
        let rush = index >= 9_000;
        let (second, millis) = if rush { (180 + (index - 9_000) / 150, 300) } else { (index / 50, 20) };
        let (server, client) = (index % 3, index % 250);
        writeln!(
            log,
            "192.0.2.{client}:4 [21/Nov/2026:00:{:02}:{:02}.0] in web/s{server} 0/0/0/3/{millis} 200 9 - - ---- 1/1/0/0/0 0/0 \"GET / X\"",
            second / 60,
            second % 60
        )
        .expect("memory");
    }
    let rush = analyze(log.as_bytes(), &Options::default()).expect("a readable log");
    let note = &rush.pools[0].notes[0];
    assert!(
        note.sentence.contains(" times as many requests came: more than they can do"),
        "{}",
        note.sentence
    );
}

/// HAProxy's TCP log: connections are even, and each carries what `bytes` says.
fn connections(count: u32, retries: u32, bytes: impl Fn(u32) -> u64) -> Report {
    let mut log = String::new();
    for index in 0..count {
        let (second, server, bytes) = (index / 10, index % 3, bytes(index));
        writeln!(
            log,
            "192.0.2.{}:4000 [21/Nov/2026:12:{:02}:{:02}.000] in db/s{server} 0/0/{} {bytes} -- 1/1/1/1/{retries} 0/0",
            index % 250,
            second / 60,
            second % 60,
            if server == 1 { 900_000 } else { 1 }
        )
        .expect("memory");
    }
    analyze(log.as_bytes(), &Options::default()).expect("a readable log")
}

#[test]
fn connections_that_carry_unevenly_are_told_from_connections_that_are_uneven() {
    // Each of one backend carries three times as much: enough connections to be no chance.
    let found = connections(9_000, 0, |index| if index % 3 == 1 { 3_000 } else { 1_000 });
    let pool = &found.pools[0];
    assert_eq!(
        (kinds(pool), pool.causes[0].dimension),
        (vec![("pinned", "s1")], "bytes"),
        "{:?}",
        pool.causes
    );
    assert_eq!((found.verdict, pool.connections), (Verdict::Balancer, 9_000));
    // Three large ones may be anywhere by chance: worth knowing, no verdict.
    let few = connections(9_000, 0, |index| if index % 3_000 == 1 { 50_000_000 } else { 1_000 });
    let pool = &few.pools[0];
    assert_eq!((few.verdict, pool.causes.len()), (Verdict::Even, 0), "{:?}", pool.causes);
    assert_eq!(pool.notes[0].kind, "pinned");
    assert!(pool.notes[0].sentence.contains("spread like 3 of one size"), "{}", pool.notes[0].sentence);
    // How long a connection lasts makes no backend slow.
    let even = connections(9_000, 0, |_| 1_000);
    assert!(even.verdict == Verdict::Even && even.pools[0].notes.is_empty(), "{:?}", even.pools[0].notes);
}

#[test]
fn who_was_passed_over_has_failed_and_who_answered_has_not() {
    let line = "192.0.2.7 - - [21/Nov/2026:12:54:47 +0000] \"GET / HTTP/1.1\" 200 1 \"-\" \"-\" 0.250 10.0.0.1:80, 10.0.0.2:80\n";
    let found = analyze(line.repeat(50).as_bytes(), &Options::default()).expect("a readable log");
    let told: Vec<_> =
        found.pools[0].backends.iter().map(|one| (&*one.backend, one.errors, one.passed_on)).collect();
    assert_eq!(told, [("10.0.0.1:80", 50, 50), ("10.0.0.2:80", 0, 0)]);
    assert!(
        found.pools[0]
            .notes
            .iter()
            .any(|note| note.sentence.ends_with("100 % of them because 10.0.0.1:80 failed first"))
    );
}

#[test]
fn retries_are_told_when_they_are_many() {
    let found = connections(600, 2, |_| 1_000);
    let note = &found.pools[0].notes[0];
    assert_eq!((found.pools[0].retries, note.kind), (1_200, "retries"));
    assert!(note.sentence.starts_with("1200 retries, for 200 requests of a hundred"), "{}", note.sentence);
}
