//! Why a share is what it is: the difference between observed and intended, split without a rest.

use crate::lease::Reason;

/// What was expected of one backend, and what happened.
///
/// Each share is an average over the time, weighted by the traffic of each tick; each sums to 1 over the backends, save
/// where nobody could be picked. From one to the next, one thing was taken into account.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Account {
    /// What the operator has in mind.
    pub intent: f64,
    /// What the configured weights say.
    pub weights: f64,
    /// Of those that exist: names are resolved, nobody is disabled.
    pub discovered: f64,
    /// Of those that are healthy: checked, not ejected, not draining.
    pub healthy: f64,
    /// What strategies went by: after slow start, tiers, zones, panic.
    pub plan: f64,
    /// The part of all keys that is at home there, as the strategy's table has it; the plan where no key decides.
    pub owned: f64,
    /// Attempts, by [`Reason`].
    pub attempts: [f64; Reason::ALL.len()],
}

/// One cause of a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Term {
    /// The configured weights are not what is intended.
    Weights,
    /// Backends are missing, or there are others.
    Discovery,
    /// Some are unhealthy, ejected or draining.
    Health,
    /// Slow start, tiers, zones or panic mode.
    Shaping,
    /// The strategy's table gives a backend more keys than the plan, or fewer.
    Table,
    /// Attempts that were made for this reason did not follow the plan.
    Reason(Reason),
}

/// The difference of one backend and what it consists of.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Observed share less intended share, -1.0..=1.0.
    pub difference: f64,
    /// What makes it, largest first; the terms sum to the difference. Those that are 0 are left out.
    pub terms: Vec<(Term, f64)>,
    /// What a strategy that draws lots may be off by, in either direction, without being wrong: 0.0 and up.
    pub chance: f64,
    /// The part of all attempts that went past a full backend, or a full zone, 0.0..=1.0.
    pub moved: f64,
}

/// A term is told if it is at least this part of the difference.
pub(super) const TOLD: f64 = 0.2;
/// Standard deviations that chance is granted.
const DEVIATIONS: f64 = 4.0;
/// What the strategy chose among all that the plan names, by where the choice was and whether it was full.
const TOGETHER: [Reason; 4] = [Reason::Algorithm, Reason::Spill, Reason::Failover, Reason::Panic];
/// Differences below this come of rounding.
const ROUNDING: f64 = 1e-9;

impl Split {
    /// The term that makes most of the difference, in its direction; `None` if there is no difference.
    pub fn cause(&self) -> Option<Term> {
        let part = |term: f64| term * self.difference.signum();
        let largest = self.judged().into_iter().max_by(|one, other| part(one.1).total_cmp(&part(other.1)));
        largest.filter(|_| self.difference.abs() > ROUNDING).map(|term| term.0)
    }

    /// The terms, with what the strategy chose and what then went elsewhere taken together: a turn that goes past a full
    /// backend is missing where the strategy put it, so neither means anything alone.
    fn judged(&self) -> Vec<(Term, f64)> {
        let goes_together = |term: &Term| matches!(term, Term::Reason(reason) if TOGETHER.contains(reason));
        let (together, mut judged): (Vec<(Term, f64)>, Vec<_>) =
            self.terms.iter().partition(|(term, _)| goes_together(term));
        let size: f64 = together.iter().map(|(_, size)| size).sum();
        if size.abs() > ROUNDING {
            let is_moved = self.moved > 0.0 && size.abs() <= self.moved + self.chance;
            judged.push((Term::Reason(if is_moved { Reason::Spill } else { Reason::Algorithm }), size));
        }
        judged
    }

    /// Terms that make a fifth of the difference or more, in its direction, with the part that they make; largest first.
    /// The strategy's own is left out where it can be chance.
    pub fn causes(&self) -> Vec<(Term, f64)> {
        if self.difference.abs() <= ROUNDING {
            return Vec::new();
        }
        let by_chance =
            |term: &Term, size: f64| *term == Term::Reason(Reason::Algorithm) && size.abs() <= self.chance;
        let meant = self.judged().into_iter().filter(|(term, size)| !by_chance(term, *size));
        let parts = meant.map(|(term, size)| (term, size / self.difference));
        let mut told: Vec<(Term, f64)> = parts.filter(|(_, part)| *part >= TOLD).collect();
        told.sort_by(|one, other| other.1.total_cmp(&one.1));
        told
    }
}

/// Splits the difference of every backend, in the order given. Nobody has one where there were no attempts.
///
/// With shares p (intent), w, d, h, s (plan), x_r attempts for reason r at this backend, X_r at all, and n at all for
/// any reason, observed less intended is (w-p) + (d-w) + (h-d) + (s-h) + Σ_r (x_r - X_r·s) / n. Where keys decided, that
/// reason's part is split once more: with the part o of all keys that is at home here, into X·(o-s) / n, which is the
/// table's doing, and (x - X·o) / n, which is that of keys that are asked for more than others. An identity, so nothing
/// is left unexplained and nothing is estimated.
pub fn ledger(accounts: &[Account]) -> Vec<Split> {
    let by_reason = totals(accounts);
    let total: f64 = by_reason.iter().sum();
    accounts.iter().map(|account| split(account, &by_reason, total)).collect()
}

fn totals(accounts: &[Account]) -> [f64; Reason::ALL.len()] {
    let mut totals = [0.0; Reason::ALL.len()];
    for account in accounts {
        for (total, attempts) in totals.iter_mut().zip(account.attempts) {
            *total += attempts;
        }
    }
    totals
}

fn split(account: &Account, by_reason: &[f64; Reason::ALL.len()], total: f64) -> Split {
    if total <= 0.0 {
        return Split { difference: 0.0, terms: Vec::new(), chance: 0.0, moved: 0.0 };
    }
    let Account { intent, weights, discovered, healthy, plan, owned, attempts } = *account;
    let before = [
        (Term::Weights, weights - intent),
        (Term::Discovery, discovered - weights),
        (Term::Health, healthy - discovered),
        (Term::Shaping, plan - healthy),
        (Term::Table, by_reason[Reason::Hash as usize] * (owned - plan) / total),
    ];
    let due = |reason: Reason| if reason == Reason::Hash { owned } else { plan };
    let reasons = Reason::ALL.iter().zip(attempts.iter().zip(by_reason));
    let reasons =
        reasons.map(|(reason, (here, all))| (Term::Reason(*reason), (here - all * due(*reason)) / total));
    let mut terms: Vec<(Term, f64)> =
        before.into_iter().chain(reasons).filter(|term| term.1 != 0.0).collect();
    terms.sort_by(|one, other| other.1.abs().total_cmp(&one.1.abs()));
    let drawn = by_reason[Reason::Algorithm as usize];
    let moved = by_reason[Reason::Spill as usize] / total;
    let chance = DEVIATIONS * (drawn * plan * (1.0 - plan)).max(0.0).sqrt() / total;
    Split { difference: attempts.iter().sum::<f64>() / total - intent, terms, chance, moved }
}
