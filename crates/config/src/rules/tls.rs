//! TLS that does not prove what it should.

use super::Rule;
use crate::diagnostic::Severity;

pub(super) static RULES: &[Rule] = &[
    Rule {
        id: "unverified-tls",
        severity: Severity::Warning,
        title: "certificates of backends are not looked at",
        reason: "Whoever answers at a backend's address gets its share of the requests, and can read and change them. \
                 After a machine is gone and its address is given to another one, that is a stranger.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
tls = { verify = false }
health = { path = "/healthz" }
backends = ["web1.internal:8443", "web2.internal:8443"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
tls = { ca = "internal-ca.pem" }
health = { path = "/healthz" }
backends = ["web1.internal:8443", "web2.internal:8443"]
"#,
    },
    Rule {
        id: "no-server-name",
        severity: Severity::Warning,
        title: "nothing says which name the certificates of backends are for that are given by address",
        reason: "A certificate would have to be for the address itself, as few are. With any other, every handshake and \
                 every check fails: the whole pool goes down with the first start.",
        broken: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
tls = true
health = { path = "/healthz" }
backends = ["10.0.0.11:8443", "10.0.0.12:8443"]
"#,
        sound: r#"[listener.web]
bind = ":8080"
pool = "web"

[pool.web]
tls = { server_name = "app.internal" }
health = { path = "/healthz" }
backends = ["10.0.0.11:8443", "10.0.0.12:8443"]
"#,
    },
    Rule {
        id: "tls-file",
        severity: Severity::Warning,
        title: "a certificate, key or CA that the file names is not fit for use",
        reason: "Certificates that have ended, are not valid yet, do not belong to their key or are for other hosts than \
                 the routes make clients or backends refuse the connection, all of them at once. Where nothing can work with it, it is an error. It is \
                 found by `evenkeel check`, which reads the files, and not by an editor that knows the schema.",
        broken: r#"[listener.secure]
bind = ":8443"
protocol = "https"
tls = { certificates = [{ cert = "a-certificate-that-has-ended.pem", key = "web.key" }] }
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
        sound: r#"[listener.secure]
bind = ":8443"
protocol = "https"
tls = { certificates = [{ cert = "web.pem", key = "web.key" }] }
pool = "web"

[pool.web]
health = { path = "/healthz" }
backends = ["10.0.0.11:8080", "10.0.0.12:8080"]
"#,
    },
];
