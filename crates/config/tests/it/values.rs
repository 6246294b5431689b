//! Each key arrives at its place, and the short forms mean what they say.

use std::time::Duration;

use crate::examples::drop_nulls;
use crate::schema::{at, declared};
use evenkeel_config::{
    AccessLog, AccessLogFormat, AccessLogPath, Check, Config, HostMatch, SameSite, Severity, Source, Sticky,
    effective, json_schema, load,
};
use evenkeel_core::{Intent, REGISTRY, Ratio, SlowStart, SubsetSpec, ZoneSpec};
use serde_json::{Value, json};

/// Every key of the other tables with another value than its default, written as [`effective`] writes it.
const CHANGED: &str = r#"
[admin]
listen = "127.0.0.2:9902"
[runtime]
workers = 3
lame_duration = "5s"
drain_timeout = "1m30s"
zone = "eu-1b"
instance = 3
[log]
level = "warn"
format = "json"
access = { path = "/tmp/access.log", format = "combined" }

[events]
path = "/tmp/events.redb"
keep = 2000
size = "2MiB"
[listener.web]
bind = "0.0.0.0:8081"
protocol = "http"
http2 = false
https_redirect = 8443
connection_age = "1h"
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
accept_proxy = { from = ["10.1.0.0/16"], required = true }
limits = { connections = 7, header_bytes = 2048, headers = 8, body_bytes = 9 }
[listener.web.timeouts]
request_header = "1s"
request_body_idle = "2s"
write_idle = "3s"
keep_alive = "4s"
handshake = "6s"
tunnel_idle = "7s"
[listener.secure]
bind = "0.0.0.0:8443"
protocol = "https"
http2 = { streams = 9, resets = 10, window = 100000, ping_interval = "11s" }
connection_age = "2h"
trusted_proxies = ["10.0.0.0/9"]
accept_proxy = { from = ["10.2.0.0/16"], required = true }
limits = { connections = 17, header_bytes = 4096, headers = 18, body_bytes = 19 }
[listener.secure.tls]
certificates = [{ cert = "a.pem", key = "a.key" }, { cert = "/b.pem", key = "/b.key" }]
min_version = "1.3"
client_auth = { ca = "c.pem", mode = "optional" }
tickets = false
[listener.secure.timeouts]
request_header = "11s"
request_body_idle = "12s"
write_idle = "13s"
keep_alive = "14s"
handshake = "16s"
tunnel_idle = "17s"
[[route]]
listener = "web"
host = "*.example.com"
path = "/api"
pool = "api"
[[route]]
listener = "secure"
host = "b.example.com"
path = "/b"
pool = "header"
"#;

/// A pool of the same, but for what only its strategy reads.
const CHANGED_POOL: &str = r#"
[pool.NAME]
strategy = "STRATEGY"
intent = "weights"
panic_threshold = 0.25
overprovisioning = 1.5
subset = 2
max_attempts = 2
protocol = "http2"
send_proxy = "v2"
streams_max = 20
upgrade = false
tls = { ca = "ca.pem", server_name = "s.internal", verify = true, cert = "p.pem", key = "p.key" }
[[pool.NAME.backends]]
name = "a"
address = "10.0.0.1:80"
weight = 2
capacity = 1.5
enabled = true
tier = 1
zone = "eu-1a"
max_in_flight = 5
drain = false
[[pool.NAME.backends]]
name = "b"
address = "app.internal:81"
weight = 3
capacity = 2.5
enabled = false
tier = 2
zone = "eu-1b"
max_in_flight = 6
drain = true
[[pool.NAME.backends]]
name = "c"
address = "[::1]:82"
weight = 4
capacity = 3.5
enabled = true
tier = 15
zone = "eu-1c"
max_in_flight = 7
drain = true
[pool.NAME.health]
CHECK
interval = "10s"
timeout = "9s"
rise = 4
fall = 5
jitter = 0.2
port = 83
[pool.NAME.passive]
consecutive = 6
base = "7s"
max = "8s"
max_ejected = 0.75
error_share = 0.5
[pool.NAME.slow_start]
window = "20s"
aggression = 1.5
minimum = 0.2
[pool.NAME.zone_aware]
min_backends = 7
[pool.NAME.sticky]
cookie = "S"
ttl = "1h30m"
path = "/app"
secure = true
http_only = false
same_site = "none"
[pool.NAME.queue]
size = 10
timeout = "2s"
priority = "X-P"
[pool.NAME.timeouts]
connect = "1s"
response_header = "2s"
response_idle = "3s"
total = "4s"
[pool.NAME.keep_alive]
idle_max = 11
idle_timeout = "12s"
max_age = "13s"
"#;

/// What the checks of most pools ask, and those of one.
const CHANGED_CHECK: &str =
    "type = \"http\"\npath = \"/up?x=1\"\nhost = \"api.internal:99\"\nexpect_status = [204, \"300-302\"]";
const CHANGED_GRPC: &str = "type = \"grpc\"\ngrpc = \"shop.Cart\"";

/// The same for listeners without requests, whose pools say nothing of their own.
const CHANGED_LAYER4: &str = r#"
[listener.db]
bind = "0.0.0.0:5432"
protocol = "tcp"
pool = "raw"
accept_proxy = { from = ["10.1.0.0/16"], required = true }
limits = { connections = 27 }
timeouts = { handshake = "26s", tunnel_idle = "27s" }
[listener.dns]
bind = "0.0.0.0:53"
protocol = "udp"
pool = "raw"
udp = { idle = "1s", sessions = 2, replies = 3, new_per_second = 4 }
[listener.passed]
bind = "0.0.0.0:9443"
protocol = "tls_passthrough"
pool = "raw"
accept_proxy = { from = ["10.2.0.0/16"], required = true }
limits = { connections = 37 }
timeouts = { handshake = "36s", tunnel_idle = "37s" }
[[route]]
listener = "passed"
host = "a.example.com"
path = "/"
alpn = "h2"
pool = "raw"
[pool.raw]
backends = ["10.0.0.1:53", "10.0.0.2:53"]
"#;

/// Each strategy with what it reads.
const CHANGED_STRATEGIES: [(&str, &str, &str); 8] = [
    ("api", "random", ""),
    ("header", "maglev", "hash = { header = \"X-User\", bound = 1.5, table_size = 251, show_keys = true }"),
    ("path", "maglev", "hash = { path = true, bound = 2.5, table_size = 257, show_keys = true }"),
    ("cookie", "ring", "hash = { cookie = \"user\", bound = 1.5, points = 8, show_keys = true }"),
    ("query", "rendezvous", "hash = { query = \"user\", bound = 1.5, show_keys = true }"),
    ("source", "rendezvous", "hash = { source = true, ipv4 = 24, ipv6 = 48, bound = 1.5, show_keys = true }"),
    ("latency", "peak_ewma", "peak_ewma = { decay = \"5s\" }"),
    (
        "probed",
        "prequal",
        "probe = { path = \"/load?x\", timeout = \"50ms\" }\n\
         prequal = { probes_per_request = 2.5, pool_size = 8, probe_age = \"3s\", hot_quantile = 0.75 }",
    ),
];

/// What a file says of itself.
const CHANGED_CONTRACT: &str = r#"
allow = [{ rule = "unchecked-pool", reason = "a file" }]
[listener.web]
bind = ":8080"
allow = [{ rule = "public-proxy", reason = "a listener" }]
accept_proxy = { from = ["::/0"] }
pool = "web"
[[route]]
pool = "web"
allow = [{ rule = "shadowed-route", reason = "a route" }]
[[notify]]
name = "chat"
url = "https://hooks.example.com/a?b"
format = "slack"
min_level = "critical"
pools = ["web"]
headers = ["X-Team: edge"]
headers_file = "chat.headers"
ca = "chat.pem"
timeout = "3s"
resend = "4h"
[[notify]]
name = "secret"
url_file = "/etc/secret.url"
format = "slack"
min_level = "info"
pools = []
headers = []
timeout = "2s"
resend = "1h"
[[test.route]]
listener = "web"
host = "a.example"
path = "/a?b"
pool = "web"
[pool.web]
allow = [{ rule = "weights-without-intent", reason = "a pool" }]
backends = [
  { address = "10.0.0.1:80", weight = 3 },
  { address = "10.0.0.2:80", weight = 2 },
  { name = "again", address = "10.0.0.2:80", allow = [{ rule = "duplicate-address", reason = "a backend" }] },
]
[pool.web.expect]
members = 3
min_share = 0.1
max_share = 0.6
survives = 1
peak_to_mean = 1.8
forbidden_zones = ["eu-9z"]
peak_rate = 100.5
backend_rate = 99.5
"#;

/// The whole file.
fn changed() -> String {
    let pool = |(name, strategy, own): &(&str, &str, &str)| {
        let head = "strategy = \"STRATEGY\"\n";
        let text = CHANGED_POOL.replace(head, &format!("{head}{own}\n"));
        let text = match *name {
            "path" => text.replace("CHECK", CHANGED_GRPC),
            "query" => text.replace("ca = \"ca.pem\", ", "").replace("verify = true", "verify = false"),
            _ => text,
        };
        text.replace("CHECK", CHANGED_CHECK).replace("NAME", name).replace("STRATEGY", strategy)
    };
    let pools: Vec<_> = CHANGED_STRATEGIES.iter().map(pool).collect();
    format!("{CHANGED}{}", pools.concat())
}

fn config(text: &str) -> Config {
    let loaded = load(&Source::new("test.toml", text));
    let said: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.config.unwrap_or_else(|| panic!("{}", said.join("\n")))
}

/// A listener, and the pool that it leads to, unfinished.
fn head() -> &'static str {
    "[listener.web]\nbind = \":8080\"\npool = \"web\"\n[pool.web]\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n"
}

/// A listener and a pool with more in either.
pub(crate) fn with(listener: &str, pool: &str) -> Config {
    config(&format!(
        "[listener.web]\nbind = \":8080\"\npool = \"web\"\n{listener}\n\
         [pool.web]\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n{pool}\n"
    ))
}

#[test]
fn every_value_arrives_at_its_place() {
    let written: Value = toml::from_str(&changed()).unwrap();
    let mut shown = effective(&config(&changed()));
    drop_nulls(&mut shown);
    assert_eq!(shown, written);

    let written: Value = toml::from_str(CHANGED_LAYER4).unwrap();
    let shown = effective(&config(CHANGED_LAYER4));
    assert_eq!((&shown["listener"], &shown["route"]), (&written["listener"], &written["route"]));

    let written: Value = toml::from_str(CHANGED_CONTRACT).unwrap();
    let mut shown = effective(&config(CHANGED_CONTRACT));
    drop_nulls(&mut shown);
    for table in ["/pool/web/expect", "/test", "/notify"] {
        assert_eq!(shown.pointer(table), written.pointer(table), "{table}");
    }
    for table in ["", "/listener/web", "/route/0", "/pool/web", "/pool/web/backends/2"] {
        let allow = |value: &Value| value.pointer(&format!("{table}/allow")).cloned();
        assert!(allow(&written).is_some() && allow(&shown) == allow(&written), "{table}");
    }
}

#[test]
fn no_value_of_that_test_is_a_default() {
    let files: [Value; 3] =
        [&changed(), CHANGED_LAYER4, CHANGED_CONTRACT].map(|text| toml::from_str(text).unwrap());
    let schema = json_schema();
    for key in declared(&schema) {
        let name = key.path.join(".");
        let values: Vec<_> = files.iter().flat_map(|file| at(file, &key.path)).collect();
        let default = key.schema.get("default");
        match name.as_str() {
            // All of them, and a path that is not seen.
            "listener.*.protocol" => assert_eq!(values.len(), 5),
            "route.*.path" => assert!(values.contains(&&json!("/api"))),
            // Some with a flag and some without.
            "pool.*.backends.*.enabled" | "pool.*.backends.*.drain" | "pool.*.tls.verify" => {
                assert!(values.contains(&&json!(true)) && values.contains(&&json!(false)), "{name}");
            }
            _ => {
                assert!(!values.is_empty(), "{name} is not in the test");
                assert!(values.iter().all(|value| Some(*value) != default), "{name} is its default");
            }
        }
    }
}

#[test]
fn checks_have_the_kind_and_the_timeout_that_follow() {
    let health = |text: &str| with("", &format!("health = {text}")).pools.remove(0).health.unwrap();
    let tcp = health("{}");
    assert_eq!((tcp.check, tcp.timeout), (Check::Tcp, Duration::from_secs(1)));
    assert_eq!(health("{ interval = \"200ms\" }").timeout, Duration::from_millis(200));
    let http = |expect_status| Check::Http { path: "/up".into(), host: None, expect_status };
    assert_eq!(health("{ path = \"/up\" }").check, http(vec![(200, 399)]));
    assert_eq!(health("{ path = \"/up\", expect_status = 204 }").check, http(vec![(204, 204)]));
    assert_eq!(health("{ path = \"/up\", expect_status = \"200-204\" }").check, http(vec![(200, 204)]));
}

#[test]
fn what_is_switched_off_is_off() {
    assert_eq!(with("", "tls = false\nsend_proxy = false").pools[0].tls, None);
    assert_eq!(with("", "send_proxy = false").pools[0].send_proxy, None);
    assert_eq!(with("http2 = false", "").listeners[0].http2, None);
    assert_eq!(with("https_redirect = false", "").listeners[0].https_redirect, None);
    assert_eq!(with("connection_age = \"none\"", "").listeners[0].connection_age, None);
    assert_eq!(with("", "health = false").pools[0].health, None);
    assert_eq!(with("", "").pools[0].health, None);
    assert_eq!(with("", "passive = false").pools[0].passive, None);
    assert!(with("", "").pools[0].passive.is_some());
    let text =
        "admin = false\n[listener.web]\nbind = \":0\"\npool = \"web\"\n[pool.web]\nbackends = [\"a:1\"]\n";
    assert_eq!(config(text).admin, None);
}

#[test]
fn a_silent_pool_is_told_what_core_takes_for_granted() {
    let pool = with("", "").pools.remove(0);
    assert_eq!(pool.settings, evenkeel_core::StrategySettings::default());
    assert_eq!(pool.shaping, evenkeel_core::Shaping::default());
    assert!(pool.backends.iter().all(|backend| backend.placement == evenkeel_core::Placement::default()));
    assert_eq!((pool.queue.size, pool.queue.priority, pool.sticky), (0, None, None));
    assert_eq!(pool.passive.unwrap().error_share, Ratio::new(0.25));
}

#[test]
fn a_key_of_requests_is_for_the_strategies_that_go_by_one() {
    for known in REGISTRY {
        let codes = |more: &str| {
            let probe = if known.name == "prequal" { "probe = { path = \"/\" }\n" } else { "" };
            let text = format!("{}strategy = \"{}\"\n{probe}{more}", head(), known.name);
            let loaded = load(&Source::new("test.toml", text));
            let errors = loaded.diagnostics.iter().filter(|found| found.severity == Severity::Error);
            errors.map(|found| found.code).collect::<Vec<_>>()
        };
        let hash = "hash = { path = true }\n";
        let (with, without): (&[&str], &[&str]) =
            if known.keyed { (&[], &["missing-key"]) } else { (&["contradiction"], &[]) };
        assert_eq!((codes(hash), codes("")), (with.to_vec(), without.to_vec()), "{}", known.name);
        assert_eq!(codes("hahs = { path = true }\n"), ["unknown-key"], "{}", known.name);
    }
}

#[test]
fn what_is_on_has_its_defaults() {
    let sticky = |text: &str| with("", &format!("sticky = {text}")).pools.remove(0).sticky;
    let plain = Sticky {
        cookie: "EVENKEEL".into(),
        ttl: None,
        path: "/".into(),
        secure: false,
        http_only: true,
        same_site: SameSite::Lax,
    };
    assert_eq!(sticky("true"), Some(plain.clone()));
    assert_eq!(sticky("{}"), Some(plain.clone()));
    assert_eq!(sticky("false"), None);
    let hour = Sticky { ttl: Some(Duration::from_secs(3600)), same_site: SameSite::Strict, ..plain };
    assert_eq!(sticky("{ ttl = \"1h\", same_site = \"strict\" }"), Some(hour));

    let shaping = |text: &str| with("[runtime]\nzone = \"z\"\ninstance = 4", text).pools.remove(0).shaping;
    let slow =
        SlowStart { window: Duration::from_secs(30), aggression: 1.0, minimum: Ratio::new(0.1).unwrap() };
    assert_eq!(shaping("slow_start = \"30s\"").slow_start, Some(slow));
    assert_eq!(shaping("slow_start = { window = \"30s\" }").slow_start, Some(slow));
    assert_eq!(shaping("slow_start = false").slow_start, None);
    let zone = |members_min| Some(ZoneSpec { local: "z".into(), members_min });
    assert_eq!(shaping("zone_aware = true").zone, zone(6));
    assert_eq!(shaping("zone_aware = { min_backends = 2 }").zone, zone(2));
    assert_eq!(shaping("zone_aware = false").zone, None);
    let size = std::num::NonZeroU32::new(5).unwrap();
    assert_eq!(shaping("subset = 5").subset, Some(SubsetSpec { instance: 4, size }));
    assert_eq!(shaping("subset = false").subset, None);
    assert_eq!(
        with("", "passive = { error_share = false }").pools[0].passive.as_ref().unwrap().error_share,
        None
    );
}

#[test]
fn intent_is_as_said_or_by_declared_capacity() {
    let intent = |extra: &str, capacity: &str| {
        let backends = format!("[{{ address = \"10.0.0.1:80\"{capacity} }}, \"10.0.0.2:80\"]");
        let listener = "[listener.web]\nbind = \":8080\"\npool = \"web\"\n";
        config(&format!("{listener}[pool.web]\nbackends = {backends}\n{extra}\n")).pools[0].intent
    };
    assert_eq!(intent("", ""), Intent::Equal);
    assert_eq!(intent("", ", capacity = 2"), Intent::Capacity);
    assert_eq!(intent("intent = \"equal\"", ", capacity = 2"), Intent::Equal);
    assert_eq!(intent("intent = \"weights\"", ", weight = 2"), Intent::Weights);
}

#[test]
fn short_forms_are_short_for_the_long_ones() {
    let text = |access: &str| {
        format!(
            "[log]\naccess = {access}\n[listener.web]\nbind = \":80\"\npool = \"w\"\n[pool.w]\nbackends = [\"a:1\"]\n"
        )
    };
    let long = AccessLog { path: AccessLogPath::File("a.log".into()), format: AccessLogFormat::Json };
    assert_eq!(config(&text("\"a.log\"")).log.access, Some(long.clone()));
    assert_eq!(config(&text("{ path = \"a.log\" }")).log.access, Some(long));
    assert_eq!(config(&text("\"-\"")).log.access.map(|access| access.path), Some(AccessLogPath::Stdout));
    let limits =
        with("limits = { header_bytes = \"2KiB\", body_bytes = \"10MB\" }", "").listeners.remove(0).limits;
    assert_eq!((limits.header_bytes, limits.body_bytes), (2048, Some(10_000_000)));
    assert_eq!(with("limits = { body_bytes = \"none\" }", "").listeners[0].limits.body_bytes, None);
    assert_eq!(with("limits = { body_bytes = 0 }", "").listeners[0].limits.body_bytes, Some(0));
    assert_eq!(with("", "").listeners[0].bind, "0.0.0.0:8080".parse().unwrap());
}

#[test]
fn a_route_of_several_hosts_is_several_routes() {
    let config =
        with("", "[[route]]\nhost = [\"A.example\", \"*.b.example\"]\npath = \"/x\"\npool = \"web\"");
    let routes: Vec<_> = config.routes.iter().map(|route| (&route.host, route.path.as_str())).collect();
    let exact = HostMatch::Exact("a.example".into());
    let wildcard = HostMatch::Wildcard("b.example".into());
    assert_eq!(routes, [(&exact, "/x"), (&wildcard, "/x"), (&HostMatch::Any, "/")]);
    let owners: Vec<_> = config.routes.iter().map(|route| route.listener.as_deref()).collect();
    assert_eq!(owners, [None, None, Some("web")]);
}

#[test]
fn listeners_and_pools_keep_the_order_of_the_file() {
    let text = ["z", "a", "m"].map(|name| {
        format!(
            "[listener.{name}]\nbind = \":0\"\npool = \"{name}\"\n[pool.{name}]\nbackends = [\"{name}:1\"]\n"
        )
    });
    let config = config(&text.concat());
    assert_eq!(config.listeners.iter().map(|found| found.name.as_str()).collect::<Vec<_>>(), ["z", "a", "m"]);
    assert_eq!(config.pools.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["z", "a", "m"]);
    assert_eq!(
        effective(&config)["route"][0],
        json!({"listener": "z", "host": null, "path": "/", "pool": "z"})
    );
}
