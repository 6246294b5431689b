//! What the TOML parser refuses, in the words of this crate.

use std::ops::Range;

use toml::de::Error;

use crate::diagnostic::Diagnostic;
use crate::source::Source;

/// A syntax error and the bytes after it about which nothing more can be said: the rest of its line, where a parser that
/// has lost its place stumbles over every token, or all of a table whose header is refused.
pub(crate) struct SyntaxError {
    pub(crate) found: Diagnostic,
    pub(crate) covers: Range<usize>,
}

/// The parser's errors without those that only follow from the one before.
pub(crate) fn errors(source: &Source, errors: &[Error]) -> Vec<SyntaxError> {
    let mut spans: Vec<_> = errors
        .iter()
        .map(|error| (source.clamp(error.span().unwrap_or_default()), error.message()))
        .collect();
    spans.sort_by_key(|(span, _)| span.start);
    let mut all: Vec<SyntaxError> = Vec::new();
    for (span, message) in spans {
        if all.last().is_some_and(|last| last.covers.contains(&span.start)) {
            continue;
        }
        let covers = covered(source, &span);
        let found = match message {
            "duplicate key" => duplicate(source, span),
            _ => syntax(span, message),
        };
        all.push(SyntaxError { found, covers });
    }
    all
}

fn covered(source: &Source, span: &Range<usize>) -> Range<usize> {
    let start = line_start(source, span);
    let lines = source.text()[start..].split_inclusive('\n');
    let mut end = start;
    for (number, line) in lines.enumerate() {
        if number > 0 && (!is_header(source, span) || is_header_line(line)) {
            break;
        }
        end += line.len();
    }
    // At the very end of the file there is a place to be wrong, but no byte.
    start..end.max(span.start + 1)
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
            let within = line.find(name)?;
            return Some(at + within..at + within + name.len());
        }
        if header.is_none() && is_header_line(line) {
            return None;
        }
    }
    None
}

fn is_header(source: &Source, span: &Range<usize>) -> bool {
    is_header_line(&source.text()[line_start(source, span)..])
}

fn is_header_line(line: &str) -> bool {
    line.trim_start_matches([' ', '\t']).starts_with('[')
}

fn line_start(source: &Source, span: &Range<usize>) -> usize {
    source.text()[..span.start].rfind('\n').map_or(0, |newline| newline + 1)
}
