//! Changes of a pool.

use evenkeel_core::{Mode, Phase, Transition};
use evenkeel_journal::{Journal, What};

/// Tells a change of a pool.
pub(crate) fn transition(journal: &Journal, pool: &str, transition: &Transition) {
    match transition {
        Transition::Phase { id, from, to, detail } => {
            if let Some(what) = phase(*from, *to, detail) {
                journal.record(Some(pool), Some(id.as_str()), what);
            }
        }
        Transition::Mode { from, to, healthy, enabled } => {
            journal.record(Some(pool), None, mode(*from, *to, *healthy, *enabled));
        }
        // The start says how many there are: each of ten thousand by itself would push out what happened before.
        Transition::Added { .. } if journal.generation() == 0 => {}
        Transition::Added { id } => journal.record(Some(pool), Some(id.as_str()), What::MemberAdded),
        Transition::Removed { id } => journal.record(Some(pool), Some(id.as_str()), What::MemberRemoved),
        Transition::Weight { id, from, to } => {
            let what = What::Weight { from: from.get(), to: to.get() };
            journal.record(Some(pool), Some(id.as_str()), what);
        }
    }
}

/// `None` for one that says nothing: a backend that was out stays out.
fn phase(from: Phase, to: Phase, detail: &str) -> Option<What> {
    let why = detail.to_owned();
    let (was, is) = (from.as_str().into(), to.as_str().into());
    Some(match (from, to) {
        (_, Phase::Ejected) => What::Ejected { why },
        (Phase::Ejected, Phase::Serving) => What::Returned { why },
        (_, Phase::Draining) => What::DrainBegin { why },
        (Phase::Draining, _) => What::DrainEnd { to: is, why },
        (_, Phase::Unresolved) => What::MemberUnresolved { why },
        (_, Phase::Serving) => What::BackendUp { from: was, why },
        (Phase::Unresolved, _) => What::MemberResolved { to: is, why },
        (Phase::Disabled, Phase::Joining) => return None,
        _ => What::BackendDown { from: was, to: is, why },
    })
}

fn mode(from: Mode, to: Mode, healthy: usize, enabled: usize) -> What {
    match (from, to) {
        (_, Mode::Panic) => What::PanicEntered { healthy, enabled },
        (_, Mode::Empty) => What::PoolEmpty { enabled },
        (Mode::Empty, Mode::Normal) => What::PoolServes { healthy, enabled },
        (_, Mode::Normal) => What::PanicLeft { healthy, enabled },
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_journal::Kind;

    use super::*;

    #[test]
    fn phases_are_told_by_what_they_mean() {
        let kind = |from, to| phase(from, to, "").map(|what| what.kind());
        use Phase::{Disabled, Draining, Ejected, Joining, Serving, Unhealthy, Unresolved};
        for (from, to, told) in [
            (Joining, Serving, Kind::BackendUp),
            (Unhealthy, Serving, Kind::BackendUp),
            (Serving, Unhealthy, Kind::BackendDown),
            (Serving, Disabled, Kind::BackendDown),
            (Serving, Ejected, Kind::Ejected),
            (Ejected, Serving, Kind::Returned),
            (Ejected, Unhealthy, Kind::BackendDown),
            (Serving, Draining, Kind::DrainBegin),
            (Draining, Serving, Kind::DrainEnd),
            (Joining, Unresolved, Kind::MemberUnresolved),
            (Unresolved, Joining, Kind::MemberResolved),
            (Unresolved, Serving, Kind::BackendUp),
        ] {
            assert_eq!(kind(from, to), Some(told), "{from:?} {to:?}");
        }
        assert_eq!(kind(Disabled, Joining), None);
        assert_eq!(mode(Mode::Panic, Mode::Normal, 2, 3).kind(), Kind::PanicLeft);
        assert_eq!(mode(Mode::Empty, Mode::Normal, 2, 3).kind(), Kind::PoolServes);
        assert_eq!(mode(Mode::Panic, Mode::Empty, 0, 3).kind(), Kind::PoolEmpty);
    }
}
