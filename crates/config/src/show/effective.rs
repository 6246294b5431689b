//! The configuration in effect, every default filled in.

use std::time::Duration;

use evenkeel_core::Intent;
use serde_json::{Map, Value, json};

use super::listener::{listener, route};
use super::{balancing, contract, notify, upstream};
use crate::model::{
    AccessLogFormat, AccessLogPath, Backend, Check, Config, Events, Health, Log, LogFormat, LogLevel,
    Passive, Pool,
};
use crate::values;

/// Every value in effect, in the shape of the file. Durations are texts; what is off is `false`, what is unbounded
/// `"none"`, what is decided at run time or not said `null`. What only other strategies, protocols or kinds of check read
/// is left out.
pub fn effective(config: &Config) -> Value {
    let by_name = |name: &str, value: Value| (name.to_string(), value);
    let listeners: Map<String, Value> =
        config.listeners.iter().map(|found| by_name(&found.name, listener(found))).collect();
    let pools: Map<String, Value> =
        config.pools.iter().map(|found| by_name(found.id.as_str(), pool(found))).collect();
    let mut shown = json!({
        "admin": config.admin.as_ref().map_or(json!(false), |admin| json!({ "listen": admin.listen.to_string() })),
        "runtime": {
            "workers": config.runtime.workers,
            "lame_duration": duration(config.runtime.lame_duration),
            "drain_timeout": duration(config.runtime.drain_timeout),
            "zone": config.runtime.zone.as_deref(),
            "instance": config.runtime.instance,
        },
        "log": log(&config.log),
        "events": events(&config.events),
        "listener": listeners,
        "route": config.routes.iter().map(route).collect::<Vec<_>>(),
        "pool": pools,
    });
    contract::allow(&mut shown, &config.allow);
    contract::tests(&mut shown, &config.route_tests);
    notify::show(&mut shown, &config.notify);
    shown
}

fn log(log: &Log) -> Value {
    let level = match log.level {
        LogLevel::Trace => "trace",
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    };
    let format = match log.format {
        LogFormat::Auto => "auto",
        LogFormat::Human => "human",
        LogFormat::Json => "json",
    };
    let access = log.access.as_ref().map_or(json!(false), |access| {
        let path = match &access.path {
            AccessLogPath::Stdout => "-".into(),
            AccessLogPath::File(path) => path.display().to_string(),
        };
        let format = match access.format {
            AccessLogFormat::Json => "json",
            AccessLogFormat::Combined => "combined",
        };
        json!({ "path": path, "format": format })
    });
    json!({ "level": level, "format": format, "access": access })
}

/// What only a database reads is left out where there is none.
fn events(events: &Events) -> Value {
    match &events.path {
        None => json!({ "path": null }),
        Some(path) => json!({
            "path": path.display().to_string(),
            "keep": events.keep,
            "size": values::show_size(events.size),
        }),
    }
}

fn pool(pool: &Pool) -> Value {
    let intent = match pool.intent {
        Intent::Equal => "equal",
        Intent::Capacity => "capacity",
        Intent::Weights => "weights",
    };
    let mut shown = json!({
        "strategy": pool.strategy.as_str(),
        "intent": intent,
        "backends": pool.backends.iter().map(backend).collect::<Vec<_>>(),
        "health": pool.health.as_ref().map_or(json!(false), health),
        "passive": pool.passive.as_ref().map_or(json!(false), passive),
        "panic_threshold": pool.panic_threshold.get(),
        "max_attempts": pool.max_attempts,
        "expect": contract::expect(pool.expect.as_ref()),
    });
    contract::allow(&mut shown, &pool.allow);
    if let Some(fields) = shown.as_object_mut() {
        balancing::show(fields, pool);
        upstream::show(fields, pool);
    }
    shown
}

fn backend(backend: &Backend) -> Value {
    let mut shown = json!({
        "name": backend.id.as_str(),
        "address": backend.address.to_string(),
        "weight": backend.weight.get(),
        "capacity": backend.capacity,
        "enabled": backend.enabled,
        "tier": backend.placement.tier,
        "zone": backend.placement.zone.as_deref(),
        "max_in_flight": unless_none(backend.placement.max_in_flight, |limit| json!(limit.get())),
        "drain": backend.placement.draining,
    });
    contract::allow(&mut shown, &backend.allow);
    shown
}

fn health(health: &Health) -> Value {
    let mut shown = json!({
        "interval": duration(health.interval),
        "timeout": duration(health.timeout),
        "rise": health.rise,
        "fall": health.fall,
        "jitter": health.jitter.get(),
        "port": health.port,
    });
    let status = |(first, last): &(u16, u16)| match first == last {
        true => json!(first),
        false => json!(format!("{first}-{last}")),
    };
    match &health.check {
        Check::Tcp => shown["type"] = json!("tcp"),
        Check::Grpc { service } => {
            shown["type"] = json!("grpc");
            shown["grpc"] = if service.is_empty() { json!(true) } else { json!(service) };
        }
        Check::Http { path, host, expect_status } => {
            shown["type"] = json!("http");
            shown["path"] = json!(path);
            shown["host"] = json!(host);
            shown["expect_status"] = expect_status.iter().map(status).collect();
        }
    }
    shown
}

fn passive(passive: &Passive) -> Value {
    json!({
        "consecutive": passive.consecutive,
        "base": duration(passive.base),
        "max": duration(passive.max),
        "max_ejected": passive.max_ejected.get(),
        "error_share": passive.error_share.map_or(json!(false), |share| json!(share.get())),
    })
}

pub(super) fn duration(duration: Duration) -> Value {
    json!(values::show_duration(duration))
}

/// What is bounded as `show` has it, and `"none"` for what is not.
pub(super) fn unless_none<T>(bound: Option<T>, show: impl Fn(T) -> Value) -> Value {
    bound.map_or(json!("none"), show)
}
