//! A simulated server.

use std::collections::VecDeque;
use std::time::Duration;

use super::job::JobId;
use super::law::exponential;
use super::probe::{History, Said};
use super::scenario::Server;
use crate::lease::Outcome;
use crate::rng::Rng;
use crate::units::Nanos;

/// A server at work.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) server: Server,
    /// Workers that have something to do.
    busy: u32,
    waiting: VecDeque<JobId>,
    history: History,
    /// How many of the times in which it is down have begun and not ended.
    down: u32,
    /// Rises when it goes down: what belonged to an earlier life is lost.
    life: u32,
    slow: bool,
    /// When the antagonist starts or stops next.
    flips: Nanos,
    antagonist_rng: Rng,
    rng: Rng,
}

/// What becomes of a request that reaches a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reception {
    /// A worker is done with it at this time.
    Begun(Nanos),
    /// It waits.
    Waits,
    /// It fails at this time.
    Fails(Nanos, Outcome),
}

impl Machine {
    pub(super) fn new(server: Server, rng: Rng, mut antagonist_rng: Rng) -> Self {
        let slow = server.antagonist.is_some_and(|it| antagonist_rng.unit() < it.slow_part());
        let mut machine = Self {
            server,
            busy: 0,
            waiting: VecDeque::new(),
            history: History::default(),
            down: 0,
            life: 0,
            slow,
            flips: Nanos(u64::MAX),
            antagonist_rng,
            rng,
        };
        if machine.server.antagonist.is_some() {
            machine.flips = machine.next_flip(Nanos::ZERO);
        }
        machine
    }

    pub(super) fn is_up(&self) -> bool {
        self.down == 0
    }

    pub(super) fn life(&self) -> u32 {
        self.life
    }

    /// Takes a request in, or not.
    pub(super) fn receive(&mut self, job: JobId, now: Nanos) -> Reception {
        if !self.is_up() {
            return Reception::Fails(now, Outcome::ConnectFailed);
        }
        if let Some(failing) = self.server.failing
            && self.rng.unit() < failing.probability
        {
            let takes = failing.takes.draw(&mut self.rng);
            return Reception::Fails(after(now, takes), Outcome::ServerError);
        }
        if self.busy < self.server.workers.max(1) {
            self.busy += 1;
            return Reception::Begun(self.end_of_work(now));
        }
        if self.server.queue_max.is_some_and(|max| self.waiting.len() >= max as usize) {
            return Reception::Fails(now, Outcome::ServerError);
        }
        self.waiting.push_back(job);
        Reception::Waits
    }

    /// Requests that work or wait.
    pub(super) fn in_flight(&self) -> u32 {
        self.busy + self.waiting.len() as u32
    }

    /// A request that met so many has been served.
    pub(super) fn served(&mut self, met: u32, took: Duration, now: Nanos) {
        self.history.note(met, took, now);
    }

    /// What it answers to a probe.
    pub(super) fn asked(&self, now: Nanos) -> Said {
        let in_flight = self.in_flight();
        Said { in_flight, latency: self.history.latency(in_flight + 1, now) }
    }

    /// A worker is done: who is next, and until when.
    pub(super) fn finish(&mut self, now: Nanos) -> Option<(JobId, Nanos)> {
        let Some(next) = self.waiting.pop_front() else {
            self.busy -= 1;
            return None;
        };
        Some((next, self.end_of_work(now)))
    }

    /// Goes down; `true` if it was up. What it had is lost: see [`Machine::life`].
    pub(super) fn go_down(&mut self) -> bool {
        self.down += 1;
        if self.down > 1 {
            return false;
        }
        self.life += 1;
        self.busy = 0;
        self.waiting.clear();
        true
    }

    pub(super) fn come_up(&mut self) {
        self.down = self.down.saturating_sub(1);
    }

    fn end_of_work(&mut self, now: Nanos) -> Nanos {
        let speed = self.speed(now);
        after(now, self.server.service.draw(&mut self.rng) / speed)
    }

    fn speed(&mut self, now: Nanos) -> f64 {
        while self.flips <= now {
            self.slow = !self.slow;
            self.flips = self.next_flip(self.flips);
        }
        let slowed = self.server.antagonist.map_or(1.0, |it| if self.slow { it.speed } else { 1.0 });
        (self.server.speed * slowed).max(SPEED_MIN)
    }

    fn next_flip(&mut self, from: Nanos) -> Nanos {
        let lasts = self.server.antagonist.map(|it| if self.slow { it.on } else { it.off });
        let mean = lasts.unwrap_or_default().as_nanos().max(1) as f64;
        after(from, (exponential(&mut self.antagonist_rng) * mean).max(1.0))
    }
}

fn after(now: Nanos, nanos: f64) -> Nanos {
    Nanos(now.0.saturating_add(nanos.round() as u64))
}

/// What a speed of 0 counts as.
const SPEED_MIN: f64 = 1e-6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Antagonist, Failing, Law};

    fn server() -> Server {
        Server::new("a", 1, Law::Constant(Duration::from_nanos(100)))
    }

    fn machine(server: Server) -> Machine {
        Machine::new(server, Rng::from_seed(1), Rng::from_seed(2))
    }

    fn ids<const N: usize>() -> [JobId; N] {
        std::array::from_fn(JobId)
    }

    #[test]
    fn first_come_first_served_by_as_many_as_there_are_workers() {
        let mut machine = machine(Server { workers: 2, speed: 0.5, ..server() });
        let [a, b, c, d] = ids();
        assert_eq!(machine.receive(a, Nanos(0)), Reception::Begun(Nanos(200)));
        assert_eq!(machine.receive(b, Nanos(10)), Reception::Begun(Nanos(210)));
        assert_eq!(machine.receive(c, Nanos(20)), Reception::Waits);
        assert_eq!(machine.receive(d, Nanos(30)), Reception::Waits);
        assert_eq!(machine.finish(Nanos(200)), Some((c, Nanos(400))));
        assert_eq!(machine.finish(Nanos(210)), Some((d, Nanos(410))));
        assert_eq!(machine.finish(Nanos(400)), None);
        assert_eq!(machine.receive(a, Nanos(405)), Reception::Begun(Nanos(605)));
    }

    #[test]
    fn a_full_queue_and_a_closed_door_refuse() {
        let mut machine = machine(Server { queue_max: Some(1), ..server() });
        let [a, b, c] = ids();
        machine.receive(a, Nanos(0));
        assert_eq!(machine.receive(b, Nanos(1)), Reception::Waits);
        assert_eq!(machine.receive(c, Nanos(2)), Reception::Fails(Nanos(2), Outcome::ServerError));
        assert!(machine.go_down() && !machine.go_down());
        machine.come_up();
        assert_eq!(machine.receive(c, Nanos(3)), Reception::Fails(Nanos(3), Outcome::ConnectFailed));
        machine.come_up();
        assert_eq!(machine.receive(c, Nanos(4)), Reception::Begun(Nanos(104)), "what it had is gone");
    }

    #[test]
    fn failures_need_no_worker() {
        let takes = Law::Constant(Duration::from_nanos(5));
        let mut machine = machine(Server { failing: Some(Failing { probability: 1.0, takes }), ..server() });
        let [a, b] = ids();
        for job in [a, b] {
            assert_eq!(machine.receive(job, Nanos(1)), Reception::Fails(Nanos(6), Outcome::ServerError));
        }
    }

    #[test]
    fn an_antagonist_slows_for_its_part_of_the_time() {
        let (on, off) = (Duration::from_micros(30), Duration::from_micros(10));
        let antagonist = Some(Antagonist { on, off, speed: 0.25 });
        let mut machine = machine(Server { antagonist, ..server() });
        let slow = (0..100_000_u64).filter(|i| machine.speed(Nanos(i * 1_000)) < 1.0).count();
        // 2,500 periods of each kind: standard deviation 1 %.
        assert!(slow.abs_diff(75_000) < 3_000, "{slow}");
        assert!((machine.server.capacity() - 1e7 * 0.4375).abs() < 1.0);
    }
}
