//! What the figures are held against.

use super::super::row::{Effort, Line};
use super::{CELLS, Column, Latency};

/// How far another strategy may be ahead of the default where one proxy sees all traffic.
const BEHIND_MAX: f64 = 1.05;
/// The same with few requests, whose 99th percentile is worth less.
const BEHIND_QUICK: f64 = 1.25;
/// `prequal` against `p2c` where many proxies see little each.
const PROBING_MAX: f64 = 0.6;
/// Round robin with ideal weights against `prequal`, there.
const TURNS_MIN: f64 = 2.0;

pub(super) fn lines(latency: &Latency, effort: Effort) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, cell) in CELLS.iter().enumerate() {
        if cell.proxies == 1 {
            lines.extend([true, false].map(|weighted| leads(latency, at, weighted, effort)));
        } else if cell.proxies >= MANY {
            lines.extend(probes(latency, at));
            lines.extend(turns(latency, at).filter(|_| cell.shares_machines()));
        }
    }
    lines
}

/// Proxies that each see too little of the traffic to know the servers by their own requests.
const MANY: u32 = 50;

/// `least_request` is the best, or nearly: with the right weights of all, without weights of all without.
fn leads(latency: &Latency, cell: usize, weighted: bool, effort: Effort) -> Line {
    let ours = Column { strategy: "least_request", weighted };
    let p99 = latency.of(cell, ours).unwrap_or(f64::NAN);
    let others = latency.columns.iter().filter(|column| **column != ours && (weighted || !column.weighted));
    let others = others.filter_map(|column| Some((latency.of(cell, *column)?, *column)));
    let best = others.min_by(|one, other| one.0.total_cmp(&other.0));
    let (least, name) = best.map_or((f64::NAN, String::new()), |(least, column)| (least, column.name()));
    let behind = effort.pick(BEHIND_MAX, BEHIND_QUICK);
    Line {
        name: format!("{} {}", super::super::LATENCY, CELLS[cell].name),
        claim: format!("{} has the best p99, or nearly", ours.name()),
        source: "the design, simulated beforehand".to_owned(),
        target: format!("at most {behind} of the best other"),
        got: format!("{}; {name} {}", millis(p99), millis(least)),
        pass: p99 <= behind * least,
    }
}

fn probes(latency: &Latency, cell: usize) -> Option<Line> {
    let probing = latency.of(cell, Column { strategy: "prequal", weighted: false })?;
    let two = latency.of(cell, Column { strategy: "p2c", weighted: false })?;
    Some(Line {
        name: format!("{} {}", super::super::LATENCY, CELLS[cell].name),
        claim: "prequal has a far better p99 than p2c where many proxies see little each".to_owned(),
        source: "the design, simulated beforehand".to_owned(),
        target: format!("at most {PROBING_MAX} of p2c"),
        got: format!("{}; p2c {}", millis(probing), millis(two)),
        pass: probing <= PROBING_MAX * two,
    })
}

fn turns(latency: &Latency, cell: usize) -> Option<Line> {
    let probing = latency.of(cell, Column { strategy: "prequal", weighted: false })?;
    let turns = latency.of(cell, Column { strategy: "round_robin", weighted: true })?;
    Some(Line {
        name: format!("{} {}", super::super::LATENCY, CELLS[cell].name),
        claim: "prequal has a far better p99 than weighted round robin where machines are shared".to_owned(),
        source: "Wydrowski et al. 2024 (NSDI)".to_owned(),
        target: format!("round robin at least {TURNS_MIN} times as long"),
        got: format!("{}; round robin {}", millis(probing), millis(turns)),
        pass: probing.is_finite() && turns >= TURNS_MIN * probing,
    })
}

fn millis(p99: f64) -> String {
    if p99.is_finite() { format!("{p99:.0} ms") } else { Latency::text(p99) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::latency;
    use super::*;

    fn column(strategy: &'static str, weighted: bool) -> Column {
        Column { strategy, weighted }
    }

    #[track_caller]
    fn failed(ours: f64, weighted: f64, two: f64, probing: f64) -> usize {
        let figures = latency(&[
            (column("round_robin", true), 150.0),
            (column("least_request", false), ours),
            (column("least_request", true), weighted),
            (column("p2c", false), two),
            (column("prequal", false), probing),
        ]);
        lines(&figures, Effort::Full).iter().filter(|line| !line.pass).count()
    }

    #[test]
    fn bars_are_met_at_their_very_value_and_missed_beyond() {
        assert_eq!(failed(84.0, 84.0, 100.0, 60.0), 12, "prequal is ahead of both");
        assert_eq!(failed(63.0, 63.0, 100.0, 60.0), 0);
        assert_eq!(failed(63.1, 63.0, 100.0, 60.0), 6, "in each of six cells with one proxy");
        assert_eq!(failed(63.0, 63.1, 100.0, 60.0), 6);
        assert_eq!(failed(60.0, 60.0, 99.9, 60.0), 2, "in each of two cells with many");
        assert_eq!(failed(60.0, 60.0, 900.0, 75.1), 1, "half of 150 at most, where machines are shared");
    }

    #[test]
    fn overload_is_never_good() {
        assert_eq!(failed(f64::INFINITY, 63.0, 200.0, 60.0), 6);
        assert!(failed(60.0, 60.0, 100.0, f64::INFINITY) >= 3);
    }

    #[test]
    fn strategies_that_do_not_exist_have_no_bars() {
        let figures = latency(&[(column("least_request", false), 1.0), (column("least_request", true), 1.0)]);
        assert!(lines(&figures, Effort::Full).iter().all(|line| !line.claim.contains("prequal")));
    }
}
