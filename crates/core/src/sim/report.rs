//! What a simulation found.

use std::time::Duration;

use crate::id::BackendId;
use crate::lease::Reason;
use crate::pool::Transition;
use crate::units::Nanos;

/// The figures of all requests after the warm-up.
#[derive(Clone, Debug)]
pub struct Report {
    /// How many came. Each was answered well, failed or was refused.
    pub requests: u64,
    /// Those for which nobody was eligible, or everybody at its limit.
    pub refused: u64,
    /// Those whose last attempt failed.
    pub failed: u64,
    /// From the request's arrival at its proxy to the answer's, of requests that were answered well.
    pub latency: Latencies,
    /// Mean time that an attempt which a worker took up had waited at its server.
    pub waited: Duration,
    /// Mean latency of the last fifth of the requests: where it is far above that of all, queues grow without end.
    pub late: Duration,
    /// The most that all proxies together had in flight.
    pub in_flight_max: u64,
    /// From the first of these requests to the last.
    pub span: Duration,
    /// One a server, in the scenario's order.
    pub servers: Vec<ServerReport>,
    /// What the pools had to tell: when, by which proxy, what. Those of the warm-up included.
    pub transitions: Vec<(Nanos, u32, Transition)>,
    /// For each window of time from the very beginning, attempts at each server; empty without windows.
    pub timeline: Vec<Vec<u64>>,
}

/// The figures of one server.
#[derive(Clone, Debug)]
pub struct ServerReport {
    /// Which.
    pub id: BackendId,
    /// Attempts at it.
    pub attempts: u64,
    /// Attempts by reason, in the order of [`Reason::ALL`].
    pub reasons: [u64; Reason::ALL.len()],
    /// Attempts that failed.
    pub failures: u64,
    /// Its part of all attempts.
    pub share: f64,
    /// The part that configuration and health gave it in the end, mean over the proxies.
    pub plan: f64,
    /// The part that it was meant to have in the end, mean over the proxies.
    pub intent: f64,
    /// The part of the span in which its workers were busy, mean over the workers.
    pub utilisation: f64,
    /// The most that all proxies together had in flight at it.
    pub in_flight_max: u64,
}

/// Every latency, in order.
#[derive(Clone, Debug, Default)]
pub struct Latencies {
    sorted: Vec<u64>,
}

impl Report {
    /// Attempts for one reason, at all servers.
    pub fn attempts(&self, reason: Reason) -> u64 {
        self.servers.iter().map(|server| server.reasons[reason as usize]).sum()
    }

    /// The largest of the servers' shares, as multiple of an equal one.
    pub fn peak(&self) -> f64 {
        self.servers.iter().map(|server| server.share).fold(0.0, f64::max) * self.servers.len() as f64
    }
}

impl ServerReport {
    /// Attempts for one reason.
    pub fn attempts_for(&self, reason: Reason) -> u64 {
        self.reasons[reason as usize]
    }
}

impl Latencies {
    pub(super) fn new(mut nanos: Vec<u64>) -> Self {
        nanos.sort_unstable();
        Self { sorted: nanos }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sorted.len()
    }

    /// The latency that this part of them, 0..=1, does not exceed: the nearest rank, no interpolation. Zero when there
    /// are none.
    pub fn percentile(&self, part: f64) -> Duration {
        let rank = (part.clamp(0.0, 1.0) * self.sorted.len() as f64).ceil() as usize;
        self.sorted.get(rank.saturating_sub(1)).copied().map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// Their mean. Zero when there are none.
    pub fn mean(&self) -> Duration {
        mean(self.sorted.iter().map(|nanos| u128::from(*nanos)).sum(), self.sorted.len() as u64)
    }

    /// The longest. Zero when there are none.
    pub fn max(&self) -> Duration {
        self.percentile(1.0)
    }
}

pub(super) fn mean(sum: u128, count: u64) -> Duration {
    let nanos = sum.checked_div(u128::from(count)).unwrap_or_default();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let latencies = Latencies::new((1..=200).rev().collect());
        let nanos = [0.0, 0.005, 0.5, 0.99, 0.991, 1.0].map(|part| latencies.percentile(part).as_nanos());
        assert_eq!(nanos, [1, 1, 100, 198, 199, 200]);
        assert_eq!(
            (latencies.mean(), latencies.max()),
            (Duration::from_nanos(100), Duration::from_nanos(200))
        );
        let none = Latencies::default();
        assert_eq!((none.percentile(0.5), none.mean(), none.count()), (Duration::ZERO, Duration::ZERO, 0));
    }
}
