//! Queues, sessions and tables that the number of backends makes pointless or too small.

use crate::decode::{Cx, PoolDraft};
use crate::defaults;
use crate::diagnostic::Diagnostic;
use crate::values::{self, percent};

/// Entries of `maglev`'s table for each backend from which on shares are within 1 % (Eisenbud et al., NSDI 2016).
const ENTRIES_EACH: u64 = 100;

/// Of a pool that has a backend for new requests.
pub(super) fn check(cx: &Cx, pool: &PoolDraft) {
    queue(cx, pool);
    if let Some(sticky) = &pool.sticky
        && pool.backends.value.iter().filter(|backend| backend.enabled.value).count() == 1
    {
        let message =
            format!("pool `{}` has one backend, so every session stays there anyway", pool.name.value);
        let warning = Diagnostic::warning("no-effect", sticky.span.clone(), message)
            .label("has no effect")
            .effect("responses would set a cookie that decides nothing")
            .help("add a second backend, or take `sticky` out");
        cx.report(warning);
    }
    coarse_table(cx, pool);
}

/// A queue is for when every backend has its limit, which one without a limit never has.
fn queue(cx: &Cx, pool: &PoolDraft) {
    let Some(unlimited) = pool.open().find(|backend| backend.max_in_flight.is_none()) else { return };
    if pool.queue.value.size == 0 {
        return;
    }
    let id = &unlimited.id;
    let message = format!("nothing would ever wait in the queue of pool `{}`", pool.name.value);
    let warning = Diagnostic::warning("no-effect", pool.queue.span.clone(), message)
        .label("has no effect")
        .related(id.span.clone(), "no `max_in_flight`")
        .effect(format!("`{}` takes any number of requests at a time, so it is never full", id.value))
        .help(match pool.open().all(|backend| backend.max_in_flight.is_none()) {
            true => "give each backend a `max_in_flight`, or take `queue` out".into(),
            false => format!("give `{}` a `max_in_flight` as well, or take `queue` out", id.value),
        });
    cx.report(warning);
}

fn coarse_table(cx: &Cx, pool: &PoolDraft) {
    let Some(hash) = pool.hash.as_ref().filter(|_| pool.strategy.as_str() == "maglev") else { return };
    let (backends, size) = (pool.used() as u64, u64::from(pool.settings.table_size));
    let wanted = values::prime_from(backends * ENTRIES_EACH).min(defaults::TABLE_SIZE_MAX);
    if size >= wanted {
        return;
    }
    let message = format!(
        "a table of {size} entries is small for the {backends} backends of pool `{}`",
        pool.name.value
    );
    let warning = Diagnostic::warning("coarse-table", hash.span.clone(), message)
        .label("small for so many")
        .effect(format!(
            "backends of one weight would differ by up to {} in what they get",
            percent(backends as f64 / size as f64)
        ))
        .help(format!("write `table_size = {wanted}`"));
    cx.report(warning);
}
