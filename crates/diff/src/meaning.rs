//! What it means that a setting changes: one table.

use serde_json::Value;

use crate::report::Rank;
use crate::settings::{is_less, is_off, usual};

/// What people are told of a changed setting.
#[derive(Debug)]
pub(crate) struct Meaning {
    pub(crate) rank: Rank,
    pub(crate) kind: &'static str,
    pub(crate) sentence: Option<&'static str>,
    pub(crate) by_reload: bool,
}

/// How bad, and what that means.
type Said = (Rank, &'static str);
/// Which of the sentences of a setting holds.
type Way = fn(&Known) -> Option<Said>;

/// A setting whose loss, or lowering, hurts.
struct Known {
    /// As in the reference, `*` for names. Settings below it are not meant.
    key: &'static str,
    /// What it means when it goes; `None` says nothing of it.
    lost: Option<Said>,
    /// When it comes.
    gained: Option<Said>,
    /// When it gets smaller or shorter.
    lowered: Option<Said>,
    /// When it gets larger or longer, or another value that is neither.
    other: Option<Said>,
}

impl Known {
    const fn new(key: &'static str) -> Self {
        Self { key, lost: None, gained: None, lowered: None, other: None }
    }

    const fn lost(mut self, rank: Rank, sentence: &'static str) -> Self {
        self.lost = Some((rank, sentence));
        self
    }

    const fn gained(mut self, rank: Rank, sentence: &'static str) -> Self {
        self.gained = Some((rank, sentence));
        self
    }

    const fn lowered(mut self, rank: Rank, sentence: &'static str) -> Self {
        self.lowered = Some((rank, sentence));
        self
    }

    const fn other(mut self, rank: Rank, sentence: &'static str) -> Self {
        self.other = Some((rank, sentence));
        self
    }
}

use Rank::{Change, Danger, Note};

const KNOWN: &[Known] = &[
    Known::new("pool.*.health")
        .lost(Danger, "nobody checks the backends: one that is dead keeps its share of the requests")
        .gained(Change, "a backend that fails its checks gets nothing"),
    Known::new("pool.*.health.path")
        .other(Change, "backends that do not answer there as expected get nothing"),
    Known::new("pool.*.health.type")
        .other(Change, "backends that do not pass the new kind of check get nothing"),
    Known::new("pool.*.health.expect_status").other(Change, "backends that answer otherwise get nothing"),
    Known::new("pool.*.passive")
        .lost(Danger, "a backend that fails requests and passes its checks is never taken out")
        .gained(Change, "a backend that fails requests is taken out for a while"),
    Known::new("pool.*.passive.max_ejected").other(Change, "decides how many backends may be out at once"),
    Known::new("pool.*.panic_threshold").other(Change, "decides when unhealthy backends are used, too"),
    Known::new("pool.*.sticky")
        .lost(Danger, "sessions no longer keep their backend")
        .gained(Change, "sessions keep their backend, whatever its share"),
    Known::new("pool.*.tls")
        .lost(Danger, "requests go to the backends in clear text")
        .gained(Change, "backends that do not speak TLS fail"),
    Known::new("pool.*.tls.verify")
        .lost(Danger, "whoever answers at the address of a backend is believed")
        .gained(Change, "backends without a certificate that leads to a known CA fail"),
    Known::new("pool.*.strategy").other(Change, "requests are spread in another way"),
    Known::new("pool.*.intent").other(Change, "skew is measured against other shares"),
    Known::new("pool.*.protocol").other(Danger, "backends that do not speak it fail every request"),
    Known::new("pool.*.send_proxy")
        .lost(Danger, "backends that wait for a PROXY header fail every request")
        .gained(Danger, "backends that do not expect a PROXY header fail every request")
        .other(Danger, "backends that do not expect this version fail every request"),
    Known::new("pool.*.upgrade").lost(Danger, "WebSocket and the like are refused"),
    Known::new("pool.*.max_attempts").lowered(Change, "fewer requests outlive the loss of a backend"),
    Known::new("pool.*.queue.size")
        .lowered(Change, "fewer requests may wait when all backends are full; the others get 503"),
    Known::new("pool.*.slow_start").lost(Change, "a backend that comes back gets its whole share at once"),
    Known::new("pool.*.zone_aware").other(Change, "decides how much stays in the zone of this process"),
    Known::new("pool.*.subset").other(Change, "decides which backends this process uses"),
    Known::new("pool.*.timeouts.total")
        .lost(Danger, "nothing bounds a whole request")
        .gained(Change, "longer requests are cut with 504")
        .lowered(Change, "longer requests are cut with 504"),
    Known::new("pool.*.timeouts.connect").lowered(Change, "backends that take longer to connect fail"),
    Known::new("pool.*.timeouts.response_header").lowered(Change, "requests that take longer get 504"),
    Known::new("pool.*.timeouts.response_idle").lowered(Change, "responses that pause longer are cut"),
    Known::new("pool.*.keep_alive.idle_max").lowered(Change, "more requests open a connection of their own"),
    Known::new("listener.*.limits.body_bytes")
        .lost(Danger, "nothing bounds the body of a request")
        .gained(Change, "requests with a longer body get 413")
        .lowered(Change, "requests with a longer body get 413"),
    Known::new("listener.*.limits.connections").lowered(Change, "further clients wait in the kernel's queue"),
    Known::new("listener.*.limits.header_bytes").lowered(Change, "requests with longer fields get 431"),
    Known::new("listener.*.limits.headers").lowered(Change, "requests with more fields get 431"),
    Known::new("listener.*.tls.client_auth").lost(Danger, "clients need no certificate any more"),
    Known::new("listener.*.tls.client_auth.mode").other(Danger, "decides whether clients need a certificate"),
    Known::new("listener.*.tls.min_version").other(Change, "decides which clients can connect"),
    Known::new("listener.*.tls.certificates").other(Change, "clients are shown other certificates"),
    Known::new("listener.*.trusted_proxies")
        .other(Danger, "decides whose word on client addresses is believed"),
    Known::new("listener.*.accept_proxy")
        .lost(Danger, "connections that begin with a PROXY header fail")
        .gained(Change, "connections from these peers may begin with a PROXY header"),
    Known::new("listener.*.accept_proxy.required")
        .gained(Danger, "connections without a PROXY header are refused"),
    Known::new("listener.*.http2").lost(Change, "clients fall back to HTTP/1.1"),
    Known::new("listener.*.https_redirect")
        .lost(Danger, "requests in clear text are served, not sent to HTTPS")
        .gained(Change, "requests in clear text are sent to HTTPS"),
    Known::new("listener.*.udp.sessions").lowered(Change, "fewer clients at a time"),
    Known::new("runtime.drain_timeout").lowered(Note, "requests that take longer are cut by a shutdown"),
    Known::new("log.access").lost(Note, "requests are no longer logged, and `analyze` has nothing to read"),
];

/// What is read at the start alone.
const AT_START: &[&str] = &["runtime.workers", "log.format"];

/// The contract of a pool: what it holds the shares to. No request notices that it changes, only that it goes.
const CONTRACT: &str = "pool.*.expect";

/// What it means that the setting `key`, `*` for names, changes like this.
pub(crate) fn of(key: &str, old: &Value, new: &Value) -> Meaning {
    let (kind, way): (_, Way) = match (is_off(old), is_off(new)) {
        (false, true) => ("setting-lost", |known| known.lost),
        (true, false) => ("setting-gained", |known| known.gained),
        _ if is_less(old, new) => ("setting-lowered", |known| known.lowered.or(known.other)),
        _ => ("setting-changed", |known| known.other),
    };
    if let Some(clause) = key.strip_prefix(CONTRACT) {
        let looser = is_off(new) || clause == ".survives" && is_less(old, new);
        let sentence = looser.then_some("nothing holds the pool to what was promised any more");
        return Meaning { rank: if looser { Danger } else { Note }, kind, sentence, by_reload: true };
    }
    let known = KNOWN.iter().find(|known| known.key == key).and_then(|known| way(known).or(known.other));
    let (rank, sentence) = known.map_or((usual(key), None), |(rank, sentence)| (rank, Some(sentence)));
    Meaning { rank, kind, sentence, by_reload: !AT_START.contains(&key) }
}

#[cfg(test)]
mod tests {
    use evenkeel_config::json_schema;
    use serde_json::json;

    use super::*;

    #[test]
    fn losing_is_worse_than_gaining() {
        let on = json!({"path": "/"});
        assert_eq!(of("pool.*.health", &on, &json!(false)).rank, Danger);
        assert_eq!(of("pool.*.health", &json!(false), &on).rank, Change);
        assert_eq!(of("pool.*.timeouts.total", &json!("1h"), &json!("none")).rank, Danger);
        assert_eq!(
            of("pool.*.timeouts.total", &json!("1h"), &json!("1m")).sentence,
            Some("longer requests are cut with 504")
        );
        assert_eq!(of("pool.*.timeouts.total", &json!("1m"), &json!("1h")).sentence, None);
        assert!(!of("runtime.workers", &json!(1), &json!(2)).by_reload);
        assert_eq!(of("pool.*.expect", &json!({"members": 3}), &json!(null)).rank, Danger);
        assert_eq!(of("pool.*.expect.survives", &json!(2), &json!(1)).rank, Danger);
        assert_eq!(of("pool.*.expect.members", &json!(2), &json!(3)).rank, Note);
        assert_eq!(of("pool.*.allow", &json!([]), &json!([1])).rank, Note);
        assert_eq!(of("log.level", &json!("info"), &json!("warn")).rank, Note);
    }

    /// A key that is renamed would be told without its meaning.
    #[test]
    fn every_known_key_exists() {
        let schema = json_schema();
        for key in KNOWN.iter().map(|known| known.key).chain(AT_START.iter().copied()) {
            assert!(exists(&schema, &schema, key.split('.')), "{key}");
        }
    }

    /// Whether the schema, or one of its alternatives, has these keys below each other.
    fn exists<'a>(root: &Value, schema: &Value, mut path: impl Iterator<Item = &'a str> + Clone) -> bool {
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            return root.pointer(pointer).is_some_and(|schema| exists(root, schema, path));
        }
        let alternatives =
            ["oneOf", "anyOf", "allOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        if alternatives.into_iter().any(|one| exists(root, one, path.clone())) {
            return true;
        }
        let Some(key) = path.next() else { return true };
        let below =
            if key == "*" { schema.get("additionalProperties") } else { schema["properties"].get(key) };
        below.is_some_and(|below| exists(root, below, path))
    }
}
