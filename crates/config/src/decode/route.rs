//! `[[route]]`

use toml::de::DeValue;

use super::draft::RouteDraft;
use super::reader::Reader;
use super::{allow, convert};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::model::HostMatch;
use crate::span::At;
use crate::values;

pub(super) fn read(mut table: Reader<'_>) -> RouteDraft {
    let before = table.cx.errors();
    let listener = table.read("listener", |value| convert::text(value).map(String::from));
    let hosts = hosts(&mut table);
    let path = table.read("path", convert::parsed("bad-path", values::route_path));
    let alpn = table.read("alpn", convert::parsed("bad-name", values::alpn));
    let pool = table.read("pool", |value| convert::text(value).map(String::from));
    let path = path.unwrap_or_else(|| At::new(defaults::ROUTE_PATH.into(), table.span()));
    let whole = table.cx.errors() == before;
    let allow = allow::read(&mut table);
    RouteDraft { span: table.span(), listener, hosts, path, alpn, pool, allow, whole }
}

fn hosts(table: &mut Reader<'_>) -> Vec<At<HostMatch>> {
    let any = At::new(HostMatch::Any, table.span());
    let Some(value) = table.take("host") else { return vec![any] };
    let convert = convert::parsed("bad-host", values::host_match);
    let items = match value.de {
        DeValue::Array(items) if items.is_empty() => {
            let empty = Diagnostic::error("empty-list", value.span, "`route.host` is an empty list")
                .label("no host")
                .effect("the route would hold for no request at all")
                .help("name a host, or leave `host` out for every host");
            table.cx.report(empty);
            return vec![any];
        }
        DeValue::Array(_) => value.items().collect(),
        _ => vec![value],
    };
    let read = items.into_iter().filter_map(|item| match convert(&item) {
        Ok(host) => Some(At::new(host, item.span)),
        Err(wrong) => {
            table.cx.report(wrong);
            None
        }
    });
    read.collect()
}
