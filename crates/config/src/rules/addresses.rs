//! Addresses that are in a pool twice, lead elsewhere or lead back.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "duplicate-address",
        severity: Severity::Warning,
        title: "two backends of a pool are one address",
        reason: "A pool is balanced by its entries, so an address that is in it twice gets twice its share, and fails \
                 twice at once: of three entries for two machines one machine gets 67 % where 50 % would be equal. It \
                 comes from copying a line and changing only the name. Where one of the two is in a later tier, the \
                 tier that should take over fails together with the first.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.12:8080" },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080" },
]
"#,
    },
    Rule {
        id: "duplicate-backend",
        severity: Severity::Error,
        title: "two backends of a pool have one name",
        reason: "Counters, health and sessions belong to the name of a backend, which is its address where it has no \
                 name of its own. Two entries of one name cannot be told apart, in a dashboard no more than here; if \
                 they are one address as well, it would get two shares of the requests.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "loop",
        severity: Severity::Error,
        title: "a backend is a listener of this same Evenkeel",
        reason: "A request that is sent there comes back and is sent again, until no connection is left: one request \
                 is enough to take every client's place. Where the backend is the admin interface, its share of the \
                 requests is answered by that instead of by the application.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["127.0.0.1:8080", "127.0.0.1:8081"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["127.0.0.1:8081", "127.0.0.1:8082"]
"#,
    },
    Rule {
        id: "address-taken",
        severity: Severity::Error,
        title: "two listeners, or a listener and the admin interface, have one address",
        reason: "The second of the two cannot be opened, so Evenkeel would not start, or a reload would be refused. \
                 Where the operating system allows both, connections are spread over the two at random, and half of \
                 them reach the wrong pool; so Evenkeel never asks it to.",
        broken: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"

[listener.inner]
bind = "127.0.0.1:8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"

[listener.inner]
bind = "127.0.0.1:8081"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
