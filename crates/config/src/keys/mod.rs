//! Every key of the file, declared once.
//!
//! This table drives the decoder's types, ranges and defaults, the detection of unknown keys, the JSON Schema and the
//! reference page.

mod balancing;
mod contract;
mod edge;
mod health;
mod listener;
mod notify;
mod pool;
mod settings;
mod tls;

use std::time::Duration;

use crate::values;
pub(crate) use listener::LISTENER;
pub(crate) use pool::POOL;

/// One table of the file.
pub(crate) struct Section {
    /// Where it stands, with NAME for a name of the operator's: `pool.NAME.health`. Empty for the file itself.
    pub(crate) path: &'static str,
    /// What it is for.
    pub(crate) doc: &'static str,
    pub(crate) keys: &'static [Key],
}

/// One key of a table.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// The value is one of these.
    pub(crate) kinds: &'static [Kind],
    pub(crate) default: Default,
    /// What it does, as Markdown without a line break.
    pub(crate) doc: &'static str,
    /// What people who come from elsewhere may write.
    pub(crate) aliases: &'static [&'static str],
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Flag,
    /// `false` and never `true`.
    Off,
    Integer {
        min: u64,
        max: u64,
    },
    /// Above 0 and finite.
    Number,
    /// A number with both ends.
    Range {
        min: f64,
        max: f64,
    },
    Ratio {
        max: f64,
    },
    Duration {
        zero: bool,
    },
    Size {
        min: u64,
        max: u64,
    },
    /// The word `none`.
    Nothing,
    Text {
        what: &'static str,
        example: &'static str,
    },
    Choice(fn() -> Vec<&'static str>),
    List(&'static [Self]),
    Table(&'static Section),
    /// Tables under names that the operator chooses.
    Named(&'static Section),
}

/// What holds without the key.
#[derive(Clone, Copy)]
pub(crate) enum Default {
    Required,
    /// In words.
    Prose(&'static str),
    Flag(bool),
    Integer(u64),
    Number(f64),
    Duration(Duration),
    Size(u64),
    Text(&'static str),
}

/// The file itself.
pub(crate) static ROOT: Section = Section {
    path: "",
    doc: "A file has at least one listener and one pool; everything else has a default.",
    keys: &[
        Key {
            name: "admin",
            kinds: &[Kind::Table(&settings::ADMIN), Kind::Off],
            default: Default::Prose("on"),
            doc: "The read-only HTTP interface. `admin = false` turns it off.",
            aliases: &["stats", "api", "metrics"],
        },
        Key {
            name: "runtime",
            kinds: &[Kind::Table(&settings::RUNTIME)],
            default: Default::Prose("its defaults"),
            doc: "Threads and shutdown.",
            aliases: &["global", "process", "server"],
        },
        Key {
            name: "log",
            kinds: &[Kind::Table(&settings::LOG)],
            default: Default::Prose("its defaults"),
            doc: "Log and access log.",
            aliases: &["logging", "logs"],
        },
        Key {
            name: "events",
            kinds: &[Kind::Table(&settings::EVENTS)],
            default: Default::Prose("in memory only"),
            doc: "The history of what happened: reloads, health, ejections, skew.",
            aliases: &["journal", "history", "audit"],
        },
        Key {
            name: "notify",
            kinds: &[Kind::List(&[Kind::Table(&notify::NOTIFY)])],
            default: Default::Prose("none"),
            doc: "Who is told of alarms.",
            aliases: &["notifications", "webhook", "webhooks", "alerts"],
        },
        Key {
            name: "listener",
            kinds: &[Kind::Named(&LISTENER)],
            default: Default::Required,
            doc: "Addresses that accept clients, each under a name.",
            aliases: &["listeners", "frontend", "entrypoint", "listen"],
        },
        Key {
            name: "route",
            kinds: &[Kind::List(&[Kind::Table(&listener::ROUTE)])],
            default: Default::Prose("none"),
            doc: "Which requests go to which pool. The most specific route wins, whatever the order.",
            aliases: &["routes", "rule", "location"],
        },
        Key {
            name: "pool",
            kinds: &[Kind::Named(&POOL)],
            default: Default::Required,
            doc: "Backends that serve the same thing, each pool under a name.",
            aliases: &["pools", "upstream", "upstreams", "backend", "backends", "cluster", "service"],
        },
        Key {
            name: "test",
            kinds: &[Kind::Table(&contract::TEST)],
            default: Default::Prose("none"),
            doc: "What must be true of this file, tried by `check`.",
            aliases: &["tests", "assert"],
        },
        allow_key(&[Kind::List(&[Kind::Table(&contract::ALLOW_FILE)])]),
    ],
};

/// `allow`, wherever it stands.
const fn allow_key(kinds: &'static [Kind]) -> Key {
    Key {
        name: "allow",
        kinds,
        default: Default::Prose("none"),
        doc: "Warnings that are meant, each with the reason. One about two tables is meant where either says so.",
        aliases: &["allows", "ignore", "disable", "suppress", "nolint"],
    }
}

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// This section and all below it, in order.
    pub(crate) fn walk(&'static self) -> Vec<&'static Self> {
        let mut all = vec![self];
        for kind in self.keys.iter().flat_map(|key| key.kinds) {
            all.extend(kind.section().into_iter().flat_map(Self::walk));
        }
        all
    }

    /// An inline table with what is required, or with its first key.
    fn example(&self) -> String {
        let required = self.keys.iter().filter(|key| matches!(key.default, Default::Required));
        let shown: Vec<_> = if required.clone().count() > 0 {
            required.collect()
        } else {
            self.keys.iter().take(1).collect()
        };
        let shown: Vec<_> = shown.into_iter().map(Key::example).collect();
        format!("{{ {} }}", shown.join(", "))
    }

    /// As it is written in a file: `[pool.NAME] health`.
    pub(crate) fn title(&self) -> String {
        let mut parts: Vec<&str> = self.path.split('.').collect();
        let depth = if parts.get(1) == Some(&"NAME") { 2 } else { 1 };
        let rest = parts.split_off(depth.min(parts.len()));
        let head = match parts.as_slice() {
            ["route"] | ["allow"] | ["notify"] => format!("[[{}]]", parts.concat()),
            ["test"] if rest == ["route"] => return "[[test.route]]".into(),
            _ => format!("[{}]", parts.join(".")),
        };
        if rest.is_empty() { head } else { format!("{head} {}", rest.join(".")) }
    }
}

impl Key {
    /// The key with its default, or else with some value.
    pub(crate) fn example(&self) -> String {
        let value = self.default.written().or_else(|| self.kinds.first().map(Kind::example));
        format!("{} = {}", self.name, value.unwrap_or_default())
    }
}

impl Kind {
    /// The table that this kind opens, if any.
    pub(crate) fn section(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section) | Self::Named(section) => Some(section),
            Self::List(items) => items.iter().find_map(Self::section),
            _ => None,
        }
    }

    /// One value of this kind, as it would be written.
    pub(crate) fn example(&self) -> String {
        match self {
            Self::Flag => "true".into(),
            Self::Off => "false".into(),
            Self::Integer { min, .. } => min.to_string(),
            Self::Number => "2".into(),
            Self::Range { max, .. } => format!("{max:?}"),
            Self::Ratio { .. } => "0.5".into(),
            Self::Duration { .. } => "\"2s\"".into(),
            Self::Size { .. } => "\"16KiB\"".into(),
            Self::Nothing => "\"none\"".into(),
            Self::Text { example, .. } => format!("\"{example}\""),
            Self::Choice(words) => format!("\"{}\"", words().first().copied().unwrap_or_default()),
            Self::List(items) => format!("[{}]", items.first().map(Self::example).unwrap_or_default()),
            Self::Table(section) | Self::Named(section) => section.example(),
        }
    }

    /// The type alone, in words: `a duration`.
    pub(crate) fn brief(&self) -> String {
        match self {
            Self::Integer { .. } => "a whole number".into(),
            Self::Ratio { .. } | Self::Number | Self::Range { .. } => "a number".into(),
            Self::Duration { .. } => "a duration".into(),
            Self::Size { .. } => "a size".into(),
            Self::Text { what, .. } => (*what).into(),
            Self::Choice(_) => "a word in quotes".into(),
            Self::List(_) => "a list".into(),
            Self::Table(_) => "a table".into(),
            Self::Named(_) => "tables with names of your own".into(),
            Self::Flag | Self::Off | Self::Nothing => self.expected(),
        }
    }

    /// Whether it is written in quotes.
    pub(crate) fn is_quoted(&self) -> bool {
        let quoted = matches!(self, Self::Duration { .. } | Self::Size { .. } | Self::Nothing);
        quoted || matches!(self, Self::Text { .. } | Self::Choice(_))
    }

    /// What to write, in words: `a duration such as "2s"`.
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".into(),
            Self::Off => "false".into(),
            Self::Integer { min, max } if *max == u64::MAX => format!("a whole number from {min}"),
            Self::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Self::Number => "a number above 0".into(),
            Self::Range { min, max } => format!("a number from {min} to {max}"),
            Self::Ratio { max } => format!("a number from 0 to {max}"),
            Self::Duration { .. } => "a duration such as \"2s\"".into(),
            Self::Size { min: 0, .. } => "a size such as \"16KiB\"".into(),
            Self::Size { min, max } => {
                format!("a size from \"{}\" to \"{}\"", values::show_size(*min), values::show_size(*max))
            }
            Self::Nothing => "\"none\"".into(),
            Self::Text { what, example } => format!("{what} such as \"{example}\""),
            Self::Choice(words) => {
                let quoted: Vec<_> = words().iter().map(|word| format!("\"{word}\"")).collect();
                values::one_of(&quoted)
            }
            Self::List(_) => format!("a list such as `{}`", self.example()),
            Self::Table(_) => format!("a table such as `{}`", self.example()),
            Self::Named(section) => format!("tables with names of your own, {}", section.title()),
        }
    }
}

/// The types alone, in words.
pub(crate) fn brief(kinds: &[Kind]) -> String {
    let each: Vec<_> = kinds.iter().map(Kind::brief).collect();
    values::one_of(&each)
}

/// What to write, in words, where one of several kinds will do.
pub(crate) fn expected<'a>(kinds: impl IntoIterator<Item = &'a Kind>) -> String {
    let each: Vec<_> = kinds.into_iter().map(Kind::expected).collect();
    values::one_of(&each)
}

impl Default {
    /// As it would be written in the file; `None` where there is no one value.
    pub(crate) fn written(&self) -> Option<String> {
        match self {
            Self::Required | Self::Prose(_) => None,
            Self::Flag(on) => Some(on.to_string()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Number(number) => Some(format!("{number:?}")),
            Self::Duration(duration) => Some(format!("\"{}\"", values::show_duration(*duration))),
            Self::Size(bytes) => Some(format!("\"{}\"", values::show_size(*bytes))),
            Self::Text(text) => Some(format!("\"{text}\"")),
        }
    }
}

#[cfg(test)]
mod tests;
