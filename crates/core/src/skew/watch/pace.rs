//! How long requests take and how many fail, at all backends together: what has changed for everybody alike is not the
//! doing of the balancer, and not that of one backend.

use std::time::Duration;

use super::reading::Reading;
use crate::units::Nanos;

/// The pool as one.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    recent: Mean,
    usual: Mean,
    /// Ticks with traffic that the usual figures are of.
    ticks: u32,
    worse_since: Option<Nanos>,
}

/// Averages, newer ticks counting more.
#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    requests: f64,
    busy: f64,
    failures: f64,
}

/// The part of the newest tick in what is recent, and in what is usual.
const RECENT: f64 = 0.3;
const USUAL: f64 = 0.005;
/// Ticks with traffic before anything is usual.
const TICKS_MIN: u32 = 10;
/// And as many usual times of a request: of those that last, not all that will be under way are so soon after a start.
const LIFETIMES: f64 = 6.0;
/// Requests in what is recent before anything is said.
const REQUESTS_MIN: f64 = 20.0;
/// So many times the usual time is worse, and so many is no longer.
const WORSE: f64 = 2.0;
const BETTER: f64 = 1.5;
/// A part of requests that fail which is worse if it is so many times the usual one as well.
const FAILING: f64 = 0.05;
const FAILING_TIMES: f64 = 4.0;
const DAY: Duration = Duration::from_secs(86_400);

impl Pace {
    /// Takes in what those that serve have had since the last tick.
    pub(super) fn tick<'a>(&mut self, since: impl Iterator<Item = &'a Reading>, now: Nanos) {
        let mut tick = Mean::default();
        for reading in since {
            tick.requests += reading.attempts();
            tick.busy += reading.busy;
            tick.failures += reading.failures;
        }
        if tick.requests <= 0.0 && tick.busy <= 0.0 {
            return;
        }
        self.recent.add(&tick, RECENT);
        let factor = if self.worse_since.is_some() { BETTER } else { WORSE };
        let worse = self.is_worse(factor);
        self.worse_since = worse.then(|| self.worse_since.unwrap_or(now));
        // What is bad must not become what is usual.
        if !worse && !self.is_worse(BETTER) {
            // The first ticks count alike, so that the very first is not half of all for minutes.
            let part = USUAL.max(1.0 / f64::from(self.ticks + 1));
            self.usual.add(&tick, part);
            self.ticks = self.ticks.saturating_add(1);
        }
    }

    fn is_worse(&self, factor: f64) -> bool {
        let enough = f64::from(TICKS_MIN).max(LIFETIMES * self.usual.latency());
        let known = f64::from(self.ticks) >= enough && self.recent.requests >= REQUESTS_MIN * RECENT;
        let slower = self.recent.latency() > factor * self.usual.latency();
        let failing = FAILING_TIMES * self.usual.failing();
        known && (slower || self.recent.failing() > failing.max(FAILING))
    }

    /// Since when everything is slower, or fails more often, than usual.
    pub(super) fn worse_since(&self) -> Option<Nanos> {
        self.worse_since
    }

    /// Of late, a day at most: connections that stay, where no new ones come, have no end in sight.
    pub(super) fn latency(&self) -> Duration {
        Duration::try_from_secs_f64(self.recent.latency()).unwrap_or(DAY).min(DAY)
    }

    /// `None` until enough has been seen.
    pub(super) fn usual(&self) -> Option<Duration> {
        let known = self.ticks >= TICKS_MIN;
        known.then(|| Duration::try_from_secs_f64(self.usual.latency()).unwrap_or_default())
    }
}

impl Mean {
    fn add(&mut self, tick: &Self, part: f64) {
        self.requests += (tick.requests - self.requests) * part;
        self.busy += (tick.busy - self.busy) * part;
        self.failures += (tick.failures - self.failures) * part;
    }

    /// Seconds a request: requests in flight over requests a second (Little's law), so that those still running count.
    fn latency(&self) -> f64 {
        if self.requests > 0.0 { self.busy / self.requests } else { 0.0 }
    }

    fn failing(&self) -> f64 {
        if self.requests > 0.0 { self.failures / self.requests } else { 0.0 }
    }
}
