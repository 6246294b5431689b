//! Tables and bounds of hashing strategies.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "coarse-ring",
        severity: Severity::Warning,
        title: "a ring has too few points to be even",
        reason: "On a ring the share of a backend is the space before its points. With n of them it is off by a part \
                 of 1/√n (Karger et al., 1997): 8 % at 160, 32 % at 10, and for good, since the points depend on the \
                 names alone. One backend is simply the unlucky one.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "ring"
hash = { cookie = "session", points = 10 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "ring"
hash = { cookie = "session" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "coarse-share",
        severity: Severity::Warning,
        title: "the table is too coarse for the smallest weight",
        reason: "Shares in a table are whole entries. Beside a weight of 10,000 a weight of 1 has six or seven of \
                 65,537, and one more or less is a seventh of what it should get; a canary at so small a share says \
                 something else each time that the table is built.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
intent = "weights"
strategy = "maglev"
hash = { cookie = "session" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", weight = 10000 },
  { name = "web2", address = "10.0.0.12:8080", weight = 10000 },
  { name = "web3", address = "10.0.0.13:8080", weight = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
intent = "weights"
strategy = "maglev"
hash = { cookie = "session" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", weight = 100 },
  { name = "web2", address = "10.0.0.12:8080", weight = 100 },
  { name = "web3", address = "10.0.0.13:8080", weight = 1 },
]
"#,
    },
    Rule {
        id: "tight-bound",
        severity: Severity::Warning,
        title: "a bound leaves hardly any request where its key is",
        reason: "The bound passes a request on when its backend has that multiple of its share in flight. Just above \
                 1 it is reached by chance all the time, with few requests in flight nearly always: most keys wander, \
                 caches are cold, and what is left of the hashing is its cost. The paper behind it uses 1.25 (Mirrokni \
                 et al., 2016).",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true, bound = 1.02 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true, bound = 1.25 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "loose-bound",
        severity: Severity::Warning,
        title: "a bound is never reached",
        reason: "A backend has at most all requests in flight, which is n times its share in a pool of n. A bound of \
                 that much or more never passes anything on: one popular key can still take its backend down, though \
                 the file says that it cannot.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true, bound = 4.0 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { path = true, bound = 1.25 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "split-keys",
        severity: Severity::Warning,
        title: "each instance sends a key to a backend of its own",
        reason: "With `subset` every instance uses other backends. A key is looked up among those that an instance \
                 has, so it goes to as many backends as there are instances: a cache holds everything several times \
                 over, and a session that comes by another instance is not found. Subsets are for strategies that go \
                 by load.",
        broken: r#"[runtime]
instance = 1

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
subset = 2
strategy = "maglev"
hash = { cookie = "session" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080", "10.0.0.14:8080"]
"#,
        sound: r#"[runtime]
instance = 1

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "maglev"
hash = { cookie = "session" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080", "10.0.0.14:8080"]
"#,
    },
];
