//! What a search for the capacity found.

use std::time::Duration;

use serde::Serialize;

use super::latencies::Summary;
use super::objective::Objective;
use super::plan::Plan;
use super::profile::{Profile, Stage};
use super::record::Record;
use super::report::generator;
use super::search::{Bracket, Judged};

/// The highest rate that is good enough.
#[derive(Clone, Debug, Serialize)]
pub struct Capacity {
    /// What good enough is.
    pub objective: String,
    /// Requests a second; `None` if no rate was good enough.
    pub rate: Option<f64>,
    /// The lowest rate that was not good enough; `None` if every one was.
    pub too_much: Option<f64>,
    /// What keeps it from being higher.
    pub bound: Bound,
    /// In words.
    pub sentence: String,
    /// Every rate that was tried, in order.
    pub probes: Vec<Probe>,
}

/// What keeps a capacity from being higher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// The target: beyond, it misses the objective.
    Objective,
    /// The generator: it cannot send more from here.
    Generator,
    /// The highest rate that was to be tried.
    MaxRate,
    /// The user ended the search.
    Interrupted,
}

/// A rate that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Probe {
    /// Requests a second.
    pub rate: f64,
    /// How long it was judged for, after it had settled.
    pub seconds: f64,
    /// Requests that were judged.
    pub requests: u64,
    /// Those that failed.
    pub failed: u64,
    /// From when each was due.
    pub latency: Summary,
    /// Whether the objective was met.
    pub met: bool,
    /// Why it is not good enough, or no measurement.
    pub why: Vec<String>,
    /// What follows from it.
    #[serde(skip)]
    pub judged: Judged,
}

/// Of the length of a probe, this much goes before it is judged: connections open, queues fill.
const SETTLE: f64 = 0.25;
/// At least, and at most.
const SETTLE_MIN: Duration = Duration::from_millis(500);
const SETTLE_MAX: Duration = Duration::from_secs(5);

/// How a rate is tried: a part in which it settles, and one that is judged, which is as long as the objective's percentiles
/// need, at least `least` and at most `most`.
pub fn profile_of(rate: f64, objective: &Objective, least: Duration, most: Duration) -> Profile {
    let needed = objective.requests_needed() as f64 / rate;
    let judged = Duration::from_secs_f64(needed.clamp(least.as_secs_f64(), most.max(least).as_secs_f64()));
    let settle = judged.mul_f64(SETTLE).clamp(SETTLE_MIN, SETTLE_MAX);
    Profile::of([settle, judged].map(|lasts| Stage { from: rate, to: rate, lasts }).to_vec())
}

/// What came of one that was tried like that.
pub fn probe_of(plan: &Plan, record: &Record, objective: &Objective) -> Option<Probe> {
    let (stage, judged) = (plan.profile.stages().last()?, record.stages.last()?);
    let misses = objective.misses(&judged.latencies, judged.requests, judged.failed);
    let generator = generator(plan, record);
    let mut why: Vec<String> = misses.iter().map(ToString::to_string).collect();
    // What is good enough though the generator was late is good enough all the more.
    let judgement = match misses.as_slice() {
        [] => Judged::Good,
        misses if generator.behind && misses.iter().all(|miss| miss.is_own(&record.lag)) => Judged::Invalid,
        _ => Judged::Bad,
    };
    if judgement != Judged::Good {
        why.extend(generator.notes);
    }
    Some(Probe {
        rate: stage.from,
        seconds: stage.lasts.as_secs_f64(),
        requests: judged.requests,
        failed: judged.failed,
        latency: judged.latencies.summary(),
        met: misses.is_empty(),
        why,
        judged: judgement,
    })
}

impl Capacity {
    /// From what is known in the end.
    pub fn new(objective: &Objective, bracket: Bracket, probes: Vec<Probe>, interrupted: bool) -> Self {
        let bound = match () {
            () if interrupted => Bound::Interrupted,
            () if bracket.invalid => Bound::Generator,
            () if bracket.bad.is_some() => Bound::Objective,
            () => Bound::MaxRate,
        };
        let why = bracket.bad.and_then(|bad| {
            let probe = probes.iter().rev().find(|probe| probe.rate == bad)?;
            probe.why.first().cloned()
        });
        let sentence = sentence(bracket, bound, why.as_deref());
        Self {
            objective: objective.to_string(),
            rate: bracket.good,
            too_much: bracket.bad,
            bound,
            sentence,
            probes,
        }
    }
}

fn sentence(bracket: Bracket, bound: Bound, why: Option<&str>) -> String {
    let Some(good) = bracket.good else {
        return match (bound, bracket.bad) {
            (Bound::Objective, Some(bad)) => {
                format!(
                    "no rate is good enough: at {bad:.0} a second {}",
                    why.unwrap_or("the objective is missed")
                )
            }
            (Bound::Interrupted, _) => "ended before any rate was good enough".to_owned(),
            _ => "no rate could be judged: the generator is too slow here".to_owned(),
        };
    };
    match (bound, bracket.bad) {
        (Bound::Objective, Some(bad)) => format!(
            "{good:.0} requests a second are good enough, {bad:.0} are not: {}",
            why.unwrap_or("the objective is missed")
        ),
        (Bound::Generator, _) => format!(
            "at least {good:.0} requests a second are good enough; beyond, this generator is too slow to tell"
        ),
        (Bound::Interrupted, _) => {
            format!("at least {good:.0} requests a second are good enough; then it was ended")
        }
        _ => format!("at least {good:.0} requests a second are good enough; more was not tried (--max-rate)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probes_are_as_long_as_their_percentile_needs() {
        let objective = Objective::parse("p99<50ms").unwrap();
        let (least, most) = (Duration::from_secs(2), Duration::from_secs(60));
        let judged = |rate| {
            let profile = profile_of(rate, &objective, least, most);
            (profile.stages()[0].lasts.as_secs_f64(), profile.stages()[1].lasts.as_secs_f64())
        };
        assert_eq!(judged(100.0), (2.5, 10.0), "1,000 requests");
        assert_eq!(judged(10_000.0), (0.5, 2.0), "the least");
        assert_eq!(judged(1.0), (5.0, 60.0), "the most");
    }

    #[test]
    fn the_sentence_names_what_bounds() {
        let objective = Objective::parse("p99<50ms").unwrap();
        let told = |good, bad, invalid, interrupted| {
            let bracket = Bracket { good, bad, invalid };
            let capacity = Capacity::new(&objective, bracket, Vec::new(), interrupted);
            (capacity.bound, capacity.sentence)
        };
        let (bound, sentence) = told(Some(400.0), Some(410.0), false, false);
        assert!(
            bound == Bound::Objective && sentence.starts_with("400 requests a second are good"),
            "{sentence}"
        );
        assert_eq!(told(Some(400.0), None, false, false).0, Bound::MaxRate);
        assert_eq!(told(Some(400.0), None, true, false).0, Bound::Generator);
        assert_eq!(told(Some(400.0), Some(500.0), false, true).0, Bound::Interrupted);
        assert!(told(None, Some(1.0), false, false).1.starts_with("no rate is good enough: at 1"));
    }
}
