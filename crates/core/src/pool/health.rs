//! What active checks say about one member.

use super::event::HealthSpec;

/// The verdict of the checks so far, and the run of results that may overturn it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Checks {
    pub(super) verdict: Verdict,
    /// Consecutive results that contradict the verdict.
    against: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// No result yet: the first one decides at once.
    Unchecked,
    Passing,
    Failing,
}

impl Checks {
    /// A member that nobody has checked: unknown if checks are on, else taken to be healthy.
    pub(super) fn unknown(health: Option<HealthSpec>) -> Self {
        match health {
            Some(_) => Self { verdict: Verdict::Unchecked, against: 0 },
            None => Self::taken_as_passing(),
        }
    }

    /// Nobody checks, so nothing speaks against it.
    pub(super) fn taken_as_passing() -> Self {
        Self { verdict: Verdict::Passing, against: 0 }
    }

    /// Counts one result. When it overturns the verdict: how many results in a row it took.
    ///
    /// `suspect`: failed attempts speak against the member already, so that one failed check is enough.
    pub(super) fn record(&mut self, passed: bool, health: HealthSpec, suspect: bool) -> Option<u32> {
        let to = if passed { Verdict::Passing } else { Verdict::Failing };
        if self.verdict == to {
            self.against = 0;
            return None;
        }
        let needed = match self.verdict {
            Verdict::Unchecked => 1,
            Verdict::Failing => health.rise,
            Verdict::Passing if suspect => 1,
            Verdict::Passing => health.fall,
        };
        self.against = self.against.saturating_add(1);
        if self.against < needed {
            return None;
        }
        let run = self.against;
        *self = Self { verdict: to, against: 0 };
        Some(run)
    }
}
