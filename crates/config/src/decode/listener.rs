//! `[listener.NAME]`

use toml::de::DeValue;

use super::convert;
use super::draft::ListenerDraft;
use super::reader::{Reader, Value};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{ClientTimeouts, IpRange, Limits};
use crate::span::At;
use crate::values;

/// Protocols that are designed but not built.
const LATER: [&str; 4] = ["https", "tcp", "udp", "tls_passthrough"];

pub(super) fn read(name: At<String>, mut table: Reader<'_>) -> ListenerDraft {
    let before = table.cx.errors();
    let bind = table.read("bind", convert::parsed("bad-address", values::bind_address));
    table.read("protocol", protocol);
    let pool = table.read("pool", |value| convert::text(value).map(String::from));
    let trusted_proxies = trusted(&mut table);
    let limits = limits(table.table("limits"));
    let timeouts = timeouts(table.table("timeouts"));
    let whole = table.cx.errors() == before;
    ListenerDraft { name, bind, pool, trusted_proxies, limits, timeouts, whole }
}

fn protocol(value: &Value<'_>) -> Result<(), Diagnostic> {
    let written = convert::text(value)?;
    if LATER.contains(&written) {
        let message = format!("`{}` = \"{written}\" is not in this version of Evenkeel", value.path);
        return Err(Diagnostic::error("not-in-this-version", value.span.clone(), message)
            .label("only \"http\" so far")
            .effect("the listener would not open, so its clients would be refused")
            .help("write \"http\", or serve this protocol by other means until it is there"));
    }
    convert::choice(value).map(|_| ())
}

fn trusted(table: &mut Reader<'_>) -> Vec<IpRange> {
    let Some(value) = table.take("trusted_proxies") else { return Vec::new() };
    let DeValue::Array(_) = value.de else {
        table.cx.report(convert::wrong_type(&value));
        return Vec::new();
    };
    let convert = convert::parsed("bad-address-block", values::ip_range);
    value.items().filter_map(|item| convert(&item).map_err(|wrong| table.cx.report(wrong)).ok()).collect()
}

fn limits(mut table: Reader<'_>) -> Limits {
    let header_bytes = table.read("header_bytes", convert::size).and_then(|size| size.value);
    Limits {
        connections: table.quantity("connections"),
        header_bytes: usize::try_from(header_bytes.unwrap_or(defaults::HEADER_BYTES)).unwrap_or(usize::MAX),
        headers: table.quantity("headers"),
        body_bytes: table.read("body_bytes", convert::size).and_then(|size| size.value),
    }
}

fn timeouts(mut table: Reader<'_>) -> ClientTimeouts {
    ClientTimeouts {
        request_header: table.duration("request_header").value,
        request_body_idle: table.duration("request_body_idle").value,
        write_idle: table.duration("write_idle").value,
        keep_alive: table.duration("keep_alive").value,
    }
}
