//! Reads one table by its section of the table of keys.

use std::ops::Range;
use std::time::Duration;

use evenkeel_core::Ratio;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Cx, convert};
use crate::diagnostic::Diagnostic;
use crate::keys::{Default, Key, Kind, ROOT, Section};
use crate::span::At;
use crate::values::{self, Refusal};

/// A table that is being read. When it goes out of scope each declared key must have been read once: an undeclared or
/// forgotten key is a defect of the decoder, which debug builds assert.
pub(crate) struct Reader<'a> {
    pub(crate) cx: &'a Cx,
    section: &'static Section,
    /// Where it stands: `pool.web.health`. Empty for the file itself.
    path: String,
    /// `None` when the file does not have it: everything has its default.
    table: Option<&'a DeTable<'a>>,
    span: Range<usize>,
    /// One bit for each key of the section.
    read: u64,
}

/// A value under its key.
pub(crate) struct Value<'a> {
    pub(crate) key: &'static Key,
    pub(crate) kinds: &'static [Kind],
    pub(crate) path: String,
    pub(crate) de: &'a DeValue<'a>,
    pub(crate) span: Range<usize>,
}

impl<'a> Reader<'a> {
    /// Begins to read a table: reports the keys that it should not have.
    pub(crate) fn open(
        cx: &'a Cx,
        section: &'static Section,
        path: String,
        table: Option<&'a DeTable<'a>>,
        span: Range<usize>,
    ) -> Self {
        let reader = Self { cx, section, path, table, span, read: 0 };
        for (name, _) in table.into_iter().flat_map(in_file_order) {
            if section.key(name.get_ref()).is_none() {
                cx.report(reader.unknown(name));
            }
        }
        reader
    }

    /// Where it is.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// The value of a key, if the file has it. Reports a required one that is missing.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value<'a>> {
        let key = self.declared(name);
        let entry = self.table?.get(name);
        let required = matches!(key.default, Default::Required) && !self.path.is_empty();
        if entry.is_none() && required && !self.is_misspelt(key) {
            self.cx.report(self.missing(key));
        }
        entry.map(|value| Value {
            key,
            kinds: key.kinds,
            path: self.path_of(name),
            de: value.get_ref(),
            span: value.span(),
        })
    }

    /// The value of a key, converted; `None` when the file does not have it or it was reported.
    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        convert: impl FnOnce(&Value<'a>) -> Result<T, Diagnostic>,
    ) -> Option<At<T>> {
        let value = self.take(name)?;
        match convert(&value) {
            Ok(converted) => Some(At::new(converted, value.span)),
            Err(diagnostic) => {
                self.cx.report(diagnostic);
                None
            }
        }
    }

    pub(crate) fn duration(&mut self, name: &'static str) -> At<Duration> {
        let given = self.read(name, convert::duration);
        match (given, self.declared(name).default) {
            (Some(given), _) => given,
            (None, Default::Duration(default)) => At::new(default, self.span()),
            _ => unreachable!("{name} is declared with a duration for its default"),
        }
    }

    pub(crate) fn integer(&mut self, name: &'static str) -> u64 {
        let given = self.read(name, convert::integer);
        match (given, self.declared(name).default) {
            (Some(given), _) => given.value,
            (None, Default::Integer(default)) => default,
            _ => unreachable!("{name} is declared with a whole number for its default"),
        }
    }

    /// An integer that fits 32 bits by its declared range.
    pub(crate) fn count(&mut self, name: &'static str) -> u32 {
        u32::try_from(self.integer(name)).unwrap_or(u32::MAX)
    }

    /// An integer that counts things in memory.
    pub(crate) fn quantity(&mut self, name: &'static str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(usize::MAX)
    }

    /// A number with both ends.
    pub(crate) fn number(&mut self, name: &'static str) -> f64 {
        let given = self.read(name, convert::range);
        match (given, self.declared(name).default) {
            (Some(given), _) => given.value,
            (None, Default::Number(default)) => default,
            _ => unreachable!("{name} is declared with a number for its default"),
        }
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, name: &'static str) -> At<bool> {
        let given = self.read(name, convert::flag);
        match (given, self.declared(name).default) {
            (Some(given), _) => given,
            (None, Default::Flag(default)) => At::new(default, self.span()),
            _ => unreachable!("{name} is declared with a flag for its default"),
        }
    }

    /// A text that stands for something, by default for what the declared text does.
    pub(crate) fn text(
        &mut self,
        name: &'static str,
        code: &'static str,
        parse: impl Fn(&str) -> Result<String, Refusal>,
    ) -> At<String> {
        let given = self.read(name, convert::parsed(code, parse));
        match (given, self.declared(name).default) {
            (Some(given), _) => given,
            (None, Default::Text(default)) => At::new(default.into(), self.span()),
            _ => unreachable!("{name} is declared with a text for its default"),
        }
    }

    pub(crate) fn ratio(&mut self, name: &'static str) -> Ratio {
        let given = self.read(name, convert::ratio).map(|given| given.value);
        let default = match self.declared(name).default {
            Default::Number(default) => Ratio::new(default),
            _ => None,
        };
        given.or(default).unwrap_or(Ratio::ZERO)
    }

    /// One of the declared words, and where it stands.
    pub(crate) fn choice(&mut self, name: &'static str) -> At<&'static str> {
        let given = self.read(name, convert::choice);
        match (given, self.declared(name).default) {
            (Some(given), _) => given,
            (None, Default::Text(default)) => At::new(default, self.span()),
            _ => unreachable!("{name} is declared with a word for its default"),
        }
    }

    /// Where a key of the file stands: the key itself, not its value.
    pub(crate) fn key_span(&self, name: &str) -> Option<Range<usize>> {
        let mut keys = self.table?.iter().map(|(key, _)| key);
        keys.find(|key| key.get_ref() == name).map(Spanned::span)
    }

    /// Whether the file has this key, readable or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// Whether the file says `false` here.
    pub(crate) fn is_off(&self, name: &str) -> bool {
        self.get(name).and_then(DeValue::as_bool) == Some(false)
    }

    /// Whether the file has a list without an entry here.
    pub(crate) fn is_empty_list(&self, name: &str) -> bool {
        self.get(name).and_then(DeValue::as_array).is_some_and(|items| items.is_empty())
    }

    /// Whether the file has neither this key nor an unknown one that is probably meant to be it, which was reported.
    pub(crate) fn lacks(&self, name: &str) -> bool {
        let misspelt = || self.section.key(name).is_some_and(|key| self.is_misspelt(key));
        !self.has(name) && !misspelt()
    }

    /// A table below this one. Without it in the file, a reader of nothing but defaults.
    pub(crate) fn table(&mut self, name: &'static str) -> Self {
        let value = self.take(name);
        self.table_or(name, value)
    }

    /// The same for a value that was taken already, because it may be something else than a table.
    pub(crate) fn table_or(&mut self, name: &'static str, value: Option<Value<'a>>) -> Self {
        let section = self.declared(name).kinds.iter().find_map(Kind::section);
        let section = section.unwrap_or_else(|| unreachable!("{name} is declared as a table"));
        self.below(section, name, value)
    }

    /// A table below this one, from a value that turned out to be one, or not to be.
    pub(crate) fn below(&self, section: &'static Section, name: &str, value: Option<Value<'a>>) -> Self {
        let table = value.as_ref().and_then(|value| match value.de {
            DeValue::Table(table) => Some(table),
            _ => {
                self.cx.report(convert::wrong_type(value));
                None
            }
        });
        let span = value.map_or_else(|| self.span(), |value| value.span);
        Self::open(self.cx, section, self.path_of(name), table, span)
    }

    /// The tables under names of the operator's, in file order.
    pub(crate) fn named(&mut self, name: &'static str) -> Vec<(At<String>, Self)> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let section = value.kinds.iter().find_map(Kind::section);
        let section = section.unwrap_or_else(|| unreachable!("{name} is declared as tables"));
        let DeValue::Table(tables) = value.de else {
            self.cx.report(convert::wrong_type(&value).help(format!("write [{name}.web] in place of it")));
            return Vec::new();
        };
        let entries = in_file_order(tables);
        if let Some((key, _)) = entries.iter().find(|(_, entry)| !entry.get_ref().is_table()) {
            self.cx.report(nameless(section, key));
        }
        let tables = entries.into_iter().filter_map(|(key, entry)| match entry.get_ref() {
            DeValue::Table(table) => {
                if let Err(refusal) = values::name(key.get_ref()) {
                    self.cx.report(bad_name(name, key, &refusal));
                }
                let path = format!("{name}.{}", key.get_ref());
                let reader = Self::open(self.cx, section, path, Some(table), key.span());
                Some((At::new(key.get_ref().to_string(), key.span()), reader))
            }
            _ => None,
        });
        tables.collect()
    }

    /// The tables of `[[name]]`.
    pub(crate) fn tables(&mut self, name: &'static str) -> Vec<Self> {
        let Some(value) = self.take(name) else { return Vec::new() };
        let section = value.kinds.iter().find_map(Kind::section);
        let section = section.unwrap_or_else(|| unreachable!("{name} is declared as a list of tables"));
        let DeValue::Array(entries) = value.de else {
            let help = format!("write [[{}]], with two brackets, before each of them", value.path);
            self.cx.report(convert::wrong_type(&value).help(help));
            return Vec::new();
        };
        let entries = entries.iter().map(|entry| Value {
            key: value.key,
            kinds: value.kinds,
            path: value.path.clone(),
            de: entry.get_ref(),
            span: entry.span(),
        });
        entries.map(|entry| self.below(section, name, Some(entry))).collect()
    }

    /// The declaration of a key, marked as read.
    fn declared(&mut self, name: &'static str) -> &'static Key {
        let index = self.section.keys.iter().position(|key| key.name == name);
        let index = index.unwrap_or_else(|| unreachable!("{name} is declared in {}", self.section.path));
        self.read |= 1 << index;
        &self.section.keys[index]
    }

    fn get(&self, name: &str) -> Option<&'a DeValue<'a>> {
        self.table?.get(name).map(Spanned::get_ref)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.into() } else { format!("{}.{name}", self.path) }
    }

    fn missing(&self, key: &Key) -> Diagnostic {
        let message = format!("`{}` is missing", self.path_of(key.name));
        Diagnostic::error("missing-key", self.span(), message)
            .label(format!("needs `{}`", key.name))
            .help(format!("add `{}`", key.example()))
    }

    fn unknown(&self, name: &Spanned<DeString<'_>>) -> Diagnostic {
        let written = name.get_ref().as_ref();
        let path = self.path_of(written);
        let (label, help) = self.instead_of(written);
        Diagnostic::error("unknown-key", name.span(), format!("there is no key `{path}`"))
            .label(label)
            .help(help)
    }

    /// Whether an unknown key of this table is probably meant to be this one.
    fn is_misspelt(&self, key: &Key) -> bool {
        let unknown =
            self.table.into_iter().flatten().filter(|(name, _)| self.section.key(name.get_ref()).is_none());
        unknown
            .into_iter()
            .any(|(name, _)| self.meant(name.get_ref()).is_some_and(|meant| meant.name == key.name))
    }

    /// The key that an unknown one is probably meant to be: by a slip, or in another product's words.
    fn meant(&self, written: &str) -> Option<&'static Key> {
        let keys = self.section.keys;
        let near =
            values::nearest(written, keys.iter().map(|key| key.name)).and_then(|name| self.section.key(name));
        let same = |alias: &&str| alias.eq_ignore_ascii_case(written);
        near.or_else(|| keys.iter().find(|key| !self.has(key.name) && key.aliases.iter().any(same)))
    }

    /// What to write in place of an unknown key: a label and a help.
    fn instead_of(&self, written: &str) -> (String, String) {
        if let Some(meant) = self.meant(written) {
            return (format!("did you mean `{}`?", meant.name), format!("write `{}`", meant.name));
        }
        let keys = self.section.keys;
        let all = format!("the keys here are {}", values::quoted_list(keys.iter().map(|key| key.name)));
        let elsewhere = ROOT.walk().into_iter().find(|section| section.key(written).is_some());
        let help = match elsewhere {
            Some(section) if section.path.is_empty() => {
                format!("`{written}` belongs at the top of the file; {all}")
            }
            Some(section) => format!("`{written}` belongs in {}; {all}", section.title()),
            None => all,
        };
        ("not a key of this table".into(), help)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let unread = self.section.keys.iter().enumerate().find(|(index, _)| self.read & (1 << index) == 0);
        debug_assert!(
            std::thread::panicking() || unread.is_none(),
            "{}.{} is declared but never read",
            self.section.path,
            unread.map_or("", |(_, key)| key.name)
        );
    }
}

impl<'a> Value<'a> {
    /// The entries of a list, each of the kinds declared for entries; nothing where it is no list.
    pub(crate) fn items(&self) -> impl Iterator<Item = Self> + use<'a> {
        let kinds = self.kinds.iter().find_map(|kind| match kind {
            Kind::List(items) => Some(*items),
            _ => None,
        });
        let (key, path, kinds) = (self.key, self.path.clone(), kinds.unwrap_or_default());
        let items = self.de.as_array().into_iter().flatten();
        items.map(move |item| Self { key, kinds, path: path.clone(), de: item.get_ref(), span: item.span() })
    }
}

fn nameless(section: &Section, key: &Spanned<DeString<'_>>) -> Diagnostic {
    let kind = section.path.split('.').next().unwrap_or_default();
    let message = format!("`{}` stands in [{kind}], where only named {kind}s may be", key.get_ref());
    Diagnostic::error("missing-name", key.span(), message)
        .label(format!("in which {kind}?"))
        .help(format!("give the {kind} a name: [{kind}.web]"))
}

fn bad_name(kind: &str, key: &Spanned<DeString<'_>>, refusal: &Refusal) -> Diagnostic {
    Diagnostic::error("bad-name", key.span(), format!("the name of a {kind} {}", refusal.why))
        .label("not a name")
        .help(refusal.help.clone())
}

fn in_file_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a Spanned<DeString<'a>>, &'a Spanned<DeValue<'a>>)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
