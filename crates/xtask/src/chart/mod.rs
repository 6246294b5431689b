//! Pictures for the documentation: lines over a logarithmic axis, bars, and what happened over time.
//!
//! The background is opaque and white, so that they read the same on light and dark pages; text is text, so that it can
//! be found and copied.

mod axis;
mod bars;
mod lines;
mod number;
mod timeline;

use plotters::prelude::{Color, RGBColor, ShapeStyle};

use crate::Failure;

pub(crate) use axis::{Axis, Scale};
pub(crate) use bars::{Bar, Bars, Group};
pub(crate) use lines::{Corner, Line, Lines};
pub(crate) use number::{Unit, rounded};
pub(crate) use timeline::{Mark, Panel, Timeline};

const WIDTH: u32 = 720;
const HEIGHT: u32 = 360;
const FONT: &str = "sans-serif";
/// Sizes of letters, of which the crate makes 12, 13 and 16 pixels.
const SMALL: f64 = 15.0;
const MEDIUM: f64 = 16.2;
const LARGE: f64 = 19.9;

const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xea);
/// Ours, and a second line's.
const COLOURS: [RGBColor; 2] = [RGBColor(0x1f, 0x6f, 0x8b), RGBColor(0xb4, 0x53, 0x09)];
/// Everybody else's.
const GREY: RGBColor = RGBColor(0xc3, 0xc9, 0xcf);

fn filled(colour: RGBColor) -> ShapeStyle {
    colour.filled()
}

/// A picture that cannot be drawn is one with numbers that are none.
fn failed(error: impl std::fmt::Display) -> Failure {
    format!("drawing: {error}")
}
