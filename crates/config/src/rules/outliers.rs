//! Numbers of one backend that are far from those of the others.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "weight-outlier",
        severity: Severity::Warning,
        title: "one weight is ten times the others or more",
        reason: "With `intent = \"weights\"` the weights are taken as meant, so the only thing that gives a slipped \
                 digit away is that it stands alone: 100 among 10s. Round robin obeys it perfectly. The heavy server \
                 slows down and fails, its failures are taken for its own, and the hunt begins at the database. \
                 Machines that do differ so much have a `capacity` to say so.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
intent = "weights"
backends = [
  { name = "web1", address = "10.0.0.11:8080", weight = 10 },
  { name = "web2", address = "10.0.0.12:8080", weight = 10 },
  { name = "web3", address = "10.0.0.13:8080", weight = 100 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
intent = "weights"
backends = [
  { name = "web1", address = "10.0.0.11:8080", weight = 10 },
  { name = "web2", address = "10.0.0.12:8080", weight = 10 },
  { name = "web3", address = "10.0.0.13:8080", weight = 10 },
]
"#,
    },
    Rule {
        id: "dominant-backend",
        severity: Severity::Warning,
        title: "one machine of a pool has most of its capacity",
        reason: "A pool of three survives the loss of one only if the others can take its part. Where one machine has \
                 two thirds of the capacity or more, its failure leaves the rest with three times their load: worse \
                 than a pool of two. Shares that follow the capacity hide it, since nothing is uneven until it fails.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", capacity = 8, weight = 8 },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080" },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", capacity = 2, weight = 2 },
  { name = "web2", address = "10.0.0.12:8080" },
  { name = "web3", address = "10.0.0.13:8080" },
]
"#,
    },
    Rule {
        id: "ignored-capacity",
        severity: Severity::Warning,
        title: "machines that differ are meant to get the same",
        reason: "`capacity` says what a machine can take and `intent = \"equal\"` that all get the same. Together they \
                 say that the smallest is to be full while the largest is half idle. Usually `intent` was written \
                 before the machines differed, and it hides the capacities: without it they would be what is meant, \
                 and the weights would be held against them.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
intent = "equal"
backends = [
  { name = "web1", address = "10.0.0.11:8080", capacity = 4 },
  { name = "web2", address = "10.0.0.12:8080", capacity = 4 },
  { name = "web3", address = "10.0.0.13:8080", capacity = 1 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", capacity = 4, weight = 4 },
  { name = "web2", address = "10.0.0.12:8080", capacity = 4, weight = 4 },
  { name = "web3", address = "10.0.0.13:8080", capacity = 1 },
]
"#,
    },
    Rule {
        id: "limit-missing",
        severity: Severity::Warning,
        title: "a backend without a limit is among backends that have one",
        reason: "`max_in_flight` sends a request that finds its backend full to one that has room. A backend without \
                 a limit always has room: as soon as the others are full, everything that comes more goes to it, and \
                 the one that nobody has measured is the one that falls first. The others were protected at its cost.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 100 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 100 },
  { name = "web3", address = "10.0.0.13:8080" },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 100 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 100 },
  { name = "web3", address = "10.0.0.13:8080", max_in_flight = 100 },
]
"#,
    },
    Rule {
        id: "limit-outlier",
        severity: Severity::Warning,
        title: "the limit of a backend is a tenth of the others' for its share, or less",
        reason: "A limit is a number of requests at a time, and the shares are a matter of weights: a digit that has \
                 slipped in a limit changes no share while the pool is idle. Under load the backend is full first and \
                 passes on what should be its own, so the pool turns uneven at the very moment when it matters, and \
                 only then.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 20 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 200 },
  { name = "web3", address = "10.0.0.13:8080", max_in_flight = 200 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 200 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 200 },
  { name = "web3", address = "10.0.0.13:8080", max_in_flight = 200 },
]
"#,
    },
    Rule {
        id: "endless-queue",
        severity: Severity::Warning,
        title: "a queue holds more than can be served before its time is up",
        reason: "What waits in a queue is served by the backends at their limits. When so many may wait that even \
                 requests of a millisecond could not all be served within the longest wait, the end of the queue waits \
                 in vain: clients get their 503 after seconds instead of at once, and most of them have gone.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 2 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 2 },
]
queue = { size = 100000, timeout = "2s" }
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 2 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 2 },
]
queue = { size = 400, timeout = "2s" }
"#,
    },
];
