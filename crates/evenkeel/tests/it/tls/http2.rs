//! HTTP/2 over TLS, on both sides.

use evenkeel_testkit::{Digest, Nginx, Reply, free_port, pattern};

use super::authority::Authority;
use super::*;
use crate::support::backends;

#[tokio::test]
async fn alpn_chooses_the_version() {
    let backend = Backend::start("a").await;
    let ca = Authority::new();
    let pair = ca.issue("site", "DNS:a.example");
    let both = setup([&backend], &[&pair], "").start().await;
    let one = Setup::new([&backend]).listener(&format!("{}\nhttp2 = false", listener(&[&pair], "")));
    let one = one.start().await;
    let ca = ca.file().display().to_string();
    for (evenkeel, asked, expected) in [
        (&both, "--http2", "HTTP/2 200"),
        (&both, "--http1.1", "HTTP/1.1 200"),
        (&one, "--http2", "HTTP/1.1 200"),
    ] {
        let answer = curl(evenkeel, &format!("{asked} --cacert {ca} https://a.example/")).await;
        assert!(answer.stdout.starts_with(expected), "{asked}: {answer:?}");
    }
    let received = backend.received();
    let proto: Vec<_> = received.iter().map(|request| request.head.field("x-forwarded-proto")).collect();
    assert_eq!(proto, [Some("https"); 3]);
    let via: Vec<_> = received.iter().map(|request| request.head.field("via")).collect();
    assert_eq!(via, [Some("2.0 evenkeel"), Some("1.1 evenkeel"), Some("1.1 evenkeel")]);
    let offered = s_client(&one, "-alpn h2").await;
    assert!(!offered.contains("ALPN protocol: h2"), "{offered}");
}

#[tokio::test]
async fn streams_of_one_connection_are_balanced_and_long_bodies_pass() {
    let all = backends(["a", "b", "c"]).await;
    let ca = Authority::new();
    let pair = ca.issue("site", "DNS:a.example,IP:127.0.0.1");
    let evenkeel = setup(&all, &[&pair], "").start().await;
    let load = format!("h2load -n 600 -c 2 -m 20 https://{}/", evenkeel.address("web"));
    let ran = shell(evenkeel.directory(), &load).await;
    assert!(ran.stdout.contains("status codes: 600 2xx"), "{ran:?}");
    assert!(ran.stdout.contains("Application protocol: h2"), "{ran:?}");
    let counts: Vec<u64> = all.iter().map(Backend::requests).collect();
    assert_eq!(counts, [200, 200, 200]);
    let length = 2_000_000;
    all.iter().for_each(|backend| backend.set_answer(move |_| Reply::pattern(length)));
    let mut content = Vec::new();
    while content.len() < length as usize {
        content.extend_from_slice(pattern(content.len() as u64, 1 << 16));
    }
    content.truncate(length as usize);
    std::fs::write(evenkeel.directory().join("sent"), &content).unwrap();
    let get = "--http2 -k -o got --data-binary @sent https://a.example/";
    let address = evenkeel.address("web");
    let command = format!("curl -sS --max-time 20 --connect-to ::{address} {get}");
    let ran = shell(evenkeel.directory(), &command).await;
    assert!(ran.status.success(), "{ran:?}");
    assert!(std::fs::read(evenkeel.directory().join("got")).unwrap() == content, "what came back");
    let posted = all.iter().flat_map(Backend::received).find(|request| request.head.method() == "POST");
    assert_eq!(posted.map(|request| request.digest), Some(Digest::of_pattern(length)));
}

#[tokio::test]
async fn a_request_for_somebody_else_is_misdirected_and_the_connection_stays() {
    let backend = Backend::start("a").await;
    let ca = Authority::new();
    let (one, two) = (ca.issue("one", "DNS:one.example"), ca.issue("two", "DNS:two.example"));
    let evenkeel = setup([&backend], &[&one, &two], "").start().await;
    let urls = "-k --http2 -o /dev/null -o /dev/null -w '%{http_code} %{num_connects} ' https://one.example/";
    let answer = curl(&evenkeel, &format!("-H 'Host: two.example' {urls} https://one.example/x")).await;
    assert!(answer.stdout.ends_with("421 1 421 0 "), "{answer:?}");
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn backends_are_spoken_to_in_http_2_over_tls() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "DNS:backend.example,IP:127.0.0.1");
    let location = "location / { return 200 \"$server_protocol $scheme $ssl_alpn_protocol\"; }";
    let (address, directives) = tls_server(free_port(), &pair, location);
    let nginx = Nginx::start_with(&directives.replace(" ssl;", " ssl http2;")).await;
    let ca = ca.file().display().to_string();
    let pool = format!(
        "strategy = \"round_robin\"\npassive = false\nprotocol = \"http2\"\ntls = {{ ca = \"{ca}\" }}\n\
         health = {{ path = \"/\", interval = \"100ms\", timeout = \"100ms\", rise = 1, fall = 2 }}"
    );
    let evenkeel = Setup::of_entries([format!("\"{address}\"")]).pool(&pool).start().await;
    // Checks in HTTP/1.1 pass beside requests in HTTP/2.
    evenkeel.await_eligible("web", 1).await;
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let answer = curl(&evenkeel, &format!("{version} http://a.example/")).await;
        assert!(answer.stdout.ends_with("HTTP/2.0 https h2"), "{answer:?}");
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "ok")]), 2.0);
    drop(nginx);
}
