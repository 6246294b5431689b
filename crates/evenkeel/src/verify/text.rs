//! The report as text, at most 100 columns wide.

use std::fmt::Write as _;

use evenkeel_traffic::verify::{BackendReport, Report, Unit, Verdict};

use crate::lines::{WIDTH, bar, clip, wrap};

/// Columns of a bar that stands for everything.
const BAR: usize = 30;
/// Backends that are told one by one.
const TOLD: usize = 20;
/// Backends without a name that are told one by one: they are all alike.
const SILENT: usize = 2;
const NAME_MAX: usize = 28;
/// Where sentences begin.
const INDENT: &str = "  ";

/// Everything, for people: the answer first.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    writeln!(text, "{}", verdict(report)).ok();
    for reason in &report.reasons {
        wrap(&mut text, INDENT, reason);
    }
    writeln!(text, "{}", clip(&report.url, WIDTH)).ok();
    wrap(&mut text, INDENT, &sent(report));
    table(&mut text, report);
    for line in excluded(report).iter().chain(&report.notes) {
        wrap(&mut text, INDENT, line);
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
                Some(needed) => format!("about {needed} more requests (-n) are needed"),
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
        (Some(by), true) => format!("; backends named by {by} (guessed)"),
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
    let (named, silent): (Vec<_>, Vec<_>) = report.backends.iter().partition(|one| one.backend.is_some());
    let few = if silent.len() > SILENT { 0 } else { silent.len() };
    for one in named.iter().take(TOLD).chain(silent.iter().take(few)) {
        backend(text, one, width);
    }
    if named.len() > TOLD {
        writeln!(text, "  and {} more", named.len() - TOLD).ok();
    }
    if silent.len() > few {
        writeln!(text, "  and {} that never answered", silent.len()).ok();
    }
}

fn name(one: &BackendReport) -> &str {
    one.backend.as_deref().unwrap_or("(never answered)")
}

fn backend(text: &mut String, one: &BackendReport, width: usize) {
    let shown = clip(name(one), width);
    let mean = one.mean_ms.map_or("-".to_owned(), |millis| format!("{millis:.1}"));
    writeln!(
        text,
        "  {shown:width$}  {:>6.1}%  {:>6.1}%  {:BAR$}  {:>8}  {mean:>8}",
        one.share * 100.0,
        one.expected * 100.0,
        bar(one.share, Some(one.expected), BAR),
        one.answers,
    )
    .ok();
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

#[cfg(test)]
mod tests {
    use evenkeel_traffic::verify::{ExcludedReport, StickyReport};

    use super::*;

    fn report(verdict: Verdict, backends: Vec<BackendReport>) -> Report {
        Report {
            schema: 1,
            url: format!("http://a.example/{}", "x".repeat(300)),
            verdict,
            reasons: vec!["a gets more ".repeat(20)],
            notes: vec!["y".repeat(300)],
            by: Some(format!("header:{}", "z".repeat(90))),
            by_guessed: true,
            pattern: "kept",
            vary: Some("source".to_owned()),
            unit: Unit::Connection,
            requests: 1_000_000,
            failures: [("closed", 3), ("reset", 4)].into(),
            statuses: [(200, 7), (503, 2)].into(),
            unnamed: 2,
            backends,
            tolerance: 0.05,
            excluded: ExcludedReport { above: Some(1.5), below: Some(0.5) },
            needed: Some(460),
            sticky: Some(StickyReport { sessions: 9, followed: 90, moved: 1, cookies: 9 }),
            interrupted: true,
        }
    }

    fn backend(name: Option<&str>) -> BackendReport {
        BackendReport {
            backend: name.map(str::to_owned),
            answers: 1_000_000,
            share: 1.0,
            expected: 1.0 / 3.0,
            ratio: Some(3.0),
            found: Some("above"),
            critical: true,
            since: Some(0),
            mean_ms: Some(12_345.6),
        }
    }

    #[test]
    fn everything_fits_into_100_columns_and_the_answer_comes_first() {
        let long = "w".repeat(64);
        for verdict in [Verdict::AsExpected, Verdict::Refused, Verdict::Undecided, Verdict::Impossible] {
            let text =
                render(&report(verdict, vec![backend(Some(&long)), backend(Some("a")), backend(None)]));
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert!(text.contains("(interrupted)") && text.contains("2 with 503"), "{text}");
            let first = text.lines().next().unwrap_or_default();
            let word = ["As expected", "Refused", "Undecided", "Nothing can be said"][verdict as usize];
            assert!(first.starts_with(word), "{text}");
        }
    }

    #[test]
    fn a_name_that_a_server_sends_drives_no_terminal() {
        let mut report = report(Verdict::Refused, vec![backend(Some("w\u{1b}[2Jx\u{7}"))]);
        report.reasons = vec!["w\u{1b}[2Jx\u{7} gets more".to_owned()];
        let text = render(&report);
        assert!(text.contains("w?[2Jx? ") && text.contains("w?[2Jx? gets more"), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{text}");
    }

    #[test]
    fn many_backends_are_folded() {
        let names: Vec<String> = (0..30).map(|number| format!("web{number}")).collect();
        let named = names.iter().map(|name| backend(Some(name)));
        let text = render(&report(Verdict::Refused, named.chain((0..7).map(|_| backend(None))).collect()));
        assert!(text.contains("web19") && !text.contains("web20"), "{text}");
        assert!(text.contains("and 10 more") && text.contains("and 7 that never answered"), "{text}");
    }
}
