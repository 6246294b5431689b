//! Addresses that can hardly be what was meant.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "one-name",
        severity: Severity::Warning,
        title: "all of a pool is one host name",
        reason: "A name is one backend here: it is looked up, and of several addresses the lowest gets everything. \
                 Where its one address is that of another balancer, a Kubernetes service, say, connections that are \
                 kept open stay with the machine that they led to first: one gets nearly everything while the others \
                 idle (a skew of a hundred to one in comet-ml/opik#7480), and nothing of it is seen here.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["web.default.svc.cluster.local:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  "web-0.web.default.svc.cluster.local:8080",
  "web-1.web.default.svc.cluster.local:8080",
]
"#,
    },
    Rule {
        id: "foreign-backend",
        severity: Severity::Warning,
        title: "one backend of a pool is a backend of another pool",
        reason: "Pools that share machines on purpose share all of them, or a reserve. Two pools that have one \
                 address in common and nothing else come from a copied line: part of the requests to one are answered \
                 by the application of the other, with a 404 or worse, while every check passes, and the machine \
                 carries the load of both.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.1.11:8080", "10.0.1.12:8080", "10.0.1.13:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.2.11:8080", "10.0.2.12:8080", "10.0.1.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[[route]]
path = "/api"
pool = "api"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.1.11:8080", "10.0.1.12:8080", "10.0.1.13:8080"]

[pool.api]
health = { path = "/healthz" }
backends = ["10.0.2.11:8080", "10.0.2.12:8080", "10.0.2.13:8080"]
"#,
    },
    Rule {
        id: "nowhere-address",
        severity: Severity::Warning,
        title: "the address of a backend is one to listen on, or of many machines",
        reason: "0.0.0.0 is every address of the machine when a server listens on it, and nobody's when a connection \
                 is opened: it leads back to this machine. It comes from copying the line that the application logs \
                 when it starts. A check may even pass, if something else answers there.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "0.0.0.0:8081"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "tls-port",
        severity: Severity::Warning,
        title: "plain HTTP is sent to port 443, or TLS to port 80",
        reason: "What a backend speaks is `tls` of the pool, not its port: an address with :443 does not turn TLS on. \
                 Requests in clear text to a port of TLS are answered with 400 or a closed connection, and so are \
                 checks, so the backend never serves, or, with checks that only open the port, serves nothing but \
                 errors.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["app-1.internal:443", "app-2.internal:443"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
tls = true
backends = ["app-1.internal:443", "app-2.internal:443"]
"#,
    },
];
