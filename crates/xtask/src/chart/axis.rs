//! Where a value lies on an axis, and which values the axis names.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::number::Unit;

/// One direction of a chart.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// What it counts, with its unit.
    pub(crate) label: String,
    pub(crate) scale: Scale,
    pub(crate) unit: Unit,
}

/// How values are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// From 0.
    Linear,
    /// By ratio; 0, which has none, lies one step before the first.
    Logarithmic,
}

/// An axis laid out for the values that it must hold.
#[derive(Debug)]
pub(super) struct Layout {
    scale: Scale,
    unit: Unit,
    /// Where 0 lies on a logarithmic axis.
    zero: f64,
    from: f64,
    to: f64,
    /// Values that are named, ascending.
    ticks: Vec<f64>,
}

/// Steps of a linear axis are one of these times a power of ten.
const STEPS: [f64; 3] = [1.0, 2.0, 5.0];
/// At most so many on a linear axis.
const TICKS_MAX: f64 = 6.0;

impl Axis {
    /// Names each of the values that are there.
    pub(super) fn named(&self, values: &[f64]) -> Layout {
        let mut ticks = values.to_vec();
        ticks.sort_by(f64::total_cmp);
        ticks.dedup();
        let mut layout = self.layout(&ticks);
        let margin = (layout.to - layout.from).max(0.1) * 0.04;
        layout.from -= margin;
        layout.to += margin;
        layout.ticks = ticks;
        layout
    }

    /// Names round values.
    pub(super) fn round(&self, values: &[f64]) -> Layout {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let mut layout = self.layout(&sorted);
        match self.scale {
            Scale::Linear => {
                // Room for the values that are written above the points.
                layout.to = if layout.to > 0.0 { layout.to * 1.2 } else { 1.0 };
                let step = step(layout.to / TICKS_MAX);
                layout.ticks = (0..)
                    .map(|index| f64::from(index) * step)
                    .take_while(|tick| *tick <= layout.to)
                    .collect();
            }
            Scale::Logarithmic => {
                layout.from = layout.from.floor();
                layout.to = (layout.to + 0.15).ceil();
                let decades = layout.from as i32..=layout.to as i32;
                layout.ticks = decades.map(|power| 10_f64.powi(power)).collect();
            }
        }
        layout
    }

    /// From the least to the greatest.
    fn layout(&self, sorted: &[f64]) -> Layout {
        let zero = zero(sorted);
        let mut layout =
            Layout { scale: self.scale, unit: self.unit, zero, from: 0.0, to: 0.0, ticks: Vec::new() };
        let at = |value: Option<&f64>| value.map_or(0.0, |value| layout.position(*value));
        let (from, to) = (at(sorted.first()), at(sorted.last()));
        layout.from = if self.scale == Scale::Linear { 0.0 } else { from };
        layout.to = to;
        layout
    }
}

impl Layout {
    /// Where the value lies, between `from` and `to`.
    fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Logarithmic if value > 0.0 => value.log10(),
            Scale::Logarithmic => self.zero,
        }
    }
}

impl Ranged for Layout {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (first, last): (i32, i32)) -> i32 {
        let part = (self.position(*value) - self.from) / (self.to - self.from);
        first + (part * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        let at = |index: usize| self.ticks.get(index).copied().unwrap_or_default();
        at(0)..at(self.ticks.len().saturating_sub(1))
    }
}

impl ValueFormatter<f64> for Layout {
    fn format_ext(&self, value: &f64) -> String {
        self.unit.text(*value)
    }
}

/// One step before the least that has a logarithm.
fn zero(sorted: &[f64]) -> f64 {
    let mut logs = sorted.iter().filter(|value| **value > 0.0).map(|value| value.log10());
    let first = logs.next().unwrap_or(0.0);
    let second = logs.next().unwrap_or(first + 1.0);
    first - (second - first)
}

/// The least round number that is not below this.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    STEPS.iter().map(|step| step * power).find(|step| *step >= least).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: Scale) -> Axis {
        Axis { label: String::new(), scale, unit: Unit::Count }
    }

    /// Where the ticks are on a line of 10,000 dots.
    fn dots(layout: &Layout) -> Vec<i32> {
        layout.ticks.iter().map(|tick| layout.map(tick, (0, 10_000))).collect()
    }

    #[test]
    fn equal_ratios_are_equally_far_apart_and_zero_is_one_step_before() {
        let layout = axis(Scale::Logarithmic).named(&[8000.0, 0.0, 1000.0, 2000.0, 4000.0]);
        let dots = dots(&layout);
        assert_eq!(dots.len(), 5);
        assert!(dots[0] > 0 && dots[4] < 10_000, "{dots:?}");
        for pair in dots.windows(2) {
            assert!((pair[1] - pair[0] - (dots[4] - dots[0]) / 4).abs() <= 1, "{dots:?}");
        }
        assert_eq!(
            (layout.format_ext(&0.0), layout.format_ext(&8000.0)),
            ("0".to_owned(), "8,000".to_owned())
        );
    }

    #[test]
    fn a_linear_axis_begins_at_zero_and_names_round_values() {
        let layout = axis(Scale::Linear).round(&[13.0, 17.0]);
        assert_eq!(layout.ticks, [0.0, 5.0, 10.0, 15.0, 20.0]);
        assert_eq!(layout.map(&0.0, (300, 0)), 300);
        assert!(layout.map(&17.0, (300, 0)) > 30, "there is room above the greatest");
    }

    #[test]
    fn a_logarithmic_one_names_powers_of_ten_around_the_values() {
        let layout = axis(Scale::Logarithmic).round(&[13.0, 5000.0]);
        assert_eq!(layout.ticks, [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!(dots(&layout), [0, 3333, 6667, 10_000]);
    }

    #[test]
    fn one_value_or_none_still_has_room() {
        for values in [&[][..], &[0.0], &[7.0]] {
            for scale in [Scale::Linear, Scale::Logarithmic] {
                let (named, round) = (axis(scale).named(values), axis(scale).round(values));
                assert!(named.from < named.to && round.from < round.to, "{values:?} {scale:?}");
            }
        }
    }
}
