//! Which pool serves a request.

use evenkeel_testkit::Evenkeel;

use crate::support::{BINARY, backends};

const ROUTES: &str = r#"
[[route]]
host = "exact.example"
pool = "exact"

[[route]]
host = "*.wild.example"
pool = "wild"

[[route]]
host = ["one.example", "two.example"]
path = "/deep/"
pool = "deep"

[[route]]
host = "exact.example"
path = "/api"
pool = "api"

[[route]]
host = "exact.example"
path = "/api/v2"
pool = "deep"

[[route]]
path = "/everywhere"
pool = "everywhere"
"#;

/// Host, path, and the pool expected; none is 404.
const CASES: &[(&str, &str, Option<&str>)] = &[
    ("exact.example", "/", Some("exact")),
    ("EXACT.Example", "/x", Some("exact")),
    ("exact.example:8443", "/", Some("exact")),
    ("sub.exact.example", "/", None),
    ("a.wild.example", "/", Some("wild")),
    ("a.b.Wild.example:1", "/", Some("wild")),
    ("wild.example", "/", None),
    ("notwild.example", "/", None),
    ("exact.example", "/api", Some("api")),
    ("exact.example", "/api/", Some("api")),
    ("exact.example", "/api/v1", Some("api")),
    ("exact.example", "/api?q=/api/v2", Some("api")),
    ("exact.example", "/apiv2", Some("exact")),
    ("exact.example", "/api/v2", Some("deep")),
    ("exact.example", "/api/v2/x", Some("deep")),
    ("exact.example", "/api/v20", Some("api")),
    ("exact.example", "/API", Some("exact")),
    ("one.example", "/deep/x", Some("deep")),
    ("two.example", "/deep/", Some("deep")),
    ("two.example", "/", None),
    ("unknown.example", "/everywhere", Some("everywhere")),
    ("two.example", "/everywhere/x", Some("everywhere")),
    ("unknown.example", "/", None),
    ("127.0.0.1", "/", None),
    ("[::1]:80", "/everywhere", Some("everywhere")),
];

#[tokio::test]
async fn the_most_specific_route_holds() {
    let all = backends(["exact", "wild", "deep", "api", "everywhere"]).await;
    let mut config =
        String::from("[admin]\nlisten = \"127.0.0.1:0\"\n[listener.web]\nbind = \"127.0.0.1:0\"\n");
    config.push_str(ROUTES);
    for backend in &all {
        let entry = format!("[pool.{}]\nhealth = false\nbackends = [{}]\n", backend.name(), backend.entry(1));
        config.push_str(&entry);
    }
    let evenkeel = Evenkeel::start(BINARY, &config).await;
    let mut client = evenkeel.client("web").await;
    let mut wrong = Vec::new();
    for &(host, path, pool) in CASES {
        let response = client.get(host, path).await;
        let got = response.field("x-backend");
        if got != pool || (pool.is_none() && response.status() != 404) {
            wrong.push(format!("{host}{path}: {got:?} {} instead of {pool:?}", response.status()));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    let missed = client.get("unknown.example", "/").await;
    let reason = missed.field("proxy-status").unwrap_or_default();
    assert!(reason.starts_with("evenkeel; error=destination_not_found"), "{reason}");
    assert_eq!(missed.field("connection"), None, "a miss does not cost the connection");
}

#[tokio::test]
async fn a_route_can_be_for_one_listener() {
    let [a, b] = backends(["a", "b"]).await;
    let config = format!(
        "[admin]\nlisten = \"127.0.0.1:0\"\n\
         [listener.one]\nbind = \"127.0.0.1:0\"\n[listener.two]\nbind = \"127.0.0.1:0\"\n\
         [[route]]\nlistener = \"one\"\npool = \"a\"\n[[route]]\nlistener = \"two\"\npool = \"b\"\n\
         [pool.a]\nhealth = false\nbackends = [{}]\n[pool.b]\nhealth = false\nbackends = [{}]\n",
        a.entry(1),
        b.entry(1)
    );
    let evenkeel = Evenkeel::start(BINARY, &config).await;
    for (listener, name) in [("one", "a"), ("two", "b")] {
        let response = evenkeel.client(listener).await.get("h", "/").await;
        assert_eq!(response.field("x-backend"), Some(name), "{listener}");
    }
}
