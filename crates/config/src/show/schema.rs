//! The file's shape as JSON Schema, for editors.

use serde_json::{Map, Value, json};

use crate::keys::{Default, Key, Kind, ROOT, Section};
use crate::values;

/// JSON Schema (draft 2020-12) of the configuration file.
///
/// It says which keys there are, their types and ranges. What only a comparison of tables shows is left to
/// [`crate::load`].
pub fn json_schema() -> Value {
    let mut schema = section(&ROOT);
    schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
    schema.insert("title".into(), json!("Evenkeel configuration"));
    Value::Object(schema)
}

fn section(section: &Section) -> Map<String, Value> {
    let properties: Map<String, Value> =
        section.keys.iter().map(|declared| (declared.name.into(), key(declared))).collect();
    let required = section.keys.iter().filter(|key| matches!(key.default, Default::Required));
    let required: Vec<_> = required.map(|key| key.name).collect();
    let mut schema = Map::new();
    schema.insert("type".into(), json!("object"));
    schema.insert("description".into(), json!(section.doc));
    schema.insert("properties".into(), Value::Object(properties));
    schema.insert("additionalProperties".into(), json!(false));
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema
}

fn key(key: &Key) -> Value {
    let mut schema = any_of(key.kinds);
    let fields = schema.as_object_mut();
    let default = match key.default {
        Default::Required | Default::Prose(_) => None,
        Default::Flag(on) => Some(json!(on)),
        Default::Integer(number) => Some(json!(number)),
        Default::Number(number) => Some(json!(number)),
        Default::Duration(duration) => Some(json!(values::show_duration(duration))),
        Default::Size(bytes) => Some(json!(values::show_size(bytes))),
        Default::Text(text) => Some(json!(text)),
    };
    if let Some(fields) = fields {
        fields.insert("description".into(), json!(key.doc));
        fields.extend(default.map(|default| ("default".to_string(), default)));
    }
    schema
}

fn any_of(kinds: &[Kind]) -> Value {
    match kinds {
        [only] => kind(only),
        _ => json!({ "anyOf": kinds.iter().map(kind).collect::<Vec<_>>() }),
    }
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Off => json!({ "const": false }),
        Kind::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Number => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Range { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Kind::Ratio { max } => json!({ "type": "number", "minimum": 0, "maximum": max }),
        Kind::Duration { .. } => {
            json!({ "type": "string", "pattern": "^([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$", "minLength": 2 })
        }
        Kind::Size { min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "type": "string", "pattern": "^[0-9]+(B|[kK]B|MB|GB|KiB|MiB|GiB)$" },
        ] }),
        Kind::Nothing => json!({ "const": "none" }),
        Kind::Text { what, example } => {
            json!({ "type": "string", "description": what, "examples": [example] })
        }
        Kind::Choice(words) => json!({ "enum": words() }),
        Kind::List(items) => json!({ "type": "array", "items": any_of(items) }),
        Kind::Table(below) => Value::Object(section(below)),
        Kind::Named(below) => json!({ "type": "object", "additionalProperties": section(below) }),
    }
}
