//! Keys and tables that send most requests to a few backends.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "coarse-hash",
        severity: Severity::Warning,
        title: "clients are hardly told apart by so few bits of their address",
        reason: "Hashing spreads keys, not requests: whatever has one key goes to one backend. With eight bits of an \
                 IPv4 address there are 256 keys in the world, and the customers of one provider, or everybody behind \
                 one office, share one of them. The backend that it falls to gets all of their requests.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { source = true, ipv4 = 4 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { source = true, ipv4 = 24 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "coarse-table",
        severity: Severity::Warning,
        title: "the table of `maglev` is too small for so many backends",
        reason: "Shares are whole entries of the table, so they differ by as much as one entry is of a backend's part: \
                 with 100 entries each they are within 1 %, with two each one backend has half again as much as \
                 another (Eisenbud and others, NSDI 2016, section 3.4).",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { cookie = "session", table_size = 251 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { cookie = "session", table_size = 65537 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
    Rule {
        id: "not-prime",
        severity: Severity::Error,
        title: "the size of `maglev`'s table is not a prime",
        reason: "Each backend walks the table in steps of its own. Only where the size is a prime does every step reach \
                 every entry; with another size some backends never reach a part of the table, which goes to the \
                 others, and the shares are not those of the weights.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { cookie = "session", table_size = 65536 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
strategy = "maglev"
hash = { cookie = "session", table_size = 65537 }
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080", "10.0.0.13:8080"]
"#,
    },
];
