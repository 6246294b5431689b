//! `http2`, `accept_proxy`, `https_redirect` and `udp` of a listener.

use std::net::SocketAddr;

use toml::de::DeValue;

use super::reader::Reader;
use super::{convert, listener};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{AcceptProxy, Http2, HttpsRedirect, IpRange, UdpBounds};
use crate::span::At;

/// `None` when it is off. A request's fields have the same bound whatever brings them.
pub(super) fn http2(listener: &mut Reader<'_>, header_bytes: usize) -> Option<Http2> {
    let value = listener.take("http2");
    if value.as_ref().is_some_and(convert::is_off) {
        return None;
    }
    // `true` is short for a table of nothing but defaults.
    let given = value.filter(|value| value.de.as_bool() != Some(true));
    let mut table = listener.table_or("http2", given);
    let window = table.read("window", convert::size).and_then(|size| size.value).unwrap_or(defaults::WINDOW);
    let ping = table.read("ping_interval", convert::unless_nothing(convert::duration));
    Some(Http2 {
        streams: table.count("streams"),
        header_list_bytes: u32::try_from(header_bytes).unwrap_or(u32::MAX),
        resets: table.count("resets"),
        window_bytes: u32::try_from(window).unwrap_or(u32::MAX),
        ping_interval: ping.and_then(|ping| ping.value),
    })
}

pub(super) fn accept_proxy(
    listener: &mut Reader<'_>,
    name: &At<String>,
    bind: Option<&At<SocketAddr>>,
) -> Option<AcceptProxy> {
    let value = listener.take("accept_proxy")?;
    if !matches!(value.de, DeValue::Table(_)) {
        let help = "say whose header is believed: `accept_proxy = { from = [\"10.0.0.0/8\"] }`";
        listener.cx.report(convert::wrong_type(&value).help(help));
        return None;
    }
    let mut table = listener.table_or("accept_proxy", Some(value));
    let from = listener::blocks(&mut table, "from");
    let required = table.flag("required").value;
    let from = from?;
    let anyone = from.value.iter().find(|block| block.prefix_len == 0);
    if let Some(block) = anyone.filter(|_| bind.is_some_and(|bind| !bind.value.ip().is_loopback())) {
        table.cx.report(believes_anyone(name, &from, block));
    }
    if table.is_empty_list("from") {
        table.cx.report(believes_nobody(&from, required));
    }
    Some(AcceptProxy { from: from.value, required })
}

pub(super) fn https_redirect(
    listener: &mut Reader<'_>,
    bind: Option<&At<SocketAddr>>,
) -> Option<HttpsRedirect> {
    let port = listener.read("https_redirect", |value| match value.de {
        DeValue::Boolean(on) => Ok(on.then_some(defaults::HTTPS_PORT)),
        _ => convert::integer(value).map(|port| u16::try_from(port).ok()),
    })?;
    let redirect = HttpsRedirect { port: port.value? };
    if let Some(bind) = bind.filter(|bind| bind.value.port() == redirect.port) {
        listener.cx.report(to_itself(At::new(redirect.port, port.span), bind));
    }
    Some(redirect)
}

pub(super) fn udp(mut table: Reader<'_>) -> UdpBounds {
    let replies = table.read("replies", convert::unless_nothing(convert::integer));
    let rate = table.read("new_per_second", convert::unless_nothing(convert::integer));
    let narrow = |number: Option<At<Option<u64>>>| {
        number.and_then(|number| number.value).map(|number| u32::try_from(number).unwrap_or(u32::MAX))
    };
    UdpBounds {
        idle: table.duration("idle").value,
        sessions: table.quantity("sessions"),
        replies: narrow(replies),
        new_per_second: narrow(rate),
    }
}

fn believes_anyone(name: &At<String>, from: &At<Vec<IpRange>>, block: &IpRange) -> Diagnostic {
    let message = format!("listener `{}` believes the PROXY header of every peer", name.value);
    Diagnostic::warning("public-proxy", from.span.clone(), message)
        .label(format!("{block} is everybody"))
        .effect(
            "whoever reaches it may claim any client address: in logs, in `X-Forwarded-For` and for `hash = { \
             source = true }`",
        )
        .help("name the balancers in front of it, such as from = [\"10.0.0.5\", \"10.0.0.6\"]")
}

fn believes_nobody(from: &At<Vec<IpRange>>, required: bool) -> Diagnostic {
    Diagnostic::error("empty-list", from.span.clone(), "`accept_proxy.from` is an empty list")
        .label("no peer")
        .effect(match required {
            true => "every connection would be refused: nobody's header is believed, and one is required",
            false => {
                "the PROXY header would be taken for the client's first bytes, so every connection would fail"
            }
        })
        .help(
            "name the balancers in front of it, such as from = [\"10.0.0.0/8\"], or take `accept_proxy` out",
        )
}

fn to_itself(port: At<u16>, bind: &At<SocketAddr>) -> Diagnostic {
    let message = format!("clients are sent to HTTPS on port {}, where this listener is", port.value);
    Diagnostic::error("contradiction", port.span, message)
        .label("its own port")
        .related(bind.span.clone(), "it listens here, without TLS")
        .effect("clients would come back to it with TLS, which it does not speak, so all of them would fail")
        .help("write the port of the listener with `protocol = \"https\"`; `https_redirect = true` is 443")
}
