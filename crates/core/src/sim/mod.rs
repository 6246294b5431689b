//! A simulation in simulated time that drives what `run` drives: [`PoolState`](crate::PoolState), its snapshots' picks,
//! leases and events. Only clients, network and servers are invented.
//!
//! Everything random comes from the scenario's seed, and each source of chance (arrivals, service, picks, keys) has a
//! stream of its own: the same scenario gives the same report, and two strategies meet the same arrivals.
//!
//! ```
//! use std::time::Duration;
//! use evenkeel_core::sim::{Arrivals, Law, Scenario, Server, run};
//! use evenkeel_core::{MemberSpec, PoolSpec};
//!
//! let member = |id: &str| MemberSpec::new(id, "10.0.0.11:8080".parse().expect("an address"));
//! let pool = PoolSpec::new("web", vec![member("a"), member("b")]);
//! let service = Law::Exponential { mean: Duration::from_millis(10) };
//! let servers = ["a", "b"].map(|id| Server::new(id, 4, service)).to_vec();
//! let report = run(&Scenario::new(pool, servers, Arrivals::Poisson { rate: 400.0 }, 2_000));
//! assert_eq!(report.failed + report.refused, 0);
//! assert!((report.servers[0].share - 0.5).abs() < 0.05);
//! assert!(report.latency.percentile(0.99) > Duration::from_millis(20));
//! ```

mod agenda;
mod job;
mod law;
mod machine;
mod probe;
mod proxy;
mod report;
mod scenario;
mod tally;
mod traffic;
mod world;

pub use law::Law;
pub use report::{Latencies, Report, ServerReport};
pub use scenario::{Antagonist, Arrivals, Change, Failing, Keys, Scenario, Server};

/// Plays a scenario to its end: until every request has been answered.
///
/// Panics on nothing that a scenario can say: numbers outside of their range count as the nearest one inside.
pub fn run(scenario: &Scenario) -> Report {
    let mut world = world::World::new(scenario);
    while world.step() {}
    world.into_report()
}
