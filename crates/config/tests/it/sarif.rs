//! SARIF: what version 2.1.0 requires is there. Sections are of the OASIS standard of 27 March 2020.

use std::fs;

use crate::golden::from_root;
use evenkeel_config::{Source, load, to_sarif, unreadable_sarif};
use serde_json::Value;

/// One of everything: an error, a warning with a related place, one that is allowed, a code that is no rule.
const FILE: &str = "# é
strateggy = 1
[listener.web]
bind = ':8080'
pool = 'web'
[[route]]
path = '/api'
pool = 'api'
[pool.web]
health = { path = '/' }
allow = [{ rule = 'pool-of-one', reason = 'a test' }]
backends = ['10.0.0.3:80']
[pool.api]
health = { path = '/' }
backends = [
  { name = 'a', address = '10.0.0.1:80' },
  { name = 'b', address = '10.0.0.1:80' },
]
";

fn sarif(text: &str) -> Value {
    let source = Source::new("config/web.toml", text);
    to_sarif(&source, &load(&source))
}

/// What sections 3.13, 3.14, 3.18, 3.19, 3.49, 3.27 and 3.29 require of a log, a run, its tool, rules and results.
fn is_valid(log: &Value) {
    assert_eq!(log["version"], "2.1.0");
    assert!(log["$schema"].as_str().is_some_and(|uri| uri.ends_with("sarif-schema-2.1.0.json")));
    let runs = log["runs"].as_array().expect("runs");
    for run in runs {
        let driver = &run["tool"]["driver"];
        assert!(driver["name"].as_str().is_some_and(|name| !name.is_empty()));
        let rules = driver["rules"].as_array().expect("rules");
        let ids: Vec<_> = rules.iter().map(|rule| rule["id"].as_str().expect("an id")).collect();
        let mut unique = ids.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), ids.len(), "rules are unique (3.19.23)");
        for rule in rules {
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(rule.get(text).is_none_or(|text| text["text"].is_string()), "{text} (3.12)");
            }
            let level = &rule["defaultConfiguration"]["level"];
            assert!(level.is_null() || level == "error" || level == "warning", "{level}");
        }
        assert_eq!(run["columnKind"], "unicodeCodePoints");
        for invocation in run["invocations"].as_array().expect("invocations") {
            assert!(invocation["executionSuccessful"].is_boolean(), "3.20.14");
        }
        for result in run["results"].as_array().expect("results, if only none (3.14.23)") {
            is_valid_result(result, &ids);
        }
    }
}

fn is_valid_result(result: &Value, rules: &[&str]) {
    let index = result["ruleIndex"].as_u64().and_then(|index| usize::try_from(index).ok()).expect("an index");
    assert_eq!(Some(rules[index]), result["ruleId"].as_str(), "3.27.6");
    assert!(
        ["none", "note", "warning", "error"].contains(&result["level"].as_str().expect("a level")),
        "3.27.10"
    );
    assert!(result["message"]["text"].as_str().is_some_and(|text| text.contains('.')), "3.27.11");
    let related = result.get("relatedLocations").and_then(Value::as_array);
    let places =
        result["locations"].as_array().expect("locations").iter().chain(related.into_iter().flatten());
    for place in places {
        let place = &place["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "config/web.toml");
        let number = |key: &str| place["region"][key].as_u64().expect("a number");
        let (start, end) =
            ((number("startLine"), number("startColumn")), (number("endLine"), number("endColumn")));
        assert!(start.0 >= 1 && start.1 >= 1 && end >= start, "3.30.2: {start:?} {end:?}");
    }
    for place in related.into_iter().flatten() {
        assert!(place["id"].as_u64().is_some() && place["message"]["text"].is_string(), "3.28.2");
    }
    for suppression in result.get("suppressions").and_then(Value::as_array).into_iter().flatten() {
        assert!(suppression["kind"] == "inSource" && suppression["justification"].is_string(), "3.35.2");
    }
}

#[test]
fn a_log_has_what_the_standard_requires() {
    let log = sarif(FILE);
    is_valid(&log);
    let results = log["runs"][0]["results"].as_array().unwrap();
    let found: Vec<_> = results.iter().map(|result| result["ruleId"].as_str().unwrap()).collect();
    assert_eq!(found, ["unknown-key", "duplicate-address", "pool-of-one"]);
    assert!(results[0]["suppressions"].is_null());
    assert_eq!(results[1]["relatedLocations"][0]["message"]["text"], "the first");
    assert_eq!(results[2]["suppressions"][0]["justification"], "a test");
    let region = &results[0]["locations"][0]["physicalLocation"]["region"];
    let places =
        ["startLine", "startColumn", "endLine", "endColumn"].map(|key| region[key].as_u64().unwrap());
    assert_eq!(places, [2, 1, 2, 10]);
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(
        rules.len() > 28 && rules.iter().any(|rule| rule["id"] == "unknown-key"),
        "one that is no rule of ours"
    );
}

#[test]
fn every_log_of_the_bad_files_is_valid() {
    let folder = fs::read_dir(from_root("crates/config/tests/bad")).expect("there is tests/bad").flatten();
    let mut results = 0;
    for path in
        folder.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "toml"))
    {
        let source = Source::from_bytes("config/web.toml", &fs::read(&path).expect("a readable file"));
        let log = to_sarif(&source, &load(&source));
        is_valid(&log);
        results += log["runs"][0]["results"].as_array().unwrap().len();
    }
    assert!(results > 200, "only {results} results");
}

#[test]
fn a_file_that_cannot_be_read_is_a_run_that_failed() {
    let log = unreadable_sarif("cannot read web.toml: no such file");
    is_valid(&log);
    assert_eq!(log["runs"][0]["invocations"][0]["executionSuccessful"], false);
}

#[test]
fn a_sound_file_has_no_result() {
    let log = sarif(
        "[listener.web]\nbind = ':80'\npool = 'web'\n[pool.web]\nhealth = {}\nbackends = ['a:1', 'b:1']\n",
    );
    is_valid(&log);
    assert_eq!(log["runs"][0]["results"].as_array().map(Vec::len), Some(0));
}
