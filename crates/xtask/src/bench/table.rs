//! The comparison as a table and as JSON.

use std::fmt::Write as _;

use super::bar::{Against, Figure, Verdict};
use super::contender::Contender;
use super::figures::{Figures, Pause};
use super::measured::{Measured, Row};

const OURS: &str = "evenkeel";

/// One line a bar: medians, what counts, and how it stands.
pub(crate) fn table(all: &[Measured]) -> String {
    let mut out = String::new();
    write!(out, "{:17} {:16}", "scenario", "unit").ok();
    for contender in Contender::ALL {
        write!(out, " {:>9}", contender.name()).ok();
    }
    writeln!(out, " {:>8}  {:13} {:>6} {:>6}  verdict", "figure", "against", "must", "goal").ok();
    for row in all.iter().flat_map(Measured::rows) {
        write!(out, "{:17} {:16}", row.name, row.bar.figure.unit()).ok();
        for contender in Contender::ALL {
            write!(out, " {:>9}", number(row.measured.spread(contender.name(), row.bar.figure).median)).ok();
        }
        let (must, goal) = (row.bar.must, row.bar.goal);
        writeln!(out, " {:>8.3}  {:13} {must:>6} {goal:>6}  {}", row.value, against(&row), verdict(&row))
            .ok();
    }
    out.push_str(
        "medians of all rounds, less is better; figure: ours as ratio to what it is against, itself if to nothing\n\
         peers: the better one of nginx and HAProxy; names: the best of these; noisy: our rounds are more than 15 % apart;\n\
         disturbed: others ran on the proxies' core for more than 5 % of a round\n",
    );
    out
}

/// Everything, for programs: each run with its bars and its rounds.
pub(crate) fn json(runs: &[Vec<Measured>]) -> String {
    let runs: Vec<String> = runs.iter().map(|all| run(all)).collect();
    format!("{{\"schema\":2,\"runs\":[{}]}}", runs.join(",\n"))
}

fn run(all: &[Measured]) -> String {
    let bars: Vec<String> = all.iter().flat_map(Measured::rows).map(|row| bar(&row)).collect();
    let mut rounds = Vec::new();
    for measured in all {
        for (name, figures) in &measured.contenders {
            rounds.extend(figures.iter().map(|figures| round(measured, name, figures)));
        }
        for pair in &measured.pairs {
            rounds.push(round(measured, "paired", &pair.ours));
            rounds.push(round(measured, "reference", &pair.reference));
        }
    }
    format!("{{\"bars\":[\n{}\n],\"rounds\":[\n{}\n]}}", bars.join(",\n"), rounds.join(",\n"))
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "-".to_owned(),
        value if value < 10.0 => format!("{value:.2}"),
        value => format!("{value:.1}"),
    }
}

fn against(row: &Row<'_>) -> String {
    match row.bar.against {
        Against::Peers => "peers".to_owned(),
        Against::These(all) => all.iter().map(|one| one.name()).collect::<Vec<_>>().join("/"),
        Against::Own(scenario) => scenario.name.to_owned(),
        Against::Absolute => String::new(),
    }
}

fn verdict(row: &Row<'_>) -> String {
    let mut text = row.verdict.name().to_owned();
    if row.noisy {
        text.push_str(", noisy");
    }
    if row.disturbed {
        text.push_str(", disturbed");
    }
    if row.bar.figure == Figure::Pause {
        let median = |figure: fn(Pause) -> f64| {
            number(row.measured.median(OURS, |figures| figures.pause.map_or(f64::NAN, figure)))
        };
        let (longest, quiet) = (median(|pause| pause.reload_ms), median(|pause| pause.quiet_ms));
        write!(text, "; longest of all {longest}, without a reload {quiet}").ok();
    }
    text
}

fn bar(row: &Row<'_>) -> String {
    let spread = |name: &str| {
        let spread = row.measured.spread(name, row.bar.figure);
        let (median, min, max) = (exact(spread.median), exact(spread.min), exact(spread.max));
        format!("\"{name}\":{{\"median\":{median},\"min\":{min},\"max\":{max}}}")
    };
    let spreads: Vec<String> = Contender::ALL.iter().map(|contender| spread(contender.name())).collect();
    format!(
        "{{\"name\":\"{}\",\"unit\":\"{}\",\"against\":\"{}\",\"value\":{},\"must\":{},\"goal\":{},\"verdict\":\"{}\",\
         \"noisy\":{},\"disturbed\":{},{}}}",
        row.name,
        row.bar.figure.unit(),
        against(row),
        exact(row.value),
        row.bar.must,
        row.bar.goal,
        row.verdict.name(),
        row.noisy,
        row.disturbed,
        spreads.join(","),
    )
}

fn round(measured: &Measured, name: &str, figures: &Figures) -> String {
    format!(
        "{{\"scenario\":\"{}\",\"contender\":\"{name}\",\"cpu_us\":{:.3},\"per_second\":{:.1},\"p50_ms\":{:.4},\
         \"p99_ms\":{:.4},\"p999_ms\":{:.4},\"max_ms\":{:.4},\"busy\":{:.3},\
         \"disturbed\":{:.3},\"resident_kib\":{:.0},\"idle_kib\":{},\
         \"reload_ms\":{},\"longest_reload_ms\":{},\"quiet_ms\":{},\"negotiated\":{}}}",
        measured.scenario.name,
        figures.cpu_micros,
        figures.per_second,
        figures.p50_ms,
        figures.p99_ms,
        figures.p999_ms,
        figures.max_ms,
        figures.busy,
        figures.disturbed,
        figures.resident_kib,
        exact(figures.idle_kib.unwrap_or(f64::NAN)),
        exact(figures.pause.map_or(f64::NAN, |pause| pause.typical_ms)),
        exact(figures.pause.map_or(f64::NAN, |pause| pause.reload_ms)),
        exact(figures.pause.map_or(f64::NAN, |pause| pause.quiet_ms)),
        figures.negotiated.as_ref().map_or_else(|| "null".to_owned(), |text| format!("\"{text}\"")),
    )
}

/// JSON has no word for "no number" but null.
fn exact(value: f64) -> String {
    if value.is_finite() { format!("{value:.4}") } else { "null".to_owned() }
}

/// Names of the rows whose bar is missed.
pub(crate) fn missed(all: &[Measured]) -> Vec<String> {
    let rows = all.iter().flat_map(Measured::rows);
    rows.filter(|row| row.verdict == Verdict::Missed).map(|row| row.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measured::tests::measured;

    #[test]
    fn the_table_tells_figures_bar_and_verdict() {
        let all = [measured("h1", [&[13.5, 13.0, 20.0], &[15.0], &[15.5], &[]], &[])];
        let table = table(&all);
        let line: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
        let expected = "h1 us CPU a request 13.5 15.0 15.5 - 0.900 peers 1 0.9 goal, noisy"
            .split(' ')
            .collect::<Vec<_>>();
        assert_eq!(line, expected);
        assert!(missed(&all).is_empty());
    }

    #[test]
    fn what_is_missed_is_named() {
        let all = [
            measured("h1", [&[16.0], &[15.0], &[15.5], &[1.0]], &[]),
            measured("h1_backends_1000", [&[16.0], &[20.0], &[20.0], &[]], &[(16.0, 16.0)]),
        ];
        assert_eq!(missed(&all), ["h1"]);
        assert!(table(&all).lines().nth(1).unwrap().ends_with("MISSED"));
    }

    #[test]
    fn json_has_the_spread_and_null_for_what_was_not_measured() {
        let json = json(&[vec![measured("h1", [&[13.5, 13.0, 20.0], &[15.0], &[15.5], &[]], &[])]]);
        assert!(json.contains("\"evenkeel\":{\"median\":13.5000,\"min\":13.0000,\"max\":20.0000}"), "{json}");
        assert!(json.contains("\"envoy\":{\"median\":null,\"min\":null,\"max\":null}"), "{json}");
        assert!(!json.contains("NaN"), "{json}");
    }

    #[test]
    fn what_was_negotiated_and_whom_a_bar_is_against_are_told() {
        let mut measured = measured("h2_upstream_h2", [&[6.0], &[], &[12.0], &[10.0]], &[]);
        measured.contenders[0].1[0].negotiated = Some("TLSv1.3 h2".to_owned());
        let all = vec![measured];
        assert!(table(&all).contains(" 0.600  haproxy/envoy "), "{}", table(&all));
        let json = json(&[all]);
        assert!(json.contains("\"against\":\"haproxy/envoy\""), "{json}");
        assert_eq!(json.matches("\"negotiated\":\"TLSv1.3 h2\"").count(), 1, "{json}");
        assert_eq!(json.matches("\"negotiated\":null").count(), 2, "{json}");
    }
}
