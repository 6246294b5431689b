//! Checks that nobody makes, or that say nothing.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "unchecked-pool",
        severity: Severity::Warning,
        title: "nobody checks whether the backends of a pool work",
        reason: "Without checks a dead backend is found by the requests that fail on it, again and again each time it \
                 is tried anew; and one that was replaced, or whose machine is gone, keeps its share of the plan. \
                 After a change of the machines behind a pool, checks are what tells within seconds that the pool in \
                 the file is not the one that runs; without them it took five hours once. `health = false` says that \
                 this is meant.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
health = { path = "/healthz" }
"#,
    },
    Rule {
        id: "check-protocol",
        severity: Severity::Warning,
        title: "a check asks in another protocol than the backends speak",
        reason: "A backend that speaks HTTP/2 alone, as gRPC servers do, answers a GET in HTTP/1.1 with an error, so it \
                 fails every check. All backends do so at once, and the pool goes to panic: requests go to everybody, \
                 dead or alive, and the checks decide nothing any more.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "cart"

[pool.cart]
protocol = "http2"
backends = ["10.0.0.11:9000", "10.0.0.12:9000"]
health = { path = "/healthz" }
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "cart"

[pool.cart]
protocol = "http2"
backends = ["10.0.0.11:9000", "10.0.0.12:9000"]
health = { grpc = true }
"#,
    },
];
