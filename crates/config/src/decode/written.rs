//! Where the file says what it says: a value that is left to its default is hardly ever a slip.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

/// The values of a table and of the tables in it, with their places, by the names of their keys: `timeouts.total`.
/// What is in lists, or deeper, is not there: no key of this file format is.
#[derive(Debug, Default)]
pub(crate) struct Written(BTreeMap<String, Range<usize>>);

impl Written {
    pub(super) fn of(table: Option<&DeTable<'_>>) -> Self {
        let mut places = BTreeMap::new();
        for (name, value) in table.into_iter().flatten() {
            if let DeValue::Table(below) = value.get_ref() {
                let inner = |(key, value): (&Spanned<DeString<'_>>, &Spanned<DeValue<'_>>)| {
                    (format!("{}.{}", name.get_ref(), key.get_ref()), value.span())
                };
                places.extend(below.iter().map(inner));
            }
            places.insert(name.get_ref().to_string(), value.span());
        }
        Self(places)
    }

    /// Where the value of a key stands; `None` when the file leaves it out.
    pub(crate) fn at(&self, key: &str) -> Option<Range<usize>> {
        self.0.get(key).cloned()
    }

    /// The first of these keys that the file has.
    pub(crate) fn first(&self, keys: &[&str]) -> Option<Range<usize>> {
        keys.iter().find_map(|key| self.at(key))
    }
}
