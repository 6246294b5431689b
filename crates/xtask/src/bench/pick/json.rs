//! The figures for programs. Names of strategies and loads need no escaping.

use super::figures::{BAR_AT, Case, Figures, GOAL_NANOS, MUST_ABOVE, MUST_NANOS, Mark};

/// `{"schema":1,"bars":{...},"times":[...],"instructions":[...],"allocations":[...],"requests":[...]}`
pub(super) fn json(figures: &Figures) -> String {
    let times = figures.times.iter().map(|row| {
        let met = |good: bool| row.mark().map_or("null".to_owned(), |_| good.to_string());
        format!(
            r#"{{{},"threads":{},"pick_ns":{:.2},"end_ns":{:.2},"both_ns":{:.2},"disturbed":{},"must_met":{},"goal_met":{}}}"#,
            of(&row.case),
            row.threads,
            row.pick,
            row.end,
            row.both,
            row.disturbed,
            met(row.mark() != Some(Mark::Missed)),
            met(row.mark() == Some(Mark::Goal)),
        )
    });
    let instructions = figures
        .instructions
        .iter()
        .map(|row| format!(r#"{{{},"pick":{:.2},"end":{:.2}}}"#, of(&row.case), row.pick, row.end));
    let allocations = figures.allocations.iter().map(|row| {
        let (picks, in_picks, in_ends) = (row.picks, row.in_picks, row.in_ends);
        format!(r#"{{{},"picks":{picks},"in_picks":{in_picks},"in_ends":{in_ends}}}"#, of(&row.case))
    });
    let requests = figures.requests.iter().map(|row| {
        let (proxy, allocations, bytes) = (&row.proxy, row.allocations, row.bytes);
        format!(r#"{{"proxy":"{proxy}","allocations":{allocations:.3},"bytes":{bytes:.1}}}"#)
    });
    format!(
        "{{\"schema\":1,\n\"bars\":{{\"at_backends\":{BAR_AT},\"pick_must_ns\":{MUST_NANOS},\
         \"pick_goal_ns\":{GOAL_NANOS},\"request_must_above\":{MUST_ABOVE},\"request_met\":{},\"missed\":{}}},\n\
         \"times\":{},\n\"instructions\":{},\n\"allocations\":{},\n\"requests\":{}}}\n",
        figures.requests_met(),
        figures.missed().len(),
        list(times),
        list(instructions),
        list(allocations),
        list(requests)
    )
}

fn of(case: &Case) -> String {
    let Case { strategy, load, backends } = case;
    format!(r#""strategy":"{strategy}","load":"{load}","backends":{backends}"#)
}

fn list(entries: impl Iterator<Item = String>) -> String {
    format!("[\n{}\n]", entries.collect::<Vec<_>>().join(",\n"))
}
