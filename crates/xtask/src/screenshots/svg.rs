//! A screen as a picture: text in a frame, in the colours that it had.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

/// Pixels of a cell, and around all of them.
const CELL: (f64, f64) = (8.4, 18.0);
const MARGIN: f64 = 20.0;
/// From a line's bottom to where letters stand.
const DESCENT: f64 = 5.0;

const PAPER: &str = "#12181f";
const INK: &str = "#d5dbe1";
/// The eight colours of a terminal, told apart on dark ground.
const COLOURS: [&str; 8] =
    ["#12181f", "#e8716b", "#7dc97d", "#e0b45c", "#6aa4e8", "#c58fdc", "#4fb3bf", "#d5dbe1"];

/// A cell of a bar.
const FULL: &str = "█";

/// How a cell looks.
#[derive(Clone, PartialEq)]
struct Look {
    ink: String,
    paper: Option<String>,
    bold: bool,
    dim: bool,
}

/// Text that looks alike.
struct Run {
    column: usize,
    text: String,
    look: Look,
}

/// The picture; empty lines at the end are left out.
pub(super) fn render(screen: &Screen, about: &str) -> String {
    let mut lines: Vec<Vec<Run>> = (0..super::terminal::ROWS).map(|row| runs(screen, row)).collect();
    close_up(&mut lines);
    let width = MARGIN.mul_add(2.0, f64::from(super::terminal::COLUMNS) * CELL.0).round();
    let height = (MARGIN * 2.0 + lines.len() as f64 * CELL.1).round();
    let about = escaped(about);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"{about}\">\n<rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"{PAPER}\"/>\n\
         <g font-family=\"ui-monospace, Menlo, Consolas, DejaVu Sans Mono, monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate() {
        draw(&mut svg, MARGIN + (number + 1) as f64 * CELL.1, line);
    }
    svg.push_str("</g></svg>\n");
    svg
}

/// Of several empty lines in a row one is kept.
fn close_up(lines: &mut Vec<Vec<Run>>) {
    lines.dedup_by(|line, before| line.is_empty() && before.is_empty());
    while lines.last().is_some_and(Vec::is_empty) {
        lines.pop();
    }
}

fn runs(screen: &Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for column in 0..super::terminal::COLUMNS {
        let Some(cell) = screen.cell(row, column) else { continue };
        let text = if cell.has_contents() { cell.contents() } else { " " };
        let look = Look::of(cell);
        // A full cell is one of its colour: a letter would be as wide as the font has it.
        let (text, look) = if text == FULL { (" ", look.solid()) } else { (text, look) };
        match runs.last_mut().filter(|run| run.look == look) {
            Some(run) => run.text.push_str(text),
            None => runs.push(Run { column: column.into(), text: text.to_owned(), look }),
        }
    }
    runs.retain(|run| run.look.paper.is_some() || !run.text.trim().is_empty());
    runs
}

fn draw(svg: &mut String, bottom: f64, line: &[Run]) {
    let at = |column: usize| MARGIN + column as f64 * CELL.0;
    for run in line {
        let length = run.text.chars().count();
        if let Some(paper) = &run.look.paper {
            let (x, y, width, height) = (at(run.column), bottom - CELL.1, length as f64 * CELL.0, CELL.1);
            writeln!(
                svg,
                "<rect x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{paper}\"/>"
            )
            .ok();
        }
    }
    if line.is_empty() {
        return;
    }
    write!(svg, "<text y=\"{}\">", bottom - DESCENT).ok();
    for run in line {
        for (column, text) in pieces(run) {
            let length = text.chars().count() as f64 * CELL.0;
            let weight = if run.look.bold { " font-weight=\"bold\"" } else { "" };
            let dim = if run.look.dim { " opacity=\"0.6\"" } else { "" };
            let (x, ink, text) = (at(column), &run.look.ink, escaped(text));
            write!(
                svg,
                "<tspan x=\"{x:.1}\" fill=\"{ink}\"{weight}{dim} textLength=\"{length:.1}\">{text}</tspan>"
            )
            .ok();
        }
    }
    svg.push_str("</text>\n");
}

/// Each stretch without a gap, and its column: what stands below each other does so whatever the font.
fn pieces(run: &Run) -> Vec<(usize, &str)> {
    let (mut pieces, mut column) = (Vec::new(), run.column);
    for part in run.text.split("  ") {
        let text = part.trim_start();
        if !text.is_empty() {
            let indent = part.chars().count() - text.chars().count();
            pieces.push((column + indent, text.trim_end()));
        }
        column += part.chars().count() + 2;
    }
    pieces
}

impl Look {
    fn of(cell: &Cell) -> Self {
        let (ink, paper) = (colour(cell.fgcolor()), colour(cell.bgcolor()));
        let (ink, paper) = match cell.inverse() {
            true => {
                (Some(paper.unwrap_or_else(|| PAPER.to_owned())), Some(ink.unwrap_or_else(|| INK.to_owned())))
            }
            false => (ink, paper),
        };
        Self { ink: ink.unwrap_or_else(|| INK.to_owned()), paper, bold: cell.bold(), dim: cell.dim() }
    }

    fn solid(self) -> Self {
        Self { paper: Some(self.ink.clone()), ..self }
    }
}

/// `None` is the terminal's own.
fn colour(colour: Color) -> Option<String> {
    match colour {
        Color::Default => None,
        // The second eight are the first, brighter.
        Color::Idx(index) => COLOURS.get(usize::from(index % 8)).map(ToString::to_string),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::terminal::blank;
    use super::*;

    #[test]
    fn colours_and_places_are_kept() {
        let mut parser = blank();
        parser.process(
            b"plain \x1b[1;31mred & bold\x1b[0m   far\r\n\r\n\r\n\x1b[7m on \x1b[0m  \x1b[2mdim\x1b[0m",
        );
        parser.process("\r\n\x1b[36m██ |\x1b[0m".as_bytes());
        let svg = render(parser.screen(), "a <picture>");
        for part in [
            "aria-label=\"a &lt;picture&gt;\"",
            "<tspan x=\"20.0\" fill=\"#d5dbe1\" textLength=\"42.0\">plain</tspan>",
            "<tspan x=\"70.4\" fill=\"#e8716b\" font-weight=\"bold\" textLength=\"84.0\">red &amp; bold</tspan>",
            "<tspan x=\"179.6\" fill=\"#d5dbe1\" textLength=\"25.2\">far</tspan>",
            "<rect x=\"20.0\" y=\"56\" width=\"33.6\" height=\"18\" fill=\"#d5dbe1\"/>",
            "fill=\"#d5dbe1\" opacity=\"0.6\" textLength=\"25.2\">dim</tspan>",
        ] {
            assert!(svg.contains(part), "no {part} in\n{svg}");
        }
        assert!(
            svg.contains("<rect x=\"20.0\" y=\"74\" width=\"16.8\" height=\"18\" fill=\"#4fb3bf\"/>"),
            "{svg}"
        );
        assert_eq!(svg.matches("<text").count(), 3, "of empty lines one is kept, as a gap: {svg}");
    }
}
