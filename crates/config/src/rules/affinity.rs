//! Clients that stay where they are.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "endless-session",
        severity: Severity::Warning,
        title: "sessions have no end for clients that come daily",
        reason: "The cookie of `sticky` is renewed with each response, so a session ends only when a client stays \
                 away for the whole `ttl`. With a day, who comes daily stays at one backend for good: backends that \
                 are added get new clients only, and the old ones stay as full as they are (ingress-nginx#4093).",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = { ttl = "24h" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = { ttl = "1h" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "endless-drain",
        severity: Severity::Warning,
        title: "a backend drains sessions that have no end",
        reason: "A draining backend keeps its sessions until they end. Without a `ttl` the cookie lives as long as \
                 the browser, and browsers that restore their tabs keep it for weeks, so the drain is never over: \
                 either the machine is never replaced or its sessions are cut after all.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = true
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080", drain = true },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = { ttl = "1h" }
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080", drain = true },
]
"#,
    },
    Rule {
        id: "session-path",
        severity: Severity::Warning,
        title: "the cookie of sessions is for another path than the requests are",
        reason: "A browser sends a cookie only below its path. When no route of the pool is there, no request ever \
                 brings it along: each begins a new session, each response sets another cookie, and users are sent \
                 from backend to backend, which is what `sticky` was to prevent.",
        broken: r#"[listener.web]
bind = ":8080"

[[route]]
path = "/shop"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = { path = "/cart" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"

[[route]]
path = "/shop"
pool = "web"

[pool.web]
health = { path = "/healthz" }
sticky = { path = "/shop" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "split-affinity",
        severity: Severity::Warning,
        title: "sessions decide before the key of the content does",
        reason: "Hashing by path or query keeps like content at one backend, so that its cache is warm. `sticky` \
                 sends a client where it was before, whatever it asks for: from its second request on the key decides \
                 nothing, every backend caches everything, and the hit rate is that of chance.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true }
sticky = true
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "pinned-connections",
        severity: Severity::Warning,
        title: "connections that live for hours are spread one after the other",
        reason: "Round robin spreads new connections. When they live for hours, as pools of clients of a database do, \
                 what counts is who holds how many: a backend that was away comes back empty and gets its turn with \
                 new ones only, while those that took over keep theirs. `least_request` counts what is open, and evens \
                 it out.",
        broken: r#"[listener.db]
bind = ":5432"
protocol = "tcp"
pool = "db"
timeouts = { tunnel_idle = "8h" }

[pool.db]
health = {}
strategy = "round_robin"
backends = ["10.0.0.11:5432", "10.0.0.12:5432", "10.0.0.13:5432"]
"#,
        sound: r#"[listener.db]
bind = ":5432"
protocol = "tcp"
pool = "db"
timeouts = { tunnel_idle = "8h" }

[pool.db]
health = {}
strategy = "least_request"
backends = ["10.0.0.11:5432", "10.0.0.12:5432", "10.0.0.13:5432"]
"#,
    },
    Rule {
        id: "grpc-by-connection",
        severity: Severity::Warning,
        title: "gRPC is balanced by connection",
        reason: "A gRPC client opens one connection and sends all of its calls over it. A listener of layer 4 \
                 balances that connection, once, so as many backends work as there are busy clients, and one that \
                 comes up later gets nothing until a client reconnects. A listener that reads HTTP/2 balances every \
                 call.",
        broken: r#"[listener.grpc]
bind = ":50051"
protocol = "tcp"
pool = "cart"

[pool.cart]
health = { grpc = true }
backends = ["10.0.0.11:50051", "10.0.0.12:50051", "10.0.0.13:50051"]
"#,
        sound: r#"[listener.grpc]
bind = ":50051"
protocol = "http"
pool = "cart"

[pool.cart]
protocol = "http2"
health = { grpc = true }
backends = ["10.0.0.11:50051", "10.0.0.12:50051", "10.0.0.13:50051"]
"#,
    },
    Rule {
        id: "long-udp-session",
        severity: Severity::Warning,
        title: "clients over UDP keep their backend through long silence",
        reason: "Over UDP nothing says that a client has gone: its session ends when it has been silent for `idle`. \
                 With a long one the table is full of clients that are no more, those that are stay where they were \
                 although backends were added, and a client that comes back to a dead backend finds it again.",
        broken: r#"[listener.game]
bind = ":27015"
protocol = "udp"
pool = "game"
udp = { idle = "1h" }

[pool.game]
health = { path = "/healthz", port = 8080 }
backends = ["10.0.0.11:27015", "10.0.0.12:27015"]
"#,
        sound: r#"[listener.game]
bind = ":27015"
protocol = "udp"
pool = "game"
udp = { idle = "2m" }

[pool.game]
health = { path = "/healthz", port = 8080 }
backends = ["10.0.0.11:27015", "10.0.0.12:27015"]
"#,
    },
];
