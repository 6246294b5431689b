//! Whose answers are slow: answers that take far longer than is usual in the pool, against answers. What makes all backends
//! slow alike moves nobody's share of them.

use std::time::Duration;

use super::super::serials::{BySerial, Serials};
use super::super::{Count, Detector, Latched, Tolerance};
use super::spread::{Spread, corrected};
use super::tick::Tick;
use crate::units::Nanos;

/// The test, and what is called slow.
#[derive(Clone, Debug)]
pub(super) struct Slow {
    test: Detector,
    spread: Spread,
    /// In nanoseconds; `None` until it is known what is usual.
    above: Option<f32>,
    /// When it is worked out anew.
    due: Nanos,
    /// Who has been told, and so counts by it, by serial.
    told: Serials,
    /// Answers since it was last worked out.
    answers: BySerial<f64>,
}

/// Slow is what takes so many times as long as nine answers in ten of the middling backend. By the ninth tenth alone a
/// backend would stand out that is a tenth slower than others which answer as regularly as a clock; and with half as much
/// again fewer answers of sound backends are in the way, so that one which is five times slower is found after three
/// quarters of the requests.
const MARGIN: f32 = 1.5;
/// What takes less, in nanoseconds, is slow for nobody.
const LEAST: f32 = 1e6;
/// Each minute's threshold is that of the minute before.
const REFRESH: Duration = Duration::from_secs(60);
/// From so many answers it is known how long those of a backend take.
const ANSWERS_MIN: f64 = 50.0;

impl Slow {
    pub(super) fn new(tolerance: Tolerance) -> Self {
        Self {
            test: Detector::new(tolerance),
            spread: Spread::default(),
            above: None,
            due: Nanos::ZERO,
            told: Serials::default(),
            answers: BySerial::default(),
        }
    }

    pub(super) fn observe(&mut self, tick: &Tick<'_>) {
        let counts = self.counts(tick);
        // By what was known before: a tick must not explain itself.
        match self.spread.design_effect() {
            Some(design_effect) => {
                self.test.observe(tick.now, &corrected(&counts, design_effect));
            }
            None => self.test.pass(tick.now),
        }
        self.spread.learn(&counts, &self.test.latched());
        for (serial, reading) in tick.since {
            *self.answers.entry(*serial).or_default() += reading.answers;
        }
        self.answers.retain(|serial, _| tick.since.contains_key(serial));
        let refreshed = self.refresh(tick);
        // New backends, too, have to know what is slow.
        if refreshed || !tick.steady {
            self.tell(tick);
        }
    }

    fn counts(&self, tick: &Tick<'_>) -> Vec<Count> {
        let told = || tick.since.iter().filter(|(serial, _)| self.told.contains(serial));
        let answers: f64 = told().map(|(_, reading)| reading.answers).sum();
        let count = |(serial, reading): (&u64, &super::Reading)| {
            // Both are read while requests end.
            Count::new(*serial, reading.slow.min(reading.answers), reading.answers / answers.max(1.0))
        };
        told().map(count).collect()
    }

    /// Works out what is slow, when it is time; whether it did.
    fn refresh(&mut self, tick: &Tick<'_>) -> bool {
        if tick.now < self.due {
            return false;
        }
        let known = |serial: u64| self.answers.get(&serial).is_some_and(|answers| *answers >= ANSWERS_MIN);
        let active = self.answers.values().filter(|answers| **answers > 0.0).count();
        let members = tick.snapshot.members().iter().map(|view| &view.member);
        let p90 = members.filter(|member| known(member.serial)).map(|member| member.load.usual().p90());
        let mut p90: Vec<f32> = p90.filter(|p90| *p90 > 0.0).collect();
        if p90.len() < 2 || 2 * p90.len() < active {
            return false;
        }
        p90.sort_by(f32::total_cmp);
        // Of two middling ones the faster: with two backends one of which is slow, that is what is usual.
        self.above = Some((MARGIN * p90[(p90.len() - 1) / 2]).max(LEAST));
        self.due = tick.now.saturating_add(REFRESH);
        self.answers.clear();
        true
    }

    fn tell(&mut self, tick: &Tick<'_>) {
        let Some(above) = self.above else { return };
        self.told.clear();
        for view in tick.snapshot.members() {
            view.member.load.usual().call_slow_above(above);
            self.told.insert(view.member.serial);
        }
    }

    /// From when on an answer is slow; `None` until it is known.
    pub(super) fn above(&self) -> Option<Duration> {
        self.above.map(|nanos| Duration::from_nanos(nanos as u64))
    }

    pub(super) fn latched(&self) -> Vec<Latched> {
        self.test.latched()
    }

    pub(super) fn nearness(&self) -> f64 {
        self.test.nearness()
    }
}
