//! Weights that spread traffic otherwise than is meant.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "weights-without-intent",
        severity: Severity::Warning,
        title: "the weights of a pool differ, and nothing says that this is meant",
        reason: "Weights are obeyed to the letter, so a slip in one of them is a slip in the traffic: with 5:1:1 one \
                 backend gets 71 % where 33 % would be equal, until it is slow, then fails, and takes its share of \
                 the requests with it. From outside that looks like a slow database or an attack; an outage of \
                 twelve hours was exactly this. A weight that is meant is said twice: as the weight, and as the \
                 intent.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", weight = 5 },
  "10.0.0.12:8080",
  "10.0.0.13:8080",
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
intent = "weights"
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", weight = 2 },
  "10.0.0.12:8080",
  "10.0.0.13:8080",
]
"#,
    },
    Rule {
        id: "weights-against-capacity",
        severity: Severity::Warning,
        title: "the weights of a pool do not follow the capacities that it declares",
        reason: "`capacity` says how large a machine is, `weight` what it gets. Where the two disagree a machine gets \
                 more than its size, is overloaded first, and the others stand idle beside it. Skew is measured \
                 against the capacities, so the running balancer would report it as well.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", capacity = 2 },
  { address = "10.0.0.12:8080", capacity = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { address = "10.0.0.11:8080", capacity = 2, weight = 2 },
  { address = "10.0.0.12:8080", capacity = 1 },
]
"#,
    },
    Rule {
        id: "zero-weight",
        severity: Severity::Error,
        title: "a backend has weight 0",
        reason: "Balancers disagree about weight 0: never picked, picked when nobody else is left, or drained. In all \
                 of them it still counts as healthy capacity, so a pool can look well while nobody is left who takes \
                 requests. Here there is a word for each of these: `enabled`, `tier` and `drain`.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  { address = "10.0.0.13:8080", weight = 0 },
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
];
