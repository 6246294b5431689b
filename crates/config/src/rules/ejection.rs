//! Ejection and panic in small pools.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "long-ejection",
        severity: Severity::Warning,
        title: "a backend that hiccups is out for ten minutes or more",
        reason: "An ejection is a guess that is put right soon: the backend is tried again after `base`, and after \
                 longer if it fails again. With a long one a moment's trouble takes a healthy machine away for hours, \
                 and when all had it one after the other, most requests end at the one that had none (nginx#524, \
                 `fail_timeout=10000s`: \"most requests to the first server\").",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { base = "10000s", max = "10000s" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { base = "10s", max = "5m" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "hair-trigger",
        severity: Severity::Warning,
        title: "one failed request ejects a backend",
        reason: "One failure says little: with three backends and one failure in ten thousand requests somebody is \
                 out nearly all the time under load. Its share goes to the others for as long as the ejection lasts, \
                 so the split follows chance. nginx has this as its default (`max_fails=1`), and its users find it in \
                 their logs.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { consecutive = 1 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { consecutive = 5 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "ejection-not-off",
        severity: Severity::Warning,
        title: "`max_ejected = 0` does not turn ejections off",
        reason: "The cap is rounded down, and lets at least one backend go, or else no pool of two could lose its \
                 dead one. So 0 is not never: in a pool of two it is half of the capacity. Who wants no ejections says \
                 `passive = false`.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { max_ejected = 0.0 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = false
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
    Rule {
        id: "panic-at-once",
        severity: Severity::Warning,
        title: "a single failure makes a pool panic",
        reason: "In panic all backends are used, whatever their health: it is for when so few are left that they \
                 would be overrun. In a small pool a high `panic_threshold` is reached with the first failure: 2 of 3 \
                 are 67 %. The dead backend then keeps its share and the checks are for nothing.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
panic_threshold = 0.7
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
panic_threshold = 0.5
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "ejection-into-panic",
        severity: Severity::Warning,
        title: "ejections alone make a pool panic",
        reason: "`max_ejected` lets more backends out than `panic_threshold` lets be missing. Then the last ejection \
                 undoes all of them: everybody is used again, those that fail as well, until one ejection ends and it \
                 begins anew. The two settle on neither.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { max_ejected = 0.8 }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  "10.0.0.13:8080",
  "10.0.0.14:8080",
  "10.0.0.15:8080",
]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { max_ejected = 0.5 }
backends = [
  "10.0.0.11:8080",
  "10.0.0.12:8080",
  "10.0.0.13:8080",
  "10.0.0.14:8080",
  "10.0.0.15:8080",
]
"#,
    },
    Rule {
        id: "ejects-nearly-all",
        severity: Severity::Warning,
        title: "all backends but one may be ejected",
        reason: "When something behind all backends is broken, a database, say, all of them fail. Without a cap they \
                 are ejected one after the other until the last one has everything, for which it was not made. With \
                 `panic_threshold = 0` nothing ends this.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
panic_threshold = 0.0
passive = { max_ejected = 1.0 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
health = { path = "/healthz" }
passive = { max_ejected = 0.5 }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
];
