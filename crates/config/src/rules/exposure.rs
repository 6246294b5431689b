//! What is open to more people than it should be.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "public-admin",
        severity: Severity::Warning,
        title: "the admin interface is open to the network",
        reason: "It asks for no password. Whoever reaches it reads the addresses of all backends, their load and the \
                 whole configuration: which pool is one failure away from an overload is an attacker's best news.",
        broken: r#"[admin]
listen = "0.0.0.0:9901"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[admin]
listen = "127.0.0.1:9901"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "public-proxy",
        severity: Severity::Warning,
        title: "a listener believes the PROXY header of everybody",
        reason: "The header names the client, and whoever may send one may be anybody: in the logs, in \
                 `X-Forwarded-For`, and for a hash of the address, with which one machine can then choose the backend \
                 that all of its requests go to.",
        broken: r#"[listener.web]
bind = ":8080"
accept_proxy = { from = ["0.0.0.0/0"] }
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
accept_proxy = { from = ["10.0.0.5"] }
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "notify-in-clear",
        severity: Severity::Warning,
        title: "messages about alarms leave in clear text",
        reason: "They name pools and backends, and say what is wrong with them; the URL itself is often all that it takes to \
                 write to a channel. Over http:// whoever is on the way to a receiver outside reads all of that, and \
                 can change it or keep it back.",
        broken: r#"[[notify]]
url = "http://hooks.example.com/T0/B0"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[[notify]]
url = "https://hooks.example.com/T0/B0"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "receiver-told-twice",
        severity: Severity::Warning,
        title: "a receiver gets each message twice",
        reason: "Two entries of `notify` have the same place and pools in common, so each alarm of those comes two times. \
                 What comes twice is read half as carefully: people mute the channel, and the next alarm with it.",
        broken: r#"[[notify]]
url = "https://hooks.example.com/T0/B0"

[[notify]]
name = "again"
url = "https://hooks.example.com/T0/B0"
pools = ["web"]

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[[notify]]
url = "https://hooks.example.com/T0/B0"

[[notify]]
name = "again"
url = "https://hooks.example.com/T0/B1"
pools = ["web"]

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
