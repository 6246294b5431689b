//! Routes and pools that get other requests than is thought.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "shadowed-route",
        severity: Severity::Warning,
        title: "a route never holds, because each listener has one of its own for the same requests",
        reason: "A route of one listener goes before one for all of them. Where every listener has its own, the general \
                 one gets 0 % of the requests, and the pool that it names stands idle while another carries its part. \
                 One server with most of the traffic while others idle grew into a complete outage once.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
    },
    Rule {
        id: "duplicate-route",
        severity: Severity::Error,
        title: "two routes hold for the same requests",
        reason: "One of the two would get everything and the other nothing, and which one it is would hang on an order \
                 that nobody meant to say anything by.",
        broken: r#"[listener.web]
bind = ":8080"

[[route]]
host = "shop.example"
pool = "web"

[[route]]
host = "shop.example"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
host = "api.shop.example"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
    },
    Rule {
        id: "no-route",
        severity: Severity::Error,
        title: "a listener leads nowhere",
        reason: "All of its requests would be answered with 404, and connections that have no requests would be closed \
                 at once.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[listener.db]
bind = ":5432"
protocol = "tcp"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[listener.db]
bind = ":5432"
protocol = "tcp"
pool = "db"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.db]
health = {}
backends = ["10.0.0.31:5432", "10.0.0.32:5432"]
"#,
    },
    Rule {
        id: "unknown-pool",
        severity: Severity::Error,
        title: "a route or listener names a pool that there is not",
        reason: "Its requests would have nowhere to go. After machines were moved and pools renamed, a name that was left \
                 behind is how a configuration stops to match what runs.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "app"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
    },
    Rule {
        id: "unused-pool",
        severity: Severity::Warning,
        title: "no route leads to a pool",
        reason: "Its backends would get 0 % of the requests, and those of the pool that does get them carry the whole. It \
                 is what is left when a route was taken out, or was never written.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
    },
    Rule {
        id: "route-test",
        severity: Severity::Error,
        title: "a request of `[[test.route]]` is answered by another pool than it must be",
        reason: "The most specific route wins, so a route that is added in one place can take requests away in another. A \
                 test names a request and the pool that must answer; it is asked of the very table that `run` routes \
                 by, and `evenkeel verify` asks the running balancer the same.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api/v2"
pool = "api"

[[test.route]]
path = "/api/users"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[[test.route]]
path = "/api/users"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
    },
];
