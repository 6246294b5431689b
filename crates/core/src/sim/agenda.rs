//! What is due, in the order of time.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::job::JobId;
use super::probe::Said;
use crate::lease::Outcome;
use crate::units::Nanos;

/// Events to come.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    heap: BinaryHeap<Due>,
    /// Events entered so far.
    entered: u64,
}

/// Something that happens at its time.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A client sends a request.
    Arrive,
    /// A request reaches its server.
    Deliver(JobId),
    /// A worker of the server is done with a request; not, if the server has begun another life.
    Finish { server: usize, job: JobId, life: u32 },
    /// The answer, or the failure, reaches the proxy.
    Answer { job: JobId, outcome: Outcome },
    /// A probe of a proxy is at the server, which the proxy knows by that serial.
    Ask { proxy: usize, server: usize, serial: u64 },
    /// What the server said reaches the proxy.
    Tell { proxy: usize, serial: u64, said: Said },
    /// The server goes down.
    Down { server: usize },
    /// The server comes back.
    Up { server: usize },
    /// A proxy checks all servers.
    Check { proxy: usize },
    /// A change of the scenario, by position.
    Change(usize),
}

#[derive(Debug)]
struct Due {
    at: Nanos,
    order: u64,
    event: Event,
}

impl Agenda {
    pub(super) fn enter(&mut self, at: Nanos, event: Event) {
        self.heap.push(Due { at, order: self.entered, event });
        self.entered += 1;
    }

    /// The next one; of two at the same time the one that was entered first.
    pub(super) fn next(&mut self) -> Option<(Nanos, Event)> {
        self.heap.pop().map(|due| (due.at, due.event))
    }
}

/// The heap gives out the greatest first, so the earliest is the greatest.
impl Ord for Due {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Due {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_comes_first_and_of_two_at_once_the_one_entered_first() {
        let mut agenda = Agenda::default();
        for (at, server) in [(5, 0), (3, 1), (5, 2), (4, 3)] {
            agenda.enter(Nanos(at), Event::Up { server });
        }
        let order = std::iter::from_fn(|| agenda.next()).map(|(at, event)| match event {
            Event::Up { server } => (at.0, server),
            other => panic!("{other:?}"),
        });
        assert_eq!(order.collect::<Vec<_>>(), [(3, 1), (4, 3), (5, 0), (5, 2)]);
    }
}
