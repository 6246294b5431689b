//! `[listener.NAME]` and `[[route]]`.

use super::contract::{ALLOW_LISTENER, ALLOW_ROUTE};
use super::edge::{ACCEPT_PROXY, HTTP2, UDP};
use super::tls::SERVER_TLS;
use super::{Default, Key, Kind, Section, allow_key};
use crate::defaults;

pub(crate) static LISTENER: Section = Section {
    path: "listener.NAME",
    doc: "An address that accepts clients. Keys that its protocol has no use for are refused.",
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
            kinds: &[Kind::Choice(|| vec!["http", "https", "tcp", "udp", "tls_passthrough"])],
            default: Default::Text(defaults::PROTOCOL),
            doc: "`http` and `https` balance every request, `tcp` every connection, `udp` every client's address. \
                  `tls_passthrough` chooses by the server name that a TLS client asks for, and leaves TLS to the \
                  backend.",
            aliases: &["mode", "type"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Text { what: "the name of a pool", example: "web" }],
            default: Default::Prose("by routes; required by `tcp` and `udp`"),
            doc: "Where everything goes. With `http` and `https` it is short for a `[[route]]` of this listener for \
                  every host and path; with `tls_passthrough` it is for what no route is for.",
            aliases: &["default_backend", "backend", "upstream", "proxy_pass"],
        },
        Key {
            name: "tls",
            kinds: &[Kind::Table(&SERVER_TLS)],
            default: Default::Prose("required by `https`, refused with the others"),
            doc: "TLS with clients.",
            aliases: &["ssl", "certificates", "certificate"],
        },
        Key {
            name: "http2",
            kinds: &[Kind::Flag, Kind::Table(&HTTP2)],
            default: Default::Flag(true),
            doc: "With `http` and `https`: whether clients may speak HTTP/2 as well as HTTP/1.1. In clear text they \
                  begin with it, without an upgrade.",
            aliases: &["h2", "http_2", "alpn"],
        },
        Key {
            name: "https_redirect",
            kinds: &[Kind::Flag, Kind::Integer { min: 1, max: 65_535 }],
            default: Default::Flag(false),
            doc: "With `http`: send clients to HTTPS, on port 443 or on this one. Such a listener needs no pool.",
            aliases: &["redirect", "redirect_to_https", "force_https"],
        },
        Key {
            name: "trusted_proxies",
            kinds: &[Kind::List(&[Kind::Text { what: "an address block", example: "10.0.0.0/8" }])],
            default: Default::Prose("none"),
            doc: "With `http` and `https`: peers whose `Forwarded`, `X-Forwarded-*` and `X-Request-Id` are believed; \
                  others' are replaced.",
            aliases: &["set_real_ip_from", "trusted"],
        },
        Key {
            name: "accept_proxy",
            kinds: &[Kind::Table(&ACCEPT_PROXY)],
            default: Default::Prose("from nobody"),
            doc: "Balancers that name the client in a PROXY header, version 1 or 2. Not with `udp`.",
            aliases: &["proxy_protocol", "accept-proxy"],
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
            name: "connection_age",
            kinds: &[Kind::Duration { zero: false }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "With `http` and `https`: a connection that is older, give or take a tenth, is closed between two \
                  requests, so that clients come back and spread. `\"none\"` leaves it open.",
            aliases: &["max_connection_age", "max_connection_duration", "keepalive_time"],
        },
        Key {
            name: "udp",
            kinds: &[Kind::Table(&UDP)],
            default: Default::Prose("its defaults"),
            doc: "With `udp`: bounds of its sessions.",
            aliases: &["datagrams"],
        },
        allow_key(&[Kind::List(&[Kind::Table(&ALLOW_LISTENER)])]),
    ],
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
        Key {
            name: "handshake",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::HANDSHAKE_TIMEOUT),
            doc: "For what comes before the first request: a PROXY header, TLS and the beginning of HTTP/2 together; \
                  then the connection is cut. Not with `udp`.",
            aliases: &["tls", "tls_handshake", "ssl_handshake_timeout", "proxy_protocol_timeout"],
        },
        Key {
            name: "tunnel_idle",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::TUNNEL_IDLE),
            doc: "Without a byte either way on a WebSocket, or on a connection of `tcp` or `tls_passthrough`; then \
                  it is cut.",
            aliases: &["tunnel", "proxy_timeout", "websocket"],
        },
    ],
};

pub(super) static ROUTE: Section = Section {
    path: "route",
    doc: "What goes to one pool. An exact host beats a wildcard, which beats no host; then the longest path wins.",
    keys: &[
        Key {
            name: "listener",
            kinds: &[Kind::Text { what: "the name of a listener", example: "web" }],
            default: Default::Prose("every `http` and `https` listener"),
            doc: "Only what comes to this listener. Routes of a `tls_passthrough` listener must name it.",
            aliases: &["listeners", "entrypoint"],
        },
        Key {
            name: "host",
            kinds: &[
                Kind::Text { what: "a host", example: "example.com" },
                Kind::List(&[Kind::Text { what: "a host", example: "example.com" }]),
            ],
            default: Default::Prose("every host"),
            doc: "A host, `\"*.example.com\"` for every name below one, or a list of them; without port. On a \
                  `tls_passthrough` listener it is the server name.",
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
            name: "alpn",
            kinds: &[Kind::Text { what: "a protocol", example: "h2" }],
            default: Default::Prose("any"),
            doc: "On a `tls_passthrough` listener: only clients that offer this protocol. With it a route goes \
                  before one of the same host without.",
            aliases: &["protocol", "protocols"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Text { what: "the name of a pool", example: "web" }],
            default: Default::Required,
            doc: "Where they go.",
            aliases: &["backend", "upstream", "proxy_pass", "service", "target"],
        },
        allow_key(&[Kind::List(&[Kind::Table(&ALLOW_ROUTE)])]),
    ],
};
