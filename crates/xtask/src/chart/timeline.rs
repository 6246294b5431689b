//! Lines over time, one panel below the other, with marks at moments that matter.

use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, DrawingArea, IntoDrawingArea as _, LineSeries, PathElement, RGBColor, SVGBackend,
    SeriesLabelPosition, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, IntoFont as _};

use crate::Failure;

use super::lines::Line;
use super::number::rounded;
use super::{COLOURS, FONT, GRID, INK, LARGE, SMALL, WIDTH, failed};

/// What it shows.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    pub(crate) title: String,
    /// First and last moment, seconds.
    pub(crate) span: (f64, f64),
    pub(crate) panels: Vec<Panel>,
    pub(crate) marks: Vec<Mark>,
}

/// Lines with one axis.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) label: String,
    /// From 0 to here.
    pub(crate) top: f64,
    pub(crate) lines: Vec<Line>,
}

/// A moment that matters, through all panels.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) name: String,
}

/// Of one panel.
const HEIGHT: u32 = 170;
const TITLE: u32 = 62;
/// Lines beyond the first two.
const MORE: [RGBColor; 3] =
    [RGBColor(0x4d, 0x7c, 0x0f), RGBColor(0x7c, 0x3a, 0xed), RGBColor(0x6b, 0x72, 0x80)];
const LEFT: u32 = 64;
const RIGHT: u32 = 16;

impl Timeline {
    /// The picture as SVG.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let finite = |line: &Line| line.points.iter().all(|(x, y)| x.is_finite() && y.is_finite());
        if self.panels.is_empty() || !self.panels.iter().flat_map(|panel| &panel.lines).all(finite) {
            return Err(format!("{}: a point is missing", self.title));
        }
        let height = TITLE + HEIGHT * self.panels.len() as u32;
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (WIDTH, height)).into_drawing_area();
            self.draw(&area).map_err(failed)?;
            area.present().map_err(failed)?;
        }
        Ok(text)
    }

    fn draw(&self, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
        area.fill(&WHITE).map_err(failed)?;
        let centre = Pos::new(HPos::Center, VPos::Top);
        let title = (FONT, LARGE).into_font().color(&INK).pos(centre);
        area.draw(&Text::new(self.title.as_str(), (WIDTH as i32 / 2, 10), title)).map_err(failed)?;
        for (row, mark) in self.marks.iter().enumerate() {
            // Names of marks that are near each other stand in two rows.
            let name = (FONT, SMALL).into_font().color(&INK).pos(centre);
            let at = (self.x(mark.at), 32 + 14 * (row as i32 % 2));
            area.draw(&Text::new(mark.name.as_str(), at, name)).map_err(failed)?;
        }
        let (_, rest) = area.split_vertically(TITLE);
        for (panel, area) in self.panels.iter().zip(rest.split_evenly((self.panels.len(), 1))) {
            self.draw_panel(panel, &area)?;
        }
        Ok(())
    }

    fn draw_panel(&self, panel: &Panel, area: &DrawingArea<SVGBackend<'_>, Shift>) -> Result<(), Failure> {
        let mut chart = ChartBuilder::on(area)
            .margin_right(RIGHT)
            .margin_top(4)
            .x_label_area_size(30)
            .y_label_area_size(LEFT)
            .build_cartesian_2d(self.span.0..self.span.1, 0.0..panel.top)
            .map_err(failed)?;
        chart
            .configure_mesh()
            .max_light_lines(1)
            .light_line_style(WHITE)
            .bold_line_style(GRID)
            .x_label_formatter(&|second| rounded(*second))
            .y_label_formatter(&|value| rounded(*value))
            .axis_style(INK)
            .x_labels(9)
            .y_labels(5)
            .label_style((FONT, SMALL).into_font().color(&INK))
            .axis_desc_style((FONT, SMALL).into_font().color(&INK))
            .y_desc(&panel.label)
            .draw()
            .map_err(failed)?;
        for mark in &self.marks {
            let line = [(mark.at, 0.0), (mark.at, panel.top)];
            chart.draw_series([PathElement::new(line, INK.mix(0.6).stroke_width(1))]).map_err(failed)?;
        }
        for (line, colour) in panel.lines.iter().zip(COLOURS.into_iter().chain(MORE)) {
            let points = line.points.iter().map(|(x, y)| (*x, y.min(panel.top)));
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))
                .map_err(failed)?
                .label(&line.name)
                .legend(move |(at, up)| PathElement::new([(at, up), (at + 14, up)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperLeft)
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, SMALL).into_font().color(&INK))
            .draw()
            .map_err(failed)
    }

    /// Where a moment lies in the whole picture.
    fn x(&self, at: f64) -> i32 {
        let part = (at - self.span.0) / (self.span.1 - self.span.0);
        LEFT as i32 + (part * f64::from(WIDTH - LEFT - RIGHT)) as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(points: &[(f64, f64)]) -> Timeline {
        let line = |name: &str| Line { name: name.to_owned(), points: points.to_vec() };
        let panel =
            Panel { label: "share, %".to_owned(), top: 100.0, lines: vec![line("web1"), line("web2")] };
        Timeline {
            title: "R1".to_owned(),
            span: (-10.0, 30.0),
            panels: vec![panel.clone(), Panel { label: "latency, s".to_owned(), ..panel }],
            marks: vec![
                Mark { at: 0.0, name: "fault".to_owned() },
                Mark { at: 4.0, name: "alarm".to_owned() },
            ],
        }
    }

    #[test]
    fn panels_lines_and_marks_are_named() {
        let svg = timeline(&[(-10.0, 33.0), (30.0, 60.0)]).svg().unwrap();
        for text in ["R1", "fault", "alarm", "web1", "web2", "share, %", "latency, s"] {
            assert!(svg.contains(&format!("\n{text}\n")), "{text} is not in {svg}");
        }
        assert!(svg.contains("#1F6F8B") && svg.contains("#B45309"));
    }

    #[test]
    fn a_missing_value_is_no_picture() {
        assert!(timeline(&[(0.0, f64::NAN)]).svg().is_err());
    }

    #[test]
    fn marks_stand_where_their_moment_is() {
        let timeline = timeline(&[]);
        assert_eq!((timeline.x(-10.0), timeline.x(30.0)), (64, 704));
    }
}
