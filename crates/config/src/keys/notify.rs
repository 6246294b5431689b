//! `[[notify]]`.

use super::{Default, Key, Kind, Section};
use crate::defaults;

const HEADER: Kind = Kind::Text { what: "a header field", example: "X-Team: edge" };
const POOL: Kind = Kind::Text { what: "the name of a pool", example: "web" };

pub(super) static NOTIFY: Section = Section {
    path: "notify",
    doc: "A receiver that is told of alarms: a backend's share is not what it should be, what backends share is slow, \
          what `expect` says of a pool does not hold. Each is told once when it begins, when its cause changes, and when \
          it is over. A receiver needs `url` or `url_file`.",
    keys: &[
        Key {
            name: "name",
            kinds: &[Kind::Text { what: "a name", example: "on-call" }],
            default: Default::Prose("the host of `url`"),
            doc: "What it is called in metrics and in the log. Needed with `url_file`.",
            aliases: &["receiver", "id"],
        },
        Key {
            name: "url",
            kinds: &[Kind::Text { what: "a URL", example: "https://hooks.example.com/path" }],
            default: Default::Prose("`url_file`"),
            doc: "Where messages are sent by POST. Redirects are not followed. Whoever may read this file or `/config` of \
                  the admin interface can read it; if it is a secret, as Slack's are, use `url_file`.",
            aliases: &["webhook", "webhook_url", "endpoint", "to", "address"],
        },
        Key {
            name: "url_file",
            kinds: &[Kind::Text { what: "the name of a file", example: "notify.url" }],
            default: Default::Prose("`url`"),
            doc: "A file with the URL on its only line; read at start and at each reload.",
            aliases: &["webhook_file", "file"],
        },
        Key {
            name: "format",
            kinds: &[Kind::Choice(|| vec!["json", "slack"])],
            default: Default::Text(defaults::NOTIFY_FORMAT),
            doc: "`json` for programs; `slack` for what Slack, Mattermost and Rocket.Chat take.",
            aliases: &["type", "kind"],
        },
        Key {
            name: "min_level",
            kinds: &[Kind::Choice(|| vec!["info", "warning", "critical"])],
            default: Default::Text(defaults::NOTIFY_LEVEL),
            doc: "What matters less is not told.",
            aliases: &["level", "severity", "min_severity"],
        },
        Key {
            name: "pools",
            kinds: &[Kind::List(&[POOL])],
            default: Default::Prose("all"),
            doc: "Of which pools.",
            aliases: &["pool"],
        },
        Key {
            name: "headers",
            kinds: &[Kind::List(&[HEADER])],
            default: Default::Prose("none"),
            doc: "Header fields that go with each message.",
            aliases: &["header", "http_headers"],
        },
        Key {
            name: "headers_file",
            kinds: &[Kind::Text { what: "the name of a file", example: "notify.headers" }],
            default: Default::Prose("none"),
            doc: "A file with more of them, a line each, for those that are secrets; read at start and at each reload.",
            aliases: &["header_file", "token_file"],
        },
        Key {
            name: "ca",
            kinds: &[Kind::Text { what: "a PEM file", example: "internal-ca.pem" }],
            default: Default::Prose("the system's"),
            doc: "The CAs that the receiver's certificate may be from.",
            aliases: &["ca_file", "cafile"],
        },
        Key {
            name: "timeout",
            kinds: &[Kind::Duration { zero: false }],
            default: Default::Duration(defaults::NOTIFY_TIMEOUT),
            doc: "How long one delivery may take in all. One that fails is tried again, after 1 s, 2 s, 4 s and so on up \
                  to a minute, or when the receiver says, 10 times in all.",
            aliases: &["deadline"],
        },
        Key {
            name: "resend",
            kinds: &[Kind::Duration { zero: false }, Kind::Nothing],
            default: Default::Text("none"),
            doc: "What is still wrong is told again after this.",
            aliases: &["repeat", "repeat_interval", "remind"],
        },
    ],
};
