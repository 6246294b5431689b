//! `health` and `passive` of a pool.

use std::ops::Range;

use evenkeel_core::Ratio;
use toml::de::DeValue;

use super::convert;
use super::draft::HealthDraft;
use super::reader::{Reader, Value};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{Check, Health, Passive};
use crate::span::At;
use crate::values;

pub(super) fn active(pool: &mut Reader<'_>) -> HealthDraft {
    let Some(value) = pool.take("health") else { return HealthDraft::Silent };
    if let DeValue::Boolean(on) = value.de {
        if !on {
            return HealthDraft::Off;
        }
        let help =
            "write `health = {}` for a check that the port opens, or `health = { path = \"/healthz\" }`";
        pool.cx.report(convert::wrong_type(&value).help(help));
        return HealthDraft::Off;
    }
    let span = value.span.clone();
    let mut table = pool.table_or("health", Some(value));
    let check = check(&mut table);
    let interval = table.duration("interval");
    let timeout = table.read("timeout", convert::duration);
    if let Some(timeout) = &timeout {
        too_long(&table, timeout.clone(), &interval);
    }
    let default = defaults::HEALTH_TIMEOUT.min(interval.value);
    let port = table.read("port", convert::integer);
    let health = Health {
        check,
        interval: interval.value,
        timeout: timeout.map_or(default, |timeout| timeout.value),
        rise: table.count("rise"),
        fall: table.count("fall"),
        jitter: table.ratio("jitter"),
        port: port.and_then(|port| u16::try_from(port.value).ok()),
    };
    HealthDraft::On(At::new(health, span))
}

/// `blames`: failures fall by the attempts, so that a larger share of them speaks against a backend.
pub(super) fn passive(pool: &mut Reader<'_>, blames: bool) -> Option<Passive> {
    let value = pool.take("passive");
    if let Some(Value { de: DeValue::Boolean(on), .. }) = value {
        if *on {
            let value = value.as_ref()?;
            pool.cx
                .report(convert::wrong_type(value).help("leave it out: passive ejection is on by default"));
        }
        return None;
    }
    let mut table = pool.table_or("passive", value);
    let base = table.duration("base");
    let max = table.duration("max");
    if max.value < base.value {
        let message = format!(
            "no ejection may last longer than {}, but the first is to last {}",
            values::show_duration(max.value),
            values::show_duration(base.value)
        );
        let wrong = Diagnostic::error("contradiction", max.span.clone(), message)
            .label("`max` is less than `base`")
            .help(format!("write max = \"{}\" or more", values::show_duration(base.value)));
        table.cx.report(wrong);
    }
    let error_share = match table.read("error_share", convert::unless_off(convert::range)) {
        Some(given) => given.value,
        None => blames.then_some(defaults::PASSIVE_ERROR_SHARE),
    };
    Some(Passive {
        consecutive: table.count("consecutive"),
        base: base.value,
        max: max.value,
        max_ejected: table.ratio("max_ejected"),
        error_share: error_share.and_then(Ratio::new),
    })
}

fn check(table: &mut Reader<'_>) -> Check {
    let kind = table.read("type", convert::choice);
    let path = table.read("path", convert::parsed("bad-path", request_target));
    let host = table.read("host", convert::parsed("bad-host", host_field));
    let grpc = table.read("grpc", grpc_service);
    let expect = table.take("expect_status").map(|value| statuses(table, value));
    let service = grpc.as_ref().and_then(|grpc| Some(At::new(grpc.value.clone()?, grpc.span.clone())));
    let word = match (&kind, &path, &service) {
        (Some(kind), ..) => kind.value,
        (None, Some(_), _) => "http",
        (None, None, Some(_)) => "grpc",
        (None, None, None) => "tcp",
    };
    let given = [
        ("path", "http", path.as_ref().map(|path| &path.span)),
        ("host", "http", host.as_ref().map(|host| &host.span)),
        ("expect_status", "http", expect.as_ref().map(|expect| &expect.span)),
        ("grpc", "grpc", service.as_ref().map(|service| &service.span)),
    ];
    for (name, reader, span) in given.into_iter().filter(|(_, reader, _)| *reader != word) {
        if let Some(span) = span {
            table.cx.report(unused(name, reader, span.clone(), word, kind.as_ref()));
        }
    }
    match word {
        "http" => {}
        "grpc" => return Check::Grpc { service: service.map(|service| service.value).unwrap_or_default() },
        _ => return Check::Tcp,
    }
    if path.is_none() && !table.has("path") {
        let wrong = Diagnostic::error("missing-key", table.span(), "an HTTP check has no path to ask for")
            .label("needs `path`")
            .help("add `path = \"/healthz\"`, or write `type = \"tcp\"` to check only that the port opens");
        table.cx.report(wrong);
    }
    Check::Http {
        path: path.map_or_else(|| "/".into(), |path| path.value),
        host: host.map(|host| host.value),
        expect_status: expect.map(|expect| expect.value).unwrap_or_else(default_statuses),
    }
}

/// The service that a gRPC check asks for, empty for the server as a whole; `None` for `false`.
fn grpc_service(value: &Value<'_>) -> Result<Option<String>, Diagnostic> {
    match value.de {
        DeValue::Boolean(on) => Ok(on.then(String::new)),
        _ => convert::parsed("bad-name", values::grpc_service)(value).map(Some),
    }
}

fn default_statuses() -> Vec<(u16, u16)> {
    values::status_range(defaults::EXPECT_STATUS).into_iter().collect()
}

fn statuses(table: &Reader<'_>, value: Value<'_>) -> At<Vec<(u16, u16)>> {
    let span = value.span.clone();
    let items: Vec<_> = match value.de {
        DeValue::Array(items) if items.is_empty() => {
            let empty =
                Diagnostic::error("empty-list", span.clone(), format!("`{}` is an empty list", value.path))
                    .label("no status passes")
                    .effect("every check would fail, so the pool would serve nothing but 503")
                    .help("list what passes: [\"200-299\", 401]; leave it out for \"200-399\"");
            table.cx.report(empty);
            Vec::new()
        }
        DeValue::Array(_) => value.items().collect(),
        _ => vec![value],
    };
    let one = |item: &Value<'_>| match item.de {
        DeValue::Integer(_) => {
            let code = u16::try_from(convert::integer(item)?).unwrap_or(u16::MAX);
            Ok((code, code))
        }
        _ => convert::parsed("bad-status", values::status_range)(item),
    };
    let read =
        items.iter().filter_map(|item| one(item).map_err(|wrong| table.cx.report(wrong)).ok()).collect();
    At::new(read, span)
}

fn too_long(table: &Reader<'_>, timeout: At<std::time::Duration>, interval: &At<std::time::Duration>) {
    if timeout.value <= interval.value {
        return;
    }
    let shown = values::show_duration(interval.value);
    let message = format!(
        "a check may take {}, but the next begins after {shown}",
        values::show_duration(timeout.value)
    );
    let wrong = Diagnostic::error("contradiction", timeout.span, message)
        .label("`timeout` is more than `interval`")
        .effect("checks of a hanging backend would pile up on it, and it would be found later than planned")
        .help(format!("write timeout = \"{shown}\" or less, or a longer interval"));
    table.cx.report(wrong);
}

/// A key that only another kind of check reads.
fn unused(name: &str, reader: &str, span: Range<usize>, word: &str, kind: Option<&At<&str>>) -> Diagnostic {
    let shown = |word: &str| match word {
        "http" => "an HTTP",
        "grpc" => "a gRPC",
        _ => "a TCP",
    };
    let (this, other) = (shown(word), shown(reader));
    let wrong = Diagnostic::error("contradiction", span, format!("{this} check has no use for `{name}`"))
        .label(format!("only {other} check reads this"))
        .effect(match word {
            "http" => "the check would pass by its HTTP status, whatever the gRPC service says of itself",
            "grpc" => "the check would pass as soon as the gRPC service says SERVING",
            _ => "the check would pass as soon as the port opens, whatever the application answers",
        });
    match kind {
        Some(kind) => {
            let instead = if reader == "grpc" { "" } else { " with a `path`" };
            wrong
                .related(kind.span.clone(), "the type is set here")
                .help(format!("write `type = \"{reader}\"`{instead}, or take `{name}` out"))
        }
        None if word == "tcp" => wrong.help("add `path = \"/healthz\"`, which makes it an HTTP check"),
        None => wrong.help(format!("a pool has one check: take `{name}` out, or what makes it {this} check")),
    }
}

pub(super) fn request_target(text: &str) -> Result<String, values::Refusal> {
    let bare = text.split('?').next().unwrap_or(text);
    values::route_path(bare)?;
    match text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        true => Ok(text.into()),
        false => values::route_path(text),
    }
}

fn host_field(text: &str) -> Result<String, values::Refusal> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() && !text.ends_with(']') => name,
        _ => text,
    };
    match values::host_match(name)? {
        crate::model::HostMatch::Exact(_) => Ok(text.into()),
        _ => values::refusal("is a pattern", "write one host: it is sent with the check"),
    }
}
