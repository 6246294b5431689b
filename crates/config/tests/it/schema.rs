//! Walks the JSON Schema, which has every key, and finds the values that a file has for one.

use serde_json::Value;

/// One key of a schema with the place it has in a file.
pub(crate) struct Declared<'a> {
    pub(crate) path: Vec<String>,
    pub(crate) schema: &'a Value,
}

/// Every key of the schema; `*` stands for a name or a place in a list.
pub(crate) fn declared(schema: &Value) -> Vec<Declared<'_>> {
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
pub(crate) fn at<'a>(value: &'a Value, path: &[String]) -> Vec<&'a Value> {
    let Some((first, rest)) = path.split_first() else { return vec![value] };
    let below: Vec<&Value> = match (first.as_str(), value) {
        ("*", Value::Array(items)) => items.iter().collect(),
        ("*", Value::Object(fields)) => fields.values().collect(),
        (name, Value::Object(fields)) => fields.get(name).into_iter().collect(),
        _ => Vec::new(),
    };
    below.into_iter().flat_map(|value| at(value, rest)).collect()
}
