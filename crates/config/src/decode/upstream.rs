//! How a pool's backends are spoken to: `protocol`, `tls`, `send_proxy`, `streams_max`, `upgrade` and `timeouts`.

use std::ops::Range;
use std::time::Duration;

use super::reader::Reader;
use super::{convert, tls};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::{ProxyVersion, UpstreamProtocol, UpstreamTimeouts, UpstreamTls};
use crate::span::At;

/// How backends are spoken to.
pub(super) struct Upstream {
    pub(super) protocol: UpstreamProtocol,
    pub(super) tls: Option<At<UpstreamTls>>,
    pub(super) send_proxy: Option<At<ProxyVersion>>,
    pub(super) streams_max: u32,
    pub(super) upgrade: bool,
    pub(super) timeouts: UpstreamTimeouts,
    /// Keys that say something other than their default and are for requests alone.
    pub(super) for_requests: Vec<At<&'static str>>,
}

pub(super) fn read(pool: &mut Reader<'_>) -> Upstream {
    let protocol = match pool.choice("protocol").value {
        "http2" => UpstreamProtocol::Http2,
        _ => UpstreamProtocol::Http1,
    };
    let tls = tls::upstream(pool);
    let send_proxy = pool.read("send_proxy", convert::unless_off(convert::choice));
    let (streams_max, upgrade) = (pool.count("streams_max"), pool.flag("upgrade").value);
    if let Some(span) = pool.key_span("streams_max").filter(|_| protocol == UpstreamProtocol::Http1)
        && u64::from(streams_max) != defaults::UPSTREAM_STREAMS
    {
        pool.cx.report(no_streams(span));
    }
    let changed = [
        ("protocol", protocol != UpstreamProtocol::Http1),
        ("streams_max", u64::from(streams_max) != defaults::UPSTREAM_STREAMS),
        ("upgrade", !upgrade),
    ];
    let mut for_requests = given(pool, &changed);
    let timeouts = timeouts(pool.table("timeouts"), &mut for_requests);
    let version = |word| if word == "v1" { ProxyVersion::V1 } else { ProxyVersion::V2 };
    let send_proxy = send_proxy.and_then(|At { value, span }| Some(At::new(version(value?), span)));
    Upstream { protocol, tls, send_proxy, streams_max, upgrade, timeouts, for_requests }
}

fn timeouts(mut table: Reader<'_>, for_requests: &mut Vec<At<&'static str>>) -> UpstreamTimeouts {
    let total = table.read("total", convert::unless_nothing(convert::duration));
    let timeouts = UpstreamTimeouts {
        connect: table.duration("connect").value,
        response_header: table.duration("response_header").value,
        response_idle: table.duration("response_idle").value,
        total: total.and_then(|total| total.value),
    };
    let differs = |is: Duration, default: Duration| is != default;
    let changed = [
        ("response_header", differs(timeouts.response_header, defaults::RESPONSE_HEADER_TIMEOUT)),
        ("response_idle", differs(timeouts.response_idle, defaults::RESPONSE_IDLE)),
        ("total", timeouts.total.is_some()),
    ];
    for_requests.extend(given(&table, &changed));
    timeouts
}

/// Where the keys that were changed stand.
fn given(table: &Reader<'_>, changed: &[(&'static str, bool)]) -> Vec<At<&'static str>> {
    let changed = changed.iter().filter(|(_, changed)| *changed);
    changed.filter_map(|(name, _)| Some(At::new(*name, table.key_span(name)?))).collect()
}

fn no_streams(span: Range<usize>) -> Diagnostic {
    Diagnostic::error("contradiction", span, "`streams_max` has no effect with `protocol = \"http1\"`")
        .label("only HTTP/2 has streams")
        .effect("each request in flight takes a connection of its own, as if this were not there")
        .help("add `protocol = \"http2\"` if the backends speak it, else take `streams_max` out")
}
