//! What was measured.

use crate::chart::rounded;

use super::super::measured::Spread;
use super::series::{Quantity, Series};

/// One series.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) series: Series,
    pub(super) points: Vec<Point>,
}

/// One of its points.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) at: usize,
    /// One a round.
    pub(super) samples: Vec<Sample>,
}

/// One round of one point.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) values: Vec<(Quantity, f64)>,
    /// Part of its core that Evenkeel used.
    pub(super) busy: f64,
    /// Part of the time that others kept it from its core.
    pub(super) disturbed: f64,
}

impl Outcome {
    pub(super) fn new(series: Series) -> Self {
        let point = |at: &usize| Point { at: *at, samples: Vec::new() };
        Self { series, points: series.points().iter().map(point).collect() }
    }

    /// Medians against what grows, where there are any.
    pub(super) fn line(&self, quantity: Quantity) -> Vec<(f64, f64)> {
        let all = self.points.iter().map(|point| (point.at as f64, point.spread(quantity).median));
        all.filter(|(_, median)| !median.is_nan()).collect()
    }
}

impl Point {
    pub(super) fn spread(&self, quantity: Quantity) -> Spread {
        Spread::of(self.samples.iter().filter_map(|sample| sample.get(quantity)))
    }

    pub(super) fn busy(&self) -> f64 {
        Spread::of(self.samples.iter().map(|sample| sample.busy)).median
    }

    /// The most that any round was.
    pub(super) fn disturbed(&self) -> f64 {
        self.samples.iter().map(|sample| sample.disturbed).fold(0.0, f64::max)
    }
}

impl Sample {
    /// For people who watch the rounds go by.
    pub(super) fn line(&self) -> String {
        let values =
            self.values.iter().map(|(quantity, value)| format!("{} {}", rounded(*value), quantity.unit()));
        let values: Vec<String> = values.collect();
        format!("{}, {:.0} % busy", values.join(", "), self.busy * 100.0)
    }

    fn get(&self, quantity: Quantity) -> Option<f64> {
        self.values.iter().find(|(known, _)| *known == quantity).map(|(_, value)| *value)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// CPU times of a request: rounds of each of the first points.
    pub(in super::super) fn outcome(series: Series, rounds: &[&[f64]]) -> Outcome {
        let mut outcome = Outcome::new(series);
        let quantity = series.quantities()[0];
        for (point, values) in outcome.points.iter_mut().zip(rounds) {
            let sample = |value: &f64| Sample { values: vec![(quantity, *value)], busy: 0.9, disturbed: 0.0 };
            point.samples = values.iter().map(sample).collect();
        }
        outcome
    }

    #[test]
    fn a_line_is_of_medians_and_leaves_out_what_was_not_measured() {
        let outcome = outcome(Series::Backends, &[&[9.0, 30.0, 10.0], &[12.0]]);
        assert_eq!(outcome.line(Quantity::Request), [(1.0, 10.0), (10.0, 12.0)]);
        assert_eq!(outcome.line(Quantity::Resident), []);
    }
}
