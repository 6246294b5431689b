//! `evenkeel diff`.

mod markdown;
mod table;
#[cfg(test)]
mod tests_support;
mod text;

use std::io::{self, IsTerminal, Read};
use std::path::Path;

use evenkeel_config::{Loaded, Source, load};
use evenkeel_diff::{Comparison, Options, Side, compare};
use serde_json::{Value, json};

use crate::check;
use crate::cli::{ADMIN, DiffArgs};
use crate::client::{AdminAddress, Running};
use crate::output::{self, Answer, Refusal};

/// The word for what the balancer runs; a file of that name is `./running`.
const RUNNING: &str = "running";
/// Standard input.
const STDIN: &str = "-";

/// One of the two, as it was named and found.
struct Text {
    name: String,
    /// What `name` stands for, where it is not a file: the generation that runs.
    generation: Option<u64>,
    bytes: Vec<u8>,
}

/// Names of both sides, for all forms of the report.
pub(crate) struct Names {
    pub(crate) old: String,
    pub(crate) new: String,
}

/// Compares two files, or one with what runs, and tells what becomes of the traffic.
pub(crate) fn diff(arguments: &DiffArgs) -> Answer {
    let (old, new) = match named(arguments) {
        Ok(both) => both,
        Err(misuse) => {
            let hint = "evenkeel diff OLD NEW, or evenkeel diff running NEW";
            return Refusal::misused(misuse, hint).tell(arguments.json);
        }
    };
    let admin = AdminAddress(arguments.admin.clone().unwrap_or_else(|| ADMIN.to_owned()));
    let texts = read(old, &admin).and_then(|old| Ok((old, read(new, &admin)?)));
    match texts {
        Ok((old, new)) => told(arguments, old, new),
        Err(refusal) => refusal.tell(arguments.json),
    }
}

/// What is compared with what: one name alone is the new one.
fn named(arguments: &DiffArgs) -> Result<(&Path, &Path), String> {
    let running = Path::new(RUNNING);
    let (old, new) = match (&arguments.old, &arguments.new) {
        (Some(old), Some(new)) => (old.as_path(), new.as_path()),
        (Some(new), None) if arguments.admin.is_some() => (running, new.as_path()),
        (Some(one), None) => return Err(format!("compare {} with what?", one.display())),
        (None, _) => return Err("compare the running balancer with what?".to_owned()),
    };
    if old == new && [RUNNING, STDIN].iter().any(|word| old == Path::new(word)) {
        return Err(format!("both are {}", old.display()));
    }
    Ok((old, new))
}

fn read(name: &Path, admin: &AdminAddress) -> Result<Text, Refusal> {
    if name == Path::new(RUNNING) {
        let mut connection = admin.open()?;
        let running = Running::ask(admin, &mut connection)?;
        let generation = Some(running.generation);
        return Ok(Text {
            name: format!("running (generation {})", running.generation),
            generation,
            bytes: running.text.into_bytes(),
        });
    }
    let mut bytes = Vec::new();
    let (shown, outcome) = if name == Path::new(STDIN) {
        ("standard input".to_owned(), io::stdin().lock().read_to_end(&mut bytes).map(drop))
    } else {
        (name.display().to_string(), std::fs::read(name).map(|read| bytes = read))
    };
    outcome.map_err(|error| {
        let hint = "give the paths of two configuration files";
        Refusal::misused(format!("cannot read {shown}: {error}"), hint)
    })?;
    Ok(Text { name: shown, generation: None, bytes })
}

fn told(arguments: &DiffArgs, old: Text, new: Text) -> Answer {
    let after = Source::from_bytes(&*new.name, &new.bytes);
    // The new one takes the place of the old one: names of files in both are relative to where it is.
    let before = Source::from_bytes(&*new.name, &old.bytes);
    let (was, is) = (load(&before), load(&after));
    let (Some(one), Some(other)) = (Side::of(&before, &was), Side::of(&after, &is)) else {
        return refused(arguments, &Source::from_bytes(&*old.name, &old.bytes), &was, &after, &is);
    };
    let comparison = compare(&one, &other, Options { all: arguments.all });
    let names = Names { old: old.name, new: new.name };
    let shown = if arguments.json {
        output::json(&document(&names, (old.generation, new.generation), &comparison))
    } else if arguments.markdown {
        output::out(markdown::render(&names, &comparison))
    } else {
        let form = text::Form { colour: output::coloured(io::stdout().is_terminal()), all: arguments.all };
        output::out(text::render(&names, &comparison, form))
    };
    if arguments.exit_code && comparison.changed { shown.and(Answer::No) } else { shown }
}

fn document(names: &Names, generations: (Option<u64>, Option<u64>), comparison: &Comparison) -> Value {
    let mut document = serde_json::to_value(comparison).unwrap_or_default();
    document["schema"] = json!(1);
    document["ok"] = json!(true);
    document["old"] = json!({ "name": names.old, "generation": generations.0 });
    document["new"] = json!({ "name": names.new, "generation": generations.1 });
    document
}

/// There is nothing to compare. A new file that is refused is an answer; an old one that is was not meant.
fn refused(arguments: &DiffArgs, before: &Source, was: &Loaded, after: &Source, is: &Loaded) -> Answer {
    let new_refused = is.config.is_none();
    let (side, source, loaded) = if new_refused { ("new", after, is) } else { ("old", before, was) };
    let answer = if new_refused { Answer::No } else { Answer::Misused };
    let told = if arguments.json {
        let check = evenkeel_config::to_json(source, &loaded.diagnostics);
        output::json(&json!({ "schema": 1, "ok": false, "refused": side, "check": check }))
    } else {
        check::show(source, &loaded.diagnostics);
        Answer::Yes
    };
    let what = format!("{}: refused, so there is nothing to compare", source.name());
    output::complain(what, "put it right first: `evenkeel check` says the same");
    told.and(answer)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn names(old: Option<&str>, new: Option<&str>, admin: Option<&str>) -> Result<(String, String), String> {
        let arguments = DiffArgs {
            old: old.map(PathBuf::from),
            new: new.map(PathBuf::from),
            admin: admin.map(str::to_owned),
            all: false,
            markdown: false,
            exit_code: false,
            json: false,
        };
        named(&arguments).map(|(old, new)| (old.display().to_string(), new.display().to_string()))
    }

    #[test]
    fn one_name_is_the_new_one() {
        let both = |old: &str, new: &str| Ok((old.to_owned(), new.to_owned()));
        assert_eq!(names(Some("a"), Some("b"), None), both("a", "b"));
        assert_eq!(names(Some("a"), None, Some("h:1")), both("running", "a"));
        assert_eq!(names(Some("running"), Some("a"), None), both("running", "a"));
        assert_eq!(names(Some("a"), Some("a"), None), both("a", "a"));
        for (old, new, admin) in [
            (Some("a"), None, None),
            (None, None, Some("h:1")),
            (Some("-"), Some("-"), None),
            (Some("running"), Some("running"), None),
        ] {
            assert!(names(old, new, admin).is_err(), "{old:?} {new:?}");
        }
    }
}
