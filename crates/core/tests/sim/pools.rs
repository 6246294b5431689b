//! Pools and servers to simulate.

use std::time::Duration;

use evenkeel_core::sim::{Arrivals, Law, Scenario, Server};
use evenkeel_core::{MemberSpec, PoolSpec, StrategyKind, Weight};

/// What a request takes at speed 1, and the unit of time of theory.
pub(crate) const SERVICE: Duration = Duration::from_millis(10);

/// Members `0`, `1`, … with these weights.
pub(crate) fn pool(strategy: StrategyKind, weights: &[u32]) -> PoolSpec {
    let member = |(i, weight): (usize, &u32)| MemberSpec {
        weight: Weight::new(*weight).expect("a weight"),
        ..MemberSpec::new(i.to_string(), ([10, 0, 0, 1], 80).into())
    };
    PoolSpec { strategy, ..PoolSpec::new("pool", weights.iter().enumerate().map(member).collect()) }
}

/// Poisson traffic at this part of the capacity of servers with so many workers and exponential service.
pub(crate) fn scenario(
    strategy: StrategyKind,
    servers: usize,
    workers: u32,
    load: f64,
    requests: u64,
) -> Scenario {
    let service = Law::Exponential { mean: SERVICE };
    let all = (0..servers).map(|i| Server::new(&i.to_string(), workers, service)).collect();
    let pool = pool(strategy, &vec![1; servers]);
    let mut scenario = Scenario::new(pool, all, Arrivals::Poisson { rate: 1.0 }, requests);
    scenario.arrivals = Arrivals::Poisson { rate: load * scenario.capacity() };
    scenario
}

/// A time in units of the mean service time.
pub(crate) fn services(time: Duration) -> f64 {
    time.as_secs_f64() / SERVICE.as_secs_f64()
}
