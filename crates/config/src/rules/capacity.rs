//! Pools that have too little left when something fails, and contracts that do not hold.

use super::{Rule, UNUSED_ALLOW};
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "pool-of-one",
        severity: Severity::Warning,
        title: "a pool has one backend",
        reason: "There is nothing to balance: the one backend gets 100 % of the requests, and when it fails every one of \
                 them fails. It comes from a migration that was never finished, or from all others having been \
                 disabled for a while. All requests at one instance, until it fell, was an outage of 75 minutes that \
                 was taken for a bad release.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080"]
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
        id: "all-disabled",
        severity: Severity::Error,
        title: "every backend of a pool is disabled",
        reason: "Nobody is left to send a request to, so every one of them would be answered with 503. To take a pool \
                 out of use, its routes are taken out: then clients get the answer of another route, or 404.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", enabled = false },
  { address = "10.0.0.12:8080", enabled = false },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  { address = "10.0.0.13:8080", enabled = false },
]
"#,
    },
    Rule {
        id: "all-draining",
        severity: Severity::Warning,
        title: "every backend of a pool is draining",
        reason: "A backend that drains gets nothing new. Where all of them do, only requests of sessions that there are \
                 already have somewhere to go; everybody else is answered with 503. Without `sticky` there are no \
                 sessions, and it is an error.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
sticky = { ttl = "1h" }
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", drain = true },
  { address = "10.0.0.12:8080", drain = true },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
sticky = { ttl = "1h" }
health = { path = "/healthz" }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  { address = "10.0.0.13:8080", drain = true },
]
"#,
    },
    Rule {
        id: "empty-pool",
        severity: Severity::Error,
        title: "a pool has no backend",
        reason: "Every request to it would be answered with 503. A generated file says so when its source of backends \
                 was empty for a moment; refusing it keeps the balancer on the last file that had some.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = []
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
        id: "no-first-tier",
        severity: Severity::Warning,
        title: "nobody in the first tier of a pool takes requests",
        reason: "Tiers are counted from 0, and each takes what those before it cannot. Where nobody is in tier 0, spares \
                 that are usually fewer and smaller get 100 % of the requests from the start, every one of them is \
                 counted as a failover, and there is nothing left to fall back on.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", tier = 1 },
  { address = "10.0.0.12:8080", tier = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  { address = "10.0.0.13:8080", tier = 1 },
  { address = "10.0.0.14:8080", tier = 1 },
]
"#,
    },
    Rule {
        id: "no-zone",
        severity: Severity::Warning,
        title: "a backend does not say in which zone it is, where zones decide",
        reason: "With `zone_aware` requests stay in the zone of this process as far as that can take them. A backend that \
                 says nothing counts as far away, so it gets only what is left over, which is usually nothing: it \
                 stands idle while its neighbours carry its part.",
        broken: r#"[runtime]
zone = "eu-1a"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
zone_aware = { min_backends = 4 }
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", zone = "eu-1a" },
  { address = "10.0.0.12:8080" },
  { address = "10.0.1.11:8080", zone = "eu-1b" },
  { address = "10.0.1.12:8080", zone = "eu-1b" },
]
"#,
        sound: r#"[runtime]
zone = "eu-1a"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
zone_aware = { min_backends = 4 }
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", zone = "eu-1a" },
  { address = "10.0.0.12:8080", zone = "eu-1a" },
  { address = "10.0.1.11:8080", zone = "eu-1b" },
  { address = "10.0.1.12:8080", zone = "eu-1b" },
]
"#,
    },
    Rule {
        id: "no-effect",
        severity: Severity::Warning,
        title: "a key has no effect",
        reason: "Somebody wrote it to make something happen, and it does not: a queue that never fills, sessions in a \
                 pool of one, a subset of everybody, zones without a choice. Traffic goes on as if it were not there, \
                 and whoever reads the file believes otherwise.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
subset = 20
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]

[runtime]
instance = 0
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]

[runtime]
instance = 0
"#,
    },
    Rule {
        id: "broken-expectation",
        severity: Severity::Error,
        title: "a pool does not hold what its `expect` says",
        reason: "A contract is what the team agreed on when nobody was in a hurry: so many backends, none above such a \
                 share, any one of them may fail. A change that breaks it is refused before it meets traffic. Shares \
                 are those of the state machine that `run` goes by: with every backend healthy, and with each \
                 combination of so many down as `survives` says. Backends that are alike are tried once, and a pool \
                 with more combinations than can be tried is tried with its heaviest backends down.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
expect = { survives = 1, peak_rate = 1000, backend_rate = 600 }
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
expect = { survives = 1, peak_rate = 1000, backend_rate = 600 }
"#,
    },
    Rule {
        id: UNUSED_ALLOW,
        severity: Severity::Warning,
        title: "an entry of `allow` matches nothing",
        reason: "What it allowed is not there any more. If it stays it will silence the next warning of its kind, which \
                 nobody meant.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
allow = [{ rule = "pool-of-one", reason = "the second machine comes in May" }]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
