//! The report as text.

use super::Report;
use crate::lines::wrap;
use crate::output;

/// Where sentences begin.
const INDENT: &str = "  ";

/// Everything, for people.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    let running = &report.running;
    let file = report.file.as_deref().unwrap_or("(no file: started with --listen)");
    let applied = evenkeel_analyze::utc(running.applied_at as i64);
    let verdict = match report.differences.len() {
        0 => "no drift".to_owned(),
        number => output::count(number, "difference"),
    };
    wrap(
        &mut text,
        "",
        &format!("{file}, generation {} applied {applied} UTC: {verdict}", running.generation),
    );
    for one in &report.differences {
        text.push('\n');
        wrap(&mut text, "", &format!("{}: {}", one.about, one.text));
        for sentence in &one.more {
            wrap(&mut text, INDENT, sentence);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Difference;
    use super::*;
    use crate::client::Running;

    #[test]
    fn what_differs_is_told_with_a_way_out() {
        let running = Running { path: None, text: String::new(), generation: 3, applied_at: 1_795_305_600.0 };
        let mut report =
            Report { running, file: Some("e.toml".to_owned()), differences: Vec::new(), comparison: None };
        assert_eq!(render(&report), "e.toml, generation 3 applied 2026-11-22 00:00:00 UTC: no drift\n");
        report
            .differences
            .push(Difference::new("no-traffic", "pool web", "b has got nothing").more("look there"));
        let text = render(&report);
        assert!(text.ends_with("UTC: 1 difference\n\npool web: b has got nothing\n  look there\n"), "{text}");
    }
}
