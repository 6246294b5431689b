//! How a pool's backends are spoken to, as in effect.

use serde_json::{Map, Value, json};

use super::effective::{duration, unless_none};
use super::listener::file;
use crate::model::{Pool, ProxyVersion, UpstreamProtocol, UpstreamTls};

/// Adds it to the fields of a pool.
pub(super) fn show(fields: &mut Map<String, Value>, pool: &Pool) {
    let (timeouts, keep_alive) = (&pool.timeouts, &pool.keep_alive);
    let protocol = match pool.protocol {
        UpstreamProtocol::Http1 => "http1",
        UpstreamProtocol::Http2 => "http2",
    };
    let send_proxy = match pool.send_proxy {
        None => json!(false),
        Some(ProxyVersion::V1) => json!("v1"),
        Some(ProxyVersion::V2) => json!("v2"),
    };
    let always = [
        ("protocol", json!(protocol)),
        ("tls", pool.tls.as_ref().map_or(json!(false), tls)),
        ("send_proxy", send_proxy),
        ("streams_max", json!(pool.streams_max)),
        ("upgrade", json!(pool.upgrade)),
        (
            "timeouts",
            json!({
                "connect": duration(timeouts.connect),
                "response_header": duration(timeouts.response_header),
                "response_idle": duration(timeouts.response_idle),
                "total": unless_none(timeouts.total, duration),
            }),
        ),
        (
            "keep_alive",
            json!({
                "idle_max": keep_alive.idle_max,
                "idle_timeout": duration(keep_alive.idle_timeout),
                "max_age": duration(keep_alive.max_age),
            }),
        ),
    ];
    fields.extend(always.map(|(key, value)| (key.to_string(), value)));
}

fn tls(tls: &UpstreamTls) -> Value {
    let identity = tls.identity.as_ref();
    json!({
        "ca": tls.ca.as_deref().map(file),
        "server_name": tls.server_name,
        "verify": tls.verify,
        "cert": identity.map(|files| file(&files.cert)),
        "key": identity.map(|files| file(&files.key)),
    })
}
