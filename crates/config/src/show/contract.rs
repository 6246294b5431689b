//! What a file says of itself, as in effect.

use serde_json::{Value, json};

use crate::model::{Allow, Expect, RouteTest};

/// Null where nothing is expected.
pub(super) fn expect(expect: Option<&Expect>) -> Value {
    let Some(expect) = expect else { return Value::Null };
    let zones: Vec<_> = expect.forbidden_zones.iter().map(|zone| &**zone).collect();
    json!({
        "members": expect.members,
        "min_share": expect.min_share,
        "max_share": expect.max_share,
        "survives": expect.survives,
        "peak_to_mean": expect.peak_to_mean,
        "forbidden_zones": zones,
        "peak_rate": expect.peak_rate,
        "backend_rate": expect.backend_rate,
    })
}

/// Adds the warnings that are meant, where there are any.
pub(super) fn allow(shown: &mut Value, allow: &[Allow]) {
    if !allow.is_empty() {
        let entry = |allow: &Allow| json!({ "rule": allow.rule, "reason": allow.reason });
        shown["allow"] = allow.iter().map(entry).collect();
    }
}

/// Adds what must be true of the file, where it says anything.
pub(super) fn tests(shown: &mut Value, routes: &[RouteTest]) {
    if !routes.is_empty() {
        shown["test"] = json!({ "route": routes.iter().map(route_test).collect::<Vec<_>>() });
    }
}

fn route_test(test: &RouteTest) -> Value {
    let host = Some(&test.host).filter(|host| !host.is_empty());
    json!({ "listener": test.listener, "host": host, "path": test.path, "pool": test.pool.as_str() })
}
