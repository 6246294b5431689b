//! The file against what runs, and whether it could be applied.

use std::path::Path;
use std::time::SystemTime;

use evenkeel_config::{Severity, Source, load};
use evenkeel_diff::words::count;
use evenkeel_diff::{Comparison, Options, Side, compare as compare_files};

use super::Difference;
use crate::client::Running;
use crate::status::report::LastReload;

/// Changes that are told here; `diff` tells all.
const TOLD: usize = 3;

/// Compares the file as it is now with what became of it. `its_own` when it is the one that a reload reads.
pub(super) fn compare(
    path: &Path,
    its_own: bool,
    running: &Running,
) -> (Vec<Difference>, Option<Comparison>) {
    let source = match Source::read(path) {
        Ok(source) => source,
        Err(error) => {
            let text = format!("{} cannot be read: {error}", path.display());
            let lost = Difference::new("file-unreadable", "file", text);
            return (vec![lost.more("a reload fails, and the balancer would not start again")], None);
        }
    };
    let before = Source::new(source.name(), &*running.text);
    let (was, is) = (load(&before), load(&source));
    let (Some(old), Some(new)) = (Side::of(&before, &was), Side::of(&source, &is)) else {
        let errors = is.diagnostics.iter().find(|one| one.severity == Severity::Error);
        let Some(first) = errors else {
            let text = "what runs is not a configuration to this version of evenkeel".to_owned();
            return (vec![Difference::new("other-version", "file", text)], None);
        };
        let (line, _) = source.position(first.span.start);
        let text = format!("{}:{line}: {}", source.name(), first.message);
        let refused = Difference::new("file-refused", "file", text);
        let refused = refused.more("a reload is refused, and the balancer would not start again");
        return (vec![refused.more("`evenkeel check` tells all that is wrong")], None);
    };
    let comparison = compare_files(&old, &new, Options::default());
    if comparison.items.is_empty() {
        return (Vec::new(), Some(comparison));
    }
    let name = source.name();
    let text = format!("{name} is not what runs: {}", count(comparison.items.len(), "difference"));
    let mut differs = Difference::new("file-differs", "file", text);
    for item in comparison.items.iter().take(TOLD) {
        differs = differs.more(format!("{}: {}", item.about, item.text));
    }
    if its_own {
        differs = differs.more(edited(path, running));
    }
    differs =
        differs.more(format!("`evenkeel diff running {name}` tells all of it, `evenkeel reload` applies it"));
    (vec![differs], Some(comparison))
}

/// Whether somebody edited the file and did not reload.
fn edited(path: &Path, running: &Running) -> String {
    let changed = std::fs::metadata(path).and_then(|file| file.modified()).ok();
    let changed = changed.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    match changed.map(|at| at.as_secs_f64()) {
        Some(at) if at > running.applied_at => {
            format!("it was edited {} and not applied since", evenkeel_analyze::utc(at as i64))
        }
        _ => "it was put in place of another file, which had been applied".to_owned(),
    }
}

/// The last reload, if it was refused.
pub(super) fn refused(last: Option<&LastReload>) -> Option<Difference> {
    let last = last.filter(|last| !last.ok)?;
    let of_file = || {
        let first = &last.diagnostics.as_ref()?["diagnostics"][0];
        Some(first["message"].as_str()?.to_owned())
    };
    let why = last.error.clone().or_else(of_file).unwrap_or_else(|| "its log says why".to_owned());
    let text = format!("the last one was refused: {why}");
    let refused = Difference::new("reload-refused", "reload", text);
    Some(refused.more(format!("generation {} runs on", last.generation)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use evenkeel_testkit::TempDir;
    use serde_json::json;

    use super::*;

    const FILE: &str = "[listener.web]\nbind = \"127.0.0.1:8080\"\npool = \"web\"\n[pool.web]\nhealth = false\n\
                        backends = [\"10.0.0.1:80\", \"10.0.0.2:80\"]\n";

    fn running() -> Running {
        Running { path: Some("f.toml".to_owned()), text: FILE.to_owned(), generation: 1, applied_at: 1.0 }
    }

    fn kinds(text: &str) -> (Vec<&'static str>, String) {
        let directory = TempDir::new("drift");
        directory.write("f.toml", text);
        let (found, _) = compare(&directory.path().join("f.toml"), true, &running());
        (found.iter().map(|one| one.kind).collect(), format!("{found:?}"))
    }

    #[test]
    fn an_edit_that_was_not_applied_is_found() {
        assert!(kinds(FILE).0.is_empty());
        assert!(kinds(&format!("# a remark\n{FILE}")).0.is_empty(), "it comes to the same");
        let (kinds_found, words) = kinds(&FILE.replace("10.0.0.2", "10.0.0.3"));
        assert_eq!(kinds_found, ["file-differs"]);
        assert!(words.contains("edited") && words.contains("10.0.0.3"), "{words}");
        assert_eq!(kinds(&FILE.replace("health", "helth")).0, ["file-refused"]);
        let (gone, _) = compare(&PathBuf::from("/nonexistent/f.toml"), true, &running());
        assert_eq!(gone[0].kind, "file-unreadable");
    }

    #[test]
    fn a_refused_reload_says_why() {
        let last = |ok, error: Option<&str>, diagnostics| LastReload {
            attempt: 1,
            ok,
            generation: 4,
            changes: Vec::new(),
            error: error.map(str::to_owned),
            diagnostics,
        };
        assert_eq!(refused(None), None);
        assert_eq!(refused(Some(&last(true, None, None))), None);
        assert!(
            refused(Some(&last(false, Some("port in use"), None)))
                .unwrap()
                .text
                .ends_with("refused: port in use")
        );
        let document = json!({"diagnostics": [{"message": "unknown key"}]});
        assert!(
            refused(Some(&last(false, None, Some(document)))).unwrap().text.ends_with("refused: unknown key")
        );
    }
}
