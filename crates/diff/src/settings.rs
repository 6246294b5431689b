//! Every other setting in effect, defaults included.

use evenkeel_config::{Config, Listener, Pool, effective};
use serde_json::{Map, Value};

use crate::meaning::{self, Meaning};
use crate::pairs::Pairs;
use crate::report::{Item, Rank, SettingChange};

/// A table of the file.
#[derive(Clone, Copy)]
struct At<'a> {
    /// `pool web`
    about: &'a str,
    /// `pool.web`
    path: &'a str,
    /// `pool.*`
    section: &'a str,
}

/// What differs, with and without words.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) settings: Vec<SettingChange>,
    pub(crate) items: Vec<Item>,
}

/// Told elsewhere, in other words.
const ELSEWHERE: &[&str] =
    &["pool.*.backends", "listener.*.bind", "listener.*.protocol", "listener.*.pool", "admin", "notify"];
/// Characters of a value that is shown.
const SHOWN: usize = 48;

/// Compares what is in effect: what a file leaves out has its default here, so nothing is missed and nothing is told that
/// only looks different.
pub(crate) fn compare(
    old: &Config,
    new: &Config,
    pools: &Pairs<'_, Pool>,
    listeners: &Pairs<'_, Listener>,
) -> Found {
    let (before, after) = (effective(old), effective(new));
    let mut found = Found::default();
    for section in sections(&before, &after) {
        let at = At { about: section, path: section, section };
        found.walk(at, "", &before[section], &after[section]);
    }
    for (was, is) in &listeners.both {
        let (about, path) = (format!("listener {}", is.name), format!("listener.{}", is.name));
        let at = At { about: &about, path: &path, section: "listener.*" };
        found.walk(at, "", &before["listener"][&was.name], &after["listener"][&is.name]);
    }
    for (was, is) in pools.both.iter().filter(|(was, is)| was != is) {
        let (about, path) = (format!("pool {}", is.id), format!("pool.{}", is.id));
        let at = At { about: &about, path: &path, section: "pool.*" };
        let (was, is) = (&before["pool"][was.id.as_str()], &after["pool"][is.id.as_str()]);
        found.walk(at, "", was, is);
    }
    found
}

impl Found {
    fn walk(&mut self, at: At<'_>, setting: &str, old: &Value, new: &Value) {
        let key = join(at.section, setting);
        if old == new || ELSEWHERE.contains(&key.as_str()) {
            return;
        }
        if let (Value::Object(old), Value::Object(new)) = (old, new) {
            for name in names(old, new) {
                let (was, is) = (old.get(name), new.get(name));
                self.walk(at, &join(setting, name), was.unwrap_or(&Value::Null), is.unwrap_or(&Value::Null));
            }
            return;
        }
        let Meaning { rank, kind, sentence, by_reload } = meaning::of(&key, old, new);
        // A list that is a section of its own has no name beside that.
        let name = if setting.is_empty() { String::new() } else { format!("{setting}: ") };
        let text = format!("{name}{} -> {}", shown(old), shown(new));
        let mut item = Item::new(rank, kind, at.about, text);
        item.more.extend(sentence.map(str::to_owned));
        if !by_reload {
            item = item.more("takes effect at the next start, not by a reload");
        }
        self.items.push(item);
        let (before, after) = (old.clone(), new.clone());
        self.settings.push(SettingChange { path: join(at.path, setting), before, after, rank, by_reload });
    }
}

fn join(path: &str, name: &str) -> String {
    match (path, name) {
        ("", name) => name.to_owned(),
        (path, "") => path.to_owned(),
        (path, name) => format!("{path}.{name}"),
    }
}

/// Tables of which there is one each, and lists.
fn sections<'a>(old: &'a Value, new: &'a Value) -> Vec<&'a str> {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else { return Vec::new() };
    names(old, new).into_iter().filter(|name| !["listener", "pool", "route"].contains(name)).collect()
}

/// In the order of the new one, then those that are gone.
fn names<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> Vec<&'a str> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    new.keys().chain(gone).map(String::as_str).collect()
}

/// As people would say it.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => return "not set".to_owned(),
        Value::Bool(false) => return "off".to_owned(),
        Value::Bool(true) => return "on".to_owned(),
        Value::String(text) => text.clone(),
        Value::Object(_) => table(value),
        other => other.to_string(),
    };
    let clipped: String = text.chars().take(SHOWN).collect();
    if clipped.len() < text.len() { format!("{clipped}...") } else { clipped }
}

/// `{ path /healthz, interval 2s }`, what is off left out.
fn table(value: &Value) -> String {
    let said = |value: &&Value| !matches!(value, Value::Null | Value::Bool(false));
    let fields = value.as_object().into_iter().flatten().filter(|(_, value)| said(value));
    let fields: Vec<String> = fields.map(|(key, value)| format!("{key} {}", shown(value))).collect();
    format!("{{ {} }}", fields.join(", "))
}

/// Whether a value means that there is none of it.
pub(crate) fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text == "none",
        _ => false,
    }
}

/// Whether the new value is a smaller number or a shorter time.
pub(crate) fn is_less(old: &Value, new: &Value) -> bool {
    match (amount(old), amount(new)) {
        (Some(old), Some(new)) => new < old,
        _ => false,
    }
}

/// A number, or seconds of a duration such as `1m30s`; `none` is without end.
fn amount(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) if text == "none" => Some(f64::INFINITY),
        Value::String(text) => seconds(text),
        _ => None,
    }
}

fn seconds(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let unit = match &after[..end] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit;
        rest = &after[end..];
    }
    Some(total)
}

/// The rank of a setting that nobody has said more of: what requests meet, unless it is the process's own affair.
pub(crate) fn usual(key: &str) -> Rank {
    // What `check` is not to say is nothing to requests.
    let of_requests = (key.starts_with("pool.") || key.starts_with("listener.")) && !key.ends_with(".allow");
    if of_requests { Rank::Change } else { Rank::Note }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn amounts_compare() {
        for (old, new, less) in [
            (json!("2s"), json!("1m"), false),
            (json!("1m"), json!("1m500ms"), false),
            (json!("1m30s"), json!("1m"), true),
            (json!("none"), json!("1h"), true),
            (json!("1h"), json!("none"), false),
            (json!(10), json!(9), true),
            (json!("a"), json!("b"), false),
            (json!(false), json!(1), false),
        ] {
            assert_eq!(is_less(&old, &new), less, "{old} {new}");
        }
    }

    #[test]
    fn values_are_said_in_a_few_words() {
        assert_eq!(shown(&json!({"path": "/", "host": null, "jitter": 0.1})), "{ jitter 0.1, path / }");
        assert_eq!(
            [json!(false), json!(null), json!("5s"), json!(3)].map(|value| shown(&value)),
            ["off", "not set", "5s", "3"]
        );
        assert_eq!(shown(&json!("x".repeat(100))).chars().count(), SHOWN + 3);
    }
}
