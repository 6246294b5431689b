//! Counting what happens.

use std::time::Duration;

use super::job::Job;
use super::report::{Latencies, Report, ServerReport, mean};
use super::scenario::{Scenario, Server};
use crate::id::BackendId;
use crate::lease::Reason;
use crate::pool::Transition;
use crate::units::Nanos;

/// The report in the making.
#[derive(Debug)]
pub(super) struct Tally {
    /// The first request that counts, and the first of the last fifth.
    first: u64,
    late_first: u64,
    /// When the first and the last of those that count came.
    from: Option<Nanos>,
    until: Nanos,
    /// Whether the last has come.
    complete: bool,
    last: u64,
    window: Option<u64>,
    requests: u64,
    refused: u64,
    failed: u64,
    latencies: Vec<u64>,
    late: (u128, u64),
    waited: (u128, u64),
    in_flight: (u64, u64),
    servers: Vec<Count>,
    transitions: Vec<(Nanos, u32, Transition)>,
    timeline: Vec<Vec<u64>>,
}

/// Of one server.
#[derive(Clone, Debug, Default)]
struct Count {
    reasons: [u64; Reason::ALL.len()],
    failures: u64,
    busy: u128,
    /// Now, and the most.
    in_flight: (u64, u64),
}

impl Tally {
    pub(super) fn new(scenario: &Scenario) -> Self {
        let first = scenario.warm_up.min(scenario.requests);
        Self {
            first,
            late_first: scenario.requests - (scenario.requests - first) / 5,
            from: None,
            until: Nanos::ZERO,
            complete: false,
            last: scenario.requests.saturating_sub(1),
            window: scenario.window.map(|window| (window.as_nanos() as u64).max(1)),
            requests: 0,
            refused: 0,
            failed: 0,
            latencies: Vec::with_capacity((scenario.requests - first) as usize),
            late: (0, 0),
            waited: (0, 0),
            in_flight: (0, 0),
            servers: vec![Count::default(); scenario.servers.len()],
            transitions: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// A request came.
    pub(super) fn came(&mut self, number: u64, now: Nanos) {
        if number < self.first {
            return;
        }
        self.requests += 1;
        self.from.get_or_insert(now);
        self.until = now;
        self.complete = number == self.last;
    }

    /// There was nobody to send it to.
    pub(super) fn refused(&mut self, number: u64) {
        self.refused += u64::from(number >= self.first);
    }

    /// It was sent to a server.
    pub(super) fn attempt(&mut self, number: u64, server: Option<usize>, reason: Reason, now: Nanos) {
        rise(&mut self.in_flight);
        let Some(server) = server else { return };
        rise(&mut self.servers[server].in_flight);
        if number >= self.first {
            self.servers[server].reasons[reason as usize] += 1;
        }
        if let Some(window) = self.window {
            let at = (now.0 / window) as usize;
            if self.timeline.len() <= at {
                self.timeline.resize(at + 1, vec![0; self.servers.len()]);
            }
            self.timeline[at][server] += 1;
        }
    }

    /// A worker took it up.
    pub(super) fn started(&mut self, job: &Job) {
        if job.request.number >= self.first {
            add(&mut self.waited, job.started.since(job.delivered));
        }
    }

    /// A worker was on it from then to now. Only what lies between the first request and the last counts.
    pub(super) fn worked(&mut self, server: usize, started: Nanos, now: Nanos) {
        let Some(from) = self.from else { return };
        let until = if self.complete { self.until.min(now) } else { now };
        self.servers[server].busy += until.since(started.max(from)).as_nanos();
    }

    /// An attempt ended.
    pub(super) fn ended(&mut self, job: &Job, failed: bool) {
        self.in_flight.0 -= 1;
        if let Some(server) = job.server {
            self.servers[server].in_flight.0 -= 1;
            self.servers[server].failures += u64::from(failed && job.request.number >= self.first);
        }
    }

    /// A request has its last answer.
    pub(super) fn answered(&mut self, number: u64, latency: Duration, failed: bool) {
        if number < self.first {
            return;
        }
        if failed {
            self.failed += 1;
            return;
        }
        self.latencies.push(latency.as_nanos() as u64);
        if number >= self.late_first {
            add(&mut self.late, latency);
        }
    }

    /// A pool had something to tell.
    pub(super) fn told(&mut self, now: Nanos, proxy: usize, transitions: Vec<Transition>) {
        self.transitions.extend(transitions.into_iter().map(|transition| (now, proxy as u32, transition)));
    }

    /// `plans` has plan and intent of each server.
    pub(super) fn into_report(self, servers: &[Server], plans: &[(f64, f64)]) -> Report {
        let span = self.from.map_or(Duration::ZERO, |from| self.until.since(from));
        let attempts: u64 = self.servers.iter().flat_map(|count| count.reasons).sum();
        let of = |((count, server), plan): ((&Count, &Server), &(f64, f64))| {
            count.report(server.id.clone(), attempts, *plan, span, server.workers)
        };
        Report {
            requests: self.requests,
            refused: self.refused,
            failed: self.failed,
            latency: Latencies::new(self.latencies),
            waited: mean(self.waited.0, self.waited.1),
            late: mean(self.late.0, self.late.1),
            in_flight_max: self.in_flight.1,
            span,
            servers: self.servers.iter().zip(servers).zip(plans).map(of).collect(),
            transitions: self.transitions,
            timeline: self.timeline,
        }
    }
}

impl Count {
    fn report(
        &self,
        id: BackendId,
        all: u64,
        (plan, intent): (f64, f64),
        span: Duration,
        workers: u32,
    ) -> ServerReport {
        let attempts: u64 = self.reasons.iter().sum();
        let time = span.as_nanos() as f64 * f64::from(workers.max(1));
        ServerReport {
            id,
            attempts,
            reasons: self.reasons,
            failures: self.failures,
            share: ratio(attempts as f64, all as f64),
            plan,
            intent,
            utilisation: ratio(self.busy as f64, time),
            in_flight_max: self.in_flight.1,
        }
    }
}

/// One more now, and perhaps the most.
fn rise((now, most): &mut (u64, u64)) {
    *now += 1;
    *most = (*most).max(*now);
}

fn add((sum, count): &mut (u128, u64), time: Duration) {
    *sum += time.as_nanos();
    *count += 1;
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
