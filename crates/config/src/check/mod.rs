//! What can only be seen when the tables are compared: names, addresses, routes, shares.

mod binds;
mod edges;
mod layers;
mod limits;
mod lint;
mod placement;
mod pools;
mod promises;
mod reach;
mod receivers;
mod routes;
mod sessions;
mod shares;

use crate::decode::{Cx, Draft};
use crate::diagnostic::Diagnostic;
pub(crate) use promises::Promises;
pub use promises::{Reserve, reserve};
use reach::Reaches;

/// Reports what is wrong or doubtful in a file whose values could be read.
pub(crate) fn check(cx: &Cx, draft: &Draft) {
    if draft.listeners.is_empty() && !draft.names_listeners {
        cx.report(no_listener(draft));
    } else if draft.pools.is_empty() && !draft.names_pools {
        cx.report(no_pool());
    }
    let reaches = Reaches::of(draft);
    binds::check(cx, draft, &reaches);
    routes::check(cx, draft);
    edges::check(cx, draft);
    receivers::check(cx, draft);
    for pool in &draft.pools {
        let reach = reaches.to(&pool.name.value);
        pools::check(cx, pool, &draft.runtime, &reach);
        layers::check(cx, pool, &reach);
    }
    sessions::check(cx, draft);
    lint::check(cx, draft, &reaches);
}

fn no_listener(draft: &Draft) -> Diagnostic {
    let pool = draft.pools.first().map_or("web", |pool| pool.name.value.as_str());
    let mut example = format!("add one:\n\n[listener.web]\nbind = \"0.0.0.0:8080\"\npool = \"{pool}\"");
    if !draft.names_pools {
        example.push_str(
            "\n\n[pool.web]\nbackends = [\"10.0.0.11:8080\", \"10.0.0.12:8080\"]\nhealth = { path = \"/\" }",
        );
    }
    Diagnostic::error("no-listener", 0..0, "no listener is defined")
        .label("nowhere in this file")
        .effect("no client could connect")
        .help(example)
}

fn no_pool() -> Diagnostic {
    Diagnostic::error("no-pool", 0..0, "no pool is defined")
        .label("nowhere in this file")
        .effect("there would be no backend to send a request to")
        .help("add one:\n\n[pool.web]\nbackends = [\"10.0.0.11:8080\", \"10.0.0.12:8080\"]\nhealth = { path = \"/\" }")
}
