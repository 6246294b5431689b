//! Sessions that get lost, or never let go.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[Rule {
    id: "shared-cookie",
    severity: Severity::Warning,
    title: "two pools keep their sessions in one cookie",
    reason: "A browser has one cookie of a name and path for a host, and each pool writes its own backend into it. A \
             client that uses both pools loses its session in one whenever it asks the other: carts empty themselves, \
             and every request of such a client is balanced anew.",
    broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
sticky = { cookie = "session", ttl = "1h" }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
sticky = { cookie = "session", ttl = "1h" }
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
sticky = { cookie = "session", ttl = "1h" }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.api]
sticky = { cookie = "session-api", ttl = "1h" }
health = { path = "/healthz" }
backends = ["10.0.0.21:8080", "10.0.0.22:8080"]
"#,
}];
