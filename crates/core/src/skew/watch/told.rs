//! What explained a finding when it was confirmed last. The ledger goes on: once a backend is back, it shows little but
//! chance, while what was found is held for a minute.

use super::super::Latched;
use super::super::serials::BySerial;
use crate::units::Nanos;

/// By whom it was found of, with the time of the confirmation that it explains; nothing where what explained it no longer
/// holds.
#[derive(Clone, Debug)]
pub(super) struct Told<T>(BySerial<(Nanos, Option<T>)>);

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self(BySerial::default())
    }
}

impl<T> Told<T> {
    /// Takes in what explains those that have been confirmed since, and those that nothing has explained yet: what has only
    /// just begun may not have come into the ledger.
    pub(super) fn update(&mut self, latched: &[Latched], explain: impl Fn(&Latched) -> Option<T>) {
        self.0.retain(|subject, _| latched.iter().any(|one| one.finding.backend == *subject));
        for one in latched {
            let explained = self.0.get(&one.finding.backend);
            if explained.is_none_or(|(confirmed, _)| *confirmed != one.confirmed)
                && let Some(explanation) = explain(one)
            {
                self.0.insert(one.finding.backend, (one.confirmed, Some(explanation)));
            }
        }
    }

    /// What explains findings so far holds no more: they are told again when they are confirmed again.
    pub(super) fn forget(&mut self, latched: &[Latched]) {
        for one in latched {
            self.0.insert(one.finding.backend, (one.confirmed, None));
        }
    }

    pub(super) fn of(&self, subject: u64) -> Option<&T> {
        self.0.get(&subject)?.1.as_ref()
    }
}
