//! Queues whose behaviour is known.

use evenkeel_core::sim::{Report, run};

use super::pools::{pool, scenario, services, strategy};
use super::row::{Effort, Found, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "erlang",
        claim: "M/M/4 at 80 % load: mean time in the queue, in services (checks the simulation itself)",
        source: "Erlang 1917",
        target: "0.746 +- 3 %",
        strategies: &["round_robin"],
        check: erlang,
    },
    Row {
        name: "supermarket_1",
        claim: "1,000 M/M/1 at 90 % load by lot: mean time in the system, in services",
        source: "Mitzenmacher 2001: 1 / (1 - load)",
        target: "10.0 +- 3 %",
        strategies: &["random"],
        check: one_choice,
    },
    Row {
        name: "supermarket_2",
        claim: "the same, the better of two",
        source: "Mitzenmacher 2001: sum of load^(2^i - 2)",
        target: "2.61 +- 3 %",
        strategies: &["p2c"],
        check: two_choices,
    },
    Row {
        name: "supermarket_99",
        claim: "the same at 99 % load (by lot it would be 100)",
        source: "Mitzenmacher 2001: sum of load^(2^i - 2)",
        target: "5.43 +- 5 %",
        strategies: &["p2c"],
        check: two_choices_full,
    },
];

fn erlang(effort: Effort) -> Found {
    let pool = pool(strategy("round_robin"), &[1]);
    let report = run(&scenario(pool, &[1.0], 4, 0.8, effort.pick(5_000_000, 300_000)));
    Found::near(services(report.waited), 0.7455, 0.03, effort)
}

fn one_choice(effort: Effort) -> Found {
    let report = supermarket("random", 0.9, effort.pick(8_000_000, 1_500_000));
    Found::near(services(report.latency.mean()), 10.0, 0.03, effort)
}

fn two_choices(effort: Effort) -> Found {
    let report = supermarket("p2c", 0.9, effort.pick(2_000_000, 200_000));
    Found::near(services(report.latency.mean()), two(0.9), 0.03, effort)
}

fn two_choices_full(effort: Effort) -> Found {
    let report = supermarket("p2c", 0.99, effort.pick(6_000_000, 1_000_000));
    Found::near(services(report.latency.mean()), two(0.99), 0.05, effort)
}

/// A fifth of the requests is warm-up: queues that begin empty take long to fill.
fn supermarket(name: &str, load: f64, requests: u64) -> Report {
    let pool = pool(strategy(name), &[1; 1_000]);
    let mut scenario = scenario(pool, &[1.0; 1_000], 1, load, requests);
    scenario.warm_up = requests / 5;
    run(&scenario)
}

/// Mean time in the system with two choices and many servers.
fn two(load: f64) -> f64 {
    (1..60).map(|i| load.powf(2_f64.powi(i) - 2.0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formula_gives_the_published_figures() {
        assert!(
            (two(0.9) - 2.61).abs() < 0.005 && (two(0.99) - 5.43).abs() < 0.005,
            "{} {}",
            two(0.9),
            two(0.99)
        );
    }
}
