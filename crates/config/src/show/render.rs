//! Diagnostics for people: where, the lines themselves, what it does to the traffic, what to write instead.

use std::fmt;
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::diagnostic::{Diagnostic, Severity};
use crate::source::Source;

/// How diagnostics look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenderStyle {
    /// ANSI colours.
    pub color: bool,
    /// Columns to wrap at, 40 or more.
    pub width: usize,
}

/// Too narrow a terminal would break words.
const NARROWEST: usize = 40;

/// A diagnostic in the shape that the renderer takes.
#[derive(Debug)]
struct Report<'a> {
    found: &'a Diagnostic,
    code: &'a NamedSource<String>,
    /// What the spans may reach to.
    len: usize,
}

/// Renders diagnostics as text, each ending in an empty line; nothing for none.
pub fn render(source: &Source, diagnostics: &[Diagnostic], style: RenderStyle) -> String {
    let width = style.width.max(NARROWEST);
    let theme = if style.color { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler =
        GraphicalReportHandler::new_themed(theme).with_width(width).with_links(false).with_context_lines(1);
    // The renderer has no place to point at in a text without a line.
    let text = if source.text().is_empty() { "\n" } else { source.text() };
    let code = NamedSource::new(source.name(), text.to_string());
    let mut out = String::new();
    for found in diagnostics {
        let report = Report { found, code: &code, len: text.len() };
        if handler.render_report(&mut out, &report).is_err() {
            // Better a bare line than none: the renderer refuses spans that it cannot show.
            let (line, column) = source.position(found.span.start);
            out.push_str(&format!("  {}:{line}:{column}: {found}\n", source.name()));
        }
        note(&mut out, "effect", found.effect.as_deref(), style.color, width);
        note(&mut out, "help", found.help.as_deref(), style.color, width);
        out.push('\n');
    }
    let lines: Vec<_> = out.lines().map(str::trim_end).collect();
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}]: {}", self.severity.as_str(), self.code, self.message)
    }
}

impl std::error::Error for Diagnostic {}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.found.fmt(f)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.found.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self.code)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = |label: &str| Some(label).filter(|label| !label.is_empty()).map(String::from);
        let place = |span: &Range<usize>| (span.start.min(self.len), span.len());
        let first = LabeledSpan::new_primary_with_span(label(&self.found.label), place(&self.found.span));
        let related = self.found.related.iter();
        let related = related.map(move |(span, text)| LabeledSpan::new_with_span(label(text), place(span)));
        Some(Box::new(std::iter::once(first).chain(related)))
    }
}

/// A heading and a text, wrapped and indented under it. Line breaks in the text stand.
fn note(out: &mut String, heading: &str, text: Option<&str>, color: bool, width: usize) {
    let Some(text) = text else { return };
    let indent = heading.len() + 4;
    let shown = if color { format!("\u{1b}[1m{heading}:\u{1b}[0m") } else { format!("{heading}:") };
    out.push_str(&format!("  {shown} "));
    for (number, paragraph) in text.lines().enumerate() {
        if number > 0 {
            out.push_str(&" ".repeat(indent));
        }
        let mut column = indent;
        for (number, word) in paragraph.split(' ').enumerate() {
            let length = word.chars().count();
            if number > 0 && column + 1 + length > width {
                out.push_str(&format!("\n{}", " ".repeat(indent)));
                column = indent;
            } else if number > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(word);
            column += length;
        }
        out.push('\n');
    }
}
