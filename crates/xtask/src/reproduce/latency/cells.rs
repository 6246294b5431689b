//! The scenarios: queues with 4 workers each and 10 ms of service, Poisson arrivals.

use std::time::Duration;

use evenkeel_core::sim::{Antagonist, Law, Scenario};

use super::super::pools::{self, SERVICE};
use super::Column;

/// One scenario.
#[derive(Debug)]
pub(in crate::reproduce) struct Cell {
    pub(in crate::reproduce) name: &'static str,
    pub(in crate::reproduce) proxies: u32,
    servers: usize,
    kind: Kind,
    /// Lognormal with sigma 1 instead of exponential.
    long_tail: bool,
    load: f64,
}

/// What the servers are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Equal,
    /// A quarter has speed 1, half 0.6, a quarter 0.3.
    Mixed,
    OneSlow,
    /// Each has 0.4 of its speed half of the time, for 2 s on average.
    Antagonists,
}

pub(in crate::reproduce) const CELLS: [Cell; 10] = [
    Cell::new("1 x 20 equal .9", 1, 20, Kind::Equal, 0.9),
    Cell::new("1 x 20 mixed .9", 1, 20, Kind::Mixed, 0.9),
    Cell { long_tail: true, ..Cell::new("1 x 20 mixed, lognormal .9", 1, 20, Kind::Mixed, 0.9) },
    Cell::new("1 x 20 one 5x slower .9", 1, 20, Kind::OneSlow, 0.9),
    Cell::new("1 x 20 antagonists .75", 1, 20, Kind::Antagonists, 0.75),
    Cell::new("1 x 100 mixed .9", 1, 100, Kind::Mixed, 0.9),
    Cell::new("10 x 20 mixed .9", 10, 20, Kind::Mixed, 0.9),
    Cell::new("10 x 20 one 5x slower .9", 10, 20, Kind::OneSlow, 0.9),
    Cell::new("50 x 100 mixed .9", 50, 100, Kind::Mixed, 0.9),
    Cell::new("50 x 100 antagonists .8", 50, 100, Kind::Antagonists, 0.8),
];

impl Cell {
    const fn new(name: &'static str, proxies: u32, servers: usize, kind: Kind, load: f64) -> Self {
        Self { name, proxies, servers, kind, long_tail: false, load }
    }

    pub(super) fn scenario(&self, column: Column, requests: u64) -> Scenario {
        let speeds = self.speeds();
        let weight = |speed: &f64| if column.weighted { (speed * 10.0).round() as u32 } else { 1 };
        let weights: Vec<u32> = speeds.iter().map(weight).collect();
        let pool = pools::pool(pools::strategy(column.strategy), &weights);
        let mut scenario = pools::scenario(pool, &speeds, 4, self.load, requests);
        scenario.proxies = self.proxies;
        for server in &mut scenario.servers {
            if self.kind == Kind::Antagonists {
                let half = Duration::from_secs(2);
                server.antagonist = Some(Antagonist { on: half, off: half, speed: 0.4 });
            }
            if self.long_tail {
                server.service = Law::LogNormal { mean: SERVICE, sigma: 1.0 };
            }
        }
        pools::at_load(&mut scenario, self.load);
        scenario
    }

    /// The name, before and after its numbers of proxies and servers.
    pub(in crate::reproduce) fn two_rows(&self) -> (&str, &str) {
        let second = self.name.match_indices(' ').nth(2).map_or(0, |(at, _)| at);
        (self.name[..second].trim(), self.name[second..].trim())
    }

    /// Whether something else runs beside the servers: what probes are said to be for.
    pub(super) fn shares_machines(&self) -> bool {
        self.kind == Kind::Antagonists
    }

    fn speeds(&self) -> Vec<f64> {
        let mixed = |position: usize| match 4 * position / self.servers {
            0 => 1.0,
            1 | 2 => 0.6,
            _ => 0.3,
        };
        let speed = |position: usize| match self.kind {
            Kind::Equal | Kind::Antagonists => 1.0,
            Kind::Mixed => mixed(position),
            Kind::OneSlow => {
                if position == 0 {
                    0.2
                } else {
                    1.0
                }
            }
        };
        (0..self.servers).map(speed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::COLUMNS;
    use super::*;

    #[test]
    fn loads_are_parts_of_what_the_servers_can_do() {
        let capacity = |name: &str| {
            let cell = CELLS.iter().find(|cell| cell.name == name).unwrap();
            cell.scenario(COLUMNS[0], 10).capacity()
        };
        assert!((capacity("1 x 20 equal .9") - 8_000.0).abs() < 1e-6);
        assert!((capacity("1 x 20 mixed .9") - 5_000.0).abs() < 1e-6);
        assert!((capacity("1 x 20 one 5x slower .9") - 7_680.0).abs() < 1e-6);
        assert!((capacity("1 x 20 antagonists .75") - 5_600.0).abs() < 1e-6);
    }

    #[test]
    fn weights_are_the_speeds() {
        let weighted = CELLS[1].scenario(COLUMNS[1], 10);
        let weights: Vec<u32> = weighted.pool.members.iter().map(|member| member.weight.get()).collect();
        assert_eq!(weights, [[10; 5], [6; 5], [6; 5], [3; 5]].concat());
    }
}
