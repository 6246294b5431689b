//! `http2`, `accept_proxy` and `udp` of `[listener.NAME]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

pub(super) static HTTP2: Section = Section {
    path: "listener.NAME.http2",
    doc: "Bounds of one HTTP/2 connection of a client.",
    keys: &[
        Key {
            name: "streams",
            kinds: &[Kind::Integer { min: 1, max: defaults::STREAMS_MAX }],
            default: Default::Integer(defaults::STREAMS),
            doc: "Requests at a time; further ones are refused, to be sent again.",
            aliases: &["max_concurrent_streams", "http2_max_concurrent_streams"],
        },
        Key {
            name: "resets",
            kinds: &[Kind::Integer { min: 1, max: 1_000_000 }],
            default: Default::Integer(defaults::RESETS),
            doc: "Requests that may be reset within 10 s; then the connection ends. An attack resets thousands.",
            aliases: &["max_resets", "rst_stream"],
        },
        Key {
            name: "window",
            kinds: &[Kind::Size { min: defaults::WINDOW_MIN, max: defaults::WINDOW_MAX }],
            default: Default::Size(defaults::WINDOW),
            doc: "Bytes of a request body that a client may send before they have been passed on, 64 KiB to 16 MiB. \
                  More is faster on long ways, and is memory that clients can take.",
            aliases: &["initial_window_size", "initial_stream_window_size"],
        },
        Key {
            name: "ping_interval",
            kinds: &[Kind::Duration { zero: false }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "How often a silent client is asked whether it is still there. `\"none\"` never asks.",
            aliases: &["keepalive_interval", "ping"],
        },
    ],
};

pub(super) static ACCEPT_PROXY: Section = Section {
    path: "listener.NAME.accept_proxy",
    doc: "Balancers in front of this one, which begin each connection with a PROXY header that names the client.",
    keys: &[
        Key {
            name: "from",
            kinds: &[Kind::List(&[Kind::Text { what: "an address block", example: "10.0.0.0/8" }])],
            default: Default::Required,
            doc: "Peers whose header is believed. Of others none is looked for: their first bytes are what they send.",
            aliases: &["trusted", "allow", "trusted_ips", "set_real_ip_from"],
        },
        Key {
            name: "required",
            kinds: &[Kind::Flag],
            default: Default::Flag(false),
            doc: "`true` refuses every connection without a header that is believed.",
            aliases: &["strict"],
        },
    ],
};

pub(super) static UDP: Section = Section {
    path: "listener.NAME.udp",
    doc: "Bounds of the sessions of a listener for datagrams. A session is one client's address and port; it keeps its \
          backend.",
    keys: &[
        Key {
            name: "idle",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::UDP_IDLE),
            doc: "A session without a datagram either way ends after this.",
            aliases: &["timeout", "proxy_timeout", "idle_timeout"],
        },
        Key {
            name: "sessions",
            kinds: &[Kind::Integer { min: 1, max: defaults::UDP_SESSIONS_MAX }],
            default: Default::Integer(defaults::UDP_SESSIONS),
            doc: "Sessions at a time, over all workers. Each takes a file descriptor, and a port of \
                  `net.ipv4.ip_local_port_range`. When there are as many, the one goes that has been silent longest of those \
                  whose clients have not sent anything after a reply.",
            aliases: &["max_sessions", "connections", "maxconn"],
        },
        Key {
            name: "replies",
            kinds: &[Kind::Integer { min: 1, max: 1_000_000 }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "Replies that are due for each datagram of a client: 1 for DNS. When all have come the session ends; when none \
                  has come within `idle`, the backend has failed. `\"none\"` leaves it to `idle`.",
            aliases: &["proxy_responses", "responses"],
        },
        Key {
            name: "new_per_second",
            kinds: &[Kind::Integer { min: 1, max: 100_000_000 }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "Sessions that may begin within a second, over all workers. `\"none\"` is no bound.",
            aliases: &["rate", "rate_limit"],
        },
    ],
};
