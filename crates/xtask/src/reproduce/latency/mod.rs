//! The 99th percentile of every strategy in every scenario.

mod bars;
mod cells;

use std::time::Duration;

use evenkeel_core::StrategyKind;
use evenkeel_core::sim::{Report, run};

use super::pools::millis;
use super::row::{Effort, Line};
use super::work;

pub(super) use cells::{CELLS, Cell};

/// A strategy, told the speeds of the servers as weights or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) strategy: &'static str,
    pub(super) weighted: bool,
}

/// What is measured, where the strategies exist.
pub(super) const COLUMNS: [Column; 10] = [
    Column::equal("round_robin"),
    Column::weighted("round_robin"),
    Column::equal("random"),
    Column::equal("p2c"),
    Column::weighted("p2c"),
    Column::equal("peak_ewma"),
    Column::weighted("peak_ewma"),
    Column::equal("least_request"),
    Column::weighted("least_request"),
    Column::equal("prequal"),
];

/// All of it.
#[derive(Debug)]
pub(super) struct Latency {
    /// Those of [`COLUMNS`] whose strategy exists.
    pub(super) columns: Vec<Column>,
    /// By cell, then by column: milliseconds, infinite when the queues grew without end.
    pub(super) p99: Vec<Vec<f64>>,
}

/// Latencies that are this long on average in the end are no latencies: the servers are overloaded.
const OVERLOAD: Duration = Duration::from_secs(2);

impl Column {
    const fn equal(strategy: &'static str) -> Self {
        Self { strategy, weighted: false }
    }

    const fn weighted(strategy: &'static str) -> Self {
        Self { strategy, weighted: true }
    }

    pub(super) fn name(self) -> String {
        if self.weighted { format!("{}, weights", self.strategy) } else { self.strategy.to_owned() }
    }
}

impl Latency {
    pub(super) fn measure(effort: Effort) -> Self {
        let known = |column: &Column| StrategyKind::from_name(column.strategy).is_some();
        let columns: Vec<Column> = COLUMNS.into_iter().filter(known).collect();
        let seeds = effort.pick(15, 1);
        let all = work::spread(CELLS.len() * columns.len() * seeds, |index| {
            let (cell, rest) = (index / (columns.len() * seeds), index % (columns.len() * seeds));
            let p99 = p99(&CELLS[cell], columns[rest / seeds], effort, (rest % seeds) as u64 + 11);
            if rest == 0 {
                eprintln!("{:18} {}", super::LATENCY, CELLS[cell].name);
            }
            p99
        });
        let medians: Vec<f64> = all.chunks(seeds).map(median).collect();
        let p99 = medians.chunks(columns.len().max(1)).map(<[f64]>::to_vec).collect();
        Self { columns, p99 }
    }

    /// What the figures are held against.
    pub(super) fn lines(&self, effort: Effort) -> Vec<Line> {
        bars::lines(self, effort)
    }

    /// One figure; `None` where the strategy does not exist.
    pub(super) fn of(&self, cell: usize, column: Column) -> Option<f64> {
        let at = self.columns.iter().position(|known| *known == column)?;
        Some(self.p99[cell][at])
    }

    /// As people read it.
    pub(super) fn text(p99: f64) -> String {
        if p99.is_finite() { format!("{p99:.0}") } else { "overload".to_owned() }
    }
}

fn p99(cell: &Cell, column: Column, effort: Effort, seed: u64) -> f64 {
    let mut scenario = cell.scenario(column, effort.pick(80_000, 30_000));
    scenario.seed = seed;
    of(&run(&scenario))
}

fn of(report: &Report) -> f64 {
    if report.late > OVERLOAD { f64::INFINITY } else { millis(report.latency.percentile(0.99)) }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The same figures in every cell.
    pub(in crate::reproduce) fn latency(figures: &[(Column, f64)]) -> Latency {
        let p99 = figures.iter().map(|(_, p99)| *p99).collect::<Vec<_>>();
        Latency { columns: figures.iter().map(|(column, _)| *column).collect(), p99: vec![p99; CELLS.len()] }
    }

    #[test]
    fn the_middle_of_the_seeds_counts_and_overload_is_beyond_every_number() {
        assert_eq!(median(&[3.0, f64::INFINITY, 1.0]), 3.0);
        assert_eq!(median(&[f64::INFINITY, 3.0, f64::INFINITY]), f64::INFINITY);
        assert_eq!(
            (Latency::text(71.4), Latency::text(f64::INFINITY)),
            ("71".to_owned(), "overload".to_owned())
        );
    }
}
