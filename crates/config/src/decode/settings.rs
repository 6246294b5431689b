//! `[admin]`, `[runtime]` and `[log]`.

use std::path::PathBuf;
use std::sync::Arc;

use toml::de::DeValue;

use super::convert;
use super::reader::{Reader, Value};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{AccessLog, AccessLogFormat, AccessLogPath, Admin, Log, LogFormat, LogLevel, Runtime};
use crate::span::At;
use crate::values;

pub(super) fn admin(root: &mut Reader<'_>) -> Option<At<Admin>> {
    let value = root.take("admin");
    if let Some(Value { de: DeValue::Boolean(on), .. }) = value {
        if *on {
            let value = value.as_ref()?;
            root.cx.report(
                convert::wrong_type(value).help("leave it out: the admin interface is on by default"),
            );
        }
        return None;
    }
    let mut table = root.table_or("admin", value);
    let default =
        || values::bind_address(defaults::ADMIN_LISTEN).ok().map(|listen| At::new(listen, table.span()));
    let default = default();
    let listen = table.read("listen", convert::parsed("bad-address", values::bind_address)).or(default)?;
    if !listen.value.ip().is_loopback() {
        let message = format!("the admin interface on {} is open to the network", listen.value);
        let warning = Diagnostic::warning("public-admin", listen.span.clone(), message)
            .label("metrics on a public address")
            .effect("whoever reaches it reads addresses, load and configuration; it asks for no password")
            .help(format!("write \"127.0.0.1:{}\", or keep it behind a firewall", listen.value.port()));
        table.cx.report(warning);
    }
    Some(listen.map(|listen| Admin { listen }))
}

pub(super) fn runtime(mut table: Reader<'_>) -> Runtime {
    let workers = table.read("workers", convert::integer);
    let zone = table.read("zone", convert::parsed("bad-name", values::name));
    let instance = table.read("instance", convert::integer);
    Runtime {
        workers: workers.and_then(|workers| usize::try_from(workers.value).ok()),
        lame_duration: table.duration("lame_duration").value,
        drain_timeout: table.duration("drain_timeout").value,
        zone: zone.map(|zone| Arc::from(zone.value)),
        instance: instance.and_then(|instance| u32::try_from(instance.value).ok()),
    }
}

pub(super) fn log(mut table: Reader<'_>) -> Log {
    let level = match table.choice("level").value {
        "trace" => LogLevel::Trace,
        "debug" => LogLevel::Debug,
        "warn" => LogLevel::Warn,
        "error" => LogLevel::Error,
        _ => LogLevel::Info,
    };
    let format = match table.choice("format").value {
        "human" => LogFormat::Human,
        "json" => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    Log { level, format, access: access(&mut table) }
}

fn access(log: &mut Reader<'_>) -> Option<AccessLog> {
    let value = log.take("access")?;
    if value.de.is_str() {
        return match access_path(&value) {
            Ok(path) => Some(AccessLog { path, format: AccessLogFormat::Json }),
            Err(diagnostic) => {
                log.cx.report(diagnostic);
                None
            }
        };
    }
    let mut table = log.table_or("access", Some(value));
    let path = table.read("path", access_path);
    let format = match table.choice("format").value {
        "combined" => AccessLogFormat::Combined,
        _ => AccessLogFormat::Json,
    };
    Some(AccessLog { path: path?.value, format })
}

fn access_path(value: &Value<'_>) -> Result<AccessLogPath, Diagnostic> {
    match convert::text(value)? {
        "-" => Ok(AccessLogPath::Stdout),
        path if path.is_empty() || path.contains('\0') => {
            let message = format!("`{}` is no file name", value.path);
            Err(Diagnostic::error("bad-path", value.span.clone(), message)
                .label("must be a file, or \"-\"")
                .help(
                    "write a file name, or \"-\" for standard output; leave `access` out for no access log",
                ))
        }
        path => Ok(AccessLogPath::File(PathBuf::from(path))),
    }
}
