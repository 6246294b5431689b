//! The figures, for people and for scripts.

use std::fmt::Write;

use crate::measure::Case;

/// A row for each strategy, number of threads and load; a column for each number of backends.
pub(crate) fn table(measured: &[(Case, f64)]) -> String {
    let mut out = String::from("ns per pick and end of a lease (one thread's time)\n\n");
    let row_of = |case: &Case| (case.strategy, case.threads, case.load);
    let rows: Vec<&[(Case, f64)]> = measured.chunk_by(|(a, _), (b, _)| row_of(a) == row_of(b)).collect();
    write!(out, "{:<16}{:>8}{:>6}", "strategy", "threads", "load").ok();
    for (case, _) in rows.first().copied().unwrap_or_default() {
        write!(out, "{:>10}", case.backends).ok();
    }
    for row in rows {
        let (case, _) = row[0];
        write!(out, "\n{:<16}{:>8}{:>6}", case.strategy.as_str(), case.threads, case.load.as_str()).ok();
        for (_, nanos) in row {
            write!(out, "{nanos:>10.1}").ok();
        }
    }
    out.push('\n');
    out
}

/// `{"schema":1,"unit":"ns","picks":[{...}]}`: strategies' names need no escaping.
pub(crate) fn json(measured: &[(Case, f64)]) -> String {
    let entry = |(case, nanos): &(Case, f64)| {
        let Case { strategy, threads, load, backends } = case;
        let load = load.as_str();
        format!(
            r#"{{"strategy":"{strategy}","threads":{threads},"load":"{load}","backends":{backends},"ns":{nanos:.2}}}"#
        )
    };
    let entries: Vec<String> = measured.iter().map(entry).collect();
    format!("{{\"schema\":1,\"unit\":\"ns\",\"picks\":[\n{}\n]}}\n", entries.join(",\n"))
}
