//! Times that come in the wrong order, or are so long that they mean nothing.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "inverted-timeouts",
        severity: Severity::Warning,
        title: "a bound on a part of a request is longer than that on the whole",
        reason: "`total` bounds the whole request. A longer `response_header` or `response_idle` is never reached: \
                 who wrote it meant requests to have that time, and they are cut before. It shows as errors of a \
                 healthy backend, on the slowest requests only.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { response_header = "5m", total = "30s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { response_header = "20s", total = "30s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "connect-above-total",
        severity: Severity::Warning,
        title: "opening a connection may take all the time of a request",
        reason: "A machine that is switched off does not refuse a connection, it does not answer. When waiting for it \
                 takes as long as the whole request may, no time is left for another backend: every request that is \
                 sent there first fails, until checks take it out.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { total = "2s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { connect = "500ms", total = "2s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "queue-above-total",
        severity: Severity::Warning,
        title: "a request may wait for as long as it may take in all",
        reason: "The time in the queue counts for the whole request. Who may wait for all of it comes to a backend \
                 when its time is up: the backend works, the answer is thrown away, and the next in line has waited \
                 longer for it. Under overload that is all that the pool does.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
queue = { size = 100, timeout = "10s" }
timeouts = { total = "5s" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 10 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 10 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
queue = { size = 100, timeout = "1s" }
timeouts = { total = "5s" }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 10 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 10 },
]
"#,
    },
    Rule {
        id: "drain-below-total",
        severity: Severity::Warning,
        title: "each restart cuts requests that are within their time",
        reason: "At a restart running requests have `drain_timeout` to end. Where a request may take longer than \
                 that, every update of the balancer fails some, on backends that are well, and it looks like their \
                 failure.",
        broken: r#"[runtime]
drain_timeout = "5s"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { total = "60s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[runtime]
drain_timeout = "60s"

[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { total = "60s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "slow-connect",
        severity: Severity::Warning,
        title: "a backend that does not answer is waited for longer than ten seconds",
        reason: "Opening a connection takes one way there and back. What takes longer than a lost packet and its \
                 repetition will not come. Until a dead machine is found its share of the requests waits for all of \
                 that before another backend is tried; 60 s is the default elsewhere, and a page that hangs for a \
                 minute is gone.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { connect = "60s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
timeouts = { connect = "3s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "idle-above-age",
        severity: Severity::Warning,
        title: "idle connections may live longer than any connection",
        reason: "A connection is closed at `max_age`, whatever it does. A longer `idle_timeout` has no effect, so \
                 whoever wrote it to keep connections warm keeps opening new ones.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
keep_alive = { idle_timeout = "1h", max_age = "10m" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
keep_alive = { idle_timeout = "50s", max_age = "10m" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "too-many-attempts",
        severity: Severity::Warning,
        title: "a request may be tried more often than there are backends",
        reason: "Each attempt goes to another backend, so more attempts than backends are not made. What a large \
                 number does is to send every request that fails to all of the others: when a backend is gone, or all \
                 are slow, the rest gets a multiple of its load at the moment when it has least to spare.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
max_attempts = 8
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
max_attempts = 2
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "long-slow-start",
        severity: Severity::Warning,
        title: "a backend takes a quarter of an hour or more to get its share",
        reason: "Slow start is for caches to fill and code to be compiled: seconds to a few minutes. While it lasts \
                 the others carry the rest; after a rolling update with a long window hardly anybody has a whole \
                 share, and those that were updated last get the least.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
slow_start = "2h"
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
slow_start = "30s"
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "moot-slow-start",
        severity: Severity::Warning,
        title: "slow start begins with the whole weight",
        reason: "`minimum` is the part of its weight that a backend begins with. At 1 there is nothing left to grow: \
                 a cold backend gets its whole share at once, and the file says that it does not.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
slow_start = { window = "30s", minimum = 1.0 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
slow_start = { window = "30s", minimum = 0.1 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
];
