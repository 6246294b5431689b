//! `health` and `passive` of `[pool.NAME]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

pub(super) static HEALTH: Section = Section {
    path: "pool.NAME.health",
    doc: "Active checks. A backend serves after its first pass, not before.",
    keys: &[
        Key {
            name: "type",
            kinds: &[Kind::Choice(|| vec!["http", "tcp", "grpc"])],
            default: Default::Prose("`\"http\"` with a `path`, `\"grpc\"` with `grpc`, else `\"tcp\"`"),
            doc: "`http` sends a GET, twenty times on a connection where `keep_alive` has any; `grpc` calls \
                  `grpc.health.v1.Health/Check`; `tcp` opens a connection.",
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
            name: "grpc",
            kinds: &[Kind::Flag, Kind::Text { what: "a gRPC service", example: "shop.Cart" }],
            default: Default::Flag(false),
            doc: "The service that the gRPC check asks for; `true` asks for the server as a whole. It passes when \
                  the answer is SERVING.",
            aliases: &["service", "grpc_service", "service_name"],
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
            default: Default::Number(defaults::HEALTH_JITTER),
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
};

pub(super) static PASSIVE: Section = Section {
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
            default: Default::Number(defaults::PASSIVE_MAX_EJECTED),
            doc: "Largest share of the pool that may be out at once.",
            aliases: &["max_ejection_percent"],
        },
        Key {
            name: "error_share",
            kinds: &[Kind::Range { min: 0.01, max: 1.0 }, Kind::Off],
            default: Default::Prose("`0.25`; `false` with `sticky` and strategies that go by a key"),
            doc: "Eject also a backend whose share of the pool's failures is beyond its share of the requests by \
                  more than this part of it. It finds one that fails now and then, not a failure that all of them \
                  have. `false` goes by failures in a row alone. Where the request decides on the backend, failures \
                  of one client would be blamed on its backend.",
            aliases: &["success_rate", "success_rate_stdev_factor", "error_rate"],
        },
    ],
};
