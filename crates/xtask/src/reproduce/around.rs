//! What shapes the shares before a strategy sees them.

use std::time::Duration;

use evenkeel_core::{
    BackendId, Nanos, PoolEvent, PoolState, Ratio, SlowStart, StrategyKind, SubsetSpec, subset, tier_loads,
    zone_spare, zone_split,
};

use super::pools::pool;
use super::row::{Effort, Found, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "slow_start_1",
        claim: "slow start: share of a new backend among ten at 0.1, 0.25, 0.5, 0.75 of the window",
        source: "Envoy, slow start with aggression 1",
        target: "1.1, 2.7, 5.3, 7.7 %",
        strategies: &[],
        check: |_| slow_start(1.0, [1.1, 2.7, 5.3, 7.7]),
    },
    Row {
        name: "slow_start_2",
        claim: "the same with aggression 2",
        source: "Envoy, slow start",
        target: "3.4, 5.3, 7.3, 8.8 %",
        strategies: &[],
        check: |_| slow_start(2.0, [3.4, 5.3, 7.3, 8.8]),
    },
    Row {
        name: "tiers",
        claim: "the second tier gets its first traffic when less than 72 % of the first are healthy; at 50 % it gets 30 %",
        source: "Envoy, priority levels",
        target: "0 % at 72, 0.6 % at 71, 30 % at 50",
        strategies: &[],
        check: tiers,
    },
    Row {
        name: "zones",
        claim: "arrivals 40, 40, 20 %, capacity 25, 50, 25 %: what each zone has left over for others",
        source: "Envoy, zone aware routing",
        target: "0, 10, 5 %; 62.5 % stay",
        strategies: &[],
        check: zones,
    },
    Row {
        name: "subset",
        claim: "300 instances that each use 30 of 300 backends: the least and the most instances that a backend has",
        source: "Beyer et al. 2016 (SRE book), chapter 20",
        target: "30 and 30",
        strategies: &[],
        check: subsets,
    },
];

/// In a pool of nine that have served for long, and one more.
fn slow_start(aggression: f64, percents: [f64; 4]) -> Found {
    let window = Duration::from_secs(100);
    let mut spec = pool(StrategyKind::default(), &[1; 10]);
    spec.shaping.slow_start =
        Some(SlowStart { window, aggression, minimum: Ratio::new(0.1).unwrap_or(Ratio::ONE) });
    let mut nine = spec.clone();
    nine.members.pop();
    let mut state = PoolState::new(nine, 1, Nanos::ZERO);
    let added = Nanos::from_secs(1_000);
    state.apply(PoolEvent::Configured(spec), added);
    let shares = [0.1, 0.25, 0.5, 0.75].map(|part| {
        let now = added.saturating_add(window.mul_f64(part));
        while let Some(due) = state.next_deadline().filter(|due| *due <= now) {
            state.apply(PoolEvent::Tick, due);
        }
        state.snapshot().members()[9].plan * 100.0
    });
    // Weights are raised in steps: a share may be a step behind.
    let near = |(share, percent): (&f64, f64)| *share <= percent + 0.1 && *share >= percent - 0.55;
    Found {
        got: format!("{} %", shares.map(|share| format!("{share:.1}")).join(", ")),
        pass: shares.iter().zip(percents).all(near),
    }
}

fn tiers(_: Effort) -> Found {
    let second = [0.72, 0.71, 0.5].map(|available| tier_loads(&[available, 1.0], 1.4)[1] * 100.0);
    let exact = |(got, expected): (&f64, f64)| (got - expected).abs() < 1e-6;
    Found {
        got: format!("{:.1} %, {:.1} %, {:.1} %", second[0], second[1], second[2]),
        pass: second.iter().zip([0.0, 0.6, 30.0]).all(exact),
    }
}

fn zones(_: Effort) -> Found {
    let (arrivals, capacity) = ([40.0, 40.0, 20.0], [25.0, 50.0, 25.0]);
    let spare = zone_spare(&arrivals, &capacity);
    let split = zone_split(&arrivals, &capacity, 0);
    let exact = |got: &[f64], expected: &[f64]| got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-9);
    let rest = 0.375;
    Found {
        got: format!("{:.0}, {:.0}, {:.0} %; {:.1} % stay", spare[0], spare[1], spare[2], split[0] * 100.0),
        pass: exact(&spare, &[0.0, 10.0, 5.0]) && exact(&split, &[0.625, rest * 2.0 / 3.0, rest / 3.0]),
    }
}

fn subsets(_: Effort) -> Found {
    let ids: Vec<BackendId> = (0..300).map(|backend| BackendId::new(format!("b{backend}"))).collect();
    let ids: Vec<&BackendId> = ids.iter().collect();
    let mut instances = vec![0_u32; ids.len()];
    for instance in 0..300 {
        let Some(size) = std::num::NonZeroU32::new(30) else { break };
        for (count, used) in instances.iter_mut().zip(subset(&ids, SubsetSpec { instance, size })) {
            *count += u32::from(used);
        }
    }
    let (least, most) = (instances.iter().min().copied(), instances.iter().max().copied());
    Found {
        got: format!("{} and {}", least.unwrap_or_default(), most.unwrap_or_default()),
        pass: (least, most) == (Some(30), Some(30)),
    }
}
