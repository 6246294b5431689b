//! The diagnosis, with the line of the file that makes it so and what would mend it there.

mod edits;
mod weights;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use evenkeel_config::{Config, Place, Places, Source};
use serde_json::{Value, json};

use super::routes::View;
use crate::cli::ADMIN;
use edits::{Edit, Wrong};

/// Symptoms that are traced to the file, of a document and of a pool in it: they come worst first. The first of each kind
/// is traced in any case, as far as there is room in the document.
const TRACED: usize = 200;
const OF_POOL: usize = 20;

/// What runs, and the file that it was applied from.
struct Running {
    config: Arc<Config>,
    source: Source,
    /// Whether the same still stands in the file: lines are told of no other.
    unchanged: bool,
    /// What takes `evenkeel` to this process: nothing, or its flag.
    admin: String,
}

/// `GET /diagnose`. `host` is what the asker calls this process.
pub(super) fn diagnosis(view: &View, host: Option<&str>) -> Value {
    let diagnosis = view.proxy.diagnose();
    let mut document = json!(diagnosis);
    let sick = diagnosis.pools.iter().any(|pool| !pool.symptoms.is_empty());
    let running = if sick { Running::of(view, host) } else { None };
    let places = running.as_ref().map(|running| Places::of(&running.source));
    let mut left = TRACED;
    for (at, pool) in diagnosis.pools.iter().enumerate() {
        let mut kinds = HashSet::new();
        for (number, symptom) in pool.symptoms.iter().enumerate() {
            let is_first = kinds.insert((symptom.cause, symptom.dimension));
            let wanted = left > 0 && (is_first || number < OF_POOL);
            left -= usize::from(wanted);
            let traced = running.as_ref().zip(places.as_ref()).filter(|_| wanted);
            let traced =
                traced.and_then(|(running, places)| running.trace(places, &Wrong::of(pool, symptom)));
            let (config, command) = traced.unzip();
            let told = &mut document["pools"][at]["symptoms"][number];
            told["config"] = json!(config);
            told["command"] = json!(command);
        }
    }
    document
}

impl Running {
    /// `None` without a file, and for a moment while another one is being applied.
    fn of(view: &View, host: Option<&str>) -> Option<Self> {
        let (config, status, applied) = (view.proxy.config(), view.proxy.status(), view.applied.text()?);
        let path = status.config_path.filter(|_| applied.generation == status.generation)?;
        let unchanged = stands_in(Path::new(&path), &applied.text);
        let host = host.filter(|host| *host != ADMIN && host.contains(':'));
        let admin = host.map(|host| format!(" --admin {}", quoted(host))).unwrap_or_default();
        Some(Self { config, source: Source::new(path, &*applied.text), unchanged, admin })
    }

    /// The place at fault, and what would mend it.
    fn trace(&self, places: &Places<'_>, wrong: &Wrong<'_>) -> Option<(Value, String)> {
        let edits = edits::of(&self.config, places, wrong);
        let first = &edits.first()?.place;
        let (name, admin) = (self.source.name(), &self.admin);
        if !self.unchanged {
            let file = json!({ "file": name, "line": null, "column": null, "text": null, "changed": true });
            return Some((file, format!("{name} is not what runs: `evenkeel drift{admin}` tells how")));
        }
        let what: Vec<String> = edits.iter().map(|edit| edit.told(name)).collect();
        let quoted = quoted(name);
        let then = format!("`evenkeel check {quoted} && evenkeel reload{admin}`");
        Some((document(name, first), format!("{}, then {then}", what.join(" and "))))
    }
}

fn document(file: &str, place: &Place) -> Value {
    json!({
        "file": file, "line": place.line, "column": place.column, "text": place.text, "changed": false,
    })
}

impl Edit {
    /// `set weight = 1 at e.toml:12`
    fn told(&self, file: &str) -> String {
        format!("{} at {file}:{}", self.what, self.place.line)
    }
}

/// Whether a file holds just this text, a byte order mark aside. No more than that is read of it.
fn stands_in(path: &Path, text: &str) -> bool {
    const MARK: u64 = 3;
    let length = text.len() as u64;
    let as_long = |file: &std::fs::Metadata| file.is_file() && [length, length + MARK].contains(&file.len());
    std::fs::metadata(path).is_ok_and(|file| as_long(&file))
        && Source::read(path).is_ok_and(|source| source.text() == text)
}

/// As a shell takes it for one word.
fn quoted(name: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+@%:,=".contains(letter);
    match !name.is_empty() && !name.starts_with('-') && name.chars().all(plain) {
        true => name.to_owned(),
        false => format!("'{}'", name.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_testkit::TempDir;

    use super::*;

    #[test]
    fn a_file_that_was_edited_is_another() {
        let directory = TempDir::new("fault");
        let path = directory.path().join("e.toml");
        for (written, same) in [("a = 1\n", true), ("\u{feff}a = 1\n", true), ("a = 2\n", false), ("", false)]
        {
            directory.write("e.toml", written);
            assert_eq!(stands_in(&path, "a = 1\n"), same, "{written:?}");
        }
        assert!(!stands_in(directory.path(), "a = 1\n") && !stands_in(&path.join("x"), "a = 1\n"));
    }

    #[test]
    fn a_command_can_be_pasted() {
        assert_eq!(quoted("/etc/evenkeel/e.toml"), "/etc/evenkeel/e.toml");
        assert_eq!(quoted("it's mine.toml"), r"'it'\''s mine.toml'");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
        assert_eq!(quoted(""), "''");
    }
}
