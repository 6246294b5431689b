//! Every file in `tests/bad` is refused or warned of, in the words that stand beside it.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::golden;
use evenkeel_config::{RenderStyle, Severity, Source, load, render, rules, to_json};

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let paths = fs::read_dir(folder).expect("there is tests/bad").flatten().map(|entry| entry.path());
    let mut files: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect();
    files.sort();
    files
}

fn source(path: &Path) -> Source {
    let name = path.file_name().and_then(|name| name.to_str()).expect("a plain name");
    Source::from_bytes(name, &fs::read(path).expect("a readable file"))
}

#[test]
fn diagnostics_read_as_written_down() {
    let files = files();
    assert!(files.len() >= 45, "only {} bad files", files.len());
    let differences: Vec<_> = files
        .iter()
        .filter_map(|path| {
            let source = source(path);
            let said = render(&source, &load(&source).diagnostics, RenderStyle { color: false, width: 100 });
            golden::differs(&path.with_extension("stderr"), &said)
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n\n"));
}

#[test]
fn every_file_has_the_problem_in_its_name() {
    for path in files() {
        let source = source(&path);
        let loaded = load(&source);
        let name = path.file_stem().unwrap().to_str().unwrap();
        let code = name.split('.').next().unwrap();
        let codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code).collect();
        assert!(codes.contains(&code), "{name} has {codes:?}");
        let errors = loaded.diagnostics.iter().any(|found| found.severity == Severity::Error);
        assert_eq!(loaded.config.is_none(), errors, "{name}");
    }
}

#[test]
fn every_problem_has_a_place_and_a_way_out() {
    for path in files() {
        let source = source(&path);
        let found = load(&source).diagnostics;
        for problem in &found {
            let name = path.display();
            assert!(source.text().get(problem.span.clone()).is_some(), "{name}: {:?}", problem.span);
            assert!(
                problem.related.iter().all(|(span, _)| source.text().get(span.clone()).is_some()),
                "{name}"
            );
            assert!(problem.help.is_some(), "{name}: {}", problem.message);
            assert!(!problem.message.ends_with('.'), "{name}: {}", problem.message);
        }
        let json = to_json(&source, &found);
        assert_eq!(json["diagnostics"].as_array().unwrap().len(), found.len());
    }
}

#[test]
fn every_code_has_a_file() {
    let examples = rules().map(|rule| Source::new(rule.id, rule.broken));
    let files = files().into_iter().map(|path| source(&path));
    let tested: BTreeSet<_> =
        files.chain(examples).flat_map(|source| load(&source).diagnostics).map(|d| d.code).collect();
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let text: String = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut known = BTreeSet::new();
    for call in ["::error(", "::warning(", "parsed(", "unknown(", "bad("] {
        for (at, _) in text.match_indices(call) {
            let rest = text[at + call.len()..].trim_start();
            known.extend(rest.strip_prefix('"').and_then(|rest| rest.split('"').next()));
        }
    }
    assert!(known.len() > 25, "{known:?}");
    known.remove("too-many"); // has a test of its own: its file would be long
    let untested: Vec<_> = known.difference(&tested.iter().copied().collect()).copied().collect();
    assert!(untested.is_empty(), "no file in tests/bad and no entry shows {untested:?}");
}

#[test]
fn a_long_wrong_file_is_refused_soon() {
    let junk = [
        "{ \"json\": [1, 2, 3] },\n".repeat(50_000),
        "{ \"json\": [1, 2, 3] }, ".repeat(50_000),
        "[pool.web]\n".repeat(50_000),
        "x = [\n".repeat(50_000),
        "[[route]]\nlistner = \"web\"\n".repeat(20_000),
        (0..20_000)
            .map(|n| format!("[pool.p{n}]\nbackends = [\"10.0.0.1:80\", \"10.0.0.1:80\"]\n"))
            .collect(),
    ];
    for text in junk {
        let start = std::time::Instant::now();
        let source = Source::new("junk.toml", text);
        let loaded = load(&source);
        let said = render(&source, &loaded.diagnostics, RenderStyle { color: false, width: 100 });
        let begins = &source.text()[..12];
        assert!(loaded.config.is_none() && !said.is_empty(), "{begins}");
        assert!(loaded.diagnostics.len() <= 201, "{begins}: {}", loaded.diagnostics.len());
        let took = start.elapsed();
        assert!(took.as_secs() < 20, "{begins}: {took:?}");
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, found),
            false => found.push(path),
        }
    }
}
