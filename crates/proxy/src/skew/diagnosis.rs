//! The answer to "is it the balancer?", as plain data.

use std::time::{Duration, SystemTime};

use evenkeel_core::skew::{Level, Side, Symptom, Verdict, Watch};
use evenkeel_core::{Nanos, PoolSnapshot};
use evenkeel_journal::ChangeReport;
use serde::Serialize;

use crate::pool::PoolCell;
use crate::proxy::{Inner, Proxy, lock};

use super::facts::Told;
use super::{Broken, Promised, words};

/// Of all pools.
#[derive(Clone, Debug, Serialize)]
pub struct Diagnosis {
    /// Of the pool that is worst off: `skewed`, `down`, `shared_dependency`, `contract_broken`, `not_enough_data`, `even` or
    /// `no_alternative`.
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
    /// An answer that takes longer is slow, as far as it is known what is usual, milliseconds.
    pub slow_above_ms: Option<f64>,
    /// Since when everything is slower or fails alike, or nobody serves, in seconds since 1970.
    pub shared_since: Option<u64>,
    /// What is wrong, worst first.
    pub symptoms: Vec<SymptomReport>,
    /// What does not hold of what the pool's `expect` promises.
    pub contract: Vec<BreachReport>,
}

/// A clause of a contract that does not hold.
#[derive(Clone, Debug, Serialize)]
pub struct BreachReport {
    /// The key of `expect`: `members`, `survives`, `forbidden_zones`, `min_share`, `max_share` or `peak_to_mean`.
    pub term: &'static str,
    /// The backend that is furthest off; `None` where it is about the pool.
    pub backend: Option<String>,
    /// What is: a number of backends, a share, or a ratio of shares.
    pub observed: f64,
    /// What should be.
    pub expected: f64,
    /// When it began, in seconds since 1970.
    pub since: u64,
    /// Such as `members 2, expected 3`.
    pub sentence: String,
    /// What would mend it.
    pub advice: &'static str,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Serialize)]
pub struct SymptomReport {
    /// `requests`, `conformance`, `groups`, `errors`, `slow`, `in_flight` or `bytes`.
    pub dimension: &'static str,
    /// Whose share; of `groups` a zone or tier, such as `zone eu-1`.
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
    /// What most likely explains it of what changed at about that time.
    pub changed: Option<String>,
    /// All that changed at about that time, most likely first.
    pub changes: Vec<ChangeReport>,
    /// Of what the difference to the intended share consists, largest first; of requests only.
    pub terms: Vec<(&'static str, f64)>,
    /// Further causes, each of at least a fifth of the difference, largest first.
    pub further: Vec<&'static str>,
    /// Keys that make the difference: what each is called, and its part of the pool's requests.
    pub keys: Vec<(String, f64)>,
    /// How many requests count as one because a session or a connection decided on them together, where that is why.
    pub design_effect: Option<f64>,
}

impl Proxy {
    /// Whether traffic is as even as it should be, and if not, since when, why, and whose doing that is.
    pub fn diagnose(&self) -> Diagnosis {
        let inner = &self.inner;
        let (view, watches) = (inner.view.load_full(), lock(&inner.watches));
        let of_pool = |pool: &std::sync::Arc<PoolCell>| {
            let (watch, promised) = (watches.of(&pool.id)?.0, watches.promised(&pool.id));
            Some(inner.diagnosis(pool, watch, promised))
        };
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
        ("contract_broken", _) => 3,
        ("not_enough_data", _) => SOUND,
        ("even", _) => 6,
        _ => 7,
    }
}

impl Inner {
    fn diagnosis(&self, pool: &PoolCell, watch: &Watch, promised: Option<&Promised>) -> PoolDiagnosis {
        let snapshot = pool.snapshot.load();
        let name = |symptom: &Symptom| words::subject(&snapshot, symptom).to_owned();
        let verdict = watch.verdict();
        let (word, answer, needed, shared_since) = match &verdict {
            Verdict::Skewed(symptoms) if symptoms[0].level == Level::Info => {
                ("even", words::even(&symptoms[0]).to_owned(), None, None)
            }
            Verdict::Skewed(symptoms) => {
                let worst = &symptoms[0];
                ("skewed", words::answer(worst.cause.blame(), &name(worst)), None, None)
            }
            Verdict::Shared(since) => {
                ("shared_dependency", words::SHARED.to_owned(), None, Some(self.unix(*since)))
            }
            Verdict::Down(since) => ("down", words::DOWN.to_owned(), None, Some(self.unix(*since))),
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
        let symptoms = match &verdict {
            Verdict::Skewed(symptoms) => {
                symptoms.iter().map(|one| self.report(one, pool, &snapshot)).collect()
            }
            _ => Vec::new(),
        };
        let broken = promised.map_or_else(Vec::new, |promised| promised.broken(&snapshot));
        // Who says what is wrong with the traffic says more.
        let (word, answer, needed) = match broken.first() {
            Some(first) if !matches!(word, "skewed" | "down" | "shared_dependency") => {
                ("contract_broken", format!("contract broken: {}", first.sentence), None)
            }
            _ => (word, answer, needed),
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
            slow_above_ms: watch.slow_above().map(millis),
            shared_since,
            symptoms,
            contract: broken.into_iter().map(|broken| self.breach(broken)).collect(),
        }
    }

    fn breach(&self, broken: Broken) -> BreachReport {
        let Broken { breach, backend, sentence } = broken;
        BreachReport {
            term: breach.clause.as_str(),
            backend: (!backend.is_empty()).then(|| backend.to_string()),
            observed: breach.observed,
            expected: breach.expected,
            since: self.unix(breach.since),
            sentence,
            advice: words::mend(breach.clause),
        }
    }

    /// A symptom in words, with what was changed then.
    pub(super) fn explained(&self, symptom: &Symptom, pool: &PoolCell) -> SymptomReport {
        self.report(symptom, pool, &pool.snapshot.load())
    }

    fn report(&self, symptom: &Symptom, pool: &PoolCell, snapshot: &PoolSnapshot) -> SymptomReport {
        let text = |key| pool.told_apart.texts.text(key);
        let told = Told { snapshot, text: &text };
        let (finding, why) = (&symptom.latched.finding, &symptom.why);
        let backend = words::subject(snapshot, symptom).to_owned();
        let changes = self.journal.onset(pool.id.as_str(), &backend, self.clock_time(finding.since));
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
            sentence: words::sentence(&told, symptom),
            advice: words::advice(&backend, symptom.cause),
            changed: changes.first().map(|change| change.text.clone()),
            changes,
            terms: terms.map(|(term, size)| (words::term(*term), *size)).collect(),
            further: why.further.iter().map(|cause| cause.as_str()).collect(),
            keys: why.keys.iter().map(|key| (told.key(key), key.share)).collect(),
            design_effect: why.spread.map(|spread| spread.design_effect),
            backend,
        }
    }

    fn clock_time(&self, at: Nanos) -> SystemTime {
        SystemTime::now() - self.clock.now().since(at)
    }

    pub(super) fn unix(&self, at: Nanos) -> u64 {
        self.clock_time(at).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
    }
}
