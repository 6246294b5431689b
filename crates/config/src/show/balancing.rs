//! What shapes a pool's picks, as in effect.

use serde_json::{Map, Value, json};

use super::effective::duration;
use crate::model::{HashKey, Pool, SameSite, Sticky};

/// Adds it to the fields of a pool.
pub(super) fn show(fields: &mut Map<String, Value>, pool: &Pool) {
    let shaping = &pool.shaping;
    let slow_start = shaping.slow_start.map_or(json!(false), |slow| {
        json!({
            "window": duration(slow.window),
            "aggression": slow.aggression,
            "minimum": slow.minimum.get(),
        })
    });
    let zone = shaping.zone.as_ref();
    let always = [
        ("slow_start", slow_start),
        ("overprovisioning", json!(shaping.overprovisioning)),
        ("zone_aware", zone.map_or(json!(false), |zone| json!({ "min_backends": zone.members_min }))),
        ("subset", shaping.subset.map_or(json!(false), |subset| json!(subset.size.get()))),
        ("sticky", pool.sticky.as_ref().map_or(json!(false), sticky)),
        (
            "queue",
            json!({
                "size": pool.queue.size,
                "timeout": duration(pool.queue.timeout),
                "priority": pool.queue.priority,
            }),
        ),
    ];
    fields.extend(always.map(|(key, value)| (key.to_string(), value)));
    fields.extend(of_strategy(pool).into_iter().map(|(key, value)| (key.to_string(), value)));
}

/// What this strategy reads.
fn of_strategy(pool: &Pool) -> Vec<(&'static str, Value)> {
    let mut shown = Vec::new();
    if let Some(key) = &pool.hash {
        shown.push(("hash", hash(pool, key)));
    }
    if let Some(probe) = &pool.probe {
        shown.push(("probe", json!({ "path": probe.path, "timeout": duration(probe.timeout) })));
    }
    match pool.strategy.as_str() {
        "peak_ewma" => shown.push(("peak_ewma", json!({ "decay": duration(pool.settings.decay) }))),
        "prequal" => {
            let prequal = &pool.settings.prequal;
            let told = json!({
                "probes_per_request": prequal.probes_per_request,
                "pool_size": prequal.pool_size,
                "probe_age": duration(prequal.probe_age),
                "hot_quantile": prequal.hot_quantile,
            });
            shown.push(("prequal", told));
        }
        _ => {}
    }
    shown
}

fn hash(pool: &Pool, key: &HashKey) -> Value {
    let mut shown = match key {
        HashKey::Header(name) => json!({ "header": name }),
        HashKey::Cookie(name) => json!({ "cookie": name }),
        HashKey::Query(name) => json!({ "query": name }),
        HashKey::Path => json!({ "path": true }),
        HashKey::Source { ipv4, ipv6 } => json!({ "source": true, "ipv4": ipv4, "ipv6": ipv6 }),
    };
    let settings = &pool.settings;
    shown["bound"] = settings.bound.map_or(json!(false), |bound| json!(bound));
    match pool.strategy.as_str() {
        "maglev" => shown["table_size"] = json!(settings.table_size),
        "ring" => shown["points"] = json!(settings.ring_points),
        _ => {}
    }
    shown["show_keys"] = json!(pool.show_keys);
    shown
}

fn sticky(sticky: &Sticky) -> Value {
    let same_site = match sticky.same_site {
        SameSite::Strict => "strict",
        SameSite::Lax => "lax",
        SameSite::None => "none",
    };
    json!({
        "cookie": sticky.cookie,
        "ttl": sticky.ttl.map_or(json!("session"), duration),
        "path": sticky.path,
        "secure": sticky.secure,
        "http_only": sticky.http_only,
        "same_site": same_site,
    })
}
