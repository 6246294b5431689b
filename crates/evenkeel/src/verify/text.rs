//! The report as text, at most 100 columns wide.

use std::fmt::Write as _;

use evenkeel_traffic::verify::{BackendReport, Report, Unit, Verdict};

/// Columns of a bar that stands for everything.
const BAR: usize = 30;
/// Backends that are told one by one.
const TOLD: usize = 20;
const NAME_MAX: usize = 28;
const SENTENCE: usize = 96;

/// Everything, for people: the answer first.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    writeln!(text, "{}", verdict(report)).ok();
    for reason in &report.reasons {
        sentence(&mut text, reason);
    }
    writeln!(text, "{}", clip(&report.url)).ok();
    sentence(&mut text, &sent(report));
    table(&mut text, report);
    for line in excluded(report).iter().chain(&report.notes) {
        sentence(&mut text, line);
    }
    text
}

fn verdict(report: &Report) -> String {
    let stopped = if report.interrupted { " (interrupted)" } else { "" };
    match report.verdict {
        Verdict::AsExpected => format!("As expected: answers are split as they should be{stopped}."),
        Verdict::Refused => format!("Refused: this is not as expected{stopped}."),
        Verdict::Impossible => format!("Nothing can be said{stopped}."),
        Verdict::Undecided => {
            let more = match report.needed {
                Some(needed) => format!("about {needed} more requests are needed to be sure: -n"),
                None => "no number of requests would be enough".to_owned(),
            };
            format!("Undecided{stopped}: nothing is wrong so far; {more}.")
        }
    }
}

fn sent(report: &Report) -> String {
    let how = match (report.unit, report.pattern) {
        (Unit::Session, _) => "in sessions",
        (_, "kept") => "on kept connections",
        (_, "streams") => "as streams of one connection",
        _ => "on fresh connections",
    };
    let vary = report.vary.as_ref().map_or_else(String::new, |vary| format!(", with {vary} differing"));
    let by = match (&report.by, report.by_guessed) {
        (Some(by), true) => format!("; backends named by {by} (found out; --by says otherwise)"),
        (Some(by), false) => format!("; backends named by {by}"),
        (None, _) => String::new(),
    };
    let failed: Vec<String> =
        report.failures.iter().map(|(class, count)| format!("{count} {class}")).collect();
    let failed = if failed.is_empty() { String::new() } else { format!("; failed: {}", failed.join(", ")) };
    let bad: Vec<String> = report
        .statuses
        .iter()
        .filter(|(status, _)| **status >= 400)
        .map(|(status, count)| format!("{count} with {status}"))
        .collect();
    let bad = if bad.is_empty() { String::new() } else { format!("; answered {}", bad.join(", ")) };
    let sticky = report
        .sticky
        .as_ref()
        .map_or_else(String::new, |sticky| format!("; {} sessions, {} moved", sticky.sessions, sticky.moved));
    format!("{} requests {how}{vary}{sticky}{by}{failed}{bad}", report.requests)
}

fn table(text: &mut String, report: &Report) {
    if report.backends.is_empty() {
        return;
    }
    let width =
        report.backends.iter().map(|one| name(one).chars().count()).max().unwrap_or(0).clamp(7, NAME_MAX);
    let counted = match report.unit {
        Unit::Request => "answers",
        Unit::Connection => "conns",
        Unit::Session => "sessions",
    };
    writeln!(
        text,
        "  {:width$}  {:>7}  {:>7}  {:BAR$}  {counted:>8}  {:>8}",
        "backend", "share", "should", "", "mean ms"
    )
    .ok();
    for one in report.backends.iter().take(TOLD) {
        backend(text, one, width);
    }
    if report.backends.len() > TOLD {
        writeln!(text, "  and {} more", report.backends.len() - TOLD).ok();
    }
}

fn name(one: &BackendReport) -> &str {
    one.backend.as_deref().unwrap_or("(never answered)")
}

fn backend(text: &mut String, one: &BackendReport, width: usize) {
    let shown: String = name(one).chars().take(width).collect();
    let mean = one.mean_ms.map_or("-".to_owned(), |millis| format!("{millis:.1}"));
    writeln!(
        text,
        "  {shown:width$}  {:>6.1}%  {:>6.1}%  {:BAR$}  {:>8}  {mean:>8}",
        one.share * 100.0,
        one.expected * 100.0,
        bar(one.share, one.expected),
        one.answers,
    )
    .ok();
}

/// Its share, with a mark where it should end.
fn bar(share: f64, expected: f64) -> String {
    let columns = |part: f64| ((part * BAR as f64).round() as usize).min(BAR);
    let (filled, mark) = (columns(share), columns(expected).saturating_sub(1));
    let cell = |column| match column {
        column if column == mark => '|',
        column if column < filled => '#',
        _ => ' ',
    };
    (0..BAR).map(cell).collect()
}

fn excluded(report: &Report) -> Option<String> {
    if !matches!(report.verdict, Verdict::AsExpected | Verdict::Undecided) {
        return None;
    }
    let above = report.excluded.above.map(|above| format!("more than {above:.2} times its share"));
    let below = report.excluded.below.map(|below| format!("less than {below:.2} of it"));
    let what: Vec<String> = above.into_iter().chain(below).collect();
    (!what.is_empty())
        .then(|| format!("a backend with {} would have been found, 9 times in 10", what.join(" or ")))
}

fn sentence(text: &mut String, sentence: &str) {
    let mut column = 0;
    for word in sentence.split(' ') {
        let word = clip(word);
        let length = word.chars().count();
        if column > 0 && column + 1 + length > SENTENCE {
            text.push('\n');
            column = 0;
        }
        text.push_str(if column == 0 { "  " } else { " " });
        text.push_str(&word);
        column += length + usize::from(column > 0);
    }
    text.push('\n');
}

fn clip(text: &str) -> String {
    text.chars().take(SENTENCE).collect()
}
