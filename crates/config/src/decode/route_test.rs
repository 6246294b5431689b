//! `[[test.route]]`

use std::ops::Range;

use super::reader::Reader;
use super::{convert, health};
use crate::defaults;
use crate::model::HostMatch;
use crate::span::At;
use crate::values::{self, Refusal};

/// A request and the pool that must answer it.
#[derive(Clone, Debug)]
pub(crate) struct RouteTestDraft {
    pub(crate) span: Range<usize>,
    pub(crate) listener: Option<At<String>>,
    pub(crate) host: Option<At<String>>,
    pub(crate) path: At<String>,
    pub(crate) pool: Option<At<String>>,
}

pub(super) fn read(mut table: Reader<'_>) -> Vec<RouteTestDraft> {
    table.tables("route").into_iter().map(route).collect()
}

fn route(mut table: Reader<'_>) -> RouteTestDraft {
    let path = table.read("path", convert::parsed("bad-path", health::request_target));
    RouteTestDraft {
        span: table.span(),
        listener: table.read("listener", |value| convert::text(value).map(String::from)),
        host: table.read("host", convert::parsed("bad-host", host)),
        path: path.unwrap_or_else(|| At::new(defaults::ROUTE_PATH.into(), table.span())),
        pool: table.read("pool", |value| convert::text(value).map(String::from)),
    }
}

fn host(text: &str) -> Result<String, Refusal> {
    match values::host_match(text)? {
        HostMatch::Exact(name) => Ok(name),
        HostMatch::Any | HostMatch::Wildcard(_) => {
            values::refusal("is a pattern", "write one host, as a client would ask for it")
        }
    }
}
