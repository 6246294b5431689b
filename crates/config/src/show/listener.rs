//! Listeners and routes as in effect.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::contract;
use super::effective::{duration, unless_none};
use crate::model::{
    AcceptProxy, CertificateFiles, HostMatch, Http2, Limits, Listener, Protocol, Route, ServerTls,
    TlsVersion, UdpBounds,
};

pub(super) fn listener(listener: &Listener) -> Value {
    let mut shown = by_protocol(listener);
    contract::allow(&mut shown, &listener.allow);
    shown
}

/// What its protocol reads.
fn by_protocol(listener: &Listener) -> Value {
    let mut shown = Map::new();
    let mut show = |key: &str, value: Value| shown.insert(key.to_string(), value);
    show("bind", json!(listener.bind.to_string()));
    show("protocol", json!(listener.protocol.as_str()));
    if !listener.protocol.is_http() {
        show("pool", json!(listener.pool.as_ref().map(|pool| pool.as_str())));
    }
    if listener.protocol == Protocol::Udp {
        show("udp", udp(&listener.udp));
        return Value::Object(shown);
    }
    show("accept_proxy", listener.accept_proxy.as_ref().map_or(Value::Null, accept_proxy));
    show("limits", limits(listener));
    show("timeouts", timeouts(listener));
    if let Some(tls) = &listener.tls {
        show("tls", server_tls(tls));
    }
    if listener.protocol == Protocol::Http {
        show("https_redirect", listener.https_redirect.map_or(json!(false), |redirect| json!(redirect.port)));
    }
    if listener.protocol.is_http() {
        let trusted = listener.trusted_proxies.iter().map(ToString::to_string);
        show("trusted_proxies", json!(trusted.collect::<Vec<_>>()));
        show("http2", listener.http2.as_ref().map_or(json!(false), http2));
        show("connection_age", unless_none(listener.connection_age, duration));
    }
    Value::Object(shown)
}

pub(super) fn route(route: &Route) -> Value {
    let host = Some(route.host.to_string()).filter(|_| route.host != HostMatch::Any);
    let mut shown =
        json!({ "listener": route.listener, "host": host, "path": route.path, "pool": route.pool.as_str() });
    if let Some(alpn) = &route.alpn {
        shown["alpn"] = json!(alpn);
    }
    contract::allow(&mut shown, &route.allow);
    shown
}

/// The name of a file.
pub(super) fn file(path: &Path) -> Value {
    json!(path.display().to_string())
}

pub(super) fn certificate(files: &CertificateFiles) -> Value {
    json!({ "cert": file(&files.cert), "key": file(&files.key) })
}

fn limits(listener: &Listener) -> Value {
    let Limits { connections, header_bytes, headers, body_bytes } = &listener.limits;
    let mut shown = json!({ "connections": connections });
    if listener.protocol.is_http() {
        shown["header_bytes"] = json!(header_bytes);
        shown["headers"] = json!(headers);
        shown["body_bytes"] = unless_none(*body_bytes, |bytes| json!(bytes));
    }
    shown
}

fn timeouts(listener: &Listener) -> Value {
    let timeouts = &listener.timeouts;
    let mut shown = json!({
        "handshake": duration(timeouts.handshake),
        "tunnel_idle": duration(timeouts.tunnel_idle),
    });
    if listener.protocol.is_http() {
        shown["request_header"] = duration(timeouts.request_header);
        shown["request_body_idle"] = duration(timeouts.request_body_idle);
        shown["write_idle"] = duration(timeouts.write_idle);
        shown["keep_alive"] = duration(timeouts.keep_alive);
    }
    shown
}

fn server_tls(tls: &ServerTls) -> Value {
    let version = match tls.min_version {
        TlsVersion::V12 => "1.2",
        TlsVersion::V13 => "1.3",
    };
    let clients = tls.client_auth.as_ref().map(
        |auth| json!({ "ca": file(&auth.ca), "mode": if auth.required { "required" } else { "optional" } }),
    );
    json!({
        "certificates": tls.certificates.iter().map(certificate).collect::<Vec<_>>(),
        "min_version": version,
        "client_auth": clients,
        "tickets": tls.tickets,
    })
}

fn http2(http2: &Http2) -> Value {
    json!({
        "streams": http2.streams,
        "resets": http2.resets,
        "window": http2.window_bytes,
        "ping_interval": unless_none(http2.ping_interval, duration),
    })
}

fn accept_proxy(accept: &AcceptProxy) -> Value {
    let from: Vec<_> = accept.from.iter().map(ToString::to_string).collect();
    json!({ "from": from, "required": accept.required })
}

fn udp(bounds: &UdpBounds) -> Value {
    json!({
        "idle": duration(bounds.idle),
        "sessions": bounds.sessions,
        "replies": unless_none(bounds.replies, |replies| json!(replies)),
        "new_per_second": unless_none(bounds.new_per_second, |rate| json!(rate)),
    })
}
