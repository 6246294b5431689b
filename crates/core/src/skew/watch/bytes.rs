//! Who moves the bytes, against who has the requests: told, never alarmed about, for a few large transfers are nobody's
//! fault.

use std::time::Duration;

use super::super::serials::BySerial;
use super::super::{Count, Detector, Latched, Tolerance};
use super::spread::{Spread, corrected};
use super::tick::Tick;
use crate::units::Nanos;

/// The test. Bytes come in transfers, whose sizes differ without bound; so it looks at whole windows, in units of the
/// design effect that it has learned.
#[derive(Clone, Debug)]
pub(super) struct Bytes {
    test: Detector,
    spread: Spread,
    window: BySerial<Moved>,
    ends: Nanos,
}

/// What one backend had in a window.
#[derive(Clone, Copy, Debug, Default)]
struct Moved {
    bytes: f64,
    attempts: f64,
    in_flight: f64,
    ticks: f64,
}

/// Long enough that most transfers begin and end in one.
const WINDOW: Duration = Duration::from_secs(10);
/// A window counts as if a backend had been no further off than so many standard deviations: one transfer alone, however
/// large, shows nothing.
const OFF_MAX: f64 = 2.0;

impl Bytes {
    pub(super) fn new(tolerance: Tolerance) -> Self {
        Self {
            test: Detector::new(tolerance),
            spread: Spread::default(),
            window: BySerial::default(),
            ends: Nanos::ZERO,
        }
    }

    pub(super) fn observe(&mut self, tick: &Tick<'_>) {
        for (serial, reading) in tick.since {
            let moved = self.window.entry(*serial).or_default();
            moved.bytes += reading.bytes;
            moved.attempts += reading.attempts();
            moved.in_flight += reading.in_flight;
            moved.ticks += 1.0;
        }
        if tick.now < self.ends {
            return;
        }
        self.ends = tick.now.saturating_add(WINDOW);
        let counts = counts(&std::mem::take(&mut self.window));
        match self.spread.design_effect() {
            Some(learned) => {
                let design_effect = learned.max(of_the_furthest(&counts));
                self.test.observe(tick.now, &corrected(&counts, design_effect));
            }
            None => self.test.pass(tick.now),
        }
        self.spread.learn(&counts, &self.test.latched());
    }

    pub(super) fn latched(&self) -> Vec<Latched> {
        self.test.latched()
    }

    pub(super) fn nearness(&self) -> f64 {
        self.test.nearness()
    }
}

/// Bytes against requests begun; where those that are under way are more than begin, as of tunnels, against those.
fn counts(window: &BySerial<Moved>) -> Vec<Count> {
    let under_way = |moved: &Moved| moved.in_flight / moved.ticks;
    let begun: f64 = window.values().map(|moved| moved.attempts).sum();
    let lasting: f64 = window.values().map(under_way).sum();
    let unit = |moved: &Moved| if begun >= lasting { moved.attempts } else { under_way(moved) };
    let all = begun.max(lasting).max(1.0);
    window.iter().map(|(serial, moved)| Count::new(*serial, moved.bytes, unit(moved) / all)).collect()
}

/// The design effect by which the one that is furthest off is off by [`OFF_MAX`].
fn of_the_furthest(counts: &[Count]) -> f64 {
    let total: f64 = counts.iter().map(|count| count.observed).sum();
    let off = |count: &Count| {
        let variance = total * count.share * (1.0 - count.share);
        let off = count.observed - total * count.share;
        if variance > 0.0 { off * off / variance } else { 0.0 }
    };
    counts.iter().map(off).fold(0.0, f64::max) / (OFF_MAX * OFF_MAX)
}
