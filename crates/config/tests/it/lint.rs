//! The distribution lint: every rule speaks up where it should, alone, and nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{examples, golden};
use evenkeel_config::{RenderStyle, Severity, Source, load, render, rules};

/// Where the files of a kind are.
fn corpus(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(kind)
}

/// Every file of a kind: its path and its text.
fn files(kind: &str) -> Vec<(PathBuf, String)> {
    let entries =
        fs::read_dir(corpus(kind)).expect("there is a corpus").map(|entry| entry.expect("readable").path());
    let mut paths: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).expect("a readable file"))).collect()
}

fn said(name: &str, text: &str) -> String {
    let source = Source::new(name, text);
    render(&source, &load(&source).diagnostics, RenderStyle { color: false, width: 100 })
}

fn codes(name: &str, text: &str) -> BTreeSet<&'static str> {
    load(&Source::new(name, text)).diagnostics.iter().map(|found| found.code).collect()
}

/// What is not as it should be about a file that one rule and no other is for.
fn beside(name: &str, text: &str, rule: &str) -> Option<String> {
    let codes = codes(name, text);
    (codes != BTreeSet::from([rule]))
        .then(|| format!("{name}: {codes:?} in place of {rule}\n{}", said(name, text)))
}

/// What is said of a file of which nothing should be.
fn noise(name: &str, text: &str) -> Option<String> {
    let loaded = load(&Source::new(name, text));
    let quiet = loaded.config.is_some() && loaded.diagnostics.is_empty() && loaded.allowed.is_empty();
    (!quiet).then(|| format!("{name}\n{}", said(name, text)))
}

fn none(problems: impl IntoIterator<Item = Option<String>>) {
    let problems: Vec<_> = problems.into_iter().flatten().collect();
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_rule_finds_its_example_and_nothing_in_the_same_put_right() {
    let all: Vec<_> = rules().collect();
    assert!(all.len() >= 90, "only {} rules", all.len());
    let ids: BTreeSet<_> = all.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), all.len(), "ids are distinct");
    none(all.iter().map(|rule| noise(&format!("{} put right", rule.id), rule.sound)));
}

#[test]
fn the_lint_speaks_of_one_thing_at_a_time() {
    none(rules().map(|rule| beside(rule.id, rule.broken, rule.id)));
}

#[test]
fn every_hazard_is_found_by_the_rule_it_names_and_by_no_other() {
    let files = files("hazardous");
    assert!(files.len() >= 60, "only {} hazards", files.len());
    none(files.iter().map(|(path, text)| {
        let rule = text.lines().next().and_then(|first| first.strip_prefix("# rule: "));
        beside(&path.display().to_string(), text, rule.expect("the first line names the rule"))
    }));
}

#[test]
fn sound_files_are_left_alone() {
    let files = files("sound");
    assert!(files.len() >= 80, "only {} sound files", files.len());
    none(files.iter().map(|(path, text)| noise(&path.display().to_string(), text)));
}
