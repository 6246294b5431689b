//! A chart of lines, with the value written at each point.

use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Circle, DrawingArea, EmptyElement, IntoDrawingArea as _, LineSeries, PathElement,
    SVGBackend, SeriesLabelPosition, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _};

use crate::Failure;

use super::axis::Axis;
use super::number::rounded;
use super::{COLOURS, FONT, GRID, HEIGHT, INK, LARGE, MEDIUM, SMALL, WIDTH, failed, filled};

/// What it shows.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) lines: Vec<Line>,
    /// Where it says which line is which, when there are several.
    pub(crate) legend: Corner,
}

/// Where the lines leave room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Corner {
    UpperLeft,
    LowerRight,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Shown when there are several.
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Corner {
    fn position(self) -> SeriesLabelPosition {
        match self {
            Self::UpperLeft => SeriesLabelPosition::UpperLeft,
            Self::LowerRight => SeriesLabelPosition::LowerRight,
        }
    }
}

impl Lines {
    /// The picture as SVG.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        if points().count() == 0 || points().any(|(x, y)| !x.is_finite() || !y.is_finite()) {
            return Err(format!("{}: a point is missing", self.title));
        }
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
            self.draw(&area).map_err(failed)?;
            area.present().map_err(failed)?;
        }
        Ok(text)
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
        let all = |pick: fn(&(f64, f64)) -> f64| -> Vec<f64> {
            self.lines.iter().flat_map(|line| line.points.iter().map(pick)).collect()
        };
        let (x, y) = (self.x.named(&all(|point| point.0)), self.y.round(&all(|point| point.1)));
        area.fill(&WHITE).map_err(failed)?;
        let mut chart = ChartBuilder::on(area)
            .caption(&self.title, (FONT, LARGE).into_font().color(&INK))
            .margin(12)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(x, y)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .light_line_style(GRID)
            .bold_line_style(GRID)
            .axis_style(INK)
            .label_style((FONT, SMALL).into_font().color(&INK))
            .axis_desc_style((FONT, MEDIUM).into_font().color(&INK))
            .x_desc(&self.x.label)
            .y_desc(&self.y.label)
            .draw()
            .map_err(failed)?;
        for (index, line) in self.lines.iter().enumerate() {
            let colour = COLOURS[index % COLOURS.len()];
            let points = || line.points.iter().copied();
            chart
                .draw_series(LineSeries::new(points(), colour.stroke_width(2)))
                .map_err(failed)?
                .label(&line.name)
                .legend(move |(at, up)| PathElement::new([(at, up), (at + 18, up)], colour.stroke_width(2)));
            // The values of a second line stand below it, out of the first one's way.
            let (vertical, shift) = if index == 0 { (VPos::Bottom, -6) } else { (VPos::Top, 6) };
            let style = (FONT, SMALL).into_font().color(&colour).pos(Pos::new(HPos::Center, vertical));
            chart
                .draw_series(points().map(|(at, value)| {
                    EmptyElement::at((at, value))
                        + Circle::new((0, 0), 3, filled(colour))
                        + Text::new(rounded(value), (0, shift), style.clone())
                }))
                .map_err(failed)?;
        }
        if self.lines.len() > 1 {
            chart
                .configure_series_labels()
                .position(self.legend.position())
                .background_style(WHITE)
                .border_style(GRID)
                .label_font((FONT, SMALL).into_font().color(&INK))
                .draw()
                .map_err(failed)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Scale, Unit};
    use super::*;

    fn lines(values: &[&[(f64, f64)]]) -> Lines {
        Lines {
            title: "Cost <of> a request".to_owned(),
            x: Axis { label: "backends".to_owned(), scale: Scale::Logarithmic, unit: Unit::Count },
            y: Axis { label: "microseconds".to_owned(), scale: Scale::Linear, unit: Unit::Count },
            lines: values
                .iter()
                .enumerate()
                .map(|(index, points)| Line { name: format!("line {index}"), points: points.to_vec() })
                .collect(),
            legend: Corner::UpperLeft,
        }
    }

    #[test]
    fn a_chart_names_its_axes_its_points_and_its_values() {
        let svg = lines(&[&[(1.0, 12.5), (10_000.0, 13.4)]]).svg().unwrap();
        for text in ["Cost &lt;of&gt; a request", "backends", "microseconds", "10,000", "12.5", "13.4"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text} is not in {svg}");
        }
        assert!(!svg.contains("line 0"), "one line needs no legend");
        assert!(
            svg.contains("<rect x=\"0\" y=\"0\" width=\"720\" height=\"360\" opacity=\"1\" fill=\"#FFFFFF\"")
        );
    }

    #[test]
    fn several_lines_are_told_apart() {
        let svg = lines(&[&[(1.0, 2.0), (10.0, 3.0)], &[(1.0, 4.0), (10.0, 5.0)]]).svg().unwrap();
        assert!(svg.contains("line 0") && svg.contains("line 1"));
        assert!(svg.contains("#1F6F8B") && svg.contains("#B45309"));
    }

    #[test]
    fn a_missing_value_is_no_picture() {
        assert!(lines(&[&[(1.0, f64::NAN)]]).svg().is_err());
        assert!(lines(&[&[]]).svg().is_err());
    }
}
