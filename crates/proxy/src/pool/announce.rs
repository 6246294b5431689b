//! Changes of a pool in the log and in the journal.

use evenkeel_core::{Mode, Phase, Transition};
use evenkeel_journal::Journal;

use crate::events;

/// Tells both.
pub(super) fn announce(journal: &Journal, pool: &str, transition: &Transition) {
    log(pool, transition);
    events::transition(journal, pool, transition);
}

/// Logs it: what takes a backend out, or a pool out of its usual mode, as a warning at least. One that drains is out because
/// somebody wants it to be.
fn log(pool: &str, transition: &Transition) {
    match transition {
        Transition::Phase { id, from, to, detail } if to.is_eligible() => {
            tracing::info!(pool, backend = %id, from = from.as_str(), to = to.as_str(), %detail, "backend serves");
        }
        Transition::Phase { id, from, to: Phase::Draining, detail } => {
            tracing::info!(pool, backend = %id, from = from.as_str(), to = "draining", %detail, "backend drains");
        }
        Transition::Phase { id, from, to, detail } => {
            tracing::warn!(pool, backend = %id, from = from.as_str(), to = to.as_str(), %detail, "backend is out");
        }
        Transition::Mode { from, to, healthy, enabled } => {
            let (was, now) = (from.as_str(), to.as_str());
            match to {
                Mode::Normal => tracing::info!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "pool serves: enough backends are healthy"
                ),
                Mode::Panic => tracing::error!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "PANIC: too few healthy backends, requests go to unhealthy ones too"
                ),
                Mode::Empty => tracing::error!(
                    pool,
                    was,
                    now,
                    healthy,
                    enabled,
                    "pool is empty: no backend may be picked, requests get 503"
                ),
            }
        }
        Transition::Added { id } => tracing::info!(pool, backend = %id, "backend added"),
        Transition::Removed { id } => tracing::info!(pool, backend = %id, "backend removed"),
        Transition::Weight { id, from, to } => {
            tracing::info!(pool, backend = %id, from = from.get(), to = to.get(), "weight changed");
        }
    }
}
