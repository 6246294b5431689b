//! Lines over two axes.

use std::fmt::Write as _;

use super::escape;
use super::ticks::{figure, linear, logarithmic};

/// A picture of lines.
#[derive(Clone, Debug, Default)]
pub struct Chart {
    /// What is along the lower edge, with its unit.
    pub x_name: String,
    /// What is along the left edge, with its unit.
    pub y_name: String,
    /// How the lower edge is divided.
    pub x_scale: Scale,
    /// How the left edge is divided.
    pub y_scale: Scale,
    /// Marks along the lower edge and what they say; round numbers if there are none.
    pub x_marks: Vec<(f64, String)>,
    /// The lines; at most four can be told apart.
    pub series: Vec<Series>,
    /// A level that should not be passed.
    pub limit: Option<f64>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// From left to right; it is broken where the second is missing.
    pub points: Vec<(f64, Option<f64>)>,
}

/// How an axis is divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal distances are equal differences; it begins at 0.
    #[default]
    Linear,
    /// Equal distances are equal ratios; what is not above 0 is left out.
    Logarithmic,
}

/// A direction: from values to places.
struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
    /// Where the lowest and the highest value are.
    places: (f64, f64),
}

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 880.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 250.0;

impl Chart {
    /// As SVG; nothing if there is nothing to draw.
    pub fn svg(&self) -> String {
        let points =
            || self.series.iter().flat_map(|series| &series.points).filter_map(|(x, y)| Some((*x, (*y)?)));
        if points().next().is_none() {
            return String::new();
        }
        let x = Axis::new(self.x_scale, points().map(|(x, _)| x), (LEFT, RIGHT));
        let y = Axis::new(self.y_scale, points().map(|(_, y)| y).chain(self.limit), (BOTTOM, TOP));
        let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">");
        self.frame(&mut svg, &x, &y);
        // The first one is the one that matters most: it lies above the others.
        for (index, series) in self.series.iter().enumerate().rev() {
            series.lines(&mut svg, index, &x, &y);
        }
        if let Some(place) = self.limit.and_then(|limit| y.place(limit)) {
            write!(
                svg,
                "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{place:.1}\" x2=\"{RIGHT}\" y2=\"{place:.1}\"/>"
            )
            .ok();
        }
        self.legend(&mut svg);
        svg.push_str("</svg>");
        svg
    }

    fn frame(&self, svg: &mut String, x: &Axis, y: &Axis) {
        for tick in y.ticks() {
            let Some(place) = y.place(tick) else { continue };
            let (below, text) = (place + 4.0, figure(tick));
            write!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{place:.1}\" x2=\"{RIGHT}\" y2=\"{place:.1}\"/>\
                 <text x=\"62\" y=\"{below:.1}\" text-anchor=\"end\">{text}</text>"
            )
            .ok();
        }
        let round = || x.ticks().into_iter().map(|tick| (tick, figure(tick))).collect();
        let marks: Vec<(f64, String)> = if self.x_marks.is_empty() { round() } else { self.x_marks.clone() };
        for (mark, text) in marks {
            let Some(place) = x.place(mark) else { continue };
            let text = escape(&text);
            write!(svg, "<text x=\"{place:.1}\" y=\"268\" text-anchor=\"middle\">{text}</text>").ok();
        }
        write!(
            svg,
            "<line class=\"axis\" x1=\"{LEFT}\" y1=\"{BOTTOM}\" x2=\"{RIGHT}\" y2=\"{BOTTOM}\"/>\
             <text x=\"{RIGHT}\" y=\"290\" text-anchor=\"end\">{}</text><text x=\"8\" y=\"16\">{}</text>",
            escape(&self.x_name),
            escape(&self.y_name)
        )
        .ok();
    }

    fn legend(&self, svg: &mut String) {
        let mut end = RIGHT;
        for (index, series) in self.series.iter().enumerate().rev() {
            let name = escape(&series.name);
            write!(svg, "<text class=\"s{index}\" x=\"{end:.1}\" y=\"16\" text-anchor=\"end\">{name}</text>")
                .ok();
            end -= 24.0 + 6.8 * series.name.chars().count() as f64;
        }
    }
}

impl Series {
    fn lines(&self, svg: &mut String, index: usize, x: &Axis, y: &Axis) {
        let place = |(at, value): &(f64, Option<f64>)| Some((x.place(*at)?, y.place((*value)?)?));
        let places: Vec<Option<(f64, f64)>> = self.points.iter().map(place).collect();
        for run in places.split(Option::is_none) {
            let run: Vec<String> = run.iter().flatten().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
            match run.as_slice() {
                [] => {}
                [alone] => {
                    let (x, y) = alone.split_once(',').unwrap_or_default();
                    write!(svg, "<circle class=\"s{index}\" cx=\"{x}\" cy=\"{y}\" r=\"1.5\"/>").ok();
                }
                _ => drop(write!(svg, "<polyline class=\"s{index}\" points=\"{}\"/>", run.join(" "))),
            }
        }
    }
}

impl Axis {
    fn new(scale: Scale, values: impl Iterator<Item = f64>, places: (f64, f64)) -> Self {
        let usable = |value: &f64| value.is_finite() && (scale == Scale::Linear || *value > 0.0);
        let (low, high) = values
            .filter(usable)
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
        let (low, high) = if low > high { (1.0, 1.0) } else { (low, high) };
        let (low, high) = match scale {
            Scale::Linear => (low.min(0.0), if high > 0.0 { high } else { 1.0 }),
            // Not less than a factor of two, so that a flat line is one.
            Scale::Logarithmic => (low, high.max(low * 2.0)),
        };
        Self { scale, low, high, places }
    }

    fn place(&self, value: f64) -> Option<f64> {
        let part = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic if value <= 0.0 => return None,
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        let is_inside = (-1e-9..=1.0 + 1e-9).contains(&part);
        is_inside.then_some(self.places.0 + (self.places.1 - self.places.0) * part)
    }

    fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => linear(self.low, self.high, 6),
            Scale::Logarithmic => logarithmic(self.low, self.high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(points: &[(f64, Option<f64>)]) -> Chart {
        let series = Series { name: "p99".to_owned(), points: points.to_vec() };
        Chart { y_scale: Scale::Logarithmic, series: vec![series], ..Chart::default() }
    }

    #[test]
    fn values_are_where_the_axes_say() {
        let svg = chart(&[(0.0, Some(1.0)), (5.0, Some(10.0)), (10.0, Some(100.0))]).svg();
        assert!(svg.contains("points=\"70.0,250.0 475.0,140.0 880.0,30.0\""), "{svg}");
        assert!(svg.contains(">100</text>") && svg.contains(">10</text>"), "{svg}");
    }

    #[test]
    fn gaps_break_the_line_and_nothing_is_no_picture() {
        let svg =
            chart(&[(0.0, Some(1.0)), (1.0, Some(2.0)), (2.0, None), (3.0, Some(2.0)), (4.0, Some(3.0))])
                .svg();
        assert_eq!(svg.matches("<polyline").count(), 2, "{svg}");
        assert_eq!(chart(&[]).svg(), "");
        assert_eq!(chart(&[(1.0, None)]).svg(), "");
        let odd =
            chart(&[(0.0, Some(f64::NAN)), (1.0, Some(-1.0)), (2.0, Some(0.0)), (3.0, Some(f64::INFINITY))]);
        assert!(!odd.svg().contains("NaN") && !odd.svg().contains("inf"), "{}", odd.svg());
    }
}
