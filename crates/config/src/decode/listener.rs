//! `[listener.NAME]`

use toml::de::DeValue;

use super::draft::ListenerDraft;
use super::reader::{Reader, Value};
use super::{allow, convert, edge, fit, tls};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{ClientTimeouts, IpRange, Limits, Protocol};
use crate::span::At;
use crate::values;

pub(super) fn read(name: At<String>, mut table: Reader<'_>) -> ListenerDraft {
    let before = table.cx.errors();
    let bind = table.read("bind", convert::parsed("bad-address", values::bind_address));
    let protocol = protocol(&mut table);
    let pool = table.read("pool", |value| convert::text(value).map(String::from));
    let tls = tls::server(&mut table);
    let trusted_proxies = blocks(&mut table, "trusted_proxies").map_or_else(Vec::new, |blocks| blocks.value);
    let accept_proxy = edge::accept_proxy(&mut table, &name, bind.as_ref());
    let https_redirect = edge::https_redirect(&mut table, bind.as_ref());
    let limits = limits(table.table("limits"), protocol.as_ref());
    let timeouts = timeouts(table.table("timeouts"), protocol.as_ref());
    let http2 = edge::http2(&mut table, limits.header_bytes);
    let udp = edge::udp(table.table("udp"));
    let age = table.read("connection_age", convert::unless_nothing(convert::duration));
    if let Some(protocol) = &protocol {
        fit::listener(&table, protocol);
        if protocol.value == Protocol::Https && table.lacks("tls") {
            table.cx.report(uncertified(&name, protocol));
        }
    }
    let allow = allow::read(&mut table);
    let speaks_http = protocol.as_ref().is_none_or(|protocol| protocol.value.is_http());
    let whole = table.cx.errors() == before;
    ListenerDraft {
        name,
        bind,
        protocol,
        pool,
        tls,
        http2: http2.filter(|_| speaks_http),
        accept_proxy,
        https_redirect,
        udp,
        connection_age: age.and_then(|age| age.value),
        trusted_proxies,
        limits,
        timeouts,
        allow,
        whole,
    }
}

/// `None` where it is named and could not be read: then it cannot be said which other keys belong to it.
fn protocol(table: &mut Reader<'_>) -> Option<At<Protocol>> {
    let named = table.has("protocol");
    let given = table.read("protocol", convert::choice);
    if named && given.is_none() {
        return None;
    }
    let word = given.unwrap_or_else(|| At::new(defaults::PROTOCOL, table.span()));
    Some(word.map(|word| Protocol::from_name(word).unwrap_or(Protocol::Http)))
}

/// The address blocks of a list; `None` where there is no list.
pub(super) fn blocks(table: &mut Reader<'_>, name: &'static str) -> Option<At<Vec<IpRange>>> {
    let value = table.take(name)?;
    let DeValue::Array(_) = value.de else {
        table.cx.report(convert::wrong_type(&value));
        return None;
    };
    let convert = convert::parsed("bad-address-block", values::ip_range);
    let read = |item: Value<'_>| convert(&item).map_err(|wrong| table.cx.report(wrong)).ok();
    Some(At::new(value.items().filter_map(read).collect(), value.span.clone()))
}

fn limits(mut table: Reader<'_>, protocol: Option<&At<Protocol>>) -> Limits {
    fit::bounds(&table, protocol);
    let header_bytes = table.read("header_bytes", convert::size).and_then(|size| size.value);
    Limits {
        connections: table.quantity("connections"),
        header_bytes: usize::try_from(header_bytes.unwrap_or(defaults::HEADER_BYTES)).unwrap_or(usize::MAX),
        headers: table.quantity("headers"),
        body_bytes: table.read("body_bytes", convert::size).and_then(|size| size.value),
    }
}

fn timeouts(mut table: Reader<'_>, protocol: Option<&At<Protocol>>) -> ClientTimeouts {
    fit::bounds(&table, protocol);
    ClientTimeouts {
        request_header: table.duration("request_header").value,
        request_body_idle: table.duration("request_body_idle").value,
        write_idle: table.duration("write_idle").value,
        keep_alive: table.duration("keep_alive").value,
        handshake: table.duration("handshake").value,
        tunnel_idle: table.duration("tunnel_idle").value,
    }
}

fn uncertified(name: &At<String>, protocol: &At<Protocol>) -> Diagnostic {
    let message = format!("listener `{}` speaks HTTPS, but has no certificate", name.value);
    Diagnostic::error("missing-key", protocol.span.clone(), message)
        .label("needs `tls`")
        .effect("no handshake could succeed, so all of its clients would be refused")
        .help(
            "add `tls = { certificates = [{ cert = \"web.pem\", key = \"web.key\" }] }`, or write `protocol = \
             \"http\"`",
        )
}
