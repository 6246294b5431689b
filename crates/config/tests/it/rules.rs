//! The registry of rules keeps what it says: each broken file breaks its rule, and put right it breaks none.

use std::collections::BTreeSet;
use std::fs;

use crate::golden::{self, from_root};
use evenkeel_config::{Loaded, RenderStyle, Rule, Severity, Source, load, render, rule, rules, rules_page};

/// What only whoever reads the files can find that the configuration names.
const OF_FILES: [&str; 1] = ["tls-file"];

fn loaded(text: &str) -> (Source, Loaded) {
    let source = Source::new("evenkeel.toml", text);
    let loaded = load(&source);
    (source, loaded)
}

fn said(source: &Source, loaded: &Loaded) -> String {
    render(source, &loaded.diagnostics, RenderStyle { color: false, width: 100 })
}

#[test]
fn ids_are_unique_and_in_kebab_case() {
    let mut ids = BTreeSet::new();
    for Rule { id, .. } in rules() {
        assert!(ids.insert(*id), "{id} is there twice");
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{id}");
        assert_eq!(rule(id).map(|rule| rule.id), Some(*id));
    }
    assert!(ids.len() >= 28, "only {} rules", ids.len());
    assert_eq!(rule("nonsense"), None);
}

#[test]
fn texts_are_sentences() {
    for Rule { id, title, reason, .. } in rules() {
        assert!(!title.ends_with('.') && title.chars().count() <= 90, "{id}: {title}");
        assert!(reason.ends_with('.') && reason.len() > 100, "{id}: {reason}");
        let typed = [title, reason].iter().all(|text| !text.contains("  ") && !text.contains('\n'));
        assert!(typed, "{id} has a line break or two spaces");
    }
}

#[test]
fn a_broken_file_breaks_its_rule() {
    for rule in rules().filter(|rule| !OF_FILES.contains(&rule.id)) {
        let (source, loaded) = loaded(rule.broken);
        let found = loaded.diagnostics.iter().find(|found| found.code == rule.id);
        let said = said(&source, &loaded);
        assert_eq!(found.map(|found| found.severity), Some(rule.severity), "{}\n{said}", rule.id);
        assert_eq!(loaded.diagnostics.len(), 1, "{} is not alone\n{said}", rule.id);
        let effect = loaded.diagnostics[0].effect.is_some() && loaded.diagnostics[0].help.is_some();
        assert!(effect, "{} has no effect, or no way out", rule.id);
    }
}

#[test]
fn put_right_it_breaks_none() {
    for rule in rules() {
        let (source, loaded) = loaded(rule.sound);
        assert!(
            loaded.config.is_some() && loaded.diagnostics.is_empty(),
            "{}\n{}",
            rule.id,
            said(&source, &loaded)
        );
        assert_ne!(rule.broken, rule.sound, "{}", rule.id);
    }
}

/// At the top of the file, whatever the table it is about.
#[test]
fn every_warning_can_be_meant_and_no_error_can() {
    for rule in rules().filter(|rule| !OF_FILES.contains(&rule.id)) {
        let allow = format!("allow = [{{ rule = \"{}\", reason = \"a test\" }}]\n", rule.id);
        let (source, loaded) = loaded(&format!("{allow}{}", rule.broken));
        let codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
        if rule.may_be_allowed() {
            assert!(loaded.diagnostics.is_empty(), "{}\n{}", rule.id, said(&source, &loaded));
            assert_eq!(loaded.allowed.len(), 1, "{}", rule.id);
            assert_eq!(
                (loaded.allowed[0].found.code, loaded.allowed[0].reason.as_str()),
                (rule.id, "a test")
            );
            let (_, sound) = self::loaded(&format!("{allow}{}", rule.sound));
            let unused = sound.diagnostics.iter().map(|found| found.code);
            assert_eq!(unused.collect::<Vec<_>>(), ["unused-allow"], "{}", rule.id);
        } else {
            assert!(codes.contains(&"bad-allow") || codes == ["unused-allow"], "{}: {codes:?}", rule.id);
            assert!(loaded.allowed.is_empty(), "{}", rule.id);
        }
    }
}

/// Whatever is a warning anywhere has an entry, or it could not be meant.
#[test]
fn every_warning_has_an_entry() {
    let folder = fs::read_dir(from_root("crates/config/tests/bad")).expect("there is tests/bad").flatten();
    let files: Vec<_> = folder
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    assert!(files.len() > 90);
    for path in files {
        let loaded = load(&Source::from_bytes("bad.toml", &fs::read(&path).expect("a readable file")));
        for found in loaded.diagnostics.iter().filter(|found| found.severity == Severity::Warning) {
            let known = rule(found.code).is_some() || found.code == "too-many";
            assert!(known, "{} has no entry ({})", found.code, path.display());
        }
    }
}

#[test]
fn the_page_of_the_rules_is_up_to_date() {
    if let Some(difference) = golden::differs(&from_root("docs/reference/rules.md"), &rules_page()) {
        panic!("{difference}\nrun UPDATE_GOLDEN=1 cargo test -p evenkeel-config");
    }
}
