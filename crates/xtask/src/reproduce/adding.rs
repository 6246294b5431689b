//! A backend that is added to a pool under load.

use std::time::Duration;

use evenkeel_core::sim::{Arrivals, Change, run};
use evenkeel_core::{Nanos, PoolEvent, Ratio, SlowStart, StrategyKind};

use super::pools::{pool, scenario};
use crate::chart::{Axis, Corner, Line, Lines, Scale, Unit};

/// Seconds until it is added, of a window, and shown. It is added when the others have served for longer than a slow
/// start takes: among beginners nobody is slow.
const ADDED: u64 = 12;
const WINDOW: u64 = 2;
const SHOWN: u64 = 16;

/// Requests a second: half of what ten servers can do.
const RATE: u64 = 2_000;

/// The share of an eleventh backend from then on, at once and with slow start.
pub(super) fn picture() -> Lines {
    let slow = SlowStart {
        window: Duration::from_secs(10),
        aggression: 1.0,
        minimum: Ratio::new(0.1).unwrap_or(Ratio::ONE),
    };
    let lines = [("at once", None), ("slow start of 10 s", Some(slow))]
        .map(|(name, slow_start)| Line { name: name.to_owned(), points: shares(slow_start) });
    Lines {
        title: "Share of an eleventh backend after it is added".to_owned(),
        x: Axis { label: "seconds".to_owned(), scale: Scale::Linear, unit: Unit::Count },
        y: Axis { label: "percent of requests".to_owned(), scale: Scale::Linear, unit: Unit::Count },
        lines: lines.to_vec(),
        legend: Corner::LowerRight,
    }
}

/// In windows of time, each at its middle.
fn shares(slow_start: Option<SlowStart>) -> Vec<(f64, f64)> {
    let mut whole = pool(StrategyKind::RoundRobin, &[1; 11]);
    whole.shaping.slow_start = slow_start;
    let mut few = whole.clone();
    few.members.pop();
    let mut scenario = scenario(few, &[1.0; 11], 4, 0.5, RATE * (ADDED + SHOWN));
    scenario.arrivals = Arrivals::Poisson { rate: RATE as f64 };
    scenario.changes = vec![Change { at: Nanos::from_secs(ADDED), event: PoolEvent::Configured(whole) }];
    scenario.window = Some(Duration::from_secs(WINDOW));
    let share = |window: &Vec<u64>| window[10] as f64 / window.iter().sum::<u64>().max(1) as f64 * 100.0;
    let middle = |index: usize| (index as u64 * WINDOW) as f64 + WINDOW as f64 / 2.0;
    let (first, count) = ((ADDED / WINDOW) as usize, (SHOWN / WINDOW - 1) as usize);
    let windows = run(&scenario).timeline;
    let after = windows.iter().skip(first).take(count).enumerate();
    after.map(|(index, window)| (middle(index), share(window))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_start_rises_to_the_share_that_others_have_at_once() {
        let [fast, slow] = [0, 1].map(|line| picture().lines[line].points.clone());
        assert!(fast.iter().all(|(_, share)| (share - 100.0 / 11.0).abs() < 0.7), "{fast:?}");
        assert!(slow[0].1 < 2.0 && slow.windows(2).take(4).all(|pair| pair[0].1 < pair[1].1), "{slow:?}");
        assert!((slow[6].1 - 100.0 / 11.0).abs() < 0.7, "{slow:?}");
    }
}
