//! What happens, one event after the other.

use std::collections::HashMap;

use super::agenda::{Agenda, Event};
use super::job::{Job, JobId, Jobs, Request};
use super::machine::{Machine, Reception};
use super::proxy::Proxy;
use super::report::Report;
use super::scenario::Scenario;
use super::tally::Tally;
use super::traffic::{Clock, KeySource};
use crate::id::BackendId;
use crate::lease::Outcome;
use crate::pool::{PoolEvent, Tried};
use crate::rng::Rng;
use crate::units::Nanos;

/// Everything that there is.
#[derive(Debug)]
pub(super) struct World<'a> {
    scenario: &'a Scenario,
    now: Nanos,
    agenda: Agenda,
    clock: Clock,
    keys: KeySource,
    /// Which proxy a request comes to.
    lots: Rng,
    proxies: Vec<Proxy>,
    machines: Vec<Machine>,
    /// Where a server is.
    positions: HashMap<BackendId, usize>,
    jobs: Jobs,
    tally: Tally,
    /// Requests whose arrival is on the agenda or past.
    planned: u64,
    came: u64,
    answered: u64,
}

/// Streams of chance.
#[derive(Clone, Copy)]
#[repr(u64)]
enum Stream {
    Arrivals,
    Keys,
    Lots,
    Service,
    Antagonist,
    Picks,
}

impl<'a> World<'a> {
    pub(super) fn new(scenario: &'a Scenario) -> Self {
        let servers = scenario.servers.iter();
        let positions = servers.clone().enumerate().map(|(i, server)| (server.id.clone(), i)).collect();
        let machine = |(i, server): (usize, &super::Server)| {
            let stream = |kind| stream(scenario.seed, kind, i as u64);
            Machine::new(server.clone(), stream(Stream::Service), stream(Stream::Antagonist))
        };
        let proxy = |i: u32| {
            Proxy::new(scenario.pool.clone(), &positions, stream(scenario.seed, Stream::Picks, u64::from(i)))
        };
        let mut world = Self {
            scenario,
            now: Nanos::ZERO,
            agenda: Agenda::default(),
            clock: Clock::new(scenario.arrivals, stream(scenario.seed, Stream::Arrivals, 0)),
            keys: KeySource::new(scenario.keys, stream(scenario.seed, Stream::Keys, 0)),
            lots: stream(scenario.seed, Stream::Lots, 0),
            proxies: (0..scenario.proxies.max(1)).map(proxy).collect(),
            machines: servers.enumerate().map(machine).collect(),
            positions,
            jobs: Jobs::default(),
            tally: Tally::new(scenario),
            planned: 0,
            came: 0,
            answered: 0,
        };
        world.plan();
        world
    }

    /// Lets the next event happen; `false` once every request has been answered.
    pub(super) fn step(&mut self) -> bool {
        if self.answered >= self.scenario.requests {
            return false;
        }
        let Some((at, event)) = self.agenda.next() else { return false };
        self.now = at;
        match event {
            Event::Arrive => self.arrive(),
            Event::Deliver(job) => self.deliver(job),
            Event::Finish { server, job, life } => self.finish(server, job, life),
            Event::Answer { job, outcome } => self.answer(job, outcome),
            Event::Ask { proxy, server, serial } => self.ask(proxy, server, serial),
            Event::Tell { proxy, serial, said } => self.proxies[proxy].told(serial, said, at),
            Event::Down { server } => self.go_down(server),
            Event::Up { server } => self.machines[server].come_up(),
            Event::Check { proxy } => self.check(proxy),
            Event::Change(index) => self.change(index),
        }
        true
    }

    pub(super) fn into_report(self) -> Report {
        let plans = self.plans();
        self.tally.into_report(&self.scenario.servers, &plans)
    }

    /// Enters what the scenario says about time.
    fn plan(&mut self) {
        for (server, machine) in self.machines.iter().enumerate() {
            for (from, until) in &machine.server.down {
                self.agenda.enter(*from, Event::Down { server });
                self.agenda.enter(*until, Event::Up { server });
            }
        }
        if self.scenario.pool.health.is_some() {
            (0..self.proxies.len()).for_each(|proxy| self.agenda.enter(Nanos::ZERO, Event::Check { proxy }));
        }
        for (index, change) in self.scenario.changes.iter().enumerate() {
            self.agenda.enter(change.at, Event::Change(index));
        }
        (0..self.clock.begin_with()).for_each(|_| self.plan_arrival());
    }

    fn plan_arrival(&mut self) {
        if self.planned < self.scenario.requests {
            self.planned += 1;
            let at = self.clock.next(self.now);
            self.agenda.enter(at, Event::Arrive);
        }
    }

    fn arrive(&mut self) {
        let number = self.came;
        self.came += 1;
        self.tally.came(number, self.now);
        let proxy = self.lots.below(self.proxies.len() as u32) as usize;
        let key = self.keys.next();
        self.attempt(Request { number, came: self.now, proxy, key, tried: Tried::default() });
        self.probe(proxy);
        if !self.clock.is_closed() {
            self.plan_arrival();
        }
    }

    fn attempt(&mut self, request: Request) {
        self.catch_up(request.proxy);
        let Some((lease, server)) = self.proxies[request.proxy].pick(&request, self.now) else {
            self.tally.refused(request.number);
            self.done();
            return;
        };
        self.tally.attempt(request.number, server, lease.reason(), self.now);
        let (delivered, started) = (self.now, self.now);
        let job =
            self.jobs.insert(Job { request, lease, server, delivered, started, met: 0, life: NOT_THERE });
        if self.scenario.network.is_zero() {
            self.deliver(job);
        } else {
            self.agenda.enter(self.now.saturating_add(self.scenario.network), Event::Deliver(job));
        }
    }

    /// Sends the probes that are due with a request.
    fn probe(&mut self, proxy: usize) {
        let arrives = self.now.saturating_add(self.scenario.network).saturating_add(self.scenario.probing);
        for (serial, server) in self.proxies[proxy].asks() {
            self.agenda.enter(arrives, Event::Ask { proxy, server, serial });
        }
    }

    /// One that is down does not answer.
    fn ask(&mut self, proxy: usize, server: usize, serial: u64) {
        if self.machines[server].is_up() {
            let said = self.machines[server].asked(self.now);
            let arrives = self.now.saturating_add(self.scenario.network);
            self.agenda.enter(arrives, Event::Tell { proxy, serial, said });
        }
    }

    fn deliver(&mut self, id: JobId) {
        let Some(job) = self.jobs.get(id) else { return };
        let Some(server) = job.server else {
            return self.answer_at(self.now, id, Outcome::ConnectFailed);
        };
        let machine = &mut self.machines[server];
        job.delivered = self.now;
        job.life = machine.life();
        job.met = machine.in_flight() + 1;
        match machine.receive(id, self.now) {
            Reception::Begun(until) => self.begin(server, id, until),
            Reception::Waits => {}
            Reception::Fails(at, outcome) => {
                // It does not stay at the server: whatever becomes of that, this is its answer.
                job.life = NOT_THERE;
                self.answer_at(at, id, outcome);
            }
        }
    }

    fn begin(&mut self, server: usize, id: JobId, until: Nanos) {
        let Some(job) = self.jobs.get(id) else { return };
        job.started = self.now;
        self.tally.started(job);
        let life = job.life;
        self.agenda.enter(until, Event::Finish { server, job: id, life });
    }

    fn finish(&mut self, server: usize, id: JobId, life: u32) {
        if self.machines[server].life() != life {
            return;
        }
        if let Some(job) = self.jobs.get(id) {
            job.life = NOT_THERE;
            self.tally.worked(server, job.started, self.now);
            self.machines[server].served(job.met, self.now.since(job.delivered), self.now);
        }
        if let Some((next, until)) = self.machines[server].finish(self.now) {
            self.begin(server, next, until);
        }
        self.answer_at(self.now, id, Outcome::Ok);
    }

    /// The server is done with it, one way or the other.
    fn answer_at(&mut self, at: Nanos, job: JobId, outcome: Outcome) {
        let arrives = at.saturating_add(self.scenario.network);
        if arrives == self.now && outcome == Outcome::Ok {
            self.answer(job, outcome);
        } else {
            self.agenda.enter(arrives, Event::Answer { job, outcome });
        }
    }

    fn answer(&mut self, id: JobId, outcome: Outcome) {
        let Some(job) = self.jobs.remove(id) else { return };
        let failed = outcome.is_failure();
        self.tally.ended(&job, failed);
        let Job { mut request, lease, .. } = job;
        let member = lease.member().clone();
        lease.end(outcome, self.now);
        if failed {
            self.catch_up(request.proxy);
            let told = self.proxies[request.proxy].failed(&member.id, outcome, self.now);
            self.tally.told(self.now, request.proxy, told);
        }
        let again = outcome == Outcome::ConnectFailed && request.tried.len() < self.scenario.retries as usize;
        if again && request.tried.push(member.serial) {
            self.attempt(request);
        } else {
            self.tally.answered(request.number, self.now.since(request.came), failed);
            self.done();
        }
    }

    /// A request has come to its end.
    fn done(&mut self) {
        self.answered += 1;
        if self.clock.is_closed() {
            self.plan_arrival();
        }
    }

    fn go_down(&mut self, server: usize) {
        let life = self.machines[server].life();
        if !self.machines[server].go_down() {
            return;
        }
        for id in self.jobs.at(server, life) {
            if let Some(job) = self.jobs.get(id) {
                job.life = NOT_THERE;
            }
            self.answer_at(self.now, id, Outcome::ResponseBroken);
        }
    }

    fn check(&mut self, proxy: usize) {
        self.catch_up(proxy);
        let members = self.proxies[proxy].snapshot().members().iter().map(|view| &view.member.id);
        let up = |id: &BackendId| self.positions.get(id).is_some_and(|at| self.machines[*at].is_up());
        let result = |id| if up(id) { Ok(()) } else { Err("connection refused".into()) };
        let probed = members.map(|id| PoolEvent::Probed { id: id.clone(), result: result(id) }).collect();
        let told = self.proxies[proxy].apply(probed, self.now);
        self.tally.told(self.now, proxy, told);
        // The first checks are all at once; from then on the proxies take turns.
        let every = self.scenario.check_every.max(CHECK_MIN);
        let wait = if self.now == Nanos::ZERO {
            every.mul_f64((proxy + 1) as f64 / self.proxies.len() as f64)
        } else {
            every
        };
        self.agenda.enter(self.now.saturating_add(wait), Event::Check { proxy });
    }

    fn change(&mut self, index: usize) {
        let scenario = self.scenario;
        let change = &scenario.changes[index];
        for proxy in 0..self.proxies.len() {
            self.catch_up(proxy);
            let told = match &change.event {
                PoolEvent::Configured(spec) => {
                    self.proxies[proxy].configure(spec.clone(), &self.positions, self.now)
                }
                other => self.proxies[proxy].apply(vec![other.clone()], self.now),
            };
            self.tally.told(self.now, proxy, told);
        }
    }

    /// What was due at a proxy has happened.
    fn catch_up(&mut self, proxy: usize) {
        for (at, transition) in self.proxies[proxy].catch_up(self.now) {
            self.tally.told(at, proxy, vec![transition]);
        }
    }

    /// Plan and intent of each server, mean over the proxies.
    fn plans(&self) -> Vec<(f64, f64)> {
        let mut plans = vec![(0.0, 0.0); self.machines.len()];
        let part = 1.0 / self.proxies.len() as f64;
        for view in self.proxies.iter().flat_map(|proxy| proxy.snapshot().members()) {
            if let Some(at) = self.positions.get(&view.member.id) {
                plans[*at].0 += view.plan * part;
                plans[*at].1 += view.intent * part;
            }
        }
        plans
    }
}

/// A stream of its own for each kind of chance, and each of a kind.
fn stream(seed: u64, kind: Stream, index: u64) -> Rng {
    let mut of_kind = Rng::from_seed(seed ^ ((kind as u64 + 1) << 56));
    Rng::from_seed(of_kind.next_u64() ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// The life of a job that is not at a server: no server has so many.
const NOT_THERE: u32 = u32::MAX;
/// Checks are not closer together than this.
const CHECK_MIN: std::time::Duration = std::time::Duration::from_millis(1);
