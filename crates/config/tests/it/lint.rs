//! The distribution lint: every rule speaks up where it should, alone, and nowhere else.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::golden;
use evenkeel_config::{RenderStyle, Source, load, render, rules};

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

fn name(path: &Path) -> String {
    path.file_name().and_then(|name| name.to_str()).expect("a plain name").to_owned()
}

/// The rule that a hazard is for.
fn named(text: &str) -> &str {
    let rule = text.lines().next().and_then(|first| first.strip_prefix("# rule: "));
    rule.expect("the first line names the rule")
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
fn there_are_enough_rules_and_a_hazard_for_most() {
    let ids: BTreeSet<_> = rules().map(|rule| rule.id).collect();
    assert!(ids.len() >= 90, "only {} rules", ids.len());
    let hazards = files("hazardous");
    let named: BTreeSet<_> =
        hazards.iter().map(|(_, text)| named(text)).filter(|id| ids.contains(id)).collect();
    assert!(named.len() >= 45, "the hazards are for {} rules only", named.len());
}

#[test]
fn every_hazard_is_found_by_the_rule_it_names_and_by_no_other() {
    let files = files("hazardous");
    assert!(files.len() >= 60, "only {} hazards", files.len());
    none(files.iter().map(|(path, text)| beside(&name(path), text, named(text))));
}

#[test]
fn sound_files_are_left_alone() {
    let files = files("sound");
    assert!(files.len() >= 80, "only {} sound files", files.len());
    none(files.iter().map(|(path, text)| noise(&name(path), text)));
}

/// The first screen of the outages: the cause by its name, what it does to the traffic, and the way out.
#[test]
fn outages_are_told_in_the_words_written_down() {
    let outages: Vec<_> =
        files("hazardous").into_iter().filter(|(path, _)| name(path).starts_with('r')).collect();
    let outages: Vec<_> =
        outages.into_iter().filter(|(path, _)| name(path).as_bytes()[1].is_ascii_digit()).collect();
    assert_eq!(outages.len(), 8, "five outages, three of them in two ways");
    none(
        outages
            .iter()
            .map(|(path, text)| golden::differs(&path.with_extension("stderr"), &said(&name(path), text))),
    );
}

/// Whatever is left to its default is well: of every strategy, size, number of tiers and kind of listener.
#[test]
fn defaults_are_quiet() {
    let strategies = [
        "",
        "strategy = 'round_robin'",
        "strategy = 'random'",
        "strategy = 'peak_ewma'",
        "strategy = 'prequal'\nprobe = { path = '/load' }",
        "strategy = 'maglev'\nhash = { cookie = 'user' }",
        "strategy = 'ring'\nhash = { header = 'X-User' }",
        "strategy = 'rendezvous'\nhash = { query = 'user' }",
        "strategy = 'maglev'\nhash = { path = true }",
        "strategy = 'ring'\nhash = { source = true }",
        "sticky = true",
        "sticky = { ttl = '1h' }",
        "slow_start = '30s'",
        "queue = { size = 100 }",
        "timeouts = { total = '15s' }",
        "expect = { survives = 1 }",
        "passive = false",
        "protocol = 'http2'\nhealth = { grpc = true }",
    ];
    let mut files = 0;
    for pool in strategies {
        for backends in 2..=9 {
            for reserve in [0, 1, backends / 2, backends - 1] {
                // One in front of several in reserve is not what anybody gets by default.
                if backends - reserve == 1 && reserve > 1 {
                    continue;
                }
                let text = quiet(pool, backends, reserve);
                none([noise("quiet", &text).map(|said| format!("{said}\n{text}"))]);
                files += 1;
            }
        }
    }
    assert!(files > 400, "only {files}");
}

fn quiet(pool: &str, backends: usize, reserve: usize) -> String {
    let limit = if pool.starts_with("queue") { ", max_in_flight = 50" } else { "" };
    let backend = |n: usize| {
        let tier = if n + reserve >= backends { ", tier = 1" } else { "" };
        format!("{{ address = '10.0.0.{n}:8080'{tier}{limit} }}")
    };
    let backends: Vec<_> = (0..backends).map(backend).collect();
    let health = if pool.contains("health") { "" } else { "health = { path = '/healthz' }" };
    format!(
        "[listener.web]\nbind = ':8080'\npool = 'web'\n[pool.web]\n{pool}\n{health}\nbackends = [\n{}]\n",
        backends.join(",\n")
    )
}
