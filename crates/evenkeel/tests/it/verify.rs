//! `evenkeel verify` against balancers that spread traffic as they should, and against others.

use std::net::SocketAddr;
use std::time::Duration;

use evenkeel_testkit::{
    Backend, ClosedPort, Evenkeel, Finished, Haproxy, Json, Nginx, Reply, Step, TempDir, run_to_end,
};

use crate::support::{BINARY, Setup, backends};

/// Weights of the outage: one server gets five times as much as each of the others.
const HEAVY: [u32; 3] = [5, 1, 1];
const EVEN: [u32; 3] = [1, 1, 1];

/// Runs `evenkeel verify http://ADDRESS/...` with these flags.
async fn verify(address: SocketAddr, flags: &str) -> Finished {
    verify_url(&format!("http://{address}/"), flags).await
}

async fn verify_url(url: &str, flags: &str) -> Finished {
    let directory = TempDir::new("verify");
    let arguments: Vec<&str> = ["verify", url].into_iter().chain(flags.split_whitespace()).collect();
    run_to_end(BINARY, &arguments, directory.path(), Duration::from_secs(60)).await
}

/// The report of a run with `--json`, and its exit status.
async fn report(address: SocketAddr, flags: &str) -> (Json, Option<i32>) {
    let done = verify(address, &format!("{flags} --json")).await;
    let report = done.stdout.parse().unwrap_or_else(|error| panic!("{error}: {done:?}"));
    (report, done.status.code())
}

#[track_caller]
fn assert_verdict((report, status): (Json, Option<i32>), verdict: &str, code: i32) -> Json {
    assert_eq!((report["verdict"].as_str(), status), (Some(verdict), Some(code)), "{report:#}");
    report
}

fn requests(report: &Json) -> u64 {
    report["requests"].as_u64().unwrap_or_else(|| panic!("{report:#}"))
}

/// Evenkeel with three backends of these weights.
async fn evenkeel(backends: &[Backend; 3], weights: [u32; 3], pool: &str) -> Evenkeel {
    let entries = backends.iter().zip(weights).map(|(backend, weight)| backend.entry(weight));
    Setup::of_entries(entries).pool(&format!("{pool}\nhealth = false\npassive = false")).start().await
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const ROUND_ROBIN: &str = "strategy = \"round_robin\"";

#[tokio::test]
async fn even_is_shown_and_five_to_one_to_one_is_refused() {
    let all = backends(NAMES).await;
    let even = evenkeel(&all, EVEN, "strategy = \"random\"").await;
    for _ in 0..5 {
        let report = assert_verdict(report(even.address("web"), "--equal 3").await, "as_expected", 0);
        assert_eq!((report["schema"].as_u64(), report["by"].as_str()), (Some(1), Some("header:x-backend")));
        assert!(
            requests(&report) < 1_000 && report["failures"].as_object().is_some_and(|all| all.is_empty())
        );
    }
    let heavy = evenkeel(&all, HEAVY, ROUND_ROBIN).await;
    let mut counts = Vec::new();
    for flags in ["--equal 3", "--expect a=1,b=1,c=1", "", "--pattern kept", "--http2"] {
        let report = assert_verdict(report(heavy.address("web"), flags).await, "refused", 1);
        let heavy = &report["backends"].as_array().expect("a list").iter().find(|one| one["backend"] == "a");
        let heavy = heavy.unwrap_or_else(|| panic!("{report:#}"));
        assert!(heavy["share"].as_f64().is_some_and(|share| share > 0.6), "{report:#}");
        counts.push(requests(&report));
    }
    counts.sort_unstable();
    assert!(counts[counts.len() / 2] <= 120, "{counts:?}");
}

#[tokio::test]
async fn the_text_says_what_is_wrong_in_100_columns() {
    let all = backends(NAMES).await;
    let heavy = evenkeel(&all, HEAVY, ROUND_ROBIN).await;
    let done = verify(heavy.address("web"), "--equal 3").await;
    let first: Vec<&str> = done.stdout.lines().take(2).collect();
    assert!(first[0].starts_with("Refused"), "{done:?}");
    assert!(first[1].contains("a gets ") && first[1].contains("33.3 % would be its share"), "{done:?}");
    for part in ["weights of ", "5", "header:x-backend", "fresh connections"] {
        assert!(done.stdout.contains(part), "{part} in {done:?}");
    }
    assert!(done.stdout.lines().all(|line| line.chars().count() <= 100), "{}", done.stdout);
    assert!(done.stderr.is_empty(), "no progress without a terminal: {}", done.stderr);
    let even = evenkeel(&all, EVEN, ROUND_ROBIN).await;
    let done = verify(even.address("web"), "--equal 3").await;
    assert!(
        done.stdout.starts_with("As expected") && done.stdout.contains("would have been found"),
        "{done:?}"
    );
    let few = verify(even.address("web"), "--equal 3 -n 50").await;
    assert!(few.stdout.starts_with("Undecided") && few.status.success(), "{few:?}");
    assert!(few.stdout.contains("more requests (-n) are needed"), "{few:?}");
    let strict = verify(even.address("web"), "--equal 3 -n 50 --strict").await;
    assert_eq!(strict.status.code(), Some(1), "{strict:?}");
}

#[tokio::test]
async fn a_backend_that_never_answers_is_named() {
    let all = backends(NAMES).await;
    let two = Setup::new(&all[..2]).start().await;
    let report = assert_verdict(report(two.address("web"), "--expect a=1,b=1,c=1").await, "refused", 1);
    let reasons = report["reasons"].to_string();
    assert!(reasons.contains("c never answered") && requests(&report) < 200, "{report:#}");
    let one = Setup::new(&all[..1]).start().await;
    let alone = assert_verdict(self::report(one.address("web"), "").await, "impossible", 1);
    assert!(alone["reasons"].to_string().contains("--equal"), "{alone:#}");
    let stranger = assert_verdict(self::report(two.address("web"), "--expect a=1").await, "refused", 1);
    assert!(stranger["reasons"].to_string().contains("b gave"), "{stranger:#}");
    let more = assert_verdict(self::report(two.address("web"), "--equal 1").await, "refused", 1);
    assert!(more["reasons"].to_string().contains("2 backends answer where 1 should"), "{more:#}");
}

#[tokio::test]
async fn a_file_says_what_is_expected() {
    let all = backends(NAMES).await;
    let heavy = evenkeel(&all, HEAVY, &format!("intent = \"weights\"\n{ROUND_ROBIN}")).await;
    let file = heavy.config_path().display().to_string();
    let as_planned = report(heavy.address("web"), &format!("--config {file}")).await;
    assert_verdict(as_planned, "as_expected", 0);
    let even = evenkeel(&all, EVEN, ROUND_ROBIN).await;
    let not_applied = report(even.address("web"), &format!("--config {file} --pool web")).await;
    assert_verdict(not_applied, "refused", 1);
    // A balancer that names backends by their addresses.
    let servers: Vec<String> = all
        .iter()
        .zip(HEAVY)
        .map(|(backend, weight)| format!("server {} weight={weight};", backend.address()))
        .collect();
    let server = "location / { proxy_pass http://u; proxy_hide_header X-Backend; add_header X-Upstream-Addr $upstream_addr; }";
    let nginx = Nginx::start_balancer(&format!("upstream u {{ {} }}", servers.join(" ")), server).await;
    let by_address =
        assert_verdict(report(nginx.address(), &format!("--config {file}")).await, "as_expected", 0);
    assert_eq!(by_address["backends"][0]["backend"], "a", "{by_address:#}");
    let wrong = verify(even.address("web"), &format!("--config {file} --pool nobody")).await;
    assert!(wrong.status.code() == Some(2) && wrong.stderr.contains("pools of the file: web"), "{wrong:?}");
}

#[tokio::test]
async fn nginx_misconfigured_and_right() {
    let all = backends(NAMES).await;
    for (weights, verdict, code) in [(HEAVY, "refused", 1), (EVEN, "as_expected", 0)] {
        let servers: Vec<String> = all
            .iter()
            .zip(weights)
            .map(|(backend, weight)| format!("server {} weight={weight};", backend.address()))
            .collect();
        let upstream = format!("upstream u {{ {} keepalive 8; }}", servers.join(" "));
        let server = "location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection \"\"; \
                      add_header X-Upstream-Addr $upstream_addr; proxy_hide_header X-Backend; }";
        let nginx = Nginx::start_balancer(&upstream, server).await;
        for flags in ["--equal 3", "--equal 3 --pattern kept", "--equal 3 --by body"] {
            let report = assert_verdict(report(nginx.address(), flags).await, verdict, code);
            assert_eq!(report["unit"], "request", "{report:#}");
        }
    }
}

#[tokio::test]
async fn haproxy_misconfigured_and_right() {
    let all = backends(NAMES).await;
    for (weights, verdict, code) in [(HEAVY, "refused", 1), (EVEN, "as_expected", 0)] {
        let servers: Vec<String> = all
            .iter()
            .zip(weights)
            .map(|(backend, weight)| {
                format!("server {} {} weight {weight}", backend.name(), backend.address())
            })
            .collect();
        let sections = format!(
            "listen l\n mode http\n bind 127.0.0.1:PORT\n balance roundrobin\n http-response set-header X-Server %s\n \
             http-response del-header X-Backend\n {}\n",
            servers.join("\n ")
        );
        let haproxy = Haproxy::start(&sections).await;
        for flags in ["--expect a=1,b=1,c=1", "--equal 3 --pattern kept --by header:x-server"] {
            let report = assert_verdict(report(haproxy.address(), flags).await, verdict, code);
            assert_eq!(report["by"], "header:x-server", "{report:#}");
        }
    }
}

#[tokio::test]
async fn connections_that_are_passed_on_whole_count_once() {
    let all = backends(NAMES).await;
    for (weights, verdict, code) in [(HEAVY, "refused", 1), (EVEN, "as_expected", 0)] {
        let servers: Vec<String> = all
            .iter()
            .zip(weights)
            .map(|(backend, weight)| {
                format!("server {0} {1} weight {weight}", backend.name(), backend.address())
            })
            .collect();
        let sections = format!(
            "listen l\n mode tcp\n bind 127.0.0.1:PORT\n balance roundrobin\n {}\n",
            servers.join("\n ")
        );
        let haproxy = Haproxy::start(&sections).await;
        let flags = "--equal 3 --pattern kept --each 4 -n 6000";
        let report = assert_verdict(report(haproxy.address(), flags).await, verdict, code);
        assert_eq!(report["unit"], "connection", "{report:#}");
    }
}

#[tokio::test]
async fn streams_of_one_connection_over_tls() {
    let all = backends(NAMES).await;
    let directory = TempDir::new("pair");
    let command = "openssl req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=x -days 30 \
                   -addext subjectAltName=DNS:shop.example -addext basicConstraints=critical,CA:FALSE \
                   -keyout key.pem -out cert.pem";
    let made = run_to_end("/bin/sh", &["-c", command], directory.path(), Duration::from_secs(30)).await;
    assert!(made.status.success(), "{made:?}");
    let file = |name: &str| directory.path().join(name).display().to_string();
    let listener = format!(
        "protocol = \"https\"\ntls = {{ certificates = [{{ cert = \"{}\", key = \"{}\" }}] }}",
        file("cert.pem"),
        file("key.pem")
    );
    let setup = |weights: [u32; 3]| {
        Setup::of_entries(all.iter().zip(weights).map(|(backend, weight)| backend.entry(weight)))
            .listener(&listener)
    };
    let (even, heavy) = (setup(EVEN).start().await, setup(HEAVY).start().await);
    let verdict = async |evenkeel: &Evenkeel, flags: &str| {
        let address = evenkeel.address("web");
        let url = format!("https://shop.example:{}/", address.port());
        let done = verify_url(&url, &format!("--connect-to {address} --equal 3 --json {flags}")).await;
        let report: Option<Json> = done.stdout.parse().ok();
        (report.map(|report| report["verdict"].to_string()), done.status.code(), done.stderr)
    };
    let trusting = format!("--ca {}", file("cert.pem"));
    for flags in ["--pattern streams", "", "--pattern kept --http2"] {
        let told = verdict(&even, &format!("{trusting} {flags}")).await;
        assert_eq!((told.0.as_deref(), told.1), (Some("\"as_expected\""), Some(0)), "{flags}: {told:?}");
    }
    let told = verdict(&heavy, "--insecure --pattern streams").await;
    assert_eq!((told.0.as_deref(), told.1), (Some("\"refused\""), Some(1)), "{told:?}");
    let told = verdict(&even, "").await;
    assert_eq!((told.0.as_deref(), told.1), (Some("\"impossible\""), Some(1)), "not trusted: {told:?}");
    let told = verdict(&even, &format!("--ca {}", file("missing.pem"))).await;
    assert!(told.1 == Some(1) && told.2.contains("missing.pem"), "{told:?}");
}

#[tokio::test]
async fn keys_that_differ_and_sessions_that_stay() {
    let all = backends(NAMES).await;
    let hashing = |key: &str| format!("strategy = \"maglev\"\nhash = {{ {key} }}");
    let by_source = evenkeel(&all, EVEN, &hashing("source = true")).await;
    let one_key = assert_verdict(report(by_source.address("web"), "--equal 3").await, "refused", 1);
    assert!(one_key["notes"].to_string().contains("--vary"), "{one_key:#}");
    assert_verdict(report(by_source.address("web"), "--equal 3 --vary source").await, "as_expected", 0);
    let by_user = evenkeel(&all, EVEN, &hashing("header = \"X-User\"")).await;
    let flags = "--equal 3 --vary header:X-User -n 5000";
    assert_verdict(report(by_user.address("web"), flags).await, "as_expected", 0);
    let stays = report(by_user.address("web"), &format!("{flags} --sticky --factor 4")).await;
    let stays = assert_verdict(stays, "as_expected", 0);
    assert_eq!((stays["sticky"]["moved"].as_u64(), stays["unit"].as_str()), (Some(0), Some("session")));
    let sticky = evenkeel(&all, EVEN, &format!("{ROUND_ROBIN}\nsticky = {{ cookie = \"s\" }}")).await;
    let flags = "--equal 3 --sticky --each 3 -n 5000 --factor 4";
    let stays = assert_verdict(report(sticky.address("web"), flags).await, "as_expected", 0);
    assert!(stays["sticky"]["cookies"].as_u64().is_some_and(|cookies| cookies > 50), "{stays:#}");
    let loose = evenkeel(&all, EVEN, ROUND_ROBIN).await;
    let moved = assert_verdict(report(loose.address("web"), flags).await, "refused", 1);
    assert!(moved["reasons"].to_string().contains("no answer sets a cookie"), "{moved:#}");
}

#[tokio::test]
async fn hostile_servers_are_told_apart() {
    for (reply, expected) in [
        (Reply::text(200, "x"), "--by"),
        (Reply::raw("\0\0\0\0not HTTP\r\n\r\n"), "protocol"),
        (Reply::steps([Step::ReadBody, Step::Close]), "closed"),
        (Reply::steps([Step::ReadBody, Step::Reset]), "reset"),
        (Reply::steps([Step::ReadBody, Step::Hang]), "timeout"),
        (
            Reply::raw("HTTP/1.1 200 OK\r\nX-Backend: a\r\nContent-Length: 9\r\n\r\nab").then(Step::Close),
            "closed",
        ),
    ] {
        let server = Backend::with_reply("hostile", reply).await;
        let report = report(server.address(), "--equal 3 --timeout 300ms").await;
        let report = assert_verdict(report, "impossible", 1);
        let told = format!("{} {}", report["reasons"], report["failures"]);
        assert!(told.contains(expected) && requests(&report) < 100, "{expected} in {report:#}");
    }
    let nobody = ClosedPort::new();
    let report = assert_verdict(report(nobody.address(), "").await, "impossible", 1);
    assert!(report["failures"]["refused"].as_u64().is_some(), "{report:#}");
}

#[tokio::test]
async fn a_server_that_closes_kept_connections_does_not_fail() {
    let closing = Backend::with_reply("a", Reply::named("a", "x").then(Step::Close)).await;
    let report = report(closing.address(), "--equal 1 --pattern kept").await;
    let report = assert_verdict(report, "as_expected", 0);
    assert_eq!(report["failures"].as_object().map(|all| all.len()), Some(0), "{report:#}");
}

#[tokio::test]
async fn an_endless_answer_is_given_up() {
    let endless = "HTTP/1.1 200 OK\r\nX-Backend: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let steps = [
        Step::ReadBody,
        Step::Send(endless.into()),
        Step::Drip(b"1\r\nx\r\n".repeat(10_000), 6, Duration::from_millis(20)),
    ];
    let server = Backend::with_reply("a", Reply::steps(steps)).await;
    let report = assert_verdict(report(server.address(), "--timeout 200ms").await, "impossible", 1);
    assert!(report["failures"]["timeout"].as_u64().is_some(), "{report:#}");
}

#[tokio::test]
async fn requests_that_fail_are_no_even_split() {
    let all = backends(["a", "b"]).await;
    let failing = Backend::with_reply("c", Reply::text(500, "no")).await;
    let evenkeel = Setup::new([&all[0], &all[1], &failing]).start().await;
    let report = assert_verdict(report(evenkeel.address("web"), "--by header:X-Backend").await, "refused", 1);
    assert!(report["reasons"].to_string().contains("with 500"), "{report:#}");
}

#[tokio::test]
async fn routes_are_asserted_live() {
    let [web, api] = backends(["w", "p"]).await;
    let text = |api_pool: &str| {
        format!(
            "[admin]\nlisten = \"127.0.0.1:0\"\n[listener.web]\nbind = \"127.0.0.1:0\"\n\
             [[route]]\npool = \"web\"\n[[route]]\nhost = \"api.example\"\npath = \"/v1\"\npool = \"{api_pool}\"\n\
             [[test.route]]\nhost = \"www.example\"\npath = \"/\"\npool = \"web\"\n\
             [[test.route]]\nhost = \"api.example\"\npath = \"/v1/x?y=1\"\npool = \"{api_pool}\"\n\
             [[test.route]]\nhost = \"api.example\"\npath = \"/v2\"\npool = \"web\"\n\
             [pool.web]\nhealth = false\nbackends = [{}]\n[pool.api]\nhealth = false\nbackends = [{}]\n",
            web.entry(1),
            api.entry(1)
        )
    };
    let evenkeel = Evenkeel::start(BINARY, &text("api")).await;
    let address = evenkeel.address("web");
    let file = evenkeel.config_path().display().to_string();
    let right = verify(address, &format!("--config {file} --routes")).await;
    assert!(right.status.success() && right.stdout.starts_with("As expected: 3 of 3"), "{right:?}");
    // The file says otherwise than what is running.
    evenkeel.write_config(&text("web"));
    let wrong = verify(address, &format!("--config {file} --routes")).await;
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(
        wrong.stdout.contains("Refused: 1 of 3") && wrong.stdout.contains("p of api answered"),
        "{wrong:?}"
    );
    let (report, status) = report(address, &format!("--config {file} --routes")).await;
    assert_eq!((report["ok"].as_bool(), report["schema"].as_u64(), status), (Some(false), Some(1), Some(1)));
    assert_eq!(report["routes"][1]["outcome"], "wrong", "{report:#}");
}

#[tokio::test]
async fn wrong_calls_are_refused_with_what_to_write() {
    let unused = ClosedPort::new().address();
    for (flags, hint) in [
        ("--expect a=0", "--expect"),
        ("--expect a=1,a=2", "a is expected twice"),
        ("--by server", "header:NAME"),
        ("--by body:(", "not a regular expression"),
        ("--vary user", "header:NAME"),
        ("--equal 3 --expect a=1", "cannot be used with"),
        ("--pool web", "--config"),
        ("--routes", "--config"),
        ("--pattern slow", "fresh, kept and streams"),
        ("--tolerance 1", "from 0 to below 1"),
        ("--tolerance 0.9 --factor 1.5", "--tolerance"),
        ("--factor 1", "1.05"),
        ("--insecure", "no TLS with http://"),
        ("-n 0", "1..="),
        ("--header X", "X-Name: value"),
        ("--connect-to nowhere", "10.0.0.1:80"),
    ] {
        let done = verify(unused, flags).await;
        assert_eq!(done.status.code(), Some(2), "{flags}: {done:?}");
        assert!(done.stderr.contains(hint), "{flags}: {hint} in {}", done.stderr);
    }
    let far = verify_url("http://192.0.2.1/", "--vary source").await;
    assert!(far.status.code() == Some(2) && far.stderr.contains("127.0.0.0/8"), "{far:?}");
    for url in ["127.0.0.1:80", "ftp://a/", "http://u:p@a/"] {
        let done = verify_url(url, "").await;
        assert!(done.status.code() == Some(2) && done.stderr.contains("write it like http://"), "{done:?}");
    }
    let missing = verify(unused, "--config missing.toml").await;
    assert!(missing.status.code() == Some(1) && missing.stderr.contains("missing.toml"), "{missing:?}");
}
