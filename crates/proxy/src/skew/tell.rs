//! What the journal is told of skew.

use std::time::SystemTime;

use evenkeel_core::skew::{Cause, Symptom, Verdict};
use evenkeel_journal::What;

use super::facts::Told;
use super::{Watched, words};
use crate::pool::PoolCell;

/// Something is uneven, or more so, or for another reason than `before`.
pub(super) fn raised(pool: &PoolCell, told: &Told<'_>, symptom: &Symptom, before: Option<Cause>) {
    let backend = words::subject(told.snapshot, symptom);
    let sentence = words::sentence(told, symptom);
    let (dimension, cause) = (words::dimension(symptom.dimension).into(), symptom.cause.as_str().into());
    let what = match before.filter(|before| *before != symptom.cause) {
        Some(before) => What::SkewExplained { dimension, from: before.as_str().into(), cause, sentence },
        None => What::SkewRaised {
            dimension,
            cause,
            blame: symptom.cause.blame().as_str().into(),
            severity: symptom.level.as_str().into(),
            sentence,
            since_ms: since_ms(pool, symptom),
        },
    };
    pool.journal.record(Some(pool.id.as_str()), Some(backend), what);
}

fn since_ms(pool: &PoolCell, symptom: &Symptom) -> u64 {
    let ago = pool.clock.now().since(symptom.latched.finding.since);
    let since = SystemTime::now().checked_sub(ago);
    let since = since.and_then(|since| since.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Something is even again.
pub(super) fn over(pool: &PoolCell, backend: &str, dimension: &'static str, cause: &'static str) {
    let what = What::SkewCleared { dimension: dimension.into(), cause: cause.into() };
    pool.journal.record(Some(pool.id.as_str()), Some(backend), what);
}

impl Watched {
    /// Tells when everything becomes slower alike, and when it is over.
    pub(super) fn tell_shared(&mut self, pool: &PoolCell) {
        let shared = matches!(self.watch.verdict(), Verdict::Shared(_));
        if shared != self.shared {
            self.shared = shared;
            let what = if shared { What::SharedSlow } else { What::SharedSlowOver };
            pool.journal.record(Some(pool.id.as_str()), None, what);
        }
    }
}
