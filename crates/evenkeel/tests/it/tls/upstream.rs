//! Backends that speak TLS.

use evenkeel_testkit::{Nginx, free_port};

use super::authority::Authority;
use super::*;

/// An nginx that speaks TLS, says who asked and whether the session was taken up again.
async fn nginx(ca: &Authority, pair: &Pair, more: &str) -> (Nginx, SocketAddr) {
    let location = "location / { add_header X-Client $ssl_client_verify; add_header X-Reused $ssl_session_reused; \
                    add_header X-Sni $ssl_server_name; return 200 \"secured\\n\"; }";
    let (address, directives) = tls_server(free_port(), pair, &format!("{more} {location}"));
    let nginx = Nginx::start_with(&directives).await;
    assert!(ca.file().exists());
    (nginx, address)
}

fn pool(address: SocketAddr, tls: &str, more: &str) -> Setup {
    let keys =
        format!("strategy = \"round_robin\"\npassive = false\npanic_threshold = 0\ntls = {tls}\n{more}");
    Setup::of_entries([format!("\"{address}\"")]).pool(&keys)
}

async fn ask(evenkeel: &Evenkeel) -> Finished {
    curl(evenkeel, "http://a.example/").await
}

#[tokio::test]
async fn a_backend_is_believed_by_its_ca_and_its_name() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let pair = ca.issue("backend", "DNS:backend.example,IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "").await;
    let (own, other) = (ca.file().display().to_string(), stranger.file().display().to_string());
    let health = "health = false";
    let evenkeel = pool(address, &format!("{{ ca = \"{own}\" }}"), health).start().await;
    let answer = ask(&evenkeel).await;
    assert_eq!(status(&answer), 200, "by its address: {answer:?}");
    assert!(answer.stdout.contains("secured"), "{answer:?}");
    for (tls, expected, word) in [
        (format!("{{ ca = \"{own}\", server_name = \"backend.example\" }}"), 200, "X-Sni: backend.example"),
        (format!("{{ ca = \"{own}\", server_name = \"other.example\" }}"), 502, "tls_certificate_error"),
        (format!("{{ ca = \"{other}\" }}"), 502, "tls_certificate_error"),
        // The system knows nothing of our CA.
        ("true".to_owned(), 502, "tls_certificate_error"),
        ("{ verify = false }".to_owned(), 200, "secured"),
    ] {
        let reloaded = evenkeel.reload(&pool(address, &tls, health).text()).await;
        assert_eq!(reloaded["last_reload"]["ok"], true, "{tls}: {reloaded}");
        let answer = ask(&evenkeel).await;
        assert_eq!(status(&answer), expected, "{tls}: {answer:?}");
        assert!(answer.stdout.contains(word), "{tls}: {answer:?}");
    }
    let metrics = evenkeel.metrics().await;
    assert_eq!(metrics.value("evenkeel_backend_outcomes_total", &[("outcome", "connect_failed")]), 3.0);
    let logged = evenkeel.await_message("TLS handshake with a backend failed").await;
    assert!(logged["error"].as_str().is_some_and(|error| error.contains("certificate")), "{logged}");
}

#[tokio::test]
async fn this_process_shows_its_own_certificate_to_backends() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let client = ca.issue_client("balancer", "/CN=balancer");
    let file = ca.file().display().to_string();
    let asks = format!("ssl_client_certificate {file}; ssl_verify_client on;");
    let (_nginx, address) = nginx(&ca, &pair, &asks).await;
    let with = format!(
        "{{ ca = \"{file}\", cert = \"{}\", key = \"{}\" }}",
        client.cert.display(),
        client.key.display()
    );
    let evenkeel = pool(address, &with, "health = false").start().await;
    let answer = ask(&evenkeel).await;
    assert!(answer.stdout.contains("X-Client: SUCCESS"), "{answer:?}");
    evenkeel.reload(&pool(address, &format!("{{ ca = \"{file}\" }}"), "health = false").text()).await;
    let answer = ask(&evenkeel).await;
    assert_eq!(status(&answer), 400, "nginx wants one, and no old connection was used: {answer:?}");
}

#[tokio::test]
async fn connections_with_and_without_tls_are_never_mixed() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "").await;
    let plain = Setup::of_entries([format!("\"{address}\"")]);
    let evenkeel = plain.start().await;
    let answer = ask(&evenkeel).await;
    assert_eq!(status(&answer), 400, "plain HTTP to a port with TLS: {answer:?}");
    let secured = pool(address, &format!("{{ ca = \"{}\" }}", ca.file().display()), "health = false");
    evenkeel.reload(&secured.text()).await;
    for _ in 0..4 {
        let answer = ask(&evenkeel).await;
        assert_eq!(status(&answer), 200, "{answer:?}");
    }
    evenkeel.reload(&plain.text()).await;
    let answer = ask(&evenkeel).await;
    assert_eq!(status(&answer), 400, "{answer:?}");
}

#[tokio::test]
async fn sessions_with_backends_resume_and_connections_are_kept() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "ssl_session_cache shared:s:1m;").await;
    let tls = format!("{{ ca = \"{}\" }}", ca.file().display());
    let none_kept = "health = false\nkeep_alive = { idle_max = 0 }";
    let evenkeel = pool(address, &tls, none_kept).start().await;
    let answer = ask(&evenkeel).await;
    assert!(answer.stdout.contains("X-Reused: ."), "{answer:?}");
    let answer = ask(&evenkeel).await;
    assert!(answer.stdout.contains("X-Reused: r"), "another connection, the same session: {answer:?}");
}

#[tokio::test]
async fn health_checks_are_made_over_tls() {
    let (ca, stranger) = (Authority::new(), Authority::new());
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "").await;
    let checks = ["path = \"/\", ", ""];
    for check in checks {
        let health =
            format!("health = {{ {check}interval = \"500ms\", timeout = \"500ms\", rise = 1, fall = 2 }}");
        let tls = |ca: &Authority| format!("{{ ca = \"{}\" }}", ca.file().display());
        let evenkeel = pool(address, &tls(&ca), &health).start().await;
        evenkeel.await_eligible("web", 1).await;
        assert_eq!(status(&ask(&evenkeel).await), 200);
        // Another CA: the same backend at the same address is somebody whom nobody knows.
        evenkeel.reload(&pool(address, &tls(&stranger), &health).text()).await;
        evenkeel.await_eligible("web", 0).await;
        let pools = evenkeel.admin_json("/pools").await;
        let detail = pools["pools"][0]["backends"][0]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(detail.contains("TLS") && detail.contains("certificate"), "{detail}");
    }
}

#[tokio::test]
async fn a_backend_that_does_not_speak_tls_is_said_to() {
    let [a] = crate::support::backends(["a"]).await;
    let evenkeel = pool(a.address(), "{ verify = false }", "health = false").start().await;
    let answer = ask(&evenkeel).await;
    assert_eq!(status(&answer), 502, "{answer:?}");
    assert!(answer.stdout.contains("tls_protocol_error"), "{answer:?}");
}

#[tokio::test]
async fn load_probes_are_made_over_tls_on_connections_that_are_kept() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "").await;
    let keys = format!(
        "strategy = \"prequal\"\nhealth = false\npassive = false\nprobe = {{ path = \"/load\", timeout = \"2s\" }}\n\
         prequal = {{ probes_per_request = 3 }}\ntls = {{ ca = \"{}\" }}",
        ca.file().display()
    );
    let entries = [format!("{{ name = \"one\", address = \"{address}\" }}"), format!("\"{address}\"")];
    let evenkeel = Setup::of_entries(entries).pool(&keys).start().await;
    let probes = |metrics: &evenkeel_testkit::Metrics, outcome| {
        metrics.value("evenkeel_pool_load_probes_total", &[("outcome", outcome)])
    };
    evenkeel_testkit::until("probes that were answered", async || {
        assert_eq!(status(&ask(&evenkeel).await), 200);
        (probes(&evenkeel.metrics().await, "answered") >= 12.0).then_some(())
    })
    .await;
    assert_eq!(probes(&evenkeel.metrics().await, "failed"), 0.0);
}

#[tokio::test]
async fn a_reload_that_leaves_tls_alone_leaves_its_connections_alone() {
    let ca = Authority::new();
    let pair = ca.issue("backend", "IP:127.0.0.1");
    let (_nginx, address) = nginx(&ca, &pair, "location /which { return 200 \"on $connection\\n\"; }").await;
    let setup = |name: &str| {
        let tls = format!("{{ ca = \"{}\"{name} }}", ca.file().display());
        pool(address, &tls, "health = false").runtime("workers = 1")
    };
    let evenkeel = setup("").start().await;
    let mut used = Vec::new();
    for name in ["", "", ", server_name = \"127.0.0.1\""] {
        evenkeel.reload(&setup(name).text()).await;
        let answer = curl(&evenkeel, "http://a.example/which").await;
        assert_eq!(status(&answer), 200, "{answer:?}");
        used.push(answer.stdout.lines().last().unwrap_or_default().to_owned());
    }
    assert_eq!(used[0], used[1], "the same files and settings");
    assert_ne!(used[1], used[2], "other settings");
}
