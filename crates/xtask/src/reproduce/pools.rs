//! Pools to ask, and servers to simulate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::sim::{Arrivals, Law, Scenario, Server};
use evenkeel_core::{
    Lease, MemberSpec, Nanos, Outcome, PickKey, PoolSnapshot, PoolSpec, PoolState, Rng, StrategyKind, Tried,
    Weight,
};

/// Mean time of a request at speed 1, in every simulation.
pub(super) const SERVICE: Duration = Duration::from_millis(10);

/// A pool to ask directly.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) snapshot: Arc<PoolSnapshot>,
    /// Position of each serial.
    positions: HashMap<u64, usize>,
    rng: Rng,
}

impl Asked {
    pub(super) fn new(spec: PoolSpec, seed: u64) -> Self {
        let snapshot = PoolState::new(spec, seed, Nanos::ZERO).snapshot();
        let serials = snapshot.members().iter().map(|view| view.member.serial);
        let positions = serials.enumerate().map(|(position, serial)| (serial, position)).collect();
        Self { snapshot, positions, rng: Rng::from_seed(seed) }
    }

    /// A pick that goes on.
    pub(super) fn hold(&mut self, key: PickKey) -> Option<(usize, Lease)> {
        let lease = self.snapshot.pick_keyed(&Tried::default(), key, &mut self.rng, Nanos::ZERO).ok()?;
        let position = *self.positions.get(&lease.member().serial)?;
        Some((position, lease))
    }

    /// A pick that ends at once.
    pub(super) fn ask(&mut self, key: PickKey) -> Option<usize> {
        let (position, lease) = self.hold(key)?;
        lease.end(Outcome::Ok, Nanos::ZERO);
        Some(position)
    }

    /// Picks that end at once, with these keys: how many at each member.
    pub(super) fn counts(&mut self, keys: impl Iterator<Item = PickKey>) -> Vec<u64> {
        let mut counts = vec![0; self.snapshot.members().len()];
        for key in keys {
            if let Some(position) = self.ask(key) {
                counts[position] += 1;
            }
        }
        counts
    }
}

/// The strategy of that name. Rows are listed only when it exists.
pub(super) fn strategy(name: &str) -> StrategyKind {
    StrategyKind::from_name(name).unwrap_or_default()
}

/// A member a weight, named by prefix and position.
pub(super) fn named(prefix: &str, strategy: StrategyKind, weights: &[u32]) -> PoolSpec {
    let member = |(position, weight): (usize, &u32)| MemberSpec {
        weight: Weight::new(*weight).unwrap_or(Weight::ONE),
        ..MemberSpec::new(format!("{prefix}{position}"), ([10, 0, 0, 1], 80).into())
    };
    PoolSpec { strategy, ..PoolSpec::new("pool", weights.iter().enumerate().map(member).collect()) }
}

/// Members `0`, `1`, … of these weights.
pub(super) fn pool(strategy: StrategyKind, weights: &[u32]) -> PoolSpec {
    named("", strategy, weights)
}

/// Poisson traffic at this part of the capacity of servers with these speeds, exponential service.
pub(super) fn scenario(pool: PoolSpec, speeds: &[f64], workers: u32, load: f64, requests: u64) -> Scenario {
    let service = Law::Exponential { mean: SERVICE };
    let server = |(position, speed): (usize, &f64)| Server {
        speed: *speed,
        ..Server::new(&position.to_string(), workers, service)
    };
    let servers = speeds.iter().enumerate().map(server).collect();
    let mut scenario = Scenario::new(pool, servers, Arrivals::Poisson { rate: 1.0 }, requests);
    at_load(&mut scenario, load);
    scenario
}

/// Sets the rate to this part of what the servers can do.
pub(super) fn at_load(scenario: &mut Scenario, load: f64) {
    scenario.arrivals = Arrivals::Poisson { rate: load * scenario.capacity() };
}

/// A time in units of the mean service time.
pub(super) fn services(time: Duration) -> f64 {
    time.as_secs_f64() / SERVICE.as_secs_f64()
}

pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
