//! `[pool.NAME]`.

use evenkeel_core::StrategyKind;

use super::balancing::{HASH, PEAK_EWMA, PREQUAL, PROBE, QUEUE, SLOW_START, STICKY, ZONE_AWARE};
use super::contract::{ALLOW_BACKEND, ALLOW_POOL, EXPECT};
use super::health::{HEALTH, PASSIVE};
use super::tls::UPSTREAM_TLS;
use super::{Default, Key, Kind, Section, allow_key};
use crate::defaults;

pub(crate) static POOL: Section = Section {
    path: "pool.NAME",
    doc: "Backends that serve the same thing.",
    keys: &[
        Key {
            name: "strategy",
            kinds: &[Kind::Choice(|| StrategyKind::ALL.iter().map(|kind| kind.as_str()).collect())],
            default: Default::Text(defaults::STRATEGY),
            doc: "How it picks. Every strategy honours the weights, whoever is down.",
            aliases: &["algorithm", "balance", "lb_policy", "load_balancing", "method", "policy"],
        },
        Key {
            name: "hash",
            kinds: &[Kind::Table(&HASH)],
            default: Default::Prose("required by strategies that go by a key, refused with the others"),
            doc: "What requests are told apart by.",
            aliases: &["hash_on", "hash_key", "hash_policy", "key"],
        },
        Key {
            name: "peak_ewma",
            kinds: &[Kind::Table(&PEAK_EWMA)],
            default: Default::Prose("its defaults; refused with other strategies"),
            doc: "What `peak_ewma` is told.",
            aliases: &["ewma"],
        },
        Key {
            name: "prequal",
            kinds: &[Kind::Table(&PREQUAL)],
            default: Default::Prose("its defaults; refused with other strategies"),
            doc: "What `prequal` is told.",
            aliases: &[],
        },
        Key {
            name: "probe",
            kinds: &[Kind::Table(&PROBE)],
            default: Default::Prose("required by `prequal`, refused with other strategies"),
            doc: "How `prequal` asks backends how they are.",
            aliases: &["probes", "load_probe"],
        },
        Key {
            name: "intent",
            kinds: &[Kind::Choice(|| vec!["equal", "capacity", "weights"])],
            default: Default::Prose("`\"equal\"`, or `\"capacity\"` where a backend declares one"),
            doc: "The shares that you mean: the same for all, by capacity, or what the weights say. Skew is measured \
                  against it, so it is never read off the weights.",
            aliases: &[],
        },
        Key {
            name: "backends",
            kinds: &[Kind::List(&[
                Kind::Text { what: "a host and port", example: "10.0.0.11:8080" },
                Kind::Table(&BACKEND),
            ])],
            default: Default::Required,
            doc: "At least one. An address alone is short for `{ address = \"...\" }`.",
            aliases: &["servers", "server", "backend", "endpoints", "hosts", "targets", "nodes"],
        },
        Key {
            name: "protocol",
            kinds: &[Kind::Choice(|| vec!["http1", "http2"])],
            default: Default::Text(defaults::UPSTREAM_PROTOCOL),
            doc: "What backends speak to requests of `http` and `https` listeners, whatever the client speaks. gRPC \
                  needs `http2`; without TLS it is begun with, without an upgrade.",
            aliases: &["proto", "http_version", "proxy_http_version", "scheme"],
        },
        Key {
            name: "tls",
            kinds: &[Kind::Flag, Kind::Table(&UPSTREAM_TLS)],
            default: Default::Flag(false),
            doc: "Whether backends speak TLS. `tls = true` is short for `tls = {}`.",
            aliases: &["ssl", "https", "proxy_ssl"],
        },
        Key {
            name: "send_proxy",
            kinds: &[Kind::Choice(|| vec!["v1", "v2"]), Kind::Off],
            default: Default::Flag(false),
            doc: "A PROXY header at the beginning of each connection, which names the client to the backend. A backend \
                  that does not expect it refuses the connection.",
            aliases: &["send-proxy", "send-proxy-v2", "proxy_protocol", "send_proxy_protocol"],
        },
        Key {
            name: "streams_max",
            kinds: &[Kind::Integer { min: 1, max: defaults::STREAMS_MAX }],
            default: Default::Integer(defaults::UPSTREAM_STREAMS),
            doc: "With `protocol = \"http2\"`: requests at a time on one connection, or fewer where the backend says \
                  so. When it is full a further one is opened.",
            aliases: &["max_concurrent_streams", "max_streams", "streams"],
        },
        Key {
            name: "upgrade",
            kinds: &[Kind::Flag],
            default: Default::Flag(true),
            doc: "Whether requests may switch the protocol of their connection, as WebSocket does.",
            aliases: &["websocket", "websockets", "allow_upgrade"],
        },
        Key {
            name: "health",
            kinds: &[Kind::Table(&HEALTH), Kind::Off],
            default: Default::Prose("off, with a warning"),
            doc: "Checks that find a dead backend before requests do. `health = {}` checks that a connection opens; \
                  `health = false` goes without and says so.",
            aliases: &["health_check", "healthcheck", "check", "option httpchk"],
        },
        Key {
            name: "passive",
            kinds: &[Kind::Table(&PASSIVE), Kind::Off],
            default: Default::Prose("on"),
            doc: "Ejection of a backend that fails requests. `passive = false` turns it off.",
            aliases: &["outlier", "outlier_detection", "passive_health"],
        },
        Key {
            name: "panic_threshold",
            kinds: &[Kind::Ratio { max: 1.0 }],
            default: Default::Number(defaults::PANIC_THRESHOLD),
            doc: "When less than this share of the backends is healthy in every tier, all are used again; 0 is \
                  never.",
            aliases: &["healthy_panic_threshold"],
        },
        Key {
            name: "slow_start",
            kinds: &[Kind::Duration { zero: false }, Kind::Table(&SLOW_START), Kind::Off],
            default: Default::Prose("off"),
            doc: "How a backend that is new or comes back is brought up to its weight. A duration alone is short for \
                  `{ window = \"...\" }`.",
            aliases: &["slowstart", "slow_start_config", "warmup"],
        },
        Key {
            name: "overprovisioning",
            kinds: &[Kind::Range { min: 1.0, max: 10.0 }],
            default: Default::Number(defaults::OVERPROVISIONING),
            doc: "A tier of backends takes all requests while this multiple of its healthy part, by weight, is at \
                  least the whole; what it cannot take goes to the next tier. At 1.4 that begins below 72 % healthy.",
            aliases: &["overprovisioning_factor"],
        },
        Key {
            name: "zone_aware",
            kinds: &[Kind::Flag, Kind::Table(&ZONE_AWARE)],
            default: Default::Flag(false),
            doc: "Whether requests stay in the zone of `[runtime] zone` as far as its backends can take them.",
            aliases: &["zone_aware_routing", "locality", "zone_aware_lb_config"],
        },
        Key {
            name: "subset",
            kinds: &[Kind::Integer { min: 1, max: 10_000 }, Kind::Off],
            default: Default::Flag(false),
            doc: "How many of the backends this instance uses, of each tier. With `[runtime] instance` counted from \
                  0 over all instances, every backend has as many of them, give or take one. `false` is all \
                  backends.",
            aliases: &["subset_size", "aperture", "deterministic_subset"],
        },
        Key {
            name: "sticky",
            kinds: &[Kind::Flag, Kind::Table(&STICKY)],
            default: Default::Flag(false),
            doc: "Sessions that keep their backend by a cookie. `sticky = true` is short for `sticky = {}`.",
            aliases: &["sticky_session", "session_affinity", "affinity", "persistence", "stick"],
        },
        Key {
            name: "queue",
            kinds: &[Kind::Table(&QUEUE)],
            default: Default::Prose("none"),
            doc: "Where requests wait while every backend has its `max_in_flight`.",
            aliases: &["pending", "max_pending_requests"],
        },
        Key {
            name: "timeouts",
            kinds: &[Kind::Table(&TIMEOUTS)],
            default: Default::Prose("its defaults"),
            doc: "Bounds on how long backends may take.",
            aliases: &["timeout"],
        },
        Key {
            name: "keep_alive",
            kinds: &[Kind::Table(&KEEP_ALIVE)],
            default: Default::Prose("its defaults"),
            doc: "Reuse of connections to backends.",
            aliases: &["keepalive"],
        },
        Key {
            name: "max_attempts",
            kinds: &[Kind::Integer { min: 1, max: defaults::MAX_ATTEMPTS_MAX }],
            default: Default::Integer(defaults::MAX_ATTEMPTS),
            doc: "Attempts for one request in all, each at another backend. Only a request that no backend has \
                  processed is tried again.",
            aliases: &["retries", "retry", "attempts"],
        },
        Key {
            name: "expect",
            kinds: &[Kind::Table(&EXPECT)],
            default: Default::Prose("nothing"),
            doc: "What must hold of its shares, also while backends are down.",
            aliases: &["expects", "contract", "assert", "slo"],
        },
        allow_key(&[Kind::List(&[Kind::Table(&ALLOW_POOL)])]),
    ],
};

static BACKEND: Section = Section {
    path: "pool.NAME.backends",
    doc: "One backend.",
    keys: &[
        Key {
            name: "address",
            kinds: &[Kind::Text { what: "a host and port", example: "10.0.0.11:8080" }],
            default: Default::Required,
            doc: "IP address or host name, and port. Names are resolved at start and again every 10 s.",
            aliases: &["addr", "url", "host", "server", "target"],
        },
        Key {
            name: "name",
            kinds: &[Kind::Text { what: "a name", example: "web1" }],
            default: Default::Prose("the address"),
            doc: "What it is called in metrics and logs. Its counters and health belong to this name, so it keeps them \
                  when its address changes.",
            aliases: &["id"],
        },
        Key {
            name: "weight",
            kinds: &[Kind::Integer { min: 1, max: defaults::WEIGHT_MAX }],
            default: Default::Integer(defaults::WEIGHT),
            doc: "Share relative to the others. To give it nothing, write `enabled = false`.",
            aliases: &[],
        },
        Key {
            name: "capacity",
            kinds: &[Kind::Number],
            default: Default::Prose("not declared; counts as 1 under `intent = \"capacity\"`"),
            doc: "Size of the machine relative to the others. It says what is meant; the weights say what is done.",
            aliases: &["size"],
        },
        Key {
            name: "enabled",
            kinds: &[Kind::Flag],
            default: Default::Flag(true),
            doc: "`false` takes it out of balancing.",
            aliases: &["enable"],
        },
        Key {
            name: "tier",
            kinds: &[Kind::Integer { min: 0, max: defaults::TIER_MAX }],
            default: Default::Integer(0),
            doc: "Tier 0 is used first; each next one takes what those before it cannot (see `overprovisioning`).",
            aliases: &["priority", "backup"],
        },
        Key {
            name: "zone",
            kinds: &[Kind::Text { what: "the name of a zone", example: "eu-1a" }],
            default: Default::Prose("not said"),
            doc: "Where it is (see `zone_aware`).",
            aliases: &["locality", "az", "availability_zone"],
        },
        Key {
            name: "max_in_flight",
            kinds: &[Kind::Integer { min: 1, max: 1_000_000 }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "Requests that it may have at a time, over all workers; others go to a backend with room, or wait \
                  in the `queue`. An open WebSocket, a connection of `tcp` and a session of `udp` count as one. \
                  `\"none\"` is no limit.",
            aliases: &["maxconn", "max_conns", "max_requests", "max_connections"],
        },
        Key {
            name: "drain",
            kinds: &[Kind::Flag],
            default: Default::Flag(false),
            doc: "`true` gives it nothing new; sessions of `sticky` that it has stay until they end.",
            aliases: &["draining"],
        },
        allow_key(&[Kind::List(&[Kind::Table(&ALLOW_BACKEND)])]),
    ],
};

static TIMEOUTS: Section = Section {
    path: "pool.NAME.timeouts",
    doc: "Bounds on how long backends may take.",
    keys: &[
        Key {
            name: "connect",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::CONNECT_TIMEOUT),
            doc: "To open a connection; then another backend, or 504.",
            aliases: &["proxy_connect_timeout"],
        },
        Key {
            name: "response_header",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::RESPONSE_HEADER_TIMEOUT),
            doc: "From the end of the request to the response header; then 504.",
            aliases: &["response", "server", "proxy_read_timeout"],
        },
        Key {
            name: "response_idle",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::RESPONSE_IDLE),
            doc: "Between two pieces of a response body; then the connection is cut.",
            aliases: &["idle", "read"],
        },
        Key {
            name: "total",
            kinds: &[Kind::Duration { zero: false }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "The whole request, from its first byte to the last of its response. `\"none\"` is no bound.",
            aliases: &["request"],
        },
    ],
};

static KEEP_ALIVE: Section = Section {
    path: "pool.NAME.keep_alive",
    doc: "Reuse of connections to backends.",
    keys: &[
        Key {
            name: "idle_max",
            kinds: &[Kind::Integer { min: 0, max: 1_000_000 }],
            default: Default::Integer(defaults::IDLE_MAX),
            doc: "Idle connections kept per backend and worker; 0 opens one for each request.",
            aliases: &["max_idle", "connections"],
        },
        Key {
            name: "idle_timeout",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::IDLE_TIMEOUT),
            doc: "An idle one is closed after this. Keep it below the backends' own.",
            aliases: &["timeout"],
        },
        Key {
            name: "max_age",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::MAX_AGE),
            doc: "None is reused when older than this.",
            aliases: &["max_lifetime"],
        },
    ],
};
