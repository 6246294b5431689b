//! `[listener.NAME]` and `[[route]]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

const NOT_YET_TLS: &str = "this version serves plain HTTP: terminate TLS in front of it";

pub(crate) static LISTENER: Section = Section {
    path: "listener.NAME",
    doc: "An address that accepts clients.",
    keys: &[
        Key {
            name: "bind",
            kinds: &[Kind::Text { what: "an address and port", example: "0.0.0.0:8080" }],
            default: Default::Required,
            doc: "Address and port; `\":8080\"` is `\"0.0.0.0:8080\"`. Port 0 takes a free one.",
            aliases: &["listen", "address", "addr", "port"],
        },
        Key {
            name: "protocol",
            kinds: &[Kind::Choice(|| vec!["http"])],
            default: Default::Text(defaults::PROTOCOL),
            doc: "`http` is HTTP/1.1. (`https`, `tcp`, `udp` and `tls_passthrough` are refused by this version.)",
            aliases: &["mode", "type"],
        },
        Key {
            name: "trusted_proxies",
            kinds: &[Kind::List(&[Kind::Text { what: "an address block", example: "10.0.0.0/8" }])],
            default: Default::Prose("none"),
            doc: "Peers whose `Forwarded`, `X-Forwarded-*` and `X-Request-Id` are believed; others' are replaced.",
            aliases: &["set_real_ip_from", "trusted"],
        },
        Key {
            name: "limits",
            kinds: &[Kind::Table(&LIMITS)],
            default: Default::Prose("its defaults"),
            doc: "Bounds on what clients may send.",
            aliases: &["limit"],
        },
        Key {
            name: "timeouts",
            kinds: &[Kind::Table(&TIMEOUTS)],
            default: Default::Prose("its defaults"),
            doc: "Bounds on how long clients may take.",
            aliases: &["timeout"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Text { what: "the name of a pool", example: "web" }],
            default: Default::Prose("by routes"),
            doc: "Short for a `[[route]]` of this listener for every host and path.",
            aliases: &["default_backend", "backend", "upstream", "proxy_pass"],
        },
    ],
    later: &[("tls", NOT_YET_TLS)],
};

static LIMITS: Section = Section {
    path: "listener.NAME.limits",
    doc: "Bounds on what clients may send.",
    keys: &[
        Key {
            name: "connections",
            kinds: &[Kind::Integer { min: 1, max: 10_000_000 }],
            default: Default::Integer(defaults::CONNECTIONS),
            doc: "Open connections on this listener; further ones wait in the kernel's queue.",
            aliases: &["maxconn", "max_connections"],
        },
        Key {
            name: "header_bytes",
            kinds: &[Kind::Size { min: 1024, max: 1024 * 1024 }],
            default: Default::Size(defaults::HEADER_BYTES),
            doc: "Request line and header fields together, 1 KiB to 1 MiB; more is 431, or 414 for the line alone.",
            aliases: &["max_header_size"],
        },
        Key {
            name: "headers",
            kinds: &[Kind::Integer { min: 1, max: defaults::HEADERS_MAX }],
            default: Default::Integer(defaults::HEADERS),
            doc: "Header fields of a request; more is 431.",
            aliases: &["max_headers"],
        },
        Key {
            name: "body_bytes",
            kinds: &[Kind::Size { min: 0, max: u64::MAX }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "Bytes of a request body; more is 413. `\"none\"` is no bound.",
            aliases: &["client_max_body_size", "max_body_size", "body"],
        },
    ],
    later: &[],
};

static TIMEOUTS: Section = Section {
    path: "listener.NAME.timeouts",
    doc: "Bounds on how long clients may take.",
    keys: &[
        Key {
            name: "request_header",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::REQUEST_HEADER_TIMEOUT),
            doc: "From the first byte of a request to the end of its header; then 408.",
            aliases: &["header", "client_header_timeout"],
        },
        Key {
            name: "request_body_idle",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::REQUEST_BODY_IDLE),
            doc: "Between two pieces of a request body; then 408.",
            aliases: &["body", "client_body_timeout"],
        },
        Key {
            name: "write_idle",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::WRITE_IDLE),
            doc: "While a client takes nothing of its response; then the connection is cut.",
            aliases: &["send_timeout"],
        },
        Key {
            name: "keep_alive",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::KEEP_ALIVE),
            doc: "An idle connection between requests; then it is closed.",
            aliases: &["keepalive_timeout", "idle"],
        },
    ],
    later: &[],
};

pub(super) static ROUTE: Section = Section {
    path: "route",
    doc: "Requests that go to one pool. An exact host beats a wildcard, which beats no host; then the longest path wins.",
    keys: &[
        Key {
            name: "listener",
            kinds: &[Kind::Text { what: "the name of a listener", example: "web" }],
            default: Default::Prose("every listener"),
            doc: "Only requests on this listener.",
            aliases: &["listeners", "entrypoint"],
        },
        Key {
            name: "host",
            kinds: &[
                Kind::Text { what: "a host", example: "example.com" },
                Kind::List(&[Kind::Text { what: "a host", example: "example.com" }]),
            ],
            default: Default::Prose("every host"),
            doc: "A host, `\"*.example.com\"` for every name below one, or a list of them; without port.",
            aliases: &["hosts", "server_name", "domain"],
        },
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a path", example: "/api" }],
            default: Default::Text(defaults::ROUTE_PATH),
            doc: "A prefix by whole segments: `/api` holds for `/api` and `/api/x`, not for `/apix`.",
            aliases: &["prefix", "location", "path_prefix"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Text { what: "the name of a pool", example: "web" }],
            default: Default::Required,
            doc: "Where they go.",
            aliases: &["backend", "upstream", "proxy_pass", "service", "target"],
        },
    ],
    later: &[],
};
