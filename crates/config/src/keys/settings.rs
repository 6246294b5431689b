//! `[admin]`, `[runtime]`, `[log]` and `[events]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

pub(super) static ADMIN: Section = Section {
    path: "admin",
    doc: "The read-only HTTP interface: `/metrics`, `/healthz`, `/readyz`, `/pools`, `/config`.",
    keys: &[Key {
        name: "listen",
        kinds: &[Kind::Text { what: "an address and port", example: defaults::ADMIN_LISTEN }],
        default: Default::Text(defaults::ADMIN_LISTEN),
        doc: "Where it listens. It asks nobody who they are, so an address beyond loopback is a warning.",
        aliases: &["bind", "address", "addr"],
    }],
};

pub(super) static RUNTIME: Section = Section {
    path: "runtime",
    doc: "Threads and shutdown.",
    keys: &[
        Key {
            name: "workers",
            kinds: &[Kind::Integer { min: 1, max: defaults::WORKERS_MAX }],
            default: Default::Prose("one per core"),
            doc: "Threads that carry traffic. Balancing is exact across them.",
            aliases: &["threads", "worker_processes", "nbthread", "concurrency"],
        },
        Key {
            name: "lame_duration",
            kinds: &[Kind::Duration { zero: true }],
            default: Default::Duration(defaults::LAME_DURATION),
            doc: "After SIGTERM: how long `/readyz` is red while connections are still accepted, so that an outer \
                  balancer stops sending.",
            aliases: &["lameduck"],
        },
        Key {
            name: "drain_timeout",
            kinds: &[Kind::Duration { zero: true }],
            default: Default::Duration(defaults::DRAIN_TIMEOUT),
            doc: "After that: how long running requests may take before they are cut.",
            aliases: &["grace_period", "shutdown_timeout"],
        },
        Key {
            name: "zone",
            kinds: &[Kind::Text { what: "the name of a zone", example: "eu-1a" }],
            default: Default::Prose("not said"),
            doc: "Where this process is; pools with `zone_aware` prefer backends of the same `zone`.",
            aliases: &["locality", "az"],
        },
        Key {
            name: "instance",
            kinds: &[Kind::Integer { min: 0, max: defaults::INSTANCE_MAX }],
            default: Default::Prose("not said"),
            doc: "Which of the instances in front of the same backends this is, counted from 0 without gaps; pools with \
                  `subset` choose by it.",
            aliases: &["instance_id", "ordinal", "index"],
        },
    ],
};

pub(super) static LOG: Section = Section {
    path: "log",
    doc: "Events go to standard error, requests to the access log.",
    keys: &[
        Key {
            name: "level",
            kinds: &[Kind::Choice(|| vec!["trace", "debug", "info", "warn", "error"])],
            default: Default::Text(defaults::LOG_LEVEL),
            doc: "Events below this are not written. Releases have none below `debug`.",
            aliases: &["severity"],
        },
        Key {
            name: "format",
            kinds: &[Kind::Choice(|| vec!["auto", "human", "json"])],
            default: Default::Text(defaults::LOG_FORMAT),
            doc: "`auto` is `human` on a terminal and `json` otherwise.",
            aliases: &[],
        },
        Key {
            name: "access",
            kinds: &[
                Kind::Text { what: "a file", example: "/var/log/evenkeel/access.log" },
                Kind::Table(&ACCESS),
            ],
            default: Default::Prose("no access log"),
            doc: "The access log. A path alone is short for `{ path = \"...\" }`.",
            aliases: &["access_log", "requests"],
        },
    ],
};

static ACCESS: Section = Section {
    path: "log.access",
    doc: "One entry for each request.",
    keys: &[
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a file", example: "/var/log/evenkeel/access.log" }],
            default: Default::Required,
            doc: "A file, reopened on SIGUSR1; `\"-\"` is standard output.",
            aliases: &["file"],
        },
        Key {
            name: "format",
            kinds: &[Kind::Choice(|| vec!["json", "combined"])],
            default: Default::Text(defaults::ACCESS_FORMAT),
            doc: "`json` is one object a request; `combined` is the format of Apache and nginx, with Evenkeel's fields \
                  appended as `key=value`.",
            aliases: &[],
        },
    ],
};

pub(super) static EVENTS: Section = Section {
    path: "events",
    doc: "What happened, for `evenkeel events`, `GET /events` and `evenkeel diagnose`. The latest 10,000 events are in memory \
          in any case.",
    keys: &[
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a file", example: "/var/lib/evenkeel/events.redb" }],
            default: Default::Prose("in memory only"),
            doc: "A database that survives the process; it is made if it is not there. Each process needs one of its own.",
            aliases: &["file", "database", "db"],
        },
        Key {
            name: "keep",
            kinds: &[Kind::Integer { min: defaults::EVENTS_KEEP_MIN, max: defaults::EVENTS_KEEP_MAX }],
            default: Default::Integer(defaults::EVENTS_KEEP),
            doc: "Events in the database; the oldest go first.",
            aliases: &["max_events", "retain", "retention"],
        },
        Key {
            name: "size",
            kinds: &[Kind::Size { min: defaults::EVENTS_SIZE_MIN, max: defaults::EVENTS_SIZE_MAX }],
            default: Default::Size(defaults::EVENTS_SIZE),
            doc: "Bytes of events in the database, whatever `keep` says; the file takes up to three times that.",
            aliases: &["max_size", "max_bytes"],
        },
    ],
};
