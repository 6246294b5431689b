//! What a pool gets at its peak, against what it can take and what its strategy sees.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "no-headroom",
        severity: Severity::Warning,
        title: "a single failure at the peak overloads the rest",
        reason: "Backends fail, and are taken out to be updated. What they got goes to the others; where these cannot \
                 take it, one failure becomes several, one after the other. A pool whose peak fits only as long as \
                 everybody is up has had luck so far.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
expect = { peak_rate = 1400, backend_rate = 500 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
expect = { peak_rate = 900, backend_rate = 500 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "limits-below-peak",
        severity: Severity::Warning,
        title: "the limits of a pool are below its peak",
        reason: "By Little's law as many requests are in flight as come in a second times what each takes. Limits \
                 that leave a request less than two milliseconds at the declared peak are reached long before it: the \
                 pool refuses with 503 while its backends are idle.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
expect = { peak_rate = 50000 }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 20 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 20 },
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
expect = { peak_rate = 50000 }
backends = [
  { name = "web1", address = "10.0.0.11:8080", max_in_flight = 2000 },
  { name = "web2", address = "10.0.0.12:8080", max_in_flight = 2000 },
]
"#,
    },
    Rule {
        id: "idle-strategy",
        severity: Severity::Warning,
        title: "a strategy has nothing to go by at the rate that is expected",
        reason: "Strategies that look at requests in flight, latencies or answers to probes need traffic to see. With \
                 many backends and few requests there is nothing in flight when the next one comes and what was seen \
                 is forgotten: the choice falls as by lot, and a backend that is slow is not avoided, though the file \
                 looks as if it were.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "peak_ewma"
expect = { peak_rate = 0.2 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
strategy = "round_robin"
expect = { peak_rate = 0.2 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
];
