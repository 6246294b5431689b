//! Servers with a queue behind proxies that pick: enough of a model to see what a strategy does under load.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use evenkeel_core::{
    Lease, Nanos, Outcome, PoolSnapshot, PoolSpec, ProbePool, Rng, StrategyKind, StrategySettings, Tried,
};

use crate::pools::{pool, spec};

/// Requests come at random to any of the proxies. A server serves [`WORKERS`] at a time, in the order in which they
/// came, each for an exponential time with a mean of 10 ms at speed 1.
#[derive(Clone, Debug)]
pub(crate) struct Queues {
    pub(crate) strategy: StrategyKind,
    pub(crate) proxies: usize,
    pub(crate) speeds: Vec<f64>,
    pub(crate) weights: Vec<u32>,
    /// Of what the servers can do, together.
    pub(crate) load: f64,
    pub(crate) requests: usize,
    /// The server that answers with an error after 50 µs, whatever else it does.
    pub(crate) black_hole: Option<usize>,
    pub(crate) settings: StrategySettings,
    /// Until a probe reaches a server, in milliseconds.
    pub(crate) network: f64,
}

/// What came of it, the first tenth left out.
#[derive(Debug)]
pub(crate) struct Measured {
    /// In milliseconds, of what was answered well.
    pub(crate) p99: f64,
    /// Of the requests, by server.
    pub(crate) shares: Vec<f64>,
}

struct Run<'a> {
    queues: &'a Queues,
    proxies: Vec<Proxy>,
    servers: Vec<Server>,
    events: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// What happens at the events.
    plans: Vec<Option<Plan>>,
    rng: Rng,
    latencies: Vec<f64>,
    counts: Vec<usize>,
}

struct Proxy {
    snapshot: Arc<PoolSnapshot>,
    rng: Rng,
}

struct Server {
    /// When each worker is free.
    free: [Nanos; WORKERS],
    in_flight: u32,
    /// In flight when it came, latency, when it ended; the newest last.
    history: VecDeque<(u32, Duration, Nanos)>,
}

enum Plan {
    End { server: usize, lease: Lease, in_flight: u32, outcome: Outcome },
    Probe { server: usize, serial: u64, probes: Arc<ProbePool> },
}

impl Queues {
    pub(crate) fn new(strategy: StrategyKind, proxies: usize, speeds: Vec<f64>) -> Self {
        let weights = vec![1; speeds.len()];
        let settings = StrategySettings::default();
        Self {
            strategy,
            proxies,
            speeds,
            weights,
            load: 0.9,
            requests: 40_000,
            black_hole: None,
            settings,
            network: 1.0,
        }
    }

    /// A quarter at full speed, half of them at 0.6, the rest at 0.3.
    pub(crate) fn mixed(servers: usize) -> Vec<f64> {
        let speed = |i| match i * 4 / servers {
            0 => 1.0,
            1 | 2 => 0.6,
            _ => 0.3,
        };
        (0..servers).map(speed).collect()
    }

    pub(crate) fn run(&self, seed: u64) -> Measured {
        let spec = PoolSpec { settings: self.settings, ..spec(self.strategy, &self.weights) };
        let proxy = |i: usize| {
            let seed = seed ^ ((i as u64 + 1) << 8);
            Proxy { snapshot: pool(&spec, seed).snapshot(), rng: Rng::from_seed(!seed) }
        };
        let server = |_| Server { free: [Nanos::ZERO; WORKERS], in_flight: 0, history: VecDeque::new() };
        let mut run = Run {
            queues: self,
            proxies: (0..self.proxies).map(proxy).collect(),
            servers: (0..self.speeds.len()).map(server).collect(),
            events: BinaryHeap::new(),
            plans: Vec::new(),
            rng: Rng::from_seed(seed),
            latencies: Vec::new(),
            counts: vec![0; self.speeds.len()],
        };
        run.all();
        run.measured()
    }
}

impl Run<'_> {
    fn all(&mut self) {
        let capacity: f64 = self.queues.speeds.iter().map(|speed| speed * WORKERS as f64 / MEAN).sum();
        let between = 1.0 / (capacity * self.queues.load);
        let mut now = Nanos(1);
        for request in 0..self.queues.requests {
            now = now.saturating_add(millis(exponential(&mut self.rng) * between));
            while self.events.peek().is_some_and(|Reverse((at, _))| *at <= now) {
                let Reverse((at, plan)) = self.events.pop().expect("one was there");
                self.happen(plan, at);
            }
            let proxy = self.rng.below(self.proxies.len() as u32) as usize;
            self.arrive(proxy, now, request >= self.queues.requests / 10);
        }
    }

    fn arrive(&mut self, proxy: usize, now: Nanos, counted: bool) {
        let Proxy { snapshot, rng } = &mut self.proxies[proxy];
        let lease = snapshot.pick(&Tried::default(), rng, now).expect("all serve");
        let server = position(snapshot, lease.member().serial);
        let due = snapshot.probes_due();
        let targets: Vec<u64> = snapshot.probe_targets(due, rng).map(|member| member.serial).collect();
        let probes: Vec<_> = targets
            .into_iter()
            .zip(snapshot.probes().cloned().into_iter().cycle())
            .map(|(serial, probes)| Plan::Probe { server: position(snapshot, serial), serial, probes })
            .collect();
        let fails = self.queues.black_hole == Some(server);
        let end = if fails { now.saturating_add(millis(0.05)) } else { self.serve(server, now) };
        self.servers[server].in_flight += 1;
        let in_flight = self.servers[server].in_flight;
        let outcome = if fails { Outcome::ServerError } else { Outcome::Ok };
        self.plan(end, Plan::End { server, lease, in_flight, outcome });
        for probe in probes {
            self.plan(now.saturating_add(millis(self.queues.network)), probe);
        }
        if counted {
            self.counts[server] += 1;
            if !fails {
                self.latencies.push(end.since(now).as_secs_f64() * 1e3);
            }
        }
    }

    /// When it will have been served.
    fn serve(&mut self, server: usize, now: Nanos) -> Nanos {
        let time = exponential(&mut self.rng) * MEAN / self.queues.speeds[server];
        let worker = self.servers[server].free.iter_mut().min().expect("there are workers");
        *worker = (*worker).max(now).saturating_add(millis(time));
        *worker
    }

    fn plan(&mut self, at: Nanos, plan: Plan) {
        self.events.push(Reverse((at, self.plans.len())));
        self.plans.push(Some(plan));
    }

    fn happen(&mut self, plan: usize, now: Nanos) {
        match self.plans[plan].take().expect("happens once") {
            Plan::End { server, lease, in_flight, outcome } => {
                let server = &mut self.servers[server];
                server.in_flight -= 1;
                server.history.push_back((in_flight, now.since(lease.started()), now));
                if server.history.len() > 64 {
                    server.history.pop_front();
                }
                lease.end(outcome, now);
            }
            Plan::Probe { server, serial, probes } => {
                let server = &self.servers[server];
                probes.add(serial, server.in_flight, server.latency(now), now);
            }
        }
    }

    fn measured(mut self) -> Measured {
        self.latencies.sort_by(f64::total_cmp);
        let total: usize = self.counts.iter().sum();
        Measured {
            p99: self.latencies[self.latencies.len() * 99 / 100],
            shares: self.counts.iter().map(|count| *count as f64 / total as f64).collect(),
        }
    }
}

impl Server {
    /// The median of what took those of the last second that came when about as many were in flight as are now.
    fn latency(&self, now: Nanos) -> Duration {
        let (here, near) = (self.in_flight + 1, ((self.in_flight + 1) / 4).max(1));
        let alike = self.history.iter().rev().filter(|(in_flight, _, at)| {
            in_flight.abs_diff(here) <= near && now.since(*at) < Duration::from_secs(1)
        });
        let mut latencies: Vec<Duration> = alike.map(|(_, latency, _)| *latency).take(9).collect();
        latencies.sort_unstable();
        latencies.get(latencies.len() / 2).copied().unwrap_or_default()
    }
}

/// Serials of a pool follow each other unless another pool is made in between.
fn position(snapshot: &PoolSnapshot, serial: u64) -> usize {
    snapshot.members().iter().position(|view| view.member.serial == serial).expect("a member")
}

fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.unit()).ln()
}

fn millis(millis: f64) -> Duration {
    Duration::from_nanos((millis * 1e6) as u64)
}

const WORKERS: usize = 4;
/// Milliseconds.
const MEAN: f64 = 10.0;
