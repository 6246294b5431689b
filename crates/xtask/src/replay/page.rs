//! The page about replays: the table between marks, and pictures.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::Failure;
use crate::reproduce::spliced;

use super::outcome::Outcome;
use super::{picture, table};

const PAGE: &str = "docs/replays.md";
const IMAGES: &str = "docs/images";
const BEGIN: &str = "<!-- cargo xtask replay --write -->";

/// Puts table and pictures in their places.
pub(super) fn write(root: &Path, outcomes: &[Outcome]) -> Result<(), Failure> {
    for outcome in outcomes {
        let file = root.join(IMAGES).join(picture::file(outcome));
        save(&file, &picture::svg(outcome)?)?;
    }
    let file = root.join(PAGE);
    let page = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let page =
        spliced(&page, BEGIN, &content(outcomes)).ok_or_else(|| format!("{PAGE}: its marks are missing"))?;
    save(&file, &page)
}

fn save(file: &Path, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    eprintln!("wrote {}", file.display());
    Ok(())
}

fn content(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\n");
    let row = |cells: &[String; 9]| format!("| {} |\n", cells.join(" | "));
    text.push_str(&row(&table::HEADS.map(str::to_owned)));
    text.push_str(&row(&table::HEADS.map(|_| "---".to_owned())));
    outcomes.iter().for_each(|outcome| text.push_str(&row(&table::cells(outcome))));
    for outcome in outcomes {
        section(&mut text, outcome);
    }
    text
}

fn section(text: &mut String, outcome: &Outcome) {
    let (story, image) = (outcome.story, picture::file(outcome));
    writeln!(text, "\n### {}: {}\n", story.id, story.title).ok();
    writeln!(text, "Suspected: {}.\n", story.suspected).ok();
    writeln!(text, "![{}: {}](images/{image})\n", story.id, story.title).ok();
    if let Some((_, said)) = &outcome.before.rehearsed {
        writeln!(text, "- `check --strict`: {}; `rehearse`: {said}", table::refused(outcome)).ok();
    }
    if let Some((_, said)) = &outcome.course.drift {
        writeln!(text, "- `drift`: {said}").ok();
    }
    match outcome.alarm() {
        Some(alarm) => {
            let (after, requests, verdict) = (alarm.after, alarm.requests, alarm.verdict);
            write!(text, "- After {after:.1} s and {requests} requests: {}", verdict.answer).ok();
            let sentence = &verdict.sentence;
            writeln!(text, "{}", if sentence.is_empty() { ".".to_owned() } else { format!("; {sentence}.") })
                .ok();
        }
        None => {
            writeln!(text, "- No right verdict.").ok();
        }
    }
    for (at, what) in outcome.misleading() {
        writeln!(text, "- Misleading after {at:.1} s: {what}.").ok();
    }
    for missed in outcome.missed() {
        writeln!(text, "- **Not as promised:** {missed}.").ok();
    }
}
