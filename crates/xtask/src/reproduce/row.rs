//! A published figure, and whether it is ours.

use evenkeel_core::StrategyKind;

use super::{around, balls, keys, queues, shares};

/// One claim. It is listed once all strategies that it is about exist.
#[derive(Debug)]
pub(super) struct Row {
    /// On the command line.
    pub(super) name: &'static str,
    pub(super) claim: &'static str,
    /// Who says so.
    pub(super) source: &'static str,
    pub(super) target: &'static str,
    pub(super) strategies: &'static [&'static str],
    pub(super) check: fn(Effort) -> Found,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) got: String,
    pub(super) pass: bool,
}

/// A row with what came of it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) claim: String,
    pub(super) source: String,
    pub(super) target: String,
    pub(super) got: String,
    pub(super) pass: bool,
}

/// How exact a figure is to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effort {
    /// As published.
    Full,
    /// Fewer requests and wider targets: finds what is broken, not what is a little off.
    Quick,
}

/// Every row whose strategies are registered.
pub(super) fn all() -> Vec<&'static Row> {
    let rows = [shares::ROWS, around::ROWS, balls::ROWS, queues::ROWS, keys::ROWS].into_iter().flatten();
    rows.filter(|row| row.strategies.iter().all(|name| StrategyKind::from_name(name).is_some())).collect()
}

impl Row {
    pub(super) fn line(&self, effort: Effort) -> Line {
        let Found { got, pass } = (self.check)(effort);
        Line {
            name: self.name.to_owned(),
            claim: self.claim.to_owned(),
            source: self.source.to_owned(),
            target: self.target.to_owned(),
            got,
            pass,
        }
    }
}

impl Found {
    /// A figure that must be within a part of what it should be; `Quick` allows four times as much.
    pub(super) fn near(got: f64, expected: f64, part: f64, effort: Effort) -> Self {
        let allowed = part * effort.pick(1.0, 4.0);
        Self { got: format!("{got:.3}"), pass: (got / expected - 1.0).abs() <= allowed }
    }
}

impl Effort {
    pub(super) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_row_has_a_name_of_its_own_and_says_what_it_takes() {
        let rows = all();
        let names: HashSet<_> = rows.iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows.len());
        assert!(
            rows.iter().all(|row| !row.claim.is_empty() && !row.source.is_empty() && !row.target.is_empty())
        );
    }

    #[test]
    fn near_is_near() {
        assert!(Found::near(1.029, 1.0, 0.03, Effort::Full).pass);
        assert!(!Found::near(1.031, 1.0, 0.03, Effort::Full).pass);
        assert!(Found::near(1.031, 1.0, 0.03, Effort::Quick).pass);
        assert!(!Found::near(f64::NAN, 1.0, 0.03, Effort::Quick).pass);
    }
}
