//! What shapes a pool's picks: keys of requests, strategies' own tables, slow start, zones, sessions, the queue.

use super::{Default, Key, Kind, Section};
use crate::defaults;

const ONE_OF_FIVE: Default =
    Default::Prose("one of `header`, `cookie`, `query`, `path` and `source` is required");

pub(super) static HASH: Section = Section {
    path: "pool.NAME.hash",
    doc: "What requests are told apart by, for strategies that send like to like: exactly one of `header`, `cookie`, \
          `query`, `path` and `source`. A request without it goes to the least loaded backend.",
    keys: &[
        Key {
            name: "header",
            kinds: &[Kind::Text { what: "the name of a header field", example: "X-User" }],
            default: ONE_OF_FIVE,
            doc: "By the value of this request field; of several lines, the first.",
            aliases: &["header_name", "hdr"],
        },
        Key {
            name: "cookie",
            kinds: &[Kind::Text { what: "the name of a cookie", example: "session" }],
            default: ONE_OF_FIVE,
            doc: "By the value of this cookie.",
            aliases: &[],
        },
        Key {
            name: "query",
            kinds: &[Kind::Text { what: "the name of a query parameter", example: "user" }],
            default: ONE_OF_FIVE,
            doc: "By the value of this parameter of the query, as it is sent; of several, the first.",
            aliases: &["query_parameter", "url_param", "param"],
        },
        Key {
            name: "path",
            kinds: &[Kind::Flag],
            default: ONE_OF_FIVE,
            doc: "By the path, without its query.",
            aliases: &["uri", "url"],
        },
        Key {
            name: "source",
            kinds: &[Kind::Flag],
            default: ONE_OF_FIVE,
            doc: "By the client's address, the only key of connections and datagrams. Behind a proxy that is not in \
                  `trusted_proxies` or `accept_proxy` all clients have one address.",
            aliases: &["ip", "ip_hash", "source_ip", "client", "address"],
        },
        Key {
            name: "ipv4",
            kinds: &[Kind::Integer { min: 1, max: 32 }],
            default: Default::Integer(defaults::HASH_IPV4),
            doc: "With `source`: leading bits of an IPv4 address that count.",
            aliases: &["v4", "prefix"],
        },
        Key {
            name: "ipv6",
            kinds: &[Kind::Integer { min: 1, max: 128 }],
            default: Default::Integer(defaults::HASH_IPV6),
            doc: "With `source`: leading bits of an IPv6 address that count.",
            aliases: &["v6"],
        },
        Key {
            name: "bound",
            kinds: &[Kind::Range { min: defaults::BOUND_MIN, max: defaults::BOUND_MAX }, Kind::Off],
            default: Default::Flag(false),
            doc: "A backend with this multiple of its share of the requests in flight passes further ones on: 1.25 \
                  keeps a popular key from overloading one backend. `false` is no bound.",
            aliases: &["hash_balance_factor", "balance_factor", "bounded", "load_factor"],
        },
        Key {
            name: "table_size",
            kinds: &[Kind::Integer { min: defaults::TABLE_SIZE_MIN, max: defaults::TABLE_SIZE_MAX }],
            default: Default::Integer(defaults::TABLE_SIZE),
            doc: "With `maglev`: entries of its table, a prime. From 100 for each backend on, shares are within 1 %.",
            aliases: &["maglev_table_size", "size"],
        },
        Key {
            name: "points",
            kinds: &[Kind::Integer { min: 1, max: defaults::POINTS_MAX }],
            default: Default::Integer(defaults::POINTS),
            doc: "With `ring`: points for each unit of weight. Four times as many halve the unevenness.",
            aliases: &["vnodes", "replicas", "ring_points", "minimum_ring_size"],
        },
        Key {
            name: "show_keys",
            kinds: &[Kind::Flag],
            default: Default::Flag(false),
            doc: "Whether a key that makes traffic uneven is told as it is, up to 64 characters of it, in the log and in \
                  what `evenkeel diagnose` shows. `false` tells its hash: keys may be names or secrets.",
            aliases: &["log_keys", "reveal_keys"],
        },
    ],
};

pub(super) static PEAK_EWMA: Section = Section {
    path: "pool.NAME.peak_ewma",
    doc: "With `strategy = \"peak_ewma\"`.",
    keys: &[Key {
        name: "decay",
        kinds: &[Kind::Duration { zero: false }],
        default: Default::Duration(defaults::DECAY),
        doc: "A latency seen this long ago counts e times less.",
        aliases: &["tau", "decay_time", "window"],
    }],
};

pub(super) static PREQUAL: Section = Section {
    path: "pool.NAME.prequal",
    doc: "With `strategy = \"prequal\"`. The defaults are those of its paper.",
    keys: &[
        Key {
            name: "probes_per_request",
            kinds: &[Kind::Range { min: 0.1, max: 10.0 }],
            default: Default::Number(defaults::PROBES_PER_REQUEST),
            doc: "Probes sent for each request; a fraction is carried over.",
            aliases: &["probe_rate", "r_probe"],
        },
        Key {
            name: "pool_size",
            kinds: &[Kind::Integer { min: 2, max: 32 }],
            default: Default::Integer(defaults::PROBES_KEPT),
            doc: "Answers kept to choose from.",
            aliases: &["probe_pool_size", "size"],
        },
        Key {
            name: "probe_age",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::PROBE_AGE),
            doc: "An answer is forgotten after this.",
            aliases: &["age", "max_age"],
        },
        Key {
            name: "hot_quantile",
            kinds: &[Kind::Ratio { max: 1.0 }],
            default: Default::Number(defaults::HOT_QUANTILE),
            doc: "A backend with more in flight than this quantile of the answers is taken only if all are such.",
            aliases: &["q_rif", "quantile"],
        },
    ],
};

pub(super) static PROBE: Section = Section {
    path: "pool.NAME.probe",
    doc: "How `strategy = \"prequal\"` asks backends how they are.",
    keys: &[
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a path", example: "/load" }],
            default: Default::Required,
            doc: "What is asked for by GET. An `endpoint-load-metrics` field of the answer says how many requests are \
                  in flight; without one, those of this process count. It is asked often: it should cost nothing.",
            aliases: &["uri", "url"],
        },
        Key {
            name: "timeout",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::PROBE_TIMEOUT),
            doc: "An answer that takes longer says nothing.",
            aliases: &[],
        },
    ],
};

pub(super) static SLOW_START: Section = Section {
    path: "pool.NAME.slow_start",
    doc: "A backend that is new or comes back begins with a part of its weight. A pool that is new as a whole does not.",
    keys: &[
        Key {
            name: "window",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Required,
            doc: "From when it serves until it has its whole weight.",
            aliases: &["duration", "time", "slow_start_window"],
        },
        Key {
            name: "aggression",
            kinds: &[Kind::Range { min: 0.1, max: 10.0 }],
            default: Default::Number(defaults::AGGRESSION),
            doc: "1 is a straight line; above it, more of the weight comes early. The weight after a time t is \
                  multiplied with (t / `window`) to the power of 1 / `aggression`.",
            aliases: &[],
        },
        Key {
            name: "minimum",
            kinds: &[Kind::Range { min: 0.001, max: 1.0 }],
            default: Default::Number(defaults::SLOW_START_MINIMUM),
            doc: "The part of the weight that it begins with.",
            aliases: &["min", "min_weight_percent"],
        },
    ],
};

pub(super) static ZONE_AWARE: Section = Section {
    path: "pool.NAME.zone_aware",
    doc: "Requests stay in the zone of `[runtime] zone` as far as its backends can take their fair part.",
    keys: &[Key {
        name: "min_backends",
        kinds: &[Kind::Integer { min: 1, max: 10_000 }],
        default: Default::Integer(defaults::ZONE_MIN_BACKENDS),
        doc: "With fewer backends than this that serve, zones are not looked at.",
        aliases: &["min_cluster_size", "minimum"],
    }],
};

pub(super) static STICKY: Section = Section {
    path: "pool.NAME.sticky",
    doc: "Sessions that keep their backend by a cookie of Evenkeel's, which the first response sets. A backend that is \
          draining keeps its sessions; those of one that fails move on.",
    keys: &[
        Key {
            name: "cookie",
            kinds: &[Kind::Text { what: "the name of a cookie", example: defaults::STICKY_COOKIE }],
            default: Default::Text(defaults::STICKY_COOKIE),
            doc: "Its name. Pools of one site need different ones.",
            aliases: &["name", "cookie_name"],
        },
        Key {
            name: "ttl",
            kinds: &[Kind::Duration { zero: false }, Kind::Choice(|| vec![defaults::STICKY_TTL])],
            default: Default::Text(defaults::STICKY_TTL),
            doc: "How long the browser keeps it; `\"session\"` is until it is closed.",
            aliases: &["expires", "max_age", "maxidle", "maxlife"],
        },
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a path", example: "/" }],
            default: Default::Text(defaults::STICKY_PATH),
            doc: "Below which path the browser sends it.",
            aliases: &[],
        },
        Key {
            name: "secure",
            kinds: &[Kind::Flag],
            default: Default::Flag(false),
            doc: "`true` has the browser send it over TLS only.",
            aliases: &[],
        },
        Key {
            name: "http_only",
            kinds: &[Kind::Flag],
            default: Default::Flag(true),
            doc: "`true` hides it from scripts.",
            aliases: &["httponly"],
        },
        Key {
            name: "same_site",
            kinds: &[Kind::Choice(|| vec!["strict", "lax", "none"])],
            default: Default::Text(defaults::SAME_SITE),
            doc: "Whether requests from other sites carry it: never, when a link is followed, or always, which needs \
                  `secure = true`.",
            aliases: &["samesite"],
        },
    ],
};

pub(super) static QUEUE: Section = Section {
    path: "pool.NAME.queue",
    doc: "Where requests wait while every backend has its `max_in_flight`.",
    keys: &[
        Key {
            name: "size",
            kinds: &[Kind::Integer { min: 0, max: 1_000_000 }],
            default: Default::Integer(defaults::QUEUE_SIZE),
            doc: "Requests that may wait; 0 answers 503 at once.",
            aliases: &["length", "max", "max_pending_requests", "maxqueue"],
        },
        Key {
            name: "timeout",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::QUEUE_TIMEOUT),
            doc: "How long one waits; then 503.",
            aliases: &["wait", "timeout_queue"],
        },
        Key {
            name: "priority",
            kinds: &[Kind::Text { what: "the name of a header field", example: "X-Priority" }],
            default: Default::Prose("first come, first served"),
            doc: "A request field with a number from 0 to 9 that says who goes first: 9 first, 4 where it is absent. \
                  Whoever can send it can go first.",
            aliases: &["priority_header"],
        },
    ],
};
