//! The reference page of the configuration file.

use crate::keys::{Default, Key, Kind, ROOT, Section};
use crate::values;

const INTRODUCTION: &str = "# Configuration reference

Generated from the table of keys in `crates/config`; a test keeps it so. Durations are texts such as `\"500ms\"`, `\"2s\"`,
`\"1m30s\"` or `\"1h\"`, at most 24 hours. Sizes are whole numbers of bytes or texts such as `\"16KiB\"` or `\"10MB\"`. A key
that is not listed here is an error. `evenkeel check FILE` reports every problem of a file at once.
";

/// The reference page in Markdown: every table, every key, its values, its default.
pub fn reference_page() -> String {
    let mut page = String::from(INTRODUCTION);
    for section in ROOT.walk() {
        page.push_str(&heading(section));
        page.push_str("| key | value | default | meaning |\n|---|---|---|---|\n");
        for key in section.keys {
            page.push_str(&row(key));
        }
    }
    page
}

fn heading(section: &Section) -> String {
    if section.path.is_empty() {
        return format!("\n## The file\n\n{}\n\n", section.doc);
    }
    format!("\n## `{}`\n\n{}\n\n", section.title(), section.doc)
}

fn row(key: &Key) -> String {
    let default = match key.default {
        Default::Required => "required".into(),
        Default::Prose(words) => words.into(),
        other => other.written().map(|text| format!("`{text}`")).unwrap_or_default(),
    };
    let kinds: Vec<_> = key.kinds.iter().map(value).collect();
    format!("| `{}` | {} | {} | {} |\n", key.name, values::one_of(&kinds), default, key.doc)
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Flag => "`true` or `false`".into(),
        Kind::Off => "`false`".into(),
        Kind::Nothing => "`\"none\"`".into(),
        Kind::Integer { min, max } if *max == u64::MAX => format!("whole number from {min}"),
        Kind::Integer { min, max } => format!("whole number, {min} to {max}"),
        Kind::Number => "number above 0".into(),
        Kind::Range { min, max } => format!("number, {min} to {max}"),
        Kind::Ratio { max } => format!("number, 0 to {max}"),
        Kind::Duration { .. } => "duration".into(),
        Kind::Size { .. } => "size".into(),
        Kind::Text { what, example } => {
            format!("{}, `\"{example}\"`", what.trim_start_matches("a ").trim_start_matches("an "))
        }
        Kind::Choice(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("`\"{word}\"`")).collect();
            values::one_of(&words)
        }
        Kind::List(items) => {
            let items: Vec<_> = items.iter().map(value).collect();
            format!("list, each {}", values::one_of(&items))
        }
        Kind::Table(section) => format!("table, {}", link(section)),
        Kind::Named(section) => format!("tables by name, {}", link(section)),
    }
}

fn link(section: &Section) -> String {
    let title = section.title();
    let fits = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ');
    let anchor: String = title.to_lowercase().chars().filter(fits).collect();
    format!("see [`{title}`](#{})", anchor.replace(' ', "-"))
}
