//! Figures of whole pools.

use std::sync::atomic::{AtomicU64, Ordering};

use evenkeel_core::Mode;

use super::Seen;
use crate::pool::PoolCell;
use crate::telemetry::{Page, catalog};

/// State, durations, and what becomes of keys, sessions and waiting requests.
pub(super) fn pools(page: &mut Page, seen: &[Seen<'_>]) {
    let modes = [Mode::Normal, Mode::Panic, Mode::Empty];
    page.family(
        &catalog::POOL_MODE,
        seen.iter().flat_map(|pool| {
            modes.map(|mode| {
                let value = u8::from(pool.snapshot.mode() == mode);
                ([pool.name(), mode.as_str().to_owned()], f64::from(value))
            })
        }),
    );
    page.family(&catalog::POOL_EPOCH, seen.iter().map(|pool| ([pool.name()], pool.snapshot.epoch() as f64)));
    page.histograms(&catalog::DURATION, seen.iter().map(|pool| (pool.name(), &pool.cell.durations)));
    told_apart(page, seen);
    queues(page, seen);
    let tunnels = |counter: fn(&PoolCell) -> &AtomicU64| {
        seen.iter().map(move |pool| ([pool.name()], count(counter(pool.cell))))
    };
    page.family(&catalog::TUNNELS_OPEN, tunnels(|pool| &pool.tunnels.open));
    page.family(&catalog::TUNNELS, tunnels(|pool| &pool.tunnels.opened));
    let probed = seen.iter().filter(|pool| pool.cell.settings.load().probed);
    page.family(
        &catalog::PROBES,
        probed.flat_map(|pool| {
            let counts = &pool.cell.prober.counts;
            let outcomes =
                [("answered", &counts.answered), ("failed", &counts.failed), ("skipped", &counts.skipped)];
            outcomes.map(|(outcome, counter)| ([pool.name(), outcome.to_owned()], count(counter)))
        }),
    );
}

fn told_apart(page: &mut Page, seen: &[Seen<'_>]) {
    let keyed = seen.iter().filter(|pool| pool.cell.settings.load().hash.is_some());
    let missing = |pool: &PoolCell| count(&pool.told_apart.keys_missing);
    page.family(&catalog::KEYS_MISSING, keyed.map(|pool| ([pool.name()], missing(pool.cell))));
    let sticky = seen.iter().filter(|pool| pool.cell.settings.load().sticky.is_some());
    page.family(
        &catalog::SESSIONS,
        sticky.flat_map(|pool| {
            let counts = &pool.cell.told_apart;
            let events = [("new", &counts.sessions_new), ("moved", &counts.sessions_moved)];
            events.map(|(event, counter)| ([pool.name(), event.to_owned()], count(counter)))
        }),
    );
}

fn queues(page: &mut Page, seen: &[Seen<'_>]) {
    let queued: Vec<&Seen<'_>> = seen.iter().filter(|pool| may_be_full(pool)).collect();
    let length = |pool: &PoolCell| pool.queue.len() as f64;
    page.family(&catalog::QUEUE_LENGTH, queued.iter().map(|pool| ([pool.name()], length(pool.cell))));
    page.histograms(
        &catalog::QUEUE_WAIT,
        queued.iter().map(|pool| (pool.name(), &pool.cell.queue.counts.waited)),
    );
    page.family(
        &catalog::QUEUE_REFUSED,
        queued.iter().flat_map(|pool| {
            let counts = &pool.cell.queue.counts;
            let whys =
                [("overflow", &counts.overflows), ("timeout", &counts.timeouts), ("left", &counts.left)];
            whys.map(|(why, counter)| ([pool.name(), why.to_owned()], count(counter)))
        }),
    );
}

/// Whether requests of the pool can find everybody at a limit, or wait for that.
fn may_be_full(pool: &Seen<'_>) -> bool {
    let limited = |view: &evenkeel_core::MemberView| view.member.placement.max_in_flight.is_some();
    pool.cell.settings.load().queue.size > 0 || pool.snapshot.members().iter().any(limited)
}

fn count(counter: &AtomicU64) -> f64 {
    counter.load(Ordering::Relaxed) as f64
}
