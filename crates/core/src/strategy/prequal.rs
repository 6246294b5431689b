//! Asks the backends, and picks the fastest of those that are not busy.

use std::sync::Arc;
use std::time::Duration;

use super::hcl::{Asked, Rule, most};
use super::least_request::LeastRequest;
use super::positions::Positions;
use super::probes::{Probe, ProbePool, Removal};
use super::{Ask, BuildInput, Picked, Picker, Registration, StrategyKind};
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::Nanos;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::Prequal,
    name: "prequal",
    summary: "asks backends how busy they are and picks the fastest that is not; for many proxies before many backends",
    honours_weights: true,
    keyed: false,
    timed: false,
    probed: true,
    build: |input| Box::new(Prequal::new(input)),
};

/// What one proxy has in flight says little about a backend when there are many proxies: each sees an empty pool. So
/// this picks by what the backends themselves said a moment ago, by the rule in [`Rule`]; and by that of
/// `least_request` where it does not say anything.
#[derive(Debug)]
struct Prequal {
    probes: Arc<ProbePool>,
    positions: Positions,
    rule: Rule,
    age: Duration,
    mean_weight: f64,
    fallback: LeastRequest,
}

/// Whom there are answers of.
struct Answers {
    asked: [Asked; ProbePool::CAPACITY],
    probes: [Option<Probe>; ProbePool::CAPACITY],
    len: usize,
}

impl Picker for Prequal {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, ask: Ask, rng: &mut Rng) -> Picked {
        let anchor = self.fallback.anchor(from, ask.now);
        let answers = self.answers(from, ask.now);
        let local = anchor.load as f64 * self.mean_weight / anchor.weight as f64;
        let Some(chosen) = self.rule.choose(answers.asked(), local, rng) else {
            return Picked::by_algorithm(self.fallback.choose(anchor, from, ask.now, rng));
        };
        answers.with(chosen, |slot, probe| self.probes.spend(slot, probe));
        self.forget_one(&answers, rng);
        Picked::by_algorithm(answers.asked[chosen].idx)
    }
}

impl Prequal {
    fn new(input: &BuildInput<'_>) -> Self {
        let settings = &input.settings.prequal;
        input.probes.tune(settings, input.weights.len());
        let sum: f64 = input.weights.iter().map(|weight| f64::from(weight.get())).sum();
        Self {
            probes: Arc::clone(input.probes),
            positions: Positions::new(input.serials),
            rule: Rule { hot_quantile: settings.hot_quantile.clamp(0.0, 1.0) },
            age: settings.probe_age,
            mean_weight: sum / input.weights.len() as f64,
            fallback: LeastRequest::new(input),
        }
    }

    /// Those that are young enough and may be picked.
    fn answers(&self, from: &Eligible<'_>, now: Nanos) -> Answers {
        let mut answers = Answers::none();
        for (slot, probe) in self.probes.read() {
            if now.since(probe.at) <= self.age
                && let Some(idx) = self.positions.of(probe.serial)
                && !from.excluded(idx)
            {
                answers.push(self.asked(from, idx, slot, &probe, now), probe);
            }
        }
        answers
    }

    #[inline]
    fn asked(&self, from: &Eligible<'_>, idx: MemberIdx, slot: usize, probe: &Probe, now: Nanos) -> Asked {
        let candidate = from.candidate(idx);
        let weight = f64::from(candidate.weight) / self.mean_weight;
        let in_flight = candidate.load.in_flight();
        Asked {
            idx,
            slot,
            weight,
            load: f64::from(probe.in_flight) / weight,
            latency: probe.latency,
            local: (f64::from(in_flight) + 1.0) / weight,
            idle: in_flight == 0,
            failures: if candidate.load.failing(now) > 0 { 1.0 } else { candidate.load.recent_failures(now) },
        }
    }

    /// A probe says less and less: for each request one of them is forgotten, though it has not been used up.
    fn forget_one(&self, answers: &Answers, rng: &mut Rng) {
        if answers.len <= Rule::ASKED_MIN {
            return;
        }
        let forgotten = match self.probes.removal() {
            None => return,
            Some(Removal::Oldest) => answers.oldest(rng),
            Some(Removal::Worst) => self.rule.worst(answers.asked(), rng),
        };
        answers.with(forgotten, |slot, probe| self.probes.remove(slot, probe));
    }
}

impl Answers {
    fn none() -> Self {
        Self { asked: [Asked::default(); ProbePool::CAPACITY], probes: [None; ProbePool::CAPACITY], len: 0 }
    }

    #[inline]
    fn push(&mut self, asked: Asked, probe: Probe) {
        self.asked[self.len] = asked;
        self.probes[self.len] = Some(probe);
        self.len += 1;
    }

    fn asked(&self) -> &[Asked] {
        &self.asked[..self.len]
    }

    fn with(&self, position: usize, act: impl FnOnce(usize, &Probe)) {
        if let Some(probe) = &self.probes[position] {
            act(self.asked[position].slot, probe);
        }
    }

    fn oldest(&self, rng: &mut Rng) -> usize {
        let age =
            |probe: &Option<Probe>| probe.as_ref().map_or(f64::NEG_INFINITY, |probe| -(probe.at.0 as f64));
        most(&self.probes[..self.len], age, rng)
    }
}
