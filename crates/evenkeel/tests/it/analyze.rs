//! `evenkeel analyze` on the logs of real balancers: nginx, HAProxy and Evenkeel itself, misconfigured as in the outages
//! that it is for, and configured right.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use evenkeel_testkit::{
    Backend, Client, Finished, Haproxy, Json, Load, Nginx, Reply, Step, TempDir, run_to_end, until,
};
use tokio::io::AsyncWriteExt;

use crate::raw::{connect_from, read_to_end};
use crate::support::{BINARY, Setup, backends};

/// What a reader of the guide is told to add to nginx.
const LOG_FORMAT: &str = "log_format upstream '$remote_addr - $remote_user [$time_local] \"$request\" $status \
                          $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_time $upstream_addr'; \
                          access_log access.log upstream;";

/// What was found.
struct Found {
    answer: Finished,
    report: Json,
}

impl Found {
    fn verdict(&self) -> &str {
        self.report["verdict"].as_str().expect("a verdict")
    }

    /// Kinds of causes of the first pool, and the backend of each.
    fn causes(&self) -> Vec<(String, String)> {
        let causes = self.report["pools"][0]["causes"].as_array().expect("causes");
        let text = |value: &Json| value.as_str().expect("text").to_owned();
        causes.iter().map(|cause| (text(&cause["kind"]), text(&cause["backend"]))).collect()
    }

    /// The sentence of the first cause.
    fn sentence(&self) -> &str {
        self.report["pools"][0]["causes"][0]["sentence"].as_str().unwrap_or_default()
    }

    fn has(&self, kind: &str, backend: &str) -> bool {
        self.causes().contains(&(kind.to_owned(), backend.to_owned()))
    }

    #[track_caller]
    fn assert_cleared(&self) {
        assert_eq!((self.verdict(), self.answer.status.code()), ("even", Some(0)), "{}", self.answer.stdout);
    }

    #[track_caller]
    fn assert_balancer(&self) {
        assert_eq!(
            (self.verdict(), self.answer.status.code()),
            ("balancer", Some(1)),
            "{}",
            self.answer.stdout
        );
    }
}

async fn analyze(log: &Path, more: &[&str]) -> Found {
    let log = log.to_str().expect("a path in ASCII");
    let arguments = [&["analyze", log, "--json"], more].concat();
    let answer = run_to_end(BINARY, &arguments, Path::new("."), Duration::from_secs(60)).await;
    let report = answer.stdout.parse().unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    Found { answer, report }
}

/// Waits until a log has so many lines that have `wanted` in them.
async fn lines(log: &Path, wanted: &str, count: usize) {
    until(&format!("{count} lines in {}", log.display()), async || {
        let text = std::fs::read_to_string(log).ok()?;
        (text.lines().filter(|line| line.contains(wanted)).count() >= count).then_some(())
    })
    .await;
}

/// nginx before these servers, the log of `requests` requests.
async fn nginx_log(upstream: &str, requests: u64) -> (Nginx, std::path::PathBuf) {
    let http = format!("{LOG_FORMAT}\nupstream app {{ {upstream} }}");
    let nginx = Nginx::start_balancer(&http, "location / { proxy_pass http://app; }").await;
    Load::new(nginx.address(), 4).run(requests).await;
    let log = nginx.directory().join("access.log");
    lines(&log, "GET", requests as usize).await;
    (nginx, log)
}

fn servers(backends: &[Backend], parameters: [&str; 3]) -> String {
    let each = backends.iter().zip(parameters);
    each.map(|(backend, more)| format!("server {} {more};", backend.address())).collect::<Vec<_>>().join(" ")
}

/// Takes its time, and fails now and then, as one does that has too much to do.
async fn exhaust(backend: &Backend) {
    let count = std::sync::atomic::AtomicU64::new(0);
    backend.set_answer(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let status = if number.is_multiple_of(4) { 503 } else { 200 };
        Reply::steps([Step::ReadBody, Step::Pause(Duration::from_millis(8))].into_iter().chain([Step::Send(
            format!("HTTP/1.1 {status} Scripted\r\nContent-Length: 0\r\n\r\n").into_bytes(),
        )]))
    });
}

#[tokio::test]
async fn nginx_with_equal_servers_is_cleared() {
    let backends = backends(["a", "b", "c"]).await;
    let (_nginx, log) = nginx_log(&servers(&backends, [""; 3]), 1500).await;
    let found = analyze(&log, &[]).await;
    found.assert_cleared();
    assert_eq!((found.report["lines"].as_u64(), found.report["unread"].as_u64()), (Some(1500), Some(0)));
}

/// R1.
#[tokio::test]
async fn nginx_with_weights_nobody_meant_is_named() {
    let backends = backends(["a", "b", "c"]).await;
    let (_nginx, log) = nginx_log(&servers(&backends, ["weight=5", "", ""]), 700).await;
    let found = analyze(&log, &[]).await;
    found.assert_balancer();
    let heavy = backends[0].address().to_string();
    assert_eq!(found.causes()[0], ("weights".to_owned(), heavy.clone()), "{}", found.answer.stdout);
    assert!(
        found.sentence().contains(&format!("{heavy} gets 71 % of the requests, 33 %")),
        "{}",
        found.sentence()
    );
    assert!(found.sentence().contains("5 : 1") || found.sentence().contains("1 : 5"), "{}", found.sentence());
    // The same weights are right where they are meant.
    let meant = |backend: &Backend, part: u32| format!("{}={part}", backend.address());
    let expect = [meant(&backends[0], 5), meant(&backends[1], 1), meant(&backends[2], 1)].join(",");
    analyze(&log, &["--expect", &expect]).await.assert_cleared();
}

/// R2.
#[tokio::test]
async fn nginx_with_a_heavy_server_that_gives_in_is_the_balancer_all_the_same() {
    let backends = backends(["a", "b", "c"]).await;
    exhaust(&backends[0]).await;
    let (_nginx, log) = nginx_log(&servers(&backends, ["weight=5", "", ""]), 2800).await;
    let found = analyze(&log, &[]).await;
    found.assert_balancer();
    let heavy = backends[0].address().to_string();
    assert_eq!(found.causes()[0], ("weights".to_owned(), heavy.clone()), "{}", found.answer.stdout);
    assert!(found.has("overload", &heavy), "{:?}", found.causes());
    assert!(found.sentence().contains("it has too much to do"), "{}", found.sentence());
    // With equal weights it is the backend, and the balancer is cleared.
    let (_nginx, log) = nginx_log(&servers(&backends, [""; 3]), 2800).await;
    let found = analyze(&log, &[]).await;
    assert_eq!(
        (found.verdict(), found.answer.status.code()),
        ("backend", Some(1)),
        "{}",
        found.answer.stdout
    );
    assert!(found.has("bad_backend", &heavy), "{:?}", found.causes());
}

/// R5.
#[tokio::test]
async fn nginx_that_sends_all_to_one_server_is_named_where_the_others_are() {
    let backends = backends(["a", "b", "c"]).await;
    let (_nginx, log) = nginx_log(&format!("hash constant; {}", servers(&backends, [""; 3])), 300).await;
    let alone = analyze(&log, &[]).await;
    assert_eq!(
        (alone.verdict(), alone.answer.status.code()),
        ("one_backend", Some(0)),
        "nobody knows of others"
    );
    let names: Vec<String> = backends.iter().map(|backend| backend.address().to_string()).collect();
    let found = analyze(&log, &["--expect", &names.join(",")]).await;
    found.assert_balancer();
    assert_eq!(found.causes()[0].0, "one_backend", "{}", found.answer.stdout);
    assert!(found.sentence().contains("stick to one backend by something that all"), "{}", found.sentence());
    assert_eq!(found.causes().iter().filter(|(kind, _)| kind == "displaced").count(), 2);
    // A hash of what differs is right.
    let upstream = format!("hash $request_uri consistent; {}", servers(&backends, [""; 3]));
    let http = format!("{LOG_FORMAT}\nupstream app {{ {upstream} }}");
    let nginx = Nginx::start_balancer(&http, "location / { proxy_pass http://app; }").await;
    for number in 0..600 {
        Load::new(nginx.address(), 1).path(&format!("/{number}")).run(1).await;
    }
    let log = nginx.directory().join("access.log");
    lines(&log, "GET", 600).await;
    analyze(&log, &["--expect", &names.join(",")]).await.assert_cleared();
}

#[tokio::test]
async fn nginx_tries_again_and_says_so_and_its_group_is_no_backend() {
    let mut backends = backends(["a", "b", "c"]).await;
    backends[1].stop().await;
    let (_nginx, log) = nginx_log(&servers(&backends, ["", "max_fails=0", ""]), 600).await;
    let found = analyze(&log, &[]).await;
    let dead = backends[1].address().to_string();
    assert!(found.has("bad_backend", &dead), "{}", found.answer.stdout);
    let notes = found.report["pools"][0]["notes"].to_string();
    assert!(notes.contains(&format!("because {dead} failed first")), "{notes}");
    backends[0].stop().await;
    backends[2].stop().await;
    let (_nginx, log) =
        nginx_log(&servers(&backends, ["max_fails=1", "max_fails=1", "max_fails=1"]), 50).await;
    assert!(std::fs::read_to_string(&log).expect("a log").contains(" app\n"), "nobody is left to be asked");
    let found = analyze(&log, &[]).await;
    assert_eq!(
        found.report["pools"][0]["backends"].as_array().map(Vec::len),
        Some(3),
        "{}",
        found.answer.stdout
    );
    assert!(found.report["nowhere"].as_u64() > Some(0));
}

const HTTP: &str = "listen web\n mode http\n option httplog\n bind 127.0.0.1:PORT\n";

async fn haproxy_log(
    listen: &str,
    backends: &[Backend],
    parameters: [&str; 3],
    requests: u64,
) -> (Haproxy, Found) {
    let each = backends.iter().zip(parameters);
    let servers =
        each.map(|(backend, more)| format!(" server {} {} {more}\n", backend.name(), backend.address()));
    let haproxy = Haproxy::start(&format!("{HTTP}{listen}{}", servers.collect::<String>())).await;
    Load::new(haproxy.address(), 4).run(requests).await;
    lines(&haproxy.log(), "GET", requests as usize).await;
    let found = analyze(&haproxy.log(), &["--expect", "a,b,c"]).await;
    (haproxy, found)
}

/// R1, R2 and R5, and each put right.
#[tokio::test]
async fn haproxy_misconfigured_is_named_and_put_right_is_cleared() {
    let backends = backends(["a", "b", "c"]).await;
    let (_haproxy, found) = haproxy_log(" balance roundrobin\n", &backends, [""; 3], 1500).await;
    found.assert_cleared();
    assert_eq!(found.report["format"].as_str(), Some("haproxy"));
    let (_haproxy, found) =
        haproxy_log(" balance roundrobin\n", &backends, ["weight 5", "weight 1", "weight 1"], 700).await;
    found.assert_balancer();
    assert_eq!(found.causes()[0], ("weights".into(), "a".into()));
    assert!(found.sentence().contains("5 : 1 : 1 (a, b, c)"), "{}", found.sentence());
    for one in
        [" balance first\n", " balance roundrobin\n stick-table type string size 10\n stick on str(all)\n"]
    {
        let (_haproxy, found) = haproxy_log(one, &backends, [""; 3], 300).await;
        found.assert_balancer();
        assert_eq!(found.causes()[0].0, "one_backend", "{one}: {}", found.answer.stdout);
    }
    exhaust(&backends[0]).await;
    let (_haproxy, found) = haproxy_log("", &backends, ["weight 5", "weight 1", "weight 1"], 2800).await;
    found.assert_balancer();
    assert!(found.has("weights", "a") && found.has("overload", "a"), "{:?}", found.causes());
    // In whole milliseconds, as HAProxy logs them, slow answers take a while to tell.
    let (_haproxy, found) = haproxy_log("", &backends, [""; 3], 6000).await;
    assert_eq!(found.verdict(), "backend", "{}", found.answer.stdout);
    assert!(found.has("bad_backend", "a") && found.has("slow_backend", "a"), "{:?}", found.causes());
}

#[tokio::test]
async fn haproxy_names_clients_that_stick() {
    let backends = backends(["a", "b", "c"]).await;
    let listen = " balance source\n hash-type consistent\n";
    let servers: String =
        backends.iter().map(|one| format!(" server {} {}\n", one.name(), one.address())).collect();
    let haproxy = Haproxy::logging("rfc5424", &format!("{HTTP}{listen}{servers}")).await;
    // One client asks as often as sixty others together.
    for number in 0..60 {
        for client in [[127, 0, 1, number], [127, 0, 2, 1]] {
            for _ in 0..8 {
                let mut stream = connect_from(client, haproxy.address()).await;
                stream.write_all(b"GET / HTTP/1.0\r\n\r\n").await.expect("it listens");
                read_to_end(&mut stream).await;
            }
        }
    }
    lines(&haproxy.log(), "GET", 960).await;
    let found = analyze(&haproxy.log(), &["--show-clients"]).await;
    found.assert_balancer();
    let causes = found.causes();
    assert_eq!(causes[0].0, "hot_client", "{}", found.answer.stdout);
    assert!(found.sentence().contains("127.0.2.1 alone makes 50 % of all"), "{}", found.sentence());
    let hidden = analyze(&haproxy.log(), &[]).await;
    assert!(!hidden.answer.stdout.contains("127.0.2.1"), "{}", hidden.answer.stdout);
}

const TCP: &str = "listen db\n mode tcp\n option tcplog\n bind 127.0.0.1:PORT\n balance roundrobin\n";

/// Connections are even; one of them carries nearly everything.
#[tokio::test]
async fn haproxy_over_tcp_tells_connections_from_what_they_carry() {
    let backends = backends(["a", "b", "c"]).await;
    for backend in &backends {
        backend.set_answer(|head| {
            let length = if head.start.contains("/large") { 4_000_000 } else { 100 };
            Reply::pattern(length)
        });
    }
    let servers: String =
        backends.iter().map(|one| format!(" server {} {}\n", one.name(), one.address())).collect();
    let haproxy = Haproxy::start(&format!("{TCP}{servers}")).await;
    Load::new(haproxy.address(), 2).fresh_connections().run(600).await;
    {
        let mut client = Client::connect(haproxy.address()).await;
        for _ in 0..3 {
            client.get("h", "/large").await;
        }
    }
    lines(&haproxy.log(), " db/", 601).await;
    let found = analyze(&haproxy.log(), &["--expect", "a,b,c"]).await;
    found.assert_cleared();
    let pool = &found.report["pools"][0];
    assert!(pool["connections"].as_u64() >= Some(601), "{pool}");
    let notes = pool["notes"].to_string();
    assert!(notes.contains("pinned") && notes.contains("one of them carries 9"), "{notes}");
    let heavy = Haproxy::start(&format!("{TCP}{}", servers.replacen('\n', " weight 5\n", 1))).await;
    Load::new(heavy.address(), 2).fresh_connections().run(500).await;
    lines(&heavy.log(), " db/", 500).await;
    let found = analyze(&heavy.log(), &[]).await;
    found.assert_balancer();
    assert_eq!(found.causes()[0], ("weights".into(), "a".into()), "{}", found.answer.stdout);
}

/// Both formats, of HTTP and of layer 4.
#[tokio::test]
async fn evenkeels_own_logs_are_judged_as_others_are() {
    let backends = backends(["a", "b", "c"]).await;
    for format in ["json", "combined"] {
        for (protocol, weight, verdict) in
            [("http", 1, "even"), ("http", 5, "balancer"), ("tcp", 1, "even"), ("tcp", 5, "balancer")]
        {
            let top = format!("[log]\naccess = {{ path = \"access.log\", format = \"{format}\" }}");
            let entries = backends
                .iter()
                .enumerate()
                .map(|(index, one)| one.entry(if index == 0 { weight } else { 1 }));
            let pool = "strategy = \"round_robin\"\nhealth = false\npassive = false\nintent = \"equal\"";
            let setup = Setup::of_entries(entries).top(&top).pool(pool);
            let evenkeel = setup.listener(&format!("protocol = \"{protocol}\"")).start().await;
            Load::new(evenkeel.address("web"), 4).fresh_connections().run(700).await;
            let log = evenkeel.directory().join("access.log");
            lines(&log, "backend", 700).await;
            let found = analyze(&log, &[]).await;
            assert_eq!(found.verdict(), verdict, "{format} {protocol}: {}", found.answer.stdout);
            assert_eq!(found.report["format"].as_str(), Some(&*format!("evenkeel-{format}")));
            let connections = found.report["pools"][0]["connections"].as_u64();
            assert_eq!(connections > Some(0), protocol == "tcp", "{format} {protocol}");
        }
    }
}

/// Slowness of what all backends ask is not the balancer's.
#[tokio::test]
async fn a_database_that_all_wait_for_clears_the_balancer() {
    let backends = backends(["a", "b", "c"]).await;
    let http = format!("{LOG_FORMAT}\nupstream app {{ {} }}", servers(&backends, [""; 3]));
    let nginx = Nginx::start_balancer(&http, "location / { proxy_pass http://app; }").await;
    let second = |log: &Path| -> BTreeMap<String, u64> {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let mut counts = BTreeMap::new();
        for time in text.lines().filter_map(|line| line.get(line.find('[')?..line.find(']')?)) {
            *counts.entry(time.to_owned()).or_default() += 1;
        }
        counts
    };
    let log = nginx.directory().join("access.log");
    let busy_seconds = async |wanted: usize| {
        until("seconds with enough requests", async || {
            Load::new(nginx.address(), 8).run(100).await;
            (second(&log).values().filter(|count| **count >= 40).count() >= wanted).then_some(())
        })
        .await;
    };
    busy_seconds(6).await;
    for backend in &backends {
        backend.set_answer(|_| {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec();
            Reply::steps([Step::ReadBody, Step::Pause(Duration::from_millis(60)), Step::Send(answer)])
        });
    }
    busy_seconds(9).await;
    let found = analyze(&log, &[]).await;
    assert_eq!((found.verdict(), found.answer.status.code()), ("shared", Some(0)), "{}", found.answer.stdout);
    let notes = found.report["pools"][0]["notes"].to_string();
    assert!(notes.contains("at all 3 backends alike"), "{notes}");
}

/// What people get to read: the verdict and the cause come first, and it fits.
#[tokio::test]
async fn the_text_fits_and_begins_with_the_verdict() {
    let directory = TempDir::new("analyze");
    let address: SocketAddr = ([192, 0, 2, 9], 4000).into();
    let line = |index: usize| {
        let server = if index % 7 < 5 { 0 } else { index % 7 - 4 };
        format!(
            "{address} [21/Nov/2026:12:{:02}:{:02}.000] in web/server-with-a-long-name-{server} 0/0/0/3/3 200 1000 - - ---- \
             1/1/0/0/0 0/0 \"GET / HTTP/1.1\"\n",
            index / 600 % 60,
            index / 10 % 60
        )
    };
    let log = directory.write("x.log", &(0..7000).map(line).collect::<String>());
    let run = async |more: &[&str]| {
        let arguments = [&["analyze", log.to_str().expect("ASCII")], more].concat();
        run_to_end(BINARY, &arguments, directory.path(), Duration::from_secs(60)).await
    };
    let told = run(&[]).await;
    assert_eq!(told.status.code(), Some(1));
    assert!(told.stdout.starts_with("It is the balancer"), "{}", told.stdout);
    assert!(told.stdout.lines().all(|line| line.chars().count() <= 100), "{}", told.stdout);
    for (arguments, code, told_of) in [
        (
            &["--since", "2026-11-21 12:05", "--until", "2026-11-21 12:06"][..],
            Some(1),
            "6400 from another time",
        ),
        (&["--since", "2027-01-01"], Some(2), "the log is from 2026-11-21 12:00:00 to"),
        (&["--since", "yesterday"], Some(2), "is not a time"),
        (&["--since", "2026-11-21", "--until", "2026-11-21"], Some(2), "--until is not after --since"),
        (&["--expect", "a=1,a=2"], Some(2), "names a twice"),
        (&["--field-map", "backend=4", "--format", "haproxy"], Some(2), "cannot be used with"),
        (&["--field-map", "server=4"], Some(2), "there is no \"server\""),
        (&["--field-map", "client=1,time=2,backend=4,status=6,bytes=7,request=-"], Some(1), "of field-map"),
    ] {
        let told = run(arguments).await;
        let all = format!("{}{}", told.stdout, told.stderr);
        assert_eq!(told.status.code(), code, "{arguments:?}: {all}");
        assert!(all.contains(told_of), "{arguments:?}: {all}");
    }
}
