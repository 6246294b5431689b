//! The examples in `config/` and the reference page say what the table of keys says.

use std::collections::BTreeSet;
use std::fs;

use crate::golden::{self, from_root};
use evenkeel_config::{RenderStyle, Source, effective, json_schema, load, reference_page, render};
use serde_json::Value;

/// One key of a schema with the place it has in a file.
struct Declared<'a> {
    path: Vec<String>,
    schema: &'a Value,
}

#[test]
fn every_example_loads_without_a_word() {
    let mut seen = 0;
    for entry in fs::read_dir(from_root("config")).unwrap() {
        let path = entry.unwrap().path();
        let source = Source::read(&path).unwrap();
        let loaded = load(&source);
        let said = render(&source, &loaded.diagnostics, RenderStyle { color: false, width: 100 });
        assert!(loaded.config.is_some() && said.is_empty(), "{}\n{said}", path.display());
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} examples");
}

#[test]
fn the_full_example_has_every_key_with_its_default() {
    let text = fs::read_to_string(from_root("config/full.toml")).unwrap();
    let file: Value = toml::from_str(&text).unwrap();
    let schema = json_schema();
    let declared = declared(&schema);
    assert!(declared.len() > 50, "only {} keys are declared", declared.len());
    for key in declared {
        let name = key.path.join(".");
        let values = at(&file, &key.path);
        assert!(!values.is_empty(), "{name} is not in full.toml");
        let Some(default) = key.schema.get("default") else { continue };
        assert!(values.contains(&default), "{name} is {values:?}, but its default is {default}");
    }
}

#[test]
fn the_configuration_in_effect_has_every_key() {
    let source = Source::read(from_root("config/full.toml")).unwrap();
    let shown = effective(&load(&source).config.unwrap());
    let schema = json_schema();
    for key in declared(&schema) {
        // A listener's `pool` is short for a route and shown as one.
        if key.path != ["listener", "*", "pool"] {
            assert!(!at(&shown, &key.path).is_empty(), "{} is not shown", key.path.join("."));
        }
    }
}

#[test]
fn what_is_in_effect_is_a_file_again() {
    for example in ["quickstart", "weights", "routes", "full"] {
        let source = Source::read(from_root(&format!("config/{example}.toml"))).unwrap();
        let config = load(&source).config.unwrap();
        let mut shown = effective(&config);
        drop_nulls(&mut shown);
        let again = Source::new("again", toml::to_string(&shown).unwrap());
        let loaded = load(&again);
        let said = render(&again, &loaded.diagnostics, RenderStyle { color: false, width: 100 });
        let mut expected = config;
        // The tables of TOML under names have no order of their own here: JSON sorts them.
        expected.listeners.sort_by(|a, b| a.name.cmp(&b.name));
        expected.pools.sort_by(|a, b| a.id.cmp(&b.id));
        assert_eq!(loaded.config, Some(expected), "{example}\n{said}");
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

/// Every key of the schema; `*` stands for a name or a place in a list.
fn declared(schema: &Value) -> Vec<Declared<'_>> {
    fn walk<'a>(schema: &'a Value, path: &mut Vec<String>, found: &mut Vec<Declared<'a>>) {
        for any in schema.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
            walk(any, path, found);
        }
        for below in ["items", "additionalProperties"].iter().filter_map(|key| schema.get(key)) {
            path.push("*".into());
            walk(below, path, found);
            path.pop();
        }
        for (name, schema) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            path.push(name.clone());
            found.push(Declared { path: path.clone(), schema });
            walk(schema, path, found);
            path.pop();
        }
    }
    let mut found = Vec::new();
    walk(schema, &mut Vec::new(), &mut found);
    found
}

/// The values at a path, `*` being every entry.
fn at<'a>(value: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let Some((first, rest)) = path.split_first() else { return vec![value] };
    let below: Vec<&Value> = match (first.as_str(), value) {
        ("*", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(fields)) => fields.values().collect(),
        (name, Value::Object(fields)) => fields.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    below.into_iter().flat_map(|value| at(value, rest)).collect()
}

fn drop_nulls(value: &mut Value) {
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
