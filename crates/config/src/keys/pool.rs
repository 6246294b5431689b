//! `[pool.NAME]`.

use evenkeel_core::StrategyKind;

use super::{Default, Key, Kind, Section};
use crate::defaults;

const EXPECT_LATER: &str = "a pool's contract is not checked by this version: take the key out";

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
            default: Default::Ratio(defaults::PANIC_THRESHOLD),
            doc: "When less than this share of the backends is healthy, all are used again; 0 is never.",
            aliases: &["healthy_panic_threshold"],
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
    ],
    later: &[("expect", EXPECT_LATER)],
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
    ],
    later: &[],
};

static HEALTH: Section = Section {
    path: "pool.NAME.health",
    doc: "Active checks. A backend serves after its first pass, not before.",
    keys: &[
        Key {
            name: "type",
            kinds: &[Kind::Choice(|| vec!["http", "tcp"])],
            default: Default::Prose("`\"http\"` with a `path`, else `\"tcp\"`"),
            doc: "`http` sends a GET, twenty times on a connection where `keep_alive` has any; `tcp` opens a connection.",
            aliases: &["kind", "protocol"],
        },
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a path", example: "/healthz" }],
            default: Default::Prose("none; required by `type = \"http\"`"),
            doc: "What the GET asks for; it may have a query.",
            aliases: &["uri", "url"],
        },
        Key {
            name: "host",
            kinds: &[Kind::Text { what: "a host", example: "app.internal" }],
            default: Default::Prose("the backend's address"),
            doc: "The `Host` field of the GET.",
            aliases: &["hostname"],
        },
        Key {
            name: "expect_status",
            kinds: &[
                Kind::Integer { min: 100, max: 599 },
                Kind::Text { what: "status codes", example: defaults::EXPECT_STATUS },
                Kind::List(&[
                    Kind::Integer { min: 100, max: 599 },
                    Kind::Text { what: "status codes", example: defaults::EXPECT_STATUS },
                ]),
            ],
            default: Default::Text(defaults::EXPECT_STATUS),
            doc: "Status codes that pass: a code, a range, or a list of both.",
            aliases: &["status", "expect", "expected_status"],
        },
        Key {
            name: "interval",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::HEALTH_INTERVAL),
            doc: "Between the starts of two checks of one backend.",
            aliases: &["inter", "period"],
        },
        Key {
            name: "timeout",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Prose("`\"1s\"`, or `interval` where that is less"),
            doc: "A check that takes longer has failed; at most `interval`.",
            aliases: &[],
        },
        Key {
            name: "rise",
            kinds: &[Kind::Integer { min: 1, max: 100 }],
            default: Default::Integer(defaults::HEALTH_RISE),
            doc: "Passes in a row until an unhealthy backend serves again.",
            aliases: &["healthy_threshold", "passes"],
        },
        Key {
            name: "fall",
            kinds: &[Kind::Integer { min: 1, max: 100 }],
            default: Default::Integer(defaults::HEALTH_FALL),
            doc: "Failures in a row until a serving backend is unhealthy.",
            aliases: &["unhealthy_threshold", "fails"],
        },
        Key {
            name: "jitter",
            kinds: &[Kind::Ratio { max: defaults::HEALTH_JITTER_MAX }],
            default: Default::Ratio(defaults::HEALTH_JITTER),
            doc: "Each wait is `interval` times a random factor within 1 ± this.",
            aliases: &[],
        },
        Key {
            name: "port",
            kinds: &[Kind::Integer { min: 1, max: 65_535 }],
            default: Default::Prose("the backend's port"),
            doc: "Port to check.",
            aliases: &[],
        },
    ],
    later: &[],
};

static PASSIVE: Section = Section {
    path: "pool.NAME.passive",
    doc: "Ejection of a backend that fails requests. The last one that serves is never ejected.",
    keys: &[
        Key {
            name: "consecutive",
            kinds: &[Kind::Integer { min: 1, max: 1000 }],
            default: Default::Integer(defaults::PASSIVE_CONSECUTIVE),
            doc: "Failed requests in a row until ejection.",
            aliases: &["max_fails", "consecutive_5xx"],
        },
        Key {
            name: "base",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::PASSIVE_BASE),
            doc: "How long the first ejection lasts; the n-th lasts n times as long.",
            aliases: &["fail_timeout", "base_ejection_time"],
        },
        Key {
            name: "max",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::PASSIVE_MAX),
            doc: "Longest ejection; at least `base`.",
            aliases: &["max_ejection_time"],
        },
        Key {
            name: "max_ejected",
            kinds: &[Kind::Ratio { max: 1.0 }],
            default: Default::Ratio(defaults::PASSIVE_MAX_EJECTED),
            doc: "Largest share of the pool that may be out at once.",
            aliases: &["max_ejection_percent"],
        },
    ],
    later: &[],
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
    later: &[],
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
    later: &[],
};
