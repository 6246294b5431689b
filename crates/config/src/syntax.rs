//! What the TOML parser refuses, in the words of this crate.

use std::ops::Range;

use toml::de::Error;

use crate::diagnostic::Diagnostic;
use crate::source::Source;

/// The parser's errors without those that only follow from the one before.
pub(crate) fn diagnostics(source: &Source, errors: &[Error]) -> Vec<Diagnostic> {
    let mut all: Vec<Diagnostic> = Vec::new();
    for error in errors {
        let span = source.clamp(error.span().unwrap_or_default());
        let follows = all.iter().any(|known| follows(source, &known.span, &span));
        if !follows && error.message() == "duplicate key" {
            all.push(duplicate(source, span));
        } else if !follows {
            all.push(syntax(span, error.message()));
        }
    }
    all
}

/// Whether an error is one with an earlier one: on the same line, where a parser that has lost its place stumbles over
/// every token, or in a table whose header was already refused.
pub(crate) fn follows(source: &Source, earlier: &Range<usize>, span: &Range<usize>) -> bool {
    let line = |span: &Range<usize>| source.position(span.start).0;
    let between = source.text().get(line_start(source, earlier)..span.start).unwrap_or_default();
    let headers = between.lines().filter(|line| line.trim_start().starts_with('[')).count();
    line(earlier) == line(span) || (is_header(source, earlier) && earlier.start < span.start && headers == 1)
}

fn duplicate(source: &Source, span: Range<usize>) -> Diagnostic {
    let found = Diagnostic::error("duplicate-key", span.clone(), "this is defined twice")
        .label("the second time")
        .help("merge the two, or give one of them another name");
    match first(source, &span) {
        Some(first) => found.related(first, "the first time"),
        None => found,
    }
}

fn syntax(span: Range<usize>, message: &str) -> Diagnostic {
    Diagnostic::error("syntax", span, format!("this is not TOML: {message}"))
        .label("here")
        .help("a line is `key = value`, `[table]` or `[[table]]`; texts are in double quotes, lists in [ ]")
}

/// Where a key or table stood first: the same header above, or the same key above in the same table.
fn first(source: &Source, span: &Range<usize>) -> Option<Range<usize>> {
    let start = line_start(source, span);
    let above = source.text().get(..start)?;
    let name = source.text().get(span.clone())?;
    let header = is_header(source, span).then(|| source.text()[start..].lines().next()).flatten();
    let mut end = above.len();
    for line in above.split_inclusive('\n').rev() {
        let at = end - line.len();
        end = at;
        let same = match header {
            Some(header) => line.trim() == header.trim(),
            None => line.split_once('=').is_some_and(|(key, _)| key.trim() == name),
        };
        if same {
            let within =
                if header.is_some() { span.start - start } else { line.len() - line.trim_start().len() };
            return Some(at + within..at + within + span.len());
        }
        if header.is_none() && line.trim_start().starts_with('[') {
            return None;
        }
    }
    None
}

fn is_header(source: &Source, span: &Range<usize>) -> bool {
    source.text()[line_start(source, span)..].trim_start().starts_with('[')
}

fn line_start(source: &Source, span: &Range<usize>) -> usize {
    source.text()[..span.start].rfind('\n').map_or(0, |newline| newline + 1)
}
