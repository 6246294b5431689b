//! What a contract allows a backend to have of all answers.

use std::collections::HashMap;

use evenkeel_core::skew::{Tolerance, needed};

use crate::split::{Share, Trial};

/// The least and the most that one backend may have, as parts of all answers, 0.0..=1.0.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// Its name, as in the expectation.
    pub backend: String,
    /// 0.0 is no bound.
    pub least: f64,
    /// 1.0 is no bound.
    pub most: f64,
}

/// What has become of the bounds of a pool.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Kept {
    /// A sentence for each bound that is broken.
    pub(super) broken: Vec<String>,
    /// About so many more answers would tell of those that may be; 0 when nothing is open.
    pub(super) needed: u64,
}

/// No balancer is exact to the last digit.
const TOLERANCE: Tolerance = Tolerance::PLAN;

impl Kept {
    /// By what a trial has seen.
    pub(super) fn of(bounds: &[Bound], trial: &Trial) -> Self {
        let mut kept = Self::default();
        if bounds.is_empty() {
            return kept;
        }
        let (total, shares) = (trial.answers(), trial.shares());
        let by_name: HashMap<&str, &Share> =
            shares.iter().filter_map(|share| Some((share.backend.as_deref()?, share))).collect();
        for bound in bounds {
            let share = by_name.get(bound.backend.as_str()).map_or(0.0, |share| share.share);
            let Some(enough) = bound.answers_to_break(share, shares.len()) else { continue };
            match enough.saturating_sub(total) {
                0 => kept.broken.push(bound.told(share)),
                more => kept.needed = kept.needed.max(more),
            }
        }
        kept
    }
}

impl Bound {
    /// After so many answers such a share is not chance; `None` if it is within the bound.
    fn answers_to_break(&self, share: f64, backends: usize) -> Option<u64> {
        match share {
            share if share > self.most => needed(self.most, share, TOLERANCE, backends),
            share if share < self.least => needed(self.least, share, TOLERANCE, backends),
            _ => None,
        }
    }

    fn told(&self, share: f64) -> String {
        let (edge, side) = if share > self.most { (self.most, "at most") } else { (self.least, "at least") };
        let (share, edge) = (share * 100.0, edge * 100.0);
        format!("{} gets {share:.1} %; `expect` of its pool says {side} {edge:.1} %", self.backend)
    }
}
