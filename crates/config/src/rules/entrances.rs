//! Routes and listeners: who is refused, who is believed, and which pool gets them all.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "no-fallback",
        severity: Severity::Warning,
        title: "hosts tell no pools apart, and every other host is refused",
        reason: "A `host` is there to send hosts to different pools. Where every host leads to the same pools it only \
                 refuses the rest: the name with `www.`, the bare address that a balancer in front checks, the new \
                 name after a move. All of that is 404 while every backend is healthy.",
        broken: r#"[listener.web]
bind = ":8080"

[[route]]
host = "shop.example.com"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"

[[route]]
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "lopsided-routes",
        severity: Severity::Warning,
        title: "nearly all routes lead to a pool with few of the backends",
        reason: "Balancing inside a pool cannot put right what routes give it. Where four of five routes end at a \
                 pool that has a quarter of the machines or fewer, those are the bottleneck while the others idle: \
                 routes that were written for one pool and never followed when the application was divided.",
        broken: r#"[listener.web]
bind = ":8080"

[[route]]
pool = "old"

[[route]]
path = "/cart"
pool = "old"

[[route]]
path = "/search"
pool = "old"

[[route]]
path = "/users"
pool = "old"

[[route]]
path = "/images"
pool = "new"

[pool.old]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.new]
health = { path = "/healthz" }
backends = [
  "10.0.1.11:8080",
  "10.0.1.12:8080",
  "10.0.1.13:8080",
  "10.0.1.14:8080",
  "10.0.1.15:8080",
  "10.0.1.16:8080",
]
"#,
        sound: r#"[listener.web]
bind = ":8080"

[[route]]
pool = "old"

[[route]]
path = "/cart"
pool = "new"

[[route]]
path = "/search"
pool = "new"

[[route]]
path = "/users"
pool = "old"

[[route]]
path = "/images"
pool = "new"

[pool.old]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]

[pool.new]
health = { path = "/healthz" }
backends = [
  "10.0.1.11:8080",
  "10.0.1.12:8080",
  "10.0.1.13:8080",
  "10.0.1.14:8080",
  "10.0.1.15:8080",
  "10.0.1.16:8080",
]
"#,
    },
    Rule {
        id: "boundless-listener",
        severity: Severity::Warning,
        title: "anybody may open more connections than a machine can hold",
        reason: "Every connection takes memory and a file of the process, also when it is idle. A limit beyond what \
                 the machine has is none: whoever opens connections and says nothing takes the balancer down, and with \
                 it every pool behind it.",
        broken: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
limits = { connections = 5000000 }

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
limits = { connections = 50000 }

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "trusts-everybody",
        severity: Severity::Warning,
        title: "every client may say who it is",
        reason: "`trusted_proxies` names the balancers in front, whose `X-Forwarded-For` is believed. With a block \
                 that holds everybody, clients name their own address: in the logs, towards the application, and for \
                 `hash = { source = true }`, where they choose their backend, one of them all.",
        broken: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
trusted_proxies = ["0.0.0.0/0"]

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = "0.0.0.0:8080"
pool = "web"
trusted_proxies = ["10.0.9.0/24"]

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "plain-beside-tls",
        severity: Severity::Warning,
        title: "port 80 serves what port 443 serves over TLS",
        reason: "Who comes to port 80 stays there if nothing sends him on: cookies of sessions and what forms carry \
                 go over the network in clear text, and the two listeners have clients of their own, of which only one \
                 kind is ever tested.",
        broken: r#"[listener.plain]
bind = "0.0.0.0:80"
pool = "web"

[listener.secure]
bind = "0.0.0.0:443"
protocol = "https"
pool = "web"
tls = { certificates = [{ cert = "web.pem", key = "web.key" }] }

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.plain]
bind = "0.0.0.0:80"
https_redirect = true

[listener.secure]
bind = "0.0.0.0:443"
protocol = "https"
pool = "web"
tls = { certificates = [{ cert = "web.pem", key = "web.key" }] }

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "short-connection-age",
        severity: Severity::Warning,
        title: "clients are sent away before they have begun",
        reason: "`connection_age` is for clients to come back now and then and spread over instances that were added. \
                 Requests are balanced one by one without it. At a few seconds clients spend their time on handshakes, \
                 which cost more than most requests.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"
connection_age = "2s"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"
connection_age = "1h"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
