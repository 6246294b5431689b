//! The findings for people and for programs.

use std::fmt::Write as _;

use super::Findings;
use super::latency::{CELLS, Latency};
use super::row::{Effort, Line};

/// Rows, then the table of latencies.
pub(super) fn text(findings: &Findings) -> String {
    let mut out = String::new();
    for line in &findings.lines {
        let verdict = if line.pass { "ok" } else { "FAILED" };
        writeln!(out, "{verdict:6} {}: {}", line.name, line.claim).ok();
        writeln!(out, "       {}; target {}; got {}", line.source, line.target, line.got).ok();
    }
    if let Some(latency) = &findings.latency {
        write_latency(&mut out, latency);
    }
    out
}

fn write_latency(out: &mut String, latency: &Latency) {
    out.push_str("\n99th percentile in ms; proxies x servers, what they are like, load\n");
    for (number, column) in latency.columns.iter().enumerate() {
        writeln!(out, "  [{}] {}", number + 1, column.name()).ok();
    }
    write!(out, "{:28}", "").ok();
    for number in 1..=latency.columns.len() {
        write!(out, " {:>9}", format!("[{number}]")).ok();
    }
    out.push('\n');
    for (cell, figures) in CELLS.iter().zip(&latency.p99) {
        write!(out, "{:28}", cell.name).ok();
        for p99 in figures {
            write!(out, " {:>9}", Latency::text(*p99)).ok();
        }
        out.push('\n');
    }
}

/// `{"schema":1,"quick":false,"rows":[...],"p99_ms":[...]}`; a 99th percentile of `null` is an overload.
pub(super) fn json(findings: &Findings, effort: Effort) -> String {
    let rows: Vec<String> = findings.lines.iter().map(row).collect();
    let latencies: Vec<String> = findings.latency.iter().flat_map(latencies).collect();
    format!(
        "{{\"schema\":1,\"quick\":{},\n\"rows\":[\n{}\n],\n\"p99_ms\":[\n{}\n]}}",
        effort == Effort::Quick,
        rows.join(",\n"),
        latencies.join(",\n")
    )
}

fn row(line: &Line) -> String {
    let field = |name: &str, text: &str| format!("\"{name}\":{}", quoted(text));
    format!(
        "{{{},{},{},{},{},\"pass\":{}}}",
        field("name", &line.name),
        field("claim", &line.claim),
        field("source", &line.source),
        field("target", &line.target),
        field("got", &line.got),
        line.pass
    )
}

fn latencies(latency: &Latency) -> Vec<String> {
    let mut all = Vec::new();
    for (cell, figures) in CELLS.iter().zip(&latency.p99) {
        for (column, p99) in latency.columns.iter().zip(figures) {
            let p99 = if p99.is_finite() { format!("{p99:.2}") } else { "null".to_owned() };
            all.push(format!(
                "{{\"scenario\":{},\"strategy\":{},\"weights\":{},\"p99\":{p99}}}",
                quoted(cell.name),
                quoted(column.strategy),
                column.weighted
            ));
        }
    }
    all
}

/// Nothing here has control characters.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The rows as a table of Markdown.
pub(super) fn markdown_rows(lines: &[Line]) -> String {
    let mut out = "| | claim | source | target | here |\n|---|---|---|---|---|\n".to_owned();
    for line in lines {
        let got = if line.pass { line.got.clone() } else { format!("**{}**", line.got) };
        writeln!(out, "| `{}` | {} | {} | {} | {got} |", line.name, line.claim, line.source, line.target)
            .ok();
    }
    out
}

/// The table of latencies in Markdown.
pub(super) fn markdown_latency(latency: &Latency) -> String {
    let names: Vec<String> =
        latency.columns.iter().map(|column| column.name().replace(", ", ",<br>")).collect();
    let mut out = format!("| | {} |\n|---|{}\n", names.join(" | "), "---|".repeat(names.len()));
    for (cell, figures) in CELLS.iter().zip(&latency.p99) {
        let best = figures.iter().copied().fold(f64::INFINITY, f64::min);
        let figure = |p99: &f64| {
            let text = Latency::text(*p99);
            if *p99 <= best * 1.005 && p99.is_finite() { format!("**{text}**") } else { text }
        };
        let figures: Vec<String> = figures.iter().map(figure).collect();
        writeln!(out, "| {} | {} |", cell.name, figures.join(" | ")).ok();
    }
    out
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::latency::{COLUMNS, tests::latency};
    use super::*;

    /// One row that passes and one that does not, and two columns.
    pub(in crate::reproduce) fn findings() -> Findings {
        let line = |name: &str, pass| Line {
            name: name.to_owned(),
            claim: "says \"so\"".to_owned(),
            source: "somebody".to_owned(),
            target: "1".to_owned(),
            got: "2".to_owned(),
            pass,
        };
        let latency = latency(&[(COLUMNS[0], f64::INFINITY), (COLUMNS[1], 71.4)]);
        Findings { lines: vec![line("good", true), line("bad", false)], latency: Some(latency) }
    }

    #[test]
    fn people_see_what_failed_and_what_overloads() {
        let text = text(&findings());
        assert!(text.contains("ok     good: ") && text.contains("FAILED bad: "), "{text}");
        let row = format!("{:28} {:>9} {:>9}", "1 x 20 equal .9", "overload", "71");
        assert!(text.lines().any(|line| line == row), "{text}");
        let table = markdown_rows(&findings().lines);
        assert!(table.contains("| 1 | 2 |\n") && table.contains("| 1 | **2** |\n"), "{table}");
        let table = markdown_latency(findings().latency.as_ref().unwrap());
        assert!(table.contains("| 1 x 20 equal .9 | overload | **71** |"), "{table}");
    }

    #[test]
    fn programs_get_null_for_an_overload_and_quotes_escaped() {
        let json = json(&findings(), Effort::Quick);
        assert!(json.starts_with("{\"schema\":1,\"quick\":true,"), "{json}");
        assert!(json.contains(r#""claim":"says \"so\"""#) && json.contains(r#""pass":false"#), "{json}");
        assert!(json.contains(r#""strategy":"round_robin","weights":false,"p99":null}"#), "{json}");
        assert!(json.contains(r#""weights":true,"p99":71.40}"#), "{json}");
    }
}
