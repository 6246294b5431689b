//! What a server says when it is asked how busy it is.

use std::collections::VecDeque;
use std::time::Duration;

use crate::units::Nanos;

/// The answer to a probe.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Said {
    /// Requests that work or wait.
    pub(super) in_flight: u32,
    /// How long the next one would take.
    pub(super) latency: Duration,
}

/// The latest requests of one server, each with how many were there when it came (itself included).
#[derive(Debug, Default)]
pub(super) struct History {
    latest: VecDeque<Served>,
}

#[derive(Clone, Copy, Debug)]
struct Served {
    in_flight: u32,
    nanos: u64,
    ended: Nanos,
}

impl History {
    pub(super) fn note(&mut self, in_flight: u32, took: Duration, now: Nanos) {
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.latest.push_back(Served { in_flight, nanos: took.as_nanos() as u64, ended: now });
    }

    /// How long a request that comes now would take: the median of the latest that came to about as many in flight.
    /// Zero when there were none: then it may be tried. (Wydrowski et al., NSDI 2024, section 4.)
    pub(super) fn latency(&self, in_flight: u32, now: Nanos) -> Duration {
        let near = in_flight.div_ceil(4).max(1);
        let like =
            |served: &&Served| now.since(served.ended) < AGE && served.in_flight.abs_diff(in_flight) <= near;
        let mut nanos: Vec<u64> =
            self.latest.iter().rev().filter(like).take(COMPARED).map(|it| it.nanos).collect();
        nanos.sort_unstable();
        Duration::from_nanos(nanos.get(nanos.len() / 2).copied().unwrap_or_default())
    }
}

/// Requests that are remembered, that are compared, and for how long.
const KEPT: usize = 64;
const COMPARED: usize = 9;
const AGE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_the_median_of_what_was_like_it() {
        let (mut history, now) = (History::default(), Nanos::from_secs(10));
        for (in_flight, millis) in [(2, 50), (2, 10), (3, 20), (9, 500)] {
            history.note(in_flight, Duration::from_millis(millis), now);
        }
        assert_eq!(history.latency(2, now), Duration::from_millis(20));
        assert_eq!(history.latency(9, now), Duration::from_millis(500));
        assert_eq!(history.latency(30, now), Duration::ZERO, "nothing like it");
        assert_eq!(history.latency(2, Nanos::from_secs(11)), Duration::ZERO, "forgotten");
    }
}
