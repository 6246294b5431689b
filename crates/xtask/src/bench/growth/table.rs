//! The figures as a table and as JSON.

use std::fmt::Write as _;

use crate::chart::rounded;

use super::super::measured::Spread;
use super::outcome::{Outcome, Point};
use super::series::Quantity;

/// A proxy that uses less of its core was not what limited the load.
const BUSY_MIN: f64 = 0.8;
/// A point of which others kept the proxy from its core for longer was not measured alone.
const DISTURBED_MAX: f64 = 0.05;

const NOTES: &str = "\
medians of all rounds (least..greatest), and how many times the first; less is better
* something other than Evenkeel limited the load; the CPU time is its own all the same
! others ran on Evenkeel's core for more than 5 % of a round
";

/// A block a series, a line a point.
pub(super) fn table(all: &[Outcome]) -> String {
    let mut out = String::new();
    for outcome in all {
        let (counts, _) = outcome.series.counts();
        writeln!(out, "{}: {}", outcome.series.name(), outcome.series.about()).ok();
        write!(out, "  {counts:>36}").ok();
        for quantity in outcome.series.quantities() {
            write!(out, " {:>32}", quantity.unit()).ok();
        }
        out.push_str("   busy\n");
        for point in &outcome.points {
            line(&mut out, outcome, point);
        }
        out.push('\n');
    }
    out.push_str(NOTES);
    out
}

fn line(out: &mut String, outcome: &Outcome, point: &Point) {
    let (_, unit) = outcome.series.counts();
    write!(out, "  {:>36}", unit.text(point.at as f64)).ok();
    for quantity in outcome.series.quantities() {
        let first = outcome.line(*quantity).first().map_or(f64::NAN, |(_, median)| *median);
        write!(out, " {:>32}", cell(point.spread(*quantity), first)).ok();
    }
    match point.busy() {
        // Without load there is nothing to be busy with.
        busy if busy > 0.0 => write!(out, "  {:3.0} %{}", busy * 100.0, marks(point)).ok(),
        _ => write!(out, "      -").ok(),
    };
    out.push('\n');
}

fn cell(spread: Spread, first: f64) -> String {
    if spread.median.is_nan() {
        return "-".to_owned();
    }
    let (median, min, max) = (rounded(spread.median), rounded(spread.min), rounded(spread.max));
    format!("{median} ({min}..{max}) x{:.2}", spread.median / first)
}

fn marks(point: &Point) -> &'static str {
    match (point.busy() < BUSY_MIN, point.disturbed() > DISTURBED_MAX) {
        (true, true) => " *!",
        (true, false) => " *",
        (false, true) => " !",
        (false, false) => "",
    }
}

/// Everything, for programs.
pub(super) fn json(all: &[Outcome]) -> String {
    let points = all.iter().flat_map(|outcome| outcome.points.iter().map(|point| object(outcome, point)));
    format!("{{\"schema\":1,\"points\":[\n{}\n]}}", points.collect::<Vec<_>>().join(",\n"))
}

fn object(outcome: &Outcome, point: &Point) -> String {
    let spread = |quantity: &Quantity| {
        let Spread { median, min, max } = point.spread(*quantity);
        let key = quantity.key();
        if median.is_nan() {
            return format!("\"{key}\":null");
        }
        format!("\"{key}\":{{\"median\":{median:.4},\"min\":{min:.4},\"max\":{max:.4}}}")
    };
    let figures: Vec<String> = outcome.series.quantities().iter().map(spread).collect();
    format!(
        "{{\"series\":\"{}\",\"at\":{},{},\"busy\":{:.3},\"disturbed\":{:.3}}}",
        outcome.series.name(),
        point.at,
        figures.join(","),
        point.busy(),
        point.disturbed()
    )
}

#[cfg(test)]
mod tests {
    use super::super::outcome::tests::outcome;
    use super::super::series::Series;
    use super::*;

    #[test]
    fn a_line_has_median_spread_and_growth() {
        let mut outcome = outcome(Series::Routes, &[&[10.0], &[11.0, 12.0, 15.0]]);
        outcome.points[1].samples[2].busy = 0.5;
        let text = table(&[outcome]);
        let line = text.lines().find(|line| line.trim_start().starts_with("10 ")).unwrap();
        assert!(line.contains("12 (11..15) x1.20"), "{text}");
        assert!(line.ends_with("90 %"), "the median is busy enough: {line}");
    }

    #[test]
    fn what_does_not_count_fully_is_marked() {
        let mut outcome = outcome(Series::Routes, &[&[10.0]]);
        let point = &mut outcome.points[0];
        assert_eq!(marks(point), "");
        point.samples[0].busy = 0.7;
        assert_eq!(marks(point), " *");
        point.samples[0].disturbed = 0.2;
        assert_eq!(marks(point), " *!");
    }

    #[test]
    fn json_says_what_was_not_measured() {
        let text = json(&[outcome(Series::Body, &[&[10.0, 12.0]])]);
        let first = "{\"series\":\"body\",\"at\":0,\"cpu_us\":{\"median\":11.0000,\"min\":10.0000,\"max\":12.0000},\
                     \"cpu_us_per_mib\":null,\"busy\":0.900,\"disturbed\":0.000}";
        assert!(text.contains(first), "{text}");
        let second = "\"at\":1024,\"cpu_us\":null,\"cpu_us_per_mib\":null";
        assert!(text.contains(second), "{text}");
    }
}
