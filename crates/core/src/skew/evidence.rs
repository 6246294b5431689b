//! One backend's evidence: a bank of e-CUSUMs, one for each way in which its share might be wrong.

use crate::units::Nanos;

/// On which side of its expected share a backend is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Side {
    /// It has more.
    Above,
    /// It has less.
    Below,
}

/// By which factor the odds may be wrong: one alternative each. From 1.3 on those above lose at most a sixth of the evidence
/// that the true factor would give: weights of 5:1:1 where all should be equal are odds of about 4 beyond the band,
/// whatever the number of backends. Those below are fewer: where one has too little others have too much, unless it has next
/// to nothing. The smallest decides how far outside the band is noticed at all: with 1.02, a hundredth.
const ABOVE: [f64; 6] = [1.02, 1.08, 1.3, 2.0, 4.0, 12.0];
const BELOW: [f64; 4] = [1.0 / 1.02, 1.0 / 1.1, 0.6, 1.0 / 16.0];

/// Evidence that a share is outside its band.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    /// Whether there is any, above and below. Mostly there is none, and a look at one word is all that a tick takes.
    on: [bool; 2],
    above: [Sum; ABOVE.len()],
    below: [Sum; BELOW.len()],
}

/// The log of an e-process since it was last at zero, and what was counted since then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sum {
    /// In nats, 0 and up.
    pub(super) nats: f64,
    /// When it left zero: the best guess of when the trouble began.
    pub(super) since: Nanos,
    pub(super) observed: f64,
    pub(super) expected: f64,
    pub(super) total: f64,
}

/// What one tick adds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// When the tick began.
    pub(super) from: Nanos,
    /// Counted at this backend, and at all.
    pub(super) observed: f64,
    pub(super) total: f64,
    pub(super) share: f64,
    /// The ends of the band: no upper one where all is inside.
    pub(super) lower: f64,
    pub(super) upper: Option<f64>,
}

impl Evidence {
    /// Weighs one tick. With a share θ inside the band, E[r^X] / (1 + u(r-1))^n is at most 1 for each factor r, however θ
    /// varies inside it and even when picks avoid each other, so each sum is an e-CUSUM (Shin, Ramdas, Rinaldo 2023).
    pub(super) fn add(&mut self, step: &Step) {
        // Where there is no evidence, a tick inside the band brings none either: ln(1 + u(r-1)) is at least u·ln r.
        match step.upper {
            Some(upper) if self.on[0] || step.observed > step.total * upper => {
                self.on[0] = advance(&mut self.above, &ABOVE, upper, step);
            }
            None if self.on[0] => (self.on[0], self.above) = Default::default(),
            _ => {}
        }
        if self.on[1] || step.observed < step.total * step.lower {
            self.on[1] = advance(&mut self.below, &BELOW, step.lower, step);
        }
    }

    /// Whether there is any.
    pub(super) fn is_on(&self) -> bool {
        self.on != [false; 2]
    }

    /// The strongest.
    pub(super) fn strongest(&self) -> (Side, Sum) {
        let most = |sums: &[Sum]| sums.iter().copied().fold(sums[0], heavier);
        let (above, below) = (most(&self.above), most(&self.below));
        if above.nats >= below.nats { (Side::Above, above) } else { (Side::Below, below) }
    }

    /// Begins anew.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

fn heavier(one: Sum, other: Sum) -> Sum {
    if other.nats > one.nats { other } else { one }
}

/// Whether any evidence is left.
fn advance(sums: &mut [Sum], factors: &[f64], edge: f64, step: &Step) -> bool {
    let mut on = false;
    for (sum, factor) in sums.iter_mut().zip(factors) {
        if sum.nats <= 0.0 {
            *sum = Sum { since: step.from, ..Sum::default() };
        }
        sum.nats += step.observed * factor.ln() - step.total * (edge * (factor - 1.0)).ln_1p();
        sum.observed += step.observed;
        sum.expected += step.total * step.share;
        sum.total += step.total;
        sum.nats = sum.nats.max(0.0);
        on |= sum.nats > 0.0;
    }
    on
}
