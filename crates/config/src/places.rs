//! Where a file says something, for those who have to change it there.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::source::Source;

/// Most characters of a line that are shown.
const SHOWN: usize = 100;

/// A step from the file down to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The value of this key of a table.
    Key(&'a str),
    /// The entry of a list with this number, counted from 0.
    Entry(usize),
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What stands there, to the end of its line at most, of at most 100 characters: `weight = 5`.
    pub text: String,
}

/// The places of a file that could be parsed.
///
/// ```
/// use evenkeel_config::{Places, Source, Step::{Entry, Key}};
///
/// let source = Source::new("web.toml", "[pool.web]\nbackends = [\n  { address = \"10.0.0.1:80\", weight = 5 },\n]\n");
/// let weight = [Key("pool"), Key("web"), Key("backends"), Entry(0), Key("weight")];
/// let place = Places::of(&source).at(&weight).expect("it is there");
/// assert_eq!((place.line, place.column, place.text.as_str()), (3, 30, "weight = 5"));
/// ```
#[derive(Debug)]
pub struct Places<'a> {
    source: &'a Source,
    root: DeTable<'a>,
    /// Where lines begin.
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    /// Of a file's text. What cannot be parsed has no places.
    pub fn of(source: &'a Source) -> Self {
        let (root, _) = DeTable::parse_recoverable(source.text());
        let newlines = source.text().match_indices('\n').map(|(newline, _)| newline + 1);
        Self { source, root: root.into_inner(), lines: std::iter::once(0).chain(newlines).collect() }
    }

    /// Where a value stands, with its key; `None` when the file does not say it.
    pub fn at(&self, path: &[Step<'_>]) -> Option<Place> {
        let (Step::Key(first), rest) = path.split_first().map(|(first, rest)| (*first, rest))? else {
            return None;
        };
        let mut found = under(&self.root, first)?;
        for step in rest {
            found = match (step, found.1.get_ref()) {
                (Step::Key(name), DeValue::Table(table)) => under(table, name)?,
                (Step::Entry(number), DeValue::Array(entries)) => {
                    let entry = entries.get(*number)?;
                    (entry.span().start, entry)
                }
                _ => return None,
            };
        }
        Some(self.place(found.0..found.1.span().end))
    }

    fn place(&self, span: Range<usize>) -> Place {
        let text = self.source.text();
        let span = self.source.clamp(span);
        let number = self.lines.partition_point(|line| *line <= span.start);
        let begin = self.lines[number - 1];
        let end = text[span.start..].find('\n').map_or(text.len(), |length| span.start + length);
        let line = &text[begin..end];
        let header = line.trim_start().starts_with('[');
        let (start, end) = match header {
            true => (begin + line.len() - line.trim_start().len(), end),
            false => (span.start, if (span.start + 1..end).contains(&span.end) { span.end } else { end }),
        };
        let column = text[begin..start].chars().count() + 1;
        Place { line: number, column, text: shown(text[start..end].trim_end()) }
    }
}

/// A value, and where its key begins.
type Found<'t> = (usize, &'t Spanned<DeValue<'t>>);

fn under<'t>(table: &'t DeTable<'t>, name: &str) -> Option<Found<'t>> {
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == name)?;
    Some((key.span().start, value))
}

fn shown(text: &str) -> String {
    match text.chars().count() {
        count if count <= SHOWN => text.to_owned(),
        _ => text.chars().take(SHOWN - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::Step::{Entry, Key};
    use super::*;

    const FILE: &str = "\
# é
[listener.web]
bind = ':80'
[pool.web]
hash = { header = 'X-User', bound = 1.25 } # by user
backends = [
  '10.0.0.1:80',
  { address = '10.0.0.2:80', weight = 5 }, { address = '10.0.0.3:80' },
]
  [pool.web.sticky]
  cookie = 'é'
[[pool.api.backends]]
address = '10.0.0.4:80'
[[pool.api.backends]]
address = '10.0.0.5:80'
weight = 7
";

    fn at(path: &[Step<'_>]) -> Option<(usize, usize, String)> {
        let source = Source::new("f", FILE);
        Places::of(&source).at(path).map(|place| (place.line, place.column, place.text))
    }

    fn in_pool<'a>(pool: &'a str, rest: &[Step<'a>]) -> Option<(usize, usize, String)> {
        at(&[&[Key("pool"), Key(pool)], rest].concat())
    }

    #[test]
    fn keys_and_entries_are_found_where_they_stand() {
        let found = |line, column, text: &str| Some((line, column, text.to_owned()));
        let entry = |number| [Key("backends"), Entry(number)];
        let weight = |number| [Key("backends"), Entry(number), Key("weight")];
        assert_eq!(at(&[Key("listener"), Key("web")]), found(2, 1, "[listener.web]"));
        assert_eq!(in_pool("web", &[]), found(4, 1, "[pool.web]"));
        assert_eq!(in_pool("web", &[Key("hash")]), found(5, 1, "hash = { header = 'X-User', bound = 1.25 }"));
        assert_eq!(in_pool("web", &[Key("hash"), Key("bound")]), found(5, 29, "bound = 1.25"));
        assert_eq!(in_pool("web", &[Key("backends")]), found(6, 1, "backends = ["));
        assert_eq!(in_pool("web", &entry(0)), found(7, 3, "'10.0.0.1:80'"));
        assert_eq!(in_pool("web", &entry(1)), found(8, 3, "{ address = '10.0.0.2:80', weight = 5 }"));
        assert_eq!(in_pool("web", &weight(1)), found(8, 30, "weight = 5"));
        assert_eq!(in_pool("web", &entry(2)), found(8, 44, "{ address = '10.0.0.3:80' }"));
        assert_eq!(in_pool("web", &[Key("sticky")]), found(10, 3, "[pool.web.sticky]"));
        assert_eq!(in_pool("web", &[Key("sticky"), Key("cookie")]), found(11, 3, "cookie = 'é'"));
        assert_eq!(in_pool("api", &entry(1)), found(14, 1, "[[pool.api.backends]]"));
        assert_eq!(in_pool("api", &weight(1)), found(16, 1, "weight = 7"));
    }

    #[test]
    fn what_is_not_there_has_no_place() {
        for path in [&[Key("weight")][..], &[Key("backends"), Entry(3)], &[Key("backends"), Key("x")]] {
            assert_eq!(in_pool("web", path), None, "{path:?}");
        }
        assert_eq!(at(&[]), None);
        assert_eq!(at(&[Entry(0)]), None);
        let broken = Source::new("f", "x = \n[pool");
        assert_eq!(Places::of(&broken).at(&[Key("pool"), Key("web")]), None);
    }

    #[test]
    fn a_long_line_is_cut() {
        let source = Source::new("f", format!("[pool.web]\nhash = '{}'\n", "é".repeat(300)));
        let place = Places::of(&source).at(&[Key("pool"), Key("web"), Key("hash")]).unwrap();
        assert_eq!(place.text.chars().count(), SHOWN);
    }
}
