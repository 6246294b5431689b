//! Each key arrives at its place, and the short forms mean what they say.

use std::time::Duration;

use evenkeel_config::{
    AccessLog, AccessLogFormat, AccessLogPath, Check, Config, HostMatch, Source, effective, json_schema, load,
};
use evenkeel_core::Intent;
use serde_json::{Value, json};

/// Every key with another value than its default, written as [`effective`] writes it.
const CHANGED: &str = r#"
[admin]
listen = "127.0.0.2:9902"
[runtime]
workers = 3
lame_duration = "5s"
drain_timeout = "1m30s"
[log]
level = "warn"
format = "json"
access = { path = "/tmp/access.log", format = "combined" }
[listener.web]
bind = "0.0.0.0:8081"
protocol = "http"
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
limits = { connections = 7, header_bytes = 2048, headers = 8, body_bytes = 9 }
timeouts = { request_header = "1s", request_body_idle = "2s", write_idle = "3s", keep_alive = "4s" }
[[route]]
listener = "web"
host = "*.example.com"
path = "/api"
pool = "api"
[pool.api]
strategy = "random"
intent = "weights"
panic_threshold = 0.25
max_attempts = 2
[[pool.api.backends]]
name = "a"
address = "10.0.0.1:80"
weight = 2
capacity = 1.5
enabled = true
[[pool.api.backends]]
name = "b"
address = "app.internal:81"
weight = 3
capacity = 2.5
enabled = false
[[pool.api.backends]]
name = "c"
address = "[::1]:82"
weight = 4
capacity = 3.5
enabled = true
[pool.api.health]
type = "http"
path = "/up?x=1"
host = "api.internal:99"
expect_status = [204, "300-302"]
interval = "10s"
timeout = "9s"
rise = 4
fall = 5
jitter = 0.2
port = 83
[pool.api.passive]
consecutive = 6
base = "7s"
max = "8s"
max_ejected = 0.75
[pool.api.timeouts]
connect = "1s"
response_header = "2s"
response_idle = "3s"
total = "4s"
[pool.api.keep_alive]
idle_max = 11
idle_timeout = "12s"
max_age = "13s"
"#;

fn config(text: &str) -> Config {
    let loaded = load(&Source::new("test.toml", text));
    let said: Vec<_> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    loaded.config.unwrap_or_else(|| panic!("{}", said.join("\n")))
}

/// A listener and a pool with more in either.
fn with(listener: &str, pool: &str) -> Config {
    config(&format!(
        "[listener.web]\nbind = \":8080\"\npool = \"web\"\n{listener}\n\
         [pool.web]\nbackends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n{pool}\n"
    ))
}

#[test]
fn every_value_arrives_at_its_place() {
    let written: Value = toml::from_str(CHANGED).unwrap();
    assert_eq!(effective(&config(CHANGED)), written);
}

#[test]
fn no_value_of_that_test_is_a_default() {
    fn differ(schema: &Value, value: &Value, path: &str) {
        let (any, below) = (schema["anyOf"].as_array(), schema.get("additionalProperties"));
        for schema in any.into_iter().flatten() {
            differ(schema, value, path);
        }
        if let (Some(below), Some(fields)) = (below.filter(|below| below.is_object()), value.as_object()) {
            fields.values().for_each(|value| differ(below, value, path));
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            values.iter().for_each(|value| differ(items, value, path));
        }
        let keys = schema["properties"].as_object().filter(|_| value.is_object());
        for (name, schema) in keys.into_iter().flatten() {
            let path = format!("{path}.{name}");
            // The only protocol, the flag with one other value, and what a route says instead.
            let exempt = [".listener.protocol", ".pool.backends.enabled", ".listener.pool"].contains(&&*path);
            assert!(exempt || value.get(name).is_some(), "{path} is not in the test");
            assert!(exempt || schema.get("default") != value.get(name), "{path} is its default");
            differ(schema, &value[name], &path);
        }
    }
    differ(&json_schema(), &toml::from_str(CHANGED).unwrap(), "");
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
    assert_eq!(with("", "health = false").pools[0].health, None);
    assert_eq!(with("", "").pools[0].health, None);
    assert_eq!(with("", "passive = false").pools[0].passive, None);
    assert!(with("", "").pools[0].passive.is_some());
    let text =
        "admin = false\n[listener.web]\nbind = \":0\"\npool = \"web\"\n[pool.web]\nbackends = [\"a:1\"]\n";
    assert_eq!(config(text).admin, None);
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
