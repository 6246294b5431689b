//! Health checks that say the wrong thing, or say it too late.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "impossible-check",
        severity: Severity::Error,
        title: "no answer ever passes a check",
        reason: "Answers with a status below 200 are interim: a final one always follows, and it is the final one \
                 that is looked at. A check that wants nothing else fails on every backend. The pool then serves in \
                 panic, as if there were no checks, or answers 503 to everything.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", expect_status = 100 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", expect_status = 200 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "lenient-check",
        severity: Severity::Warning,
        title: "a backend that answers its check with a failure passes",
        reason: "500, 502, 503 and 504 are how servers say that they cannot serve. A check that lets them pass tells \
                 whether something listens, not whether it works: a backend that fails every request keeps its share, \
                 and where failures come fast it is the one with the fewest requests in flight, so `least_request` \
                 feeds it more.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", expect_status = "200-599" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", expect_status = "200-399" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "shared-check",
        severity: Severity::Warning,
        title: "backends of one machine are checked on one port",
        reason: "`port` of `health` is for what answers for a backend elsewhere, such as an exporter. Where several \
                 backends are on one machine, all of them are then asked the same question: when one application dies \
                 the others answer for it, and it keeps its share; when the one that answers dies, all are taken out.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", port = 9001 }
backends = ["10.0.0.11:9001", "10.0.0.11:9002", "10.0.0.12:9001"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:9001", "10.0.0.11:9002", "10.0.0.12:9001"]
"#,
    },
    Rule {
        id: "check-of-itself",
        severity: Severity::Warning,
        title: "a check is answered by this same process",
        reason: "`port` of `health` is asked on each backend's machine. For a backend on this machine that can be a \
                 port of Evenkeel itself, of a listener or of the admin interface: it answers, whatever the \
                 application does. The backend is then healthy for as long as the balancer runs.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", port = 9901 }
backends = ["127.0.0.1:9001", "10.0.0.12:9001"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", port = 9002 }
backends = ["127.0.0.1:9001", "10.0.0.12:9001"]
"#,
    },
    Rule {
        id: "slow-detection",
        severity: Severity::Warning,
        title: "a dead backend is found after minutes",
        reason: "A dead backend has its share until `fall` checks in a row have failed. Minutes of that are an outage \
                 for everybody whose requests it gets. Checks cost little, and failed requests eject a backend as \
                 well, but not one that takes them and never answers, or is asked rarely.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "1m", fall = 5 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "2s", fall = 3 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "slow-recovery",
        severity: Severity::Warning,
        title: "a repaired backend is back after minutes",
        reason: "`rise` checks in a row must pass before a backend serves again. A large number keeps a machine that \
                 works out of the pool, so every short failure costs minutes of its share, which the others carry. To \
                 bring a cold one up gently is what `slow_start` is for.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "5s", rise = 100 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "5s", rise = 2 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "flapping-check",
        severity: Severity::Warning,
        title: "one check takes a backend out, and one brings it back",
        reason: "With `rise = 1` and `fall = 1` a single lost packet moves a whole share of the requests to the \
                 others, and the next check moves it back. A backend that is slow now and then goes in and out with \
                 every check, sessions and caches go with it, and the load of the others swings.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", rise = 1, fall = 1 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", rise = 2, fall = 3 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "check-storm",
        severity: Severity::Warning,
        title: "a backend is checked more than twenty times a second",
        reason: "Every instance checks every backend. At intervals of milliseconds the checks are load of their own, \
                 which comes while the backend is busy, and is then failed for being busy: its share falls on the \
                 others, which fail next. Pools have been marked down as a whole this way (envoy#28699).",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "10ms" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz", interval = "1s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
