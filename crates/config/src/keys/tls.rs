//! `tls` of `[listener.NAME]` and of `[pool.NAME]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

/// The name of a file in PEM.
const fn pem(example: &'static str) -> Kind {
    Kind::Text { what: "a PEM file", example }
}

pub(super) static SERVER_TLS: Section = Section {
    path: "listener.NAME.tls",
    doc: "TLS with clients. Files are PEM; relative names are relative to the folder of the configuration file.",
    keys: &[
        Key {
            name: "certificates",
            kinds: &[Kind::List(&[Kind::Table(&CERTIFICATE)])],
            default: Default::Required,
            doc: "At least one. Which one a client gets depends on the server name that it asks for; the first is for \
                  all others.",
            aliases: &["certificate", "certs", "cert", "crt", "ssl_certificate"],
        },
        Key {
            name: "min_version",
            kinds: &[Kind::Choice(|| vec!["1.2", "1.3"])],
            default: Default::Text(defaults::MIN_TLS),
            doc: "Clients that speak only older versions are refused.",
            aliases: &["ssl_min_ver", "ssl_protocols", "min_protocol"],
        },
        Key {
            name: "client_auth",
            kinds: &[Kind::Table(&CLIENT_AUTH)],
            default: Default::Prose("no certificates of clients"),
            doc: "Certificates of clients.",
            aliases: &["client_ca", "ssl_verify_client", "mtls", "ca_file"],
        },
        Key {
            name: "tickets",
            kinds: &[Kind::Flag],
            default: Default::Flag(true),
            doc: "Whether clients get tickets, with which they come back at less cost.",
            aliases: &["session_tickets", "ssl_session_tickets"],
        },
    ],
};

static CERTIFICATE: Section = Section {
    path: "listener.NAME.tls.certificates",
    doc: "A certificate and its key.",
    keys: &[
        Key {
            name: "cert",
            kinds: &[pem("web.pem")],
            default: Default::Required,
            doc: "PEM file of the certificate, followed by those that vouch for it.",
            aliases: &["certificate", "crt", "chain", "fullchain", "ssl_certificate"],
        },
        Key {
            name: "key",
            kinds: &[pem("web.key")],
            default: Default::Required,
            doc: "PEM file of its private key.",
            aliases: &["private_key", "ssl_certificate_key"],
        },
    ],
};

static CLIENT_AUTH: Section = Section {
    path: "listener.NAME.tls.client_auth",
    doc: "Certificates of clients.",
    keys: &[
        Key {
            name: "ca",
            kinds: &[pem("clients-ca.pem")],
            default: Default::Required,
            doc: "PEM file with the certificates that those of clients must lead to.",
            aliases: &["ca_file", "trusted_ca", "ssl_client_certificate"],
        },
        Key {
            name: "mode",
            kinds: &[Kind::Choice(|| vec!["required", "optional"])],
            default: Default::Text(defaults::CLIENT_AUTH),
            doc: "Whether a client without a certificate is refused. One with a wrong certificate always is.",
            aliases: &["verify"],
        },
    ],
};

pub(super) static UPSTREAM_TLS: Section = Section {
    path: "pool.NAME.tls",
    doc: "TLS with backends, for requests, checks and probes alike. Files are PEM; relative names are relative to the \
          folder of the configuration file.",
    keys: &[
        Key {
            name: "ca",
            kinds: &[pem("internal-ca.pem")],
            default: Default::Prose("those that the system trusts"),
            doc: "PEM file with the certificates that those of backends must lead to.",
            aliases: &["ca_file", "root_ca", "trusted_ca", "proxy_ssl_trusted_certificate"],
        },
        Key {
            name: "server_name",
            kinds: &[Kind::Text { what: "a host", example: "app.internal" }],
            default: Default::Prose("each backend's host"),
            doc: "The name that is asked for, and that the certificate must be for.",
            aliases: &["sni", "proxy_ssl_name", "host"],
        },
        Key {
            name: "verify",
            kinds: &[Kind::Flag],
            default: Default::Flag(true),
            doc: "`false` takes any certificate, with a warning: whoever answers at a backend's address is believed.",
            aliases: &["proxy_ssl_verify", "verify_certificate"],
        },
        Key {
            name: "cert",
            kinds: &[pem("balancer.pem")],
            default: Default::Prose("none"),
            doc: "PEM file of the certificate that backends are shown when they ask for one; with `key`.",
            aliases: &["certificate", "crt", "client_cert", "proxy_ssl_certificate"],
        },
        Key {
            name: "key",
            kinds: &[pem("balancer.key")],
            default: Default::Prose("none"),
            doc: "PEM file of its private key.",
            aliases: &["private_key", "client_key", "proxy_ssl_certificate_key"],
        },
    ],
};
