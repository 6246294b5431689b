//! What a file says of itself: `expect` of a pool, `allow`, and `[[test.route]]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

pub(super) static EXPECT: Section = Section {
    path: "pool.NAME.expect",
    doc: "A contract. What it says is tried by `check` on the state machine that `run` goes by, with every backend \
          healthy and, for `survives`, with some of them down; what is broken refuses the file. `run` watches it once \
          a second, and tells what does not hold any more (docs/guide/notifications.md).",
    keys: &[
        Key {
            name: "members",
            kinds: &[Kind::Integer { min: 1, max: 100_000 }],
            default: Default::Prose("not said"),
            doc: "How many backends are enabled, exactly; while the pool runs, how many serve.",
            aliases: &["backends", "count", "size"],
        },
        Key {
            name: "min_share",
            kinds: &[Kind::Ratio { max: 1.0 }],
            default: Default::Prose("not said"),
            doc: "The least share of each enabled backend of the first tier, while all are healthy.",
            aliases: &["least_share"],
        },
        Key {
            name: "max_share",
            kinds: &[Kind::Ratio { max: 1.0 }],
            default: Default::Prose("not said"),
            doc: "The largest share of each backend, while all are healthy.",
            aliases: &["largest_share"],
        },
        Key {
            name: "survives",
            kinds: &[Kind::Integer { min: 0, max: defaults::SURVIVES_MAX }],
            default: Default::Integer(0),
            doc: "Any so many backends may fail at once without panic, without a share for a forbidden zone, and \
                  without more for a backend than it can take (`peak_rate`, `backend_rate`). Backends that are alike \
                  are tried once; of more combinations than can be tried, those of the heaviest backends are.",
            aliases: &["survive", "failures", "tolerates"],
        },
        Key {
            name: "peak_to_mean",
            kinds: &[Kind::Range { min: 1.0, max: 1000.0 }],
            default: Default::Prose("not said"),
            doc: "The largest share over the mean share, at most: over the backends of the first tier, while all are \
                  healthy.",
            aliases: &["max_to_mean", "skew"],
        },
        Key {
            name: "forbidden_zones",
            kinds: &[Kind::List(&[Kind::Text { what: "the name of a zone", example: "eu-1a" }])],
            default: Default::Prose("none"),
            doc: "Zones whose backends must get nothing, also while `survives` backends are down.",
            aliases: &["forbid_zones", "forbidden_zone"],
        },
        Key {
            name: "peak_rate",
            kinds: &[Kind::Number],
            default: Default::Prose("not said"),
            doc: "Requests a second that the pool gets at its peak. `run` does not compare it with what comes.",
            aliases: &["rate", "peak_rps", "rps"],
        },
        Key {
            name: "backend_rate",
            kinds: &[Kind::Number],
            default: Default::Prose("not said"),
            doc: "Requests a second that a backend can take for each unit of its `capacity`, which is 1 where it is \
                  not declared.",
            aliases: &["max_rate", "backend_rps"],
        },
    ],
};

/// The keys of `allow`, wherever it stands.
const ALLOW_KEYS: &[Key] = &[
    Key {
        name: "rule",
        kinds: &[Kind::Text { what: "the id of a rule", example: "pool-of-one" }],
        default: Default::Required,
        doc: "Which warning: what stands in brackets behind `warning`. `evenkeel explain` lists them.",
        aliases: &["id", "code", "lint", "name"],
    },
    Key {
        name: "reason",
        kinds: &[Kind::Text { what: "a sentence", example: "the other one is being replaced" }],
        default: Default::Required,
        doc: "Why it is meant, for whoever reads the file next.",
        aliases: &["why", "comment", "because"],
    },
];

pub(super) static ALLOW_FILE: Section = allow("allow", "A warning that is meant, anywhere in the file.");
pub(super) static ALLOW_LISTENER: Section =
    allow("listener.NAME.allow", "A warning about this listener that is meant.");
pub(super) static ALLOW_ROUTE: Section = allow("route.allow", "A warning about this route that is meant.");
pub(super) static ALLOW_POOL: Section =
    allow("pool.NAME.allow", "A warning about this pool or one of its backends that is meant.");
pub(super) static ALLOW_BACKEND: Section =
    allow("pool.NAME.backends.allow", "A warning about this backend that is meant.");

pub(super) static TEST: Section = Section {
    path: "test",
    doc: "What must be true of this file, tried by `check`.",
    keys: &[Key {
        name: "route",
        kinds: &[Kind::List(&[Kind::Table(&TEST_ROUTE)])],
        default: Default::Prose("none"),
        doc: "Requests, each with the pool that must answer.",
        aliases: &["routes", "request", "requests"],
    }],
};

static TEST_ROUTE: Section = Section {
    path: "test.route",
    doc: "A request and the pool that must answer it: `check` asks the route table, `verify` the running balancer.",
    keys: &[
        Key {
            name: "listener",
            kinds: &[Kind::Text { what: "the name of a listener", example: "web" }],
            default: Default::Prose("every `http` and `https` listener that does not redirect"),
            doc: "Where it comes in.",
            aliases: &["listeners", "entrypoint"],
        },
        Key {
            name: "host",
            kinds: &[Kind::Text { what: "a host", example: "example.com" }],
            default: Default::Prose("one that no route names"),
            doc: "The host that it asks for, without port; for a `tls_passthrough` listener the server name.",
            aliases: &["hosts", "server_name", "domain"],
        },
        Key {
            name: "path",
            kinds: &[Kind::Text { what: "a path", example: "/api/users?page=2" }],
            default: Default::Text(defaults::ROUTE_PATH),
            doc: "What it asks for there.",
            aliases: &["url", "uri", "target"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Text { what: "the name of a pool", example: "web" }],
            default: Default::Required,
            doc: "Which pool must answer.",
            aliases: &["backend", "upstream", "expect", "answers"],
        },
    ],
};

const fn allow(path: &'static str, doc: &'static str) -> Section {
    Section { path, doc, keys: ALLOW_KEYS }
}
