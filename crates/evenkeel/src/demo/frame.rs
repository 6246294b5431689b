//! One moment of the demo, as figures.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use evenkeel_proxy::Proxy;

use super::backends::Backend;
use super::load::{Load, Tally};

/// "Now" is this long: short enough to see a change, long enough for shares to mean something at 400 requests a second.
pub(super) const NOW: Duration = Duration::from_secs(2);

/// Everything on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Frame {
    pub(super) elapsed: Duration,
    /// Requests a second, now.
    pub(super) rate: f64,
    /// Requests answered since start.
    pub(super) answered: u64,
    /// Requests not answered as they should be.
    pub(super) failed: u64,
    pub(super) rows: Vec<Row>,
}

/// One backend. Shares are 0 to 1.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    pub(super) service_time: Duration,
    pub(super) phase: &'static str,
    /// The share that configuration and health give it.
    pub(super) expected: f64,
    /// The share that the operator means it to have.
    pub(super) intended: f64,
    /// The share of the requests of now.
    pub(super) now: f64,
    /// The share since start.
    pub(super) overall: f64,
    pub(super) in_flight: u32,
    pub(super) errors: u64,
    pub(super) p50: Option<Duration>,
    pub(super) p99: Option<Duration>,
}

/// Takes frames.
pub(super) struct Camera {
    proxy: Proxy,
    backends: Vec<Backend>,
    started: Instant,
    /// Attempts by backend, the newest last; the first is about [`NOW`] old.
    history: VecDeque<(Instant, Vec<u64>)>,
}

impl Camera {
    pub(super) fn new(proxy: Proxy, backends: Vec<Backend>) -> Self {
        let history = VecDeque::from([(Instant::now(), vec![0; backends.len()])]);
        Self { proxy, backends, started: Instant::now(), history }
    }

    pub(super) fn take(&mut self, load: &Load) -> Frame {
        let status = self.proxy.status();
        let tally = load.tally();
        let Some(pool) = status.pools.first() else {
            return Frame::default();
        };
        let now = Instant::now();
        let attempts = pool.backends.iter().map(|backend| backend.attempts).collect();
        let (rate, shares) = self.advance(now, attempts);
        let rows = pool.backends.iter().zip(&self.backends).zip(shares).map(|((status, backend), now)| Row {
            name: status.name.clone(),
            service_time: backend.service_time,
            phase: status.phase,
            expected: status.plan,
            intended: status.intent,
            now,
            overall: status.observed,
            in_flight: status.in_flight,
            errors: status.errors,
            p50: tally.latency(&backend.name, 0.5),
            p99: tally.latency(&backend.name, 0.99),
        });
        let Tally { answered, failed, .. } = tally;
        Frame { elapsed: self.started.elapsed(), rate, answered, failed, rows: rows.collect() }
    }

    /// Rate and shares between [`NOW`] ago and now.
    fn advance(&mut self, now: Instant, attempts: Vec<u64>) -> (f64, Vec<f64>) {
        while self.history.len() > 1 && now.duration_since(self.history[1].0) >= NOW {
            self.history.pop_front();
        }
        let (since, before) = &self.history[0];
        let new: Vec<u64> =
            attempts.iter().zip(before).map(|(now, before)| now.saturating_sub(*before)).collect();
        let total: u64 = new.iter().sum();
        let seconds = now.duration_since(*since).as_secs_f64();
        let rate = if seconds > 0.0 { total as f64 / seconds } else { 0.0 };
        let shares =
            new.iter().map(|&new| if total == 0 { 0.0 } else { new as f64 / total as f64 }).collect();
        self.history.push_back((now, attempts));
        (rate, shares)
    }
}
