//! Who gets what share.

use std::time::Duration;

use evenkeel_core::sim::{Failing, Law, run};
use evenkeel_core::strategy::schedule;
use evenkeel_core::{PickKey, Rng, StrategyKind, Tried, Weight};

use super::pools::{Asked, millis, pool, scenario, strategy};
use super::row::{Effort, Found, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "smooth",
        claim: "weights 5, 1, 1 take turns as a a b a c a a",
        source: "nginx, smooth weighted round robin",
        target: "that sequence",
        strategies: &["round_robin"],
        check: smooth,
    },
    Row {
        name: "prefix",
        claim: "after any number of requests, nobody is a whole turn away from its share",
        source: "nginx, smooth weighted round robin",
        target: "less than 1 turn",
        strategies: &["round_robin"],
        check: prefix,
    },
    Row {
        name: "restarts",
        claim: "weights 5, 1, 1: the first three requests after many restarts are split by weight, too",
        source: "envoy#31378: the heaviest gets all of them",
        target: "0.714 +- 0.02",
        strategies: &["round_robin", "least_request"],
        check: restarts,
    },
    Row {
        name: "workers",
        claim: "requests of 16 threads at once are split as exactly as those of one",
        source: "apisix#5246: a cursor a worker",
        target: "at most 1 request away",
        strategies: &["round_robin"],
        check: workers,
    },
    Row {
        name: "idle",
        claim: "weights 5, 1, 1 at 2 % load: least_request splits by weight, not all to the heaviest",
        source: "haproxy leastconn, (in flight + 1) / weight: 1.000",
        target: "0.714 +- 0.01",
        strategies: &["least_request"],
        check: idle,
    },
    Row {
        name: "misweighted",
        claim: "weights 5, 1, 1 by mistake on three equal servers at 90 % load: least_request still serves",
        source: "round robin overloads from 60 % load on",
        target: "p99 at most 3 times that of right weights",
        strategies: &["least_request", "round_robin"],
        check: misweighted,
    },
    Row {
        name: "black_hole",
        claim: "one of ten answers errors at once, 70 % load: the largest share that it gets of any strategy by load",
        source: "the design, simulated beforehand: 0.20 without a guard",
        target: "at most 0.11",
        strategies: &["least_request", "p2c", "peak_ewma", "prequal"],
        check: black_hole,
    },
];

const TYPO: [u32; 3] = [5, 1, 1];
const HEAVY: f64 = 5.0 / 7.0;

fn smooth(_: Effort) -> Found {
    let names = ["a", "b", "c"];
    let turns: Vec<&str> =
        schedule(&weights(&TYPO)).iter().filter_map(|turn| names.get(*turn as usize).copied()).collect();
    let got = turns.join(" ");
    Found { pass: got == "a a b a c a a", got }
}

fn prefix(effort: Effort) -> Found {
    let mut rng = Rng::from_seed(1);
    let mut worst = deviation(&TYPO);
    for _ in 0..effort.pick(2_000, 200) {
        let len = 2 + rng.below(30) as usize;
        let weights: Vec<u32> = (0..len).map(|_| 1 + rng.below(100)).collect();
        worst = worst.max(deviation(&weights));
    }
    Found { got: format!("{worst:.3}"), pass: worst < 1.0 }
}

/// The furthest that anybody is from its share after any prefix of a cycle.
fn deviation(all: &[u32]) -> f64 {
    let whole = f64::from(all.iter().sum::<u32>());
    let (mut counts, mut worst) = (vec![0.0; all.len()], 0.0_f64);
    for (taken, turn) in schedule(&weights(all)).iter().enumerate() {
        counts[*turn as usize] += 1.0;
        let due = |weight: &u32| (taken + 1) as f64 * f64::from(*weight) / whole;
        let away = counts.iter().zip(all).map(|(count, weight)| f64::abs(count - due(weight)));
        worst = away.fold(worst, f64::max);
    }
    worst
}

fn restarts(effort: Effort) -> Found {
    let restarts = effort.pick(20_000, 5_000);
    let share = |kind| {
        let heavy: u64 = (0..restarts)
            .map(|seed| {
                let mut asked = Asked::new(pool(kind, &TYPO), seed);
                asked.counts([PickKey::NONE; 3].into_iter())[0]
            })
            .sum();
        heavy as f64 / (restarts * 3) as f64
    };
    let shares = [StrategyKind::RoundRobin, StrategyKind::LeastRequest].map(share);
    Found {
        got: format!("{:.3} and {:.3}", shares[0], shares[1]),
        pass: shares.iter().all(|share| (share - HEAVY).abs() < 0.02),
    }
}

fn workers(effort: Effort) -> Found {
    let (threads, each) = (16, effort.pick(20_000, 5_000));
    let asked = Asked::new(pool(StrategyKind::RoundRobin, &[1; 10]), 1);
    std::thread::scope(|scope| {
        for seed in 0..threads {
            let snapshot = &asked.snapshot;
            scope.spawn(move || {
                let mut rng = Rng::from_seed(seed);
                for _ in 0..each {
                    drop(snapshot.pick(&Tried::default(), &mut rng, evenkeel_core::Nanos::ZERO));
                }
            });
        }
    });
    let share = threads * each / 10;
    let attempts = asked.snapshot.members().iter().map(|view| view.member.load.attempts_total());
    let worst = attempts.map(|attempts| attempts.abs_diff(share)).max().unwrap_or(u64::MAX);
    Found { got: format!("{worst}"), pass: worst <= 1 }
}

fn idle(effort: Effort) -> Found {
    let pool = pool(StrategyKind::LeastRequest, &TYPO);
    let report = run(&scenario(pool, &[5.0, 1.0, 1.0], 4, 0.02, effort.pick(100_000, 20_000)));
    let share = report.servers[0].share;
    Found { got: format!("{share:.3}"), pass: (share - HEAVY).abs() < 0.01 }
}

fn misweighted(effort: Effort) -> Found {
    let p99 = |kind, weights: &[u32]| {
        let report = run(&scenario(pool(kind, weights), &[1.0; 3], 4, 0.9, effort.pick(300_000, 30_000)));
        millis(report.latency.percentile(0.99))
    };
    let right = p99(StrategyKind::LeastRequest, &[1; 3]);
    let wrong = p99(StrategyKind::LeastRequest, &TYPO);
    let turns = p99(StrategyKind::RoundRobin, &TYPO);
    Found {
        got: format!("{wrong:.0} ms to {right:.0} ms; round robin over {:.0} s", (turns / 1e3).floor()),
        pass: wrong <= 3.0 * right && turns > 10.0 * right,
    }
}

fn black_hole(effort: Effort) -> Found {
    let share = |name| {
        let mut scenario =
            scenario(pool(strategy(name), &[1; 10]), &[1.0; 10], 4, 0.7, effort.pick(200_000, 40_000));
        let takes = Law::Constant(Duration::from_micros(50));
        scenario.servers[0].failing = Some(Failing { probability: 1.0, takes });
        run(&scenario).servers[0].share
    };
    let names = ["least_request", "p2c", "peak_ewma", "prequal"];
    let worst = names.map(share).into_iter().fold(0.0, f64::max);
    Found { got: format!("{worst:.3}"), pass: worst <= 0.11 }
}

fn weights(all: &[u32]) -> Vec<Weight> {
    all.iter().map(|weight| Weight::new(*weight).unwrap_or(Weight::ONE)).collect()
}
