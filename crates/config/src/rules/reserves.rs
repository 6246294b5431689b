//! Tiers, zones and entries that keep most of a pool out of use.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "lone-first-tier",
        severity: Severity::Warning,
        title: "all backends but one are in reserve",
        reason: "Tiers after the first get nothing as long as the first can take everything. With one backend in tier \
                 0 and the rest behind it one machine serves all requests, while the others are idle and look healthy: \
                 the outage in which a single instance was fed until it crashed. Two machines, one of them a stand-by, \
                 are a plan; three rarely are, unless connections have them one after the other: a database with one writer \
                 and a tier for each that is next in line.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080", tier = 1 },
  { name = "web3", address = "10.0.0.13:8080", tier = 1 },
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
        id: "mostly-out",
        severity: Severity::Warning,
        title: "most backends of a pool are disabled or draining",
        reason: "Entries that are out do no harm by themselves, but when most of them are, the few that are left \
                 carry what was meant for all, usually since a maintenance that nobody ended. Nothing fails until the \
                 next peak.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080", enabled = false },
  { name = "web4", address = "10.0.0.14:8080", enabled = false },
  { name = "web5", address = "10.0.0.15:8080", drain = true },
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
  { name = "web4", address = "10.0.0.14:8080" },
  { name = "web5", address = "10.0.0.15:8080", drain = true },
]
"#,
    },
    Rule {
        id: "unwatched-reserve",
        severity: Severity::Warning,
        title: "nothing would tell that the first tier is gone",
        reason: "A tier takes over when the one before it is unhealthy, and a backend is unhealthy when a check or \
                 failed requests say so. With both off the first tier counts as well for ever: its machines can all be \
                 dead, and the reserve, which is there for just this, gets nothing.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = false
passive = false
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080", tier = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = false
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080", tier = 1 },
]
"#,
    },
    Rule {
        id: "late-failover",
        severity: Severity::Warning,
        title: "a tier gets help only when nearly all of it is gone",
        reason: "`overprovisioning` says how many times its usual load a tier can take: at 1.4 it asks the next tier \
                 for help below 72 % healthy. With 5 it is alone until four fifths of it are gone, and those that are \
                 left get five times their load. They fail one after the other, each for the weight of those before \
                 it.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
overprovisioning = 5.0
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080" },
  { name = "web4", address = "10.0.0.14:8080", tier = 1 },
  { name = "web5", address = "10.0.0.15:8080", tier = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
overprovisioning = 1.4
backends = [
  { name = "web1", address = "10.0.0.11:8080" },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080" },
  { name = "web4", address = "10.0.0.14:8080", tier = 1 },
  { name = "web5", address = "10.0.0.15:8080", tier = 1 },
]
"#,
    },
    Rule {
        id: "lonely-zone",
        severity: Severity::Warning,
        title: "a zone has one backend where others have three or more",
        reason: "With `zone_aware` requests stay in their zone as far as its backends can take them. A zone with a \
                 single machine has no neighbour to lose it to: when it fails everything from that zone crosses to \
                 another, with the latency and the cost of that, and it is often a slip in a name of a zone.",
        broken: r#"[runtime]
zone = "eu-1a"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
zone_aware = { min_backends = 4 }
backends = [
  { name = "web1", address = "10.0.0.11:8080", zone = "eu-1a" },
  { name = "web2", address = "10.0.0.12:8080", zone = "eu-1a" },
  { name = "web3", address = "10.0.0.13:8080", zone = "eu-1a" },
  { name = "web4", address = "10.0.0.14:8080", zone = "eu-1b" },
]
"#,
        sound: r#"[runtime]
zone = "eu-1a"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
zone_aware = { min_backends = 4 }
backends = [
  { name = "web1", address = "10.0.0.11:8080", zone = "eu-1a" },
  { name = "web2", address = "10.0.0.12:8080", zone = "eu-1a" },
  { name = "web3", address = "10.0.0.13:8080", zone = "eu-1b" },
  { name = "web4", address = "10.0.0.14:8080", zone = "eu-1b" },
]
"#,
    },
];
