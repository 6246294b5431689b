//! What requests are told apart by, where it does not tell them apart.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "constant-hash-key",
        severity: Severity::Warning,
        title: "requests are told apart by what they have in common",
        reason: "A hashing strategy sends equal keys to one backend. A key that is the same in every request, the \
                 only host of the routes, the one path of a GraphQL endpoint, what every browser sends, is one key: \
                 one backend gets all requests and the others idle, while every number of the balancer looks right, \
                 for the strategy does what it says.",
        broken: r#"[listener.web]
bind = ":8080"

[[route]]
path = "/graphql"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"

[[route]]
path = "/graphql"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { header = "Authorization" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "few-hash-keys",
        severity: Severity::Warning,
        title: "requests are told apart by something that has few values",
        reason: "With fewer values than a few for each backend, or hardly more, chance decides who gets how many of \
                 them, and the busiest value decides the rest. The path of a gRPC call is its method, of which a \
                 service has a dozen and calls one nearly always; a cookie of `sticky` has as many values as there are \
                 backends.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { grpc = true }
protocol = "http2"
strategy = "maglev"
hash = { path = true }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { grpc = true }
protocol = "http2"
strategy = "maglev"
hash = { header = "X-User" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "absent-hash-key",
        severity: Severity::Warning,
        title: "requests are told apart by what they do not have",
        reason: "A request without the key goes to the least loaded backend. With a field of responses, one that only \
                 proxies send where there is none, or a cookie that nobody sets, that is every request: nothing is \
                 kept together, sessions and caches are lost, and the strategy that was chosen is not the one that \
                 runs.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { cookie = "EVENKEEL" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { cookie = "session" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "fleeting-hash-key",
        severity: Severity::Warning,
        title: "requests are told apart by what is new each time",
        reason: "A request id, a trace id or a parameter against caches is different in every request. Hashing by it \
                 is picking at random, without a look at load, and nothing is ever kept together. The field `Cookie` \
                 as a whole is such a key, too: it changes with each cookie that any script sets.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { header = "X-Request-Id" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { header = "X-User" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "one-source",
        severity: Severity::Warning,
        title: "clients are told apart by address, and all of them are on this machine",
        reason: "Behind a TLS terminator, a sidecar or a tunnel on the same machine every client has the address \
                 127.0.0.1. Hashing by it sends everything to one backend. The proxy in front knows the clients; the \
                 listener must be told to believe it.",
        broken: r#"[listener.web]
bind = "127.0.0.1:8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { source = true }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = "127.0.0.1:8080"
trusted_proxies = ["127.0.0.1"]
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { source = true }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "source-behind-proxy",
        severity: Severity::Warning,
        title: "clients are told apart by address, where a listener may see that of a proxy",
        reason: "Another listener on the same address knows of a balancer in front of it; this one does not, so it \
                 takes the balancer's address for the client's. With one balancer that is one key, and one backend \
                 gets everything; with two it is two. It is the same story in every product that hashes by address.",
        broken: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
accept_proxy = { from = ["10.0.9.0/24"], required = true }

[listener.redis]
bind = "0.0.0.0:6379"
protocol = "tcp"
pool = "redis"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.redis]
health = {}
strategy = "maglev"
hash = { source = true }
backends = ["10.0.0.21:6379", "10.0.0.22:6379"]
"#,
        sound: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
accept_proxy = { from = ["10.0.9.0/24"], required = true }

[listener.redis]
bind = "0.0.0.0:6379"
protocol = "tcp"
accept_proxy = { from = ["10.0.9.0/24"], required = true }
pool = "redis"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.redis]
health = {}
strategy = "maglev"
hash = { source = true }
backends = ["10.0.0.21:6379", "10.0.0.22:6379"]
"#,
    },
];
