//! The answer to "is it the balancer?", as plain data.

use std::time::{Duration, SystemTime};

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Level, Side, Symptom, Verdict, Watch};
use serde::Serialize;

use crate::pool::PoolCell;
use crate::proxy::{Inner, Proxy, lock};
use crate::status::LastReload;

use super::words;

/// Of all pools.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Of the pool that is worst off: `skewed`, `down`, `shared_dependency`, `not_enough_data`, `even` or `no_alternative`.
    pub verdict: &'static str,
    /// In a few words.
    pub answer: String,
    /// Worst first.
    pub pools: Vec<PoolDiagnosis>,
}

/// Of one pool.
#[derive(Clone, Debug, Serialize)]
pub struct PoolDiagnosis {
    /// Which.
    pub pool: String,
    /// How it picks.
    pub strategy: &'static str,
    /// As in [`Diagnosis::verdict`].
    pub verdict: &'static str,
    /// In a few words.
    pub answer: String,
    /// Requests that the verdict is of.
    pub requests: u64,
    /// About so many more are needed to tell, where there have been too few.
    pub needed: Option<u64>,
    /// Mean time of a request of late, milliseconds.
    pub latency_ms: f64,
    /// The usual one, as far as it is known.
    pub usual_latency_ms: Option<f64>,
    /// Since when everything is slower or fails alike, or nobody serves, in seconds since 1970.
    pub shared_since: Option<u64>,
    /// What is wrong, worst first.
    pub symptoms: Vec<SymptomReport>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct SymptomReport {
    /// `requests`, `errors` or `in_flight`.
    pub dimension: &'static str,
    /// Whose share.
    pub backend: String,
    /// Whether it has more than it should.
    pub above: bool,
    /// Since it began.
    pub share: f64,
    /// What it should have been.
    pub expected: f64,
    /// Counted at all backends since it began.
    pub counted: f64,
    /// When it began, in seconds since 1970, right within a second or two.
    pub since: u64,
    /// `info`, `warning` or `critical`.
    pub level: &'static str,
    /// Such as `weights` or `slow_backend`.
    pub cause: &'static str,
    /// `balancer`, `backend` or `clients`.
    pub blame: &'static str,
    /// What is seen, and why.
    pub sentence: String,
    /// What would mend it.
    pub advice: String,
    /// What was changed at about that time.
    pub changed: Option<String>,
    /// Of what the difference to the intended share consists, largest first; of requests only.
    pub terms: Vec<(&'static str, f64)>,
}

/// A change explains what begins so soon after it.
const SOON: Duration = Duration::from_secs(10);
/// What began cannot be told more exactly.
const ABOUT: Duration = Duration::from_secs(2);

impl Proxy {
    /// Whether traffic is as even as it should be, and if not, since when, why, and whose doing that is.
    pub fn diagnose(&self) -> Diagnosis {
        let inner = &self.inner;
        let (view, watches) = (inner.view.load_full(), lock(&inner.watches));
        let of_pool = |pool: &std::sync::Arc<PoolCell>| Some(inner.diagnosis(pool, watches.of(&pool.id)?.0));
        let mut pools: Vec<PoolDiagnosis> = view.pools.iter().filter_map(of_pool).collect();
        pools.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| one.pool.cmp(&other.pool)));
        let (verdict, answer) = match pools.first() {
            Some(worst) if rank(worst) < SOUND => {
                (worst.verdict, format!("{}: {}", worst.pool, worst.answer))
            }
            Some(worst) => (worst.verdict, worst.answer.clone()),
            None => ("not_enough_data", "nothing has been watched yet".to_owned()),
        };
        Diagnosis { verdict, answer, pools }
    }
}

/// From here on nothing is wrong.
const SOUND: u8 = 4;

/// Lower is worse.
fn rank(pool: &PoolDiagnosis) -> u8 {
    match (pool.verdict, pool.symptoms.first().map(|symptom| symptom.level)) {
        ("down", _) | ("skewed", Some("critical")) => 0,
        ("skewed", _) => 1,
        ("shared_dependency", _) => 2,
        ("not_enough_data", _) => SOUND,
        ("even", _) => 6,
        _ => 7,
    }
}

impl Inner {
    fn diagnosis(&self, pool: &PoolCell, watch: &Watch) -> PoolDiagnosis {
        let snapshot = pool.snapshot.load();
        let name = |symptom: &Symptom| words::name(&snapshot, symptom.latched.finding.backend).to_owned();
        let verdict = watch.verdict();
        let (word, answer, needed, shared_since) = match &verdict {
            Verdict::Skewed(symptoms) if symptoms[0].level == Level::Info => {
                ("even", "no skew: shares follow how fast the backends are".to_owned(), None, None)
            }
            Verdict::Skewed(symptoms) => {
                let worst = &symptoms[0];
                ("skewed", words::answer(worst.cause.blame(), &name(worst)), None, None)
            }
            Verdict::Shared(since) => {
                let answer =
                    "shared dependency suspected: all backends are slower or fail alike, shares are even";
                ("shared_dependency", answer.to_owned(), None, Some(self.unix(*since)))
            }
            Verdict::Down(since) => {
                let answer = "backends, not the balancer: none of them serves, see `evenkeel status` for why";
                ("down", answer.to_owned(), None, Some(self.unix(*since)))
            }
            Verdict::Even => ("even", "no skew".to_owned(), None, None),
            Verdict::NotEnough(more) => (
                "not_enough_data",
                format!("not enough data, about {more} more requests needed"),
                Some(*more),
                None,
            ),
            Verdict::NoAlternative => {
                ("no_alternative", "one backend: nothing to balance".to_owned(), None, None)
            }
        };
        let last = lock(&self.reloads.last).clone();
        let symptoms = match &verdict {
            Verdict::Skewed(symptoms) => {
                symptoms.iter().map(|one| self.report(one, name(one), last.as_ref())).collect()
            }
            _ => Vec::new(),
        };
        let (latency, usual) = watch.latency();
        let millis = |duration: Duration| duration.as_secs_f64() * 1e3;
        PoolDiagnosis {
            pool: pool.id.as_str().to_owned(),
            strategy: snapshot.strategy().as_str(),
            verdict: word,
            answer,
            requests: watch.seen(),
            needed,
            latency_ms: millis(latency),
            usual_latency_ms: usual.map(millis),
            shared_since,
            symptoms,
        }
    }

    fn report(&self, symptom: &Symptom, backend: String, last: Option<&LastReload>) -> SymptomReport {
        let finding = &symptom.latched.finding;
        let terms = symptom.split.iter().flat_map(|split| &split.terms);
        SymptomReport {
            dimension: words::dimension(symptom.dimension),
            above: finding.side == Side::Above,
            share: finding.share,
            expected: finding.expected,
            counted: finding.total,
            since: self.unix(finding.since),
            level: symptom.level.as_str(),
            cause: symptom.cause.as_str(),
            blame: symptom.cause.blame().as_str(),
            sentence: words::sentence(&backend, symptom),
            advice: words::advice(&backend, symptom.cause),
            changed: last.and_then(|last| self.changed_before(last, finding.since)),
            terms: terms.map(|(term, size)| (words::term(*term), *size)).collect(),
            backend,
        }
    }

    /// The last reload, if what began then may have come of it.
    fn changed_before(&self, last: &LastReload, since: Nanos) -> Option<String> {
        let began = self.clock_time(since);
        let soon = last.ok && last.at <= began + ABOUT && last.at + SOON >= began;
        let changes = match last.changes.as_slice() {
            [] => "nothing".to_owned(),
            changes => changes.join("; "),
        };
        soon.then(|| format!("generation {} was applied then: {changes}", last.generation))
    }

    fn clock_time(&self, at: Nanos) -> SystemTime {
        SystemTime::now() - self.clock.now().since(at)
    }

    fn unix(&self, at: Nanos) -> u64 {
        self.clock_time(at).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
