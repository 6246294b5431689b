//! Groups of horizontal bars, relative to 1.

use plotters::coord::Shift;
use plotters::prelude::{
    DrawingArea, IntoDrawingArea as _, PathElement, RGBColor, Rectangle, SVGBackend, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, IntoFont as _, TextStyle};

use crate::Failure;

use super::{COLOURS, FONT, GREY, INK, LARGE, SMALL, WIDTH, failed, filled};

/// What it shows.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) groups: Vec<Group>,
}

/// Bars that are compared with each other.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) name: String,
    /// What the bars' texts count.
    pub(crate) unit: String,
    pub(crate) bars: Vec<Bar>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// Its length, where 1 is marked by a line.
    pub(crate) ratio: f64,
    /// What stands behind it.
    pub(crate) text: String,
    pub(crate) ours: bool,
}

const TOP: i32 = 46;
const ROW: i32 = 19;
const THICKNESS: i32 = 14;
/// Between two groups.
const GAP: i32 = 12;
const MARGIN: i32 = 12;
const LEFT: i32 = 210;
/// A ratio of 1, and the longest that is drawn to scale.
const ONE: f64 = 130.0;
const RATIO_MAX: f64 = 3.0;
const AT_ONE: i32 = LEFT + ONE as i32;
/// A number is at most so wide.
const TEXT: i32 = 48;

impl Bars {
    /// The picture as SVG, as high as it must be. Bars that have no length are left out.
    pub(crate) fn svg(&self) -> Result<String, Failure> {
        let groups = self.groups();
        if groups.is_empty() {
            return Err(format!("{}: there is nothing to show", self.title));
        }
        let height = TOP + groups.iter().map(|(_, bars)| ROW * bars.len() as i32 + GAP).sum::<i32>();
        let mut text = String::new();
        {
            let area = SVGBackend::with_string(&mut text, (WIDTH, height.unsigned_abs())).into_drawing_area();
            self.draw(&area, &groups, height).map_err(failed)?;
            area.present().map_err(failed)?;
        }
        Ok(text)
    }

    fn groups(&self) -> Vec<(&Group, Vec<&Bar>)> {
        let mut all = Vec::new();
        for group in &self.groups {
            let bars: Vec<&Bar> = group.bars.iter().filter(|bar| bar.ratio.is_finite()).collect();
            if !bars.is_empty() {
                all.push((group, bars));
            }
        }
        all
    }

    fn draw(
        &self,
        area: &DrawingArea<SVGBackend<'_>, Shift>,
        groups: &[(&Group, Vec<&Bar>)],
        height: i32,
    ) -> Result<(), Failure> {
        area.fill(&WHITE).map_err(failed)?;
        let title = (FONT, LARGE).into_font().color(&INK).pos(Pos::new(HPos::Center, VPos::Top));
        area.draw(&Text::new(self.title.as_str(), (WIDTH as i32 / 2, 12), title)).map_err(failed)?;
        let mut top = TOP;
        for (group, bars) in groups {
            draw_name(area, group, top)?;
            for bar in bars {
                draw_bar(area, bar, top)?;
                top += ROW;
            }
            top += GAP;
        }
        area.draw(&PathElement::new([(AT_ONE, TOP - 8), (AT_ONE, height - GAP)], INK.stroke_width(1)))
            .map_err(failed)
    }
}

fn draw_name(area: &DrawingArea<SVGBackend<'_>, Shift>, group: &Group, top: i32) -> Result<(), Failure> {
    let middle = top + THICKNESS / 2;
    let bold = (FONT, SMALL, FontStyle::Bold).into_font().color(&INK).pos(Pos::new(HPos::Left, VPos::Center));
    area.draw(&Text::new(group.name.as_str(), (MARGIN, middle), bold)).map_err(failed)?;
    let unit = style(INK, HPos::Left);
    area.draw(&Text::new(group.unit.as_str(), (MARGIN, middle + ROW), unit)).map_err(failed)
}

fn draw_bar(area: &DrawingArea<SVGBackend<'_>, Shift>, bar: &Bar, top: i32) -> Result<(), Failure> {
    let end = LEFT + (bar.ratio.min(RATIO_MAX) * ONE) as i32;
    let colour = if bar.ours { COLOURS[0] } else { GREY };
    let corners = [(LEFT, top), (end, top + THICKNESS)];
    area.draw(&Rectangle::new(corners, filled(colour))).map_err(failed)?;
    let middle = top + THICKNESS / 2;
    let label = style(INK, HPos::Right);
    area.draw(&Text::new(bar.name.as_str(), (LEFT - 8, middle), label)).map_err(failed)?;
    // A bar that is cut off says so.
    let more = if bar.ratio > RATIO_MAX { " →" } else { "" };
    let text = format!("{}{more}", bar.text);
    area.draw(&Text::new(text, (beside(end), middle), style(INK, HPos::Left))).map_err(failed)
}

/// Where the text of a bar that ends there begins: not across the line.
fn beside(end: i32) -> i32 {
    let crosses = end <= AT_ONE && end + TEXT > AT_ONE;
    if crosses { AT_ONE + 6 } else { end + 6 }
}

fn style(colour: RGBColor, horizontal: HPos) -> TextStyle<'static> {
    (FONT, SMALL).into_font().color(&colour).pos(Pos::new(horizontal, VPos::Center))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bars(ratios: &[f64]) -> Bars {
        let bar = |(index, ratio): (usize, &f64)| Bar {
            name: format!("proxy {index}"),
            ratio: *ratio,
            text: format!("{ratio:.2}"),
            ours: index == 0,
        };
        let group = Group {
            name: "h1".to_owned(),
            unit: "us".to_owned(),
            bars: ratios.iter().enumerate().map(bar).collect(),
        };
        Bars { title: "less is better".to_owned(), groups: vec![group] }
    }

    /// Left edge and width of the rectangles with this colour.
    fn widths(svg: &str, colour: &str) -> Vec<i32> {
        let lines = svg.lines().filter(|line| line.contains("<rect") && line.contains(colour));
        lines.filter_map(|line| line.split_once(" width=\"")?.1.split('"').next()?.parse().ok()).collect()
    }

    #[test]
    fn a_bar_is_as_long_as_its_ratio_until_it_is_cut_off() {
        let svg = bars(&[0.5, 1.0, 30.0]).svg().unwrap();
        assert_eq!(widths(&svg, "#1F6F8B"), [65]);
        assert_eq!(widths(&svg, "#C3C9CF"), [130, 390]);
        assert!(svg.contains("\n30.00 →\n") && svg.contains("\n1.00\n"));
    }

    #[test]
    fn no_text_crosses_the_line() {
        assert_eq!(beside(LEFT + 10), LEFT + 16);
        assert_eq!(beside(AT_ONE - 20), AT_ONE + 6);
        assert_eq!(beside(AT_ONE), AT_ONE + 6);
        assert_eq!(beside(AT_ONE + 20), AT_ONE + 26);
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let svg = bars(&[0.5, f64::NAN, 2.0]).svg().unwrap();
        assert!(!svg.contains("proxy 1") && svg.contains("proxy 2"));
        assert!(bars(&[f64::NAN]).svg().is_err());
    }
}
