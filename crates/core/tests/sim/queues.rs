//! Queues whose behaviour is known.

use std::time::Duration;

use evenkeel_core::StrategyKind;
use evenkeel_core::sim::{Arrivals, Law, Scenario, run};

use super::pools::{SERVICE, scenario, services};

/// Mean waiting time of M/M/c in services (Erlang C): C(c, a) / (c (1 - load)), a = c load.
fn erlang_wait(workers: u32, load: f64) -> f64 {
    let offered = f64::from(workers) * load;
    let mut blocked = 1.0;
    for server in 1..=workers {
        blocked = offered * blocked / (f64::from(server) + offered * blocked);
    }
    let waits = blocked / (1.0 - load * (1.0 - blocked));
    waits / (f64::from(workers) * (1.0 - load))
}

#[track_caller]
fn near(got: f64, expected: f64, part: f64) {
    assert!((got / expected - 1.0).abs() < part, "{got}, not {expected}");
}

#[test]
fn one_worker_waits_as_m_m_1_says() {
    near(erlang_wait(1, 0.7), 0.7 / 0.3, 1e-9);
    let report = run(&scenario(StrategyKind::RoundRobin, 1, 1, 0.7, 500_000));
    near(services(report.waited), 0.7 / 0.3, 0.03);
    near(services(report.latency.mean()), 1.0 / 0.3, 0.03);
    // The time in the system is exponential.
    near(services(report.latency.percentile(0.99)), 100_f64.ln() / 0.3, 0.05);
    near(report.servers[0].utilisation, 0.7, 0.02);
}

#[test]
fn four_workers_wait_as_m_m_4_says() {
    let report = run(&scenario(StrategyKind::RoundRobin, 1, 4, 0.6, 800_000));
    near(services(report.waited), erlang_wait(4, 0.6), 0.03);
    near(report.servers[0].utilisation, 0.6, 0.02);
}

/// Pollaczek and Khinchine: without variance of the service one waits half as long.
#[test]
fn constant_service_waits_as_m_d_1_says() {
    let mut scenario = scenario(StrategyKind::RoundRobin, 1, 1, 0.7, 300_000);
    scenario.servers[0].service = Law::Constant(SERVICE);
    near(services(run(&scenario).waited), 0.7 / 0.3 / 2.0, 0.03);
}

/// By lot over many servers, each is an M/M/1 of its own.
#[test]
fn by_lot_every_server_is_alone() {
    let report = run(&scenario(StrategyKind::Random, 100, 1, 0.7, 300_000));
    near(services(report.latency.mean()), 1.0 / 0.3, 0.03);
}

/// Little: in flight = rate x latency. N clients that think for z and are alone with c workers each: a closed network.
#[test]
fn clients_that_wait_for_their_answers_keep_to_littles_law() {
    let mut scenario = scenario(StrategyKind::LeastRequest, 2, 4, 0.5, 100_000);
    let think = Law::Exponential { mean: Duration::from_millis(40) };
    scenario.arrivals = Arrivals::Closed { clients: 10, think };
    let report = run(&scenario);
    let per_second = report.requests as f64 / report.span.as_secs_f64();
    let round = report.latency.mean() + Duration::from_millis(40);
    near(per_second * round.as_secs_f64(), 10.0, 0.01);
    assert!(report.in_flight_max <= 10);
}

#[test]
fn the_network_adds_its_time_both_ways() {
    let mut scenario = scenario(StrategyKind::RoundRobin, 3, 4, 0.1, 3_000);
    scenario.servers.iter_mut().for_each(|server| server.service = Law::Constant(SERVICE));
    scenario.network = Duration::from_millis(3);
    let report = run(&scenario);
    assert_eq!(report.latency.percentile(0.5), SERVICE + Duration::from_millis(6));
}

#[test]
fn the_seed_decides_everything() {
    let figures = |seed| {
        let report = run(&Scenario { seed, ..scenario(StrategyKind::Random, 5, 2, 0.8, 5_000) });
        (report.latency.mean(), report.latency.max(), report.servers[3].attempts)
    };
    assert_eq!(figures(7), figures(7));
    assert_ne!(figures(7), figures(8));
}

/// The supermarket model with many servers and two choices: the sum of load^(2^i - 2), i from 1 on (Mitzenmacher 2001).
#[test]
fn two_choices_wait_as_the_supermarket_model_says() {
    let mut scenario = scenario(StrategyKind::P2c, 1_000, 1, 0.9, 300_000);
    scenario.warm_up = 60_000;
    near(services(run(&scenario).latency.mean()), 2.61, 0.03);
}
