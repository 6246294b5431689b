//! The examples in `config/` and the reference page say what the table of keys says.

use std::collections::BTreeSet;
use std::fs;

use crate::golden::{self, from_root};
use crate::schema::{at, declared};
use evenkeel_config::{Config, RenderStyle, Source, effective, json_schema, load, reference_page, render};
use serde_json::Value;

/// What `full.toml` leaves to other examples: what only some strategies read, a table that needs many backends, what is
/// about warnings, of which it has none, and receivers, whose keys exclude each other.
const ELSEWHERE: [&str; 11] = [
    "pool.*.hash",
    "pool.*.peak_ewma",
    "pool.*.prequal",
    "pool.*.probe",
    "pool.*.zone_aware.min_backends",
    "notify",
    "allow",
    "listener.*.allow",
    "route.*.allow",
    "pool.*.allow",
    "pool.*.backends.*.allow",
];

/// Every example: its name and its text.
pub(crate) fn examples() -> Vec<(String, String)> {
    let entries = fs::read_dir(from_root("config")).expect("there is config");
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    let example = |path: std::path::PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_string();
        (name, fs::read_to_string(path).expect("a readable file"))
    };
    let mut examples: Vec<_> = paths.map(example).collect();
    examples.sort();
    assert!(examples.len() >= 16, "only {} examples", examples.len());
    examples
}

fn configs() -> Vec<(String, Config)> {
    let config = |(name, text): (String, String)| {
        let config = load(&Source::new(name.as_str(), text)).config;
        let config = config.unwrap_or_else(|| panic!("{name} is refused"));
        (name, config)
    };
    examples().into_iter().map(config).collect()
}

#[test]
fn every_example_loads_without_a_word() {
    for (name, text) in examples() {
        let source = Source::new(name.as_str(), text);
        let loaded = load(&source);
        let said = render(&source, &loaded.diagnostics, RenderStyle { color: false, width: 100 });
        assert!(loaded.config.is_some() && said.is_empty(), "{name}\n{said}");
    }
}

#[test]
fn every_key_is_in_an_example_with_its_default() {
    let files: Vec<(String, Value)> =
        examples().into_iter().map(|(name, text)| (name, toml::from_str(&text).unwrap())).collect();
    let schema = json_schema();
    let declared = declared(&schema);
    assert!(declared.len() > 100, "only {} keys are declared", declared.len());
    for key in declared {
        let name = key.path.join(".");
        let elsewhere = ELSEWHERE.iter().any(|begin| name.starts_with(begin));
        let files = files.iter().filter(|(file, _)| elsewhere || file == "full.toml");
        let values: Vec<_> = files.flat_map(|(_, file)| at(file, &key.path)).collect();
        assert!(!values.is_empty(), "{name} is not in {}", if elsewhere { "config/" } else { "full.toml" });
        let Some(default) = key.schema.get("default") else { continue };
        assert!(values.contains(&default), "{name} is {values:?}, but its default is {default}");
    }
}

#[test]
fn the_configuration_in_effect_has_every_key() {
    let shown: Vec<_> = configs().iter().map(|(_, config)| effective(config)).collect();
    let schema = json_schema();
    for key in declared(&schema) {
        let is_shown = shown.iter().any(|shown| !at(shown, &key.path).is_empty());
        assert!(is_shown, "{} is not shown", key.path.join("."));
    }
}

#[test]
fn what_is_in_effect_is_a_file_again() {
    for (name, config) in configs() {
        let mut shown = effective(&config);
        drop_nulls(&mut shown);
        let again = Source::new("again", toml::to_string(&shown).unwrap());
        let loaded = load(&again);
        let said = render(&again, &loaded.diagnostics, RenderStyle { color: false, width: 100 });
        let mut expected = config;
        // The tables of TOML under names have no order of their own here: JSON sorts them.
        expected.listeners.sort_by(|a, b| a.name.cmp(&b.name));
        expected.pools.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(loaded.config, Some(expected), "{name}\n{said}");
        assert!(said.is_empty(), "{name}\n{said}");
    }
}

#[test]
fn the_reference_page_is_up_to_date() {
    let path = from_root("docs/reference/configuration.md");
    let page = reference_page();
    if let Some(difference) = golden::differs(&path, &page) {
        panic!("{difference}\nrun UPDATE_GOLDEN=1 cargo test -p evenkeel-config");
    }
    let listed: BTreeSet<_> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let schema = json_schema();
    let keys = declared(&schema);
    let names: BTreeSet<_> =
        keys.iter().filter_map(|key| key.path.iter().rfind(|part| *part != "*")).collect();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), names.into_iter().collect::<Vec<_>>());
    let rows = page.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, keys.len());
}

pub(crate) fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            // `access = false` is how the interface shows that there is none; a file leaves it out.
            if fields.get("access") == Some(&Value::Bool(false)) {
                fields.remove("access");
            }
            fields.values_mut().for_each(drop_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}
