//! The figures for people.

use std::fmt::Write as _;

use super::figures::{BAR_AT, Figures, GOAL_NANOS, Instructions, MUST_ABOVE, MUST_NANOS, Mark, Time};

/// A row of one table: its head, a figure for each number of backends, and how it stands.
struct Row {
    head: String,
    figures: Vec<(u32, f64)>,
    mark: Option<&'static str>,
    disturbed: bool,
}

/// A table for each figure; in it a column for each number of backends.
pub(super) fn table(figures: &Figures) -> String {
    let mut out = String::new();
    let bars = format!("{BAR_AT} backends: must {MUST_NANOS} ns, goal {GOAL_NANOS} ns");
    write_rows(&mut out, "ns per pick", &bars, &times(&figures.times, |row| row.pick, true));
    write_rows(&mut out, "ns per end of a lease", "", &times(&figures.times, |row| row.end, false));
    let both = times(&figures.times, |row| row.both, false);
    write_rows(&mut out, "ns per pick whose lease ends before the next", "", &both);
    if figures.times.iter().any(|time| time.disturbed) {
        out.push_str(
            "disturbed: others ran on these cores, so there is no verdict; repeat it on a quiet machine\n\n",
        );
    }
    let picks = instructions(&figures.instructions, |row| row.pick);
    write_rows(&mut out, "instructions per pick", "", &picks);
    let ends = instructions(&figures.instructions, |row| row.end);
    write_rows(&mut out, "instructions per end of a lease", "", &ends);
    write_allocations(&mut out, figures);
    write_requests(&mut out, figures);
    out
}

fn times(all: &[Time], figure: impl Fn(&Time) -> f64, marked: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for one in all {
        let head = format!("{:<16}{:>8} {:>6}", one.case.strategy, one.threads, one.case.load);
        let row = row(&mut rows, head);
        row.figures.push((one.case.backends, figure(one)));
        row.mark = row.mark.or(one.mark().filter(|_| marked).map(Mark::as_str));
        row.disturbed |= one.disturbed;
    }
    rows
}

fn instructions(all: &[Instructions], figure: impl Fn(&Instructions) -> f64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for one in all {
        // Threads take turns under valgrind.
        let head = format!("{:<16}{:>8} {:>6}", one.case.strategy, 1, one.case.load);
        row(&mut rows, head).figures.push((one.case.backends, figure(one)));
    }
    rows
}

/// The row of that head, made when there is none.
fn row(rows: &mut Vec<Row>, head: String) -> &mut Row {
    let at = rows.iter().position(|row| row.head == head).unwrap_or_else(|| {
        rows.push(Row { head, figures: Vec::new(), mark: None, disturbed: false });
        rows.len() - 1
    });
    &mut rows[at]
}

fn write_rows(out: &mut String, title: &str, bars: &str, rows: &[Row]) {
    write!(out, "{title}\n{:<16}{:>8} {:>6}", "strategy", "threads", "load").ok();
    for (backends, _) in rows.first().map_or(&[][..], |row| &row.figures) {
        write!(out, "{backends:>9}").ok();
    }
    line(out, bars);
    for row in rows {
        out.push_str(&row.head);
        for (_, figure) in &row.figures {
            write!(out, "{figure:>9.1}").ok();
        }
        let asides = row.mark.into_iter().chain(row.disturbed.then_some("disturbed"));
        line(out, &asides.collect::<Vec<_>>().join(", "));
    }
    out.push('\n');
}

/// Ends a line with what stands beside the table, if anything.
fn line(out: &mut String, aside: &str) {
    let gap = if aside.is_empty() { "" } else { "   " };
    writeln!(out, "{gap}{aside}").ok();
}

fn write_allocations(out: &mut String, figures: &Figures) {
    let sum = |figure: fn(&super::Allocations) -> u64| figures.allocations.iter().map(figure).sum::<u64>();
    let (picks, in_picks, in_ends) = (sum(|row| row.picks), sum(|row| row.in_picks), sum(|row| row.in_ends));
    let mark = met(in_picks + in_ends == 0);
    let strategies: std::collections::BTreeSet<_> =
        figures.allocations.iter().map(|row| &row.case.strategy).collect();
    writeln!(
        out,
        "allocations, all {} strategies and sizes: {in_picks} in {picks} picks, {in_ends} in their ends   must 0: {mark}\n",
        strategies.len(),
    )
    .ok();
}

fn write_requests(out: &mut String, figures: &Figures) {
    writeln!(out, "per proxied request   {:>12}{:>9}", "allocations", "bytes").ok();
    for row in &figures.requests {
        writeln!(out, "{:<22}{:>12.2}{:>9.0}", row.proxy, row.allocations, row.bytes).ok();
    }
    let mark = met(figures.requests_met());
    writeln!(out, "must: allocations at most hyper's + {MUST_ABOVE}: {mark}").ok();
}

fn met(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

#[cfg(test)]
mod tests {
    use super::super::figures::{Allocations, Request, rows};
    use super::*;

    #[test]
    fn bars_stand_beside_what_they_are_for() {
        let times = "random 1 idle 8 40 9 50 quiet\nrandom 1 idle 1000 41 9 51 quiet\nrandom 2 idle 1000 61 9 71 disturbed";
        let figures = Figures {
            times: rows(times, Time::parse).unwrap(),
            instructions: Vec::new(),
            allocations: rows("random idle 8 100 1 0", Allocations::parse).unwrap(),
            requests: rows("hyper 6 99\nevenkeel 2 9", Request::parse).unwrap(),
        };
        let text = table(&figures);
        let has = |line: &str| assert!(text.lines().any(|one| one == line), "{line:?} in\n{text}");
        has("random                 1   idle     40.0     41.0   must met, goal MISSED");
        has("random                 2   idle     61.0   disturbed");
        has("random                 1   idle     50.0     51.0");
        has("evenkeel                      2.00        9");
        has("must: allocations at most hyper's + 2: met");
        assert!(text.contains(": 1 in 100 picks, 0 in their ends   must 0: MISSED"), "{text}");
    }
}
