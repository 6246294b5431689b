//! The figures as pictures.

use std::fs;
use std::path::Path;

use evenkeel_core::{REGISTRY, StrategyKind};

use crate::Failure;
use crate::chart::{Bar, Bars, Group};

use super::Findings;
use super::adding;
use super::keys::{self, by_chance};
use super::latency::{CELLS, Column, Latency};
use super::pools::{Asked, pool};

const DIRECTORY: &str = "docs/images";
const P99: &str = "strategies-p99.svg";
const ADDING: &str = "strategies-adding.svg";
const KEYS: &str = "strategies-keys.svg";

/// Draws them all.
pub(super) fn write(root: &Path, findings: &Findings) -> Result<(), Failure> {
    let mut drawn = vec![(ADDING, adding::picture().svg()?)];
    if let Some(latency) = &findings.latency {
        drawn.push((P99, p99(latency).svg()?));
    }
    if keys::any() {
        drawn.push((KEYS, spread().svg()?));
    }
    for (name, picture) in drawn {
        let file = root.join(DIRECTORY).join(name);
        fs::write(&file, picture).map_err(|error| format!("{}: {error}", file.display()))?;
        eprintln!("wrote {}", file.display());
    }
    Ok(())
}

/// Names of those that are drawn.
#[cfg(test)]
pub(super) fn files() -> Vec<&'static str> {
    let mut files = vec![P99, ADDING];
    files.extend(keys::any().then_some(KEYS));
    files
}

/// Scenarios of which there is room for bars.
const SHOWN: [usize; 5] = [0, 1, 3, 4, 8];
/// Longer than every bar.
const BEYOND: f64 = 99.0;

/// Relative to the default.
fn p99(latency: &Latency) -> Bars {
    let default = Column { strategy: StrategyKind::default().as_str(), weighted: false };
    let group = |cell: usize| {
        let one = latency.of(cell, default).unwrap_or(f64::NAN);
        let bar = |column: &Column| {
            let p99 = latency.of(cell, *column).unwrap_or(f64::NAN);
            Bar {
                name: column.strategy.to_owned(),
                ratio: if p99.is_finite() { p99 / one } else { BEYOND },
                text: Latency::text(p99),
                ours: *column == default,
            }
        };
        let (name, what) = CELLS[cell].two_rows();
        let unweighted = latency.columns.iter().filter(|column| !column.weighted);
        Group { name: name.to_owned(), unit: what.to_owned(), bars: unweighted.map(bar).collect() }
    };
    let title = format!("99th percentile in ms without weights, {} = 1; less is better", default.strategy);
    Bars { title, groups: SHOWN.into_iter().map(group).collect() }
}

/// The largest and the least share of the keys, relative to equal ones.
fn spread() -> Bars {
    let group = |name: &'static str| {
        let counts =
            Asked::new(pool(super::pools::strategy(name), &[1; 20]), 1).counts(by_chance(1_000_000, 3));
        let mean = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        let ratio = |count: Option<&u64>| count.map_or(f64::NAN, |count| *count as f64 / mean);
        let bar = |name: &str, ratio: f64, ours| Bar {
            name: name.to_owned(),
            ratio,
            text: format!("{ratio:.3}"),
            ours,
        };
        let bars = vec![
            bar("most", ratio(counts.iter().max()), true),
            bar("least", ratio(counts.iter().min()), false),
        ];
        Group { name: name.to_owned(), unit: "of an equal share".to_owned(), bars }
    };
    let keyed = REGISTRY.iter().filter(|known| known.keyed);
    Bars {
        title: "1,000,000 different keys over 20 equal backends".to_owned(),
        groups: keyed.map(|known| group(known.name)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::latency::{COLUMNS, tests::latency};
    use super::*;

    #[test]
    fn bars_are_relative_to_the_default_and_overload_is_longer_than_any() {
        let default = Column { strategy: "least_request", weighted: false };
        let bars = p99(&latency(&[(COLUMNS[0], f64::INFINITY), (default, 40.0), (COLUMNS[2], 60.0)]));
        let group = &bars.groups[0];
        let ratios: Vec<f64> = group.bars.iter().map(|bar| bar.ratio).collect();
        assert_eq!(ratios, [BEYOND, 1.0, 1.5]);
        assert_eq!((group.bars[0].text.as_str(), group.bars[1].ours), ("overload", true));
        assert!(bars.svg().is_ok());
    }
}
