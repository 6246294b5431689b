//! What is wrong now, for those who are told of it.

use std::sync::Arc;

use evenkeel_core::Nanos;
use evenkeel_core::skew::{Level, Symptom, Verdict};

use super::{Broken, Watches, words};
use crate::notify::{Alarm, Details, Sender, Subject, What};
use crate::pool::PoolCell;
use crate::proxy::{Inner, View};

/// Something that is wrong.
pub(super) struct Standing {
    subject: Subject,
    level: Level,
    what: Wrong,
}

enum Wrong {
    /// A backend's share, in this pool.
    Share(Box<Symptom>, Arc<PoolCell>),
    /// Since when what all share is slow, or fails.
    Shared(Nanos),
    /// Since when nobody serves.
    Down(Nanos),
    Contract(Broken),
}

impl Alarm for Standing {
    fn subject(&self) -> &Subject {
        &self.subject
    }

    fn level(&self) -> Level {
        self.level
    }

    fn cause(&self) -> &'static str {
        match &self.what {
            Wrong::Share(symptom, _) => symptom.cause.as_str(),
            Wrong::Shared(_) | Wrong::Down(_) | Wrong::Contract(_) => "",
        }
    }
}

/// Of all pools.
pub(super) fn standing(view: &View, watches: &Watches) -> Vec<Standing> {
    let mut all = Vec::new();
    for pool in &view.pools {
        let Some((watch, _)) = watches.of(&pool.id) else { continue };
        let snapshot = pool.snapshot.load();
        let subject = |what| Subject { pool: pool.id.clone(), what };
        match watch.verdict() {
            Verdict::Skewed(symptoms) => {
                all.extend(symptoms.into_iter().map(|symptom| share(pool, symptom, subject)));
            }
            Verdict::Shared(since) => all.push(Standing {
                subject: subject(What::Shared),
                level: Level::Warning,
                what: Wrong::Shared(since),
            }),
            Verdict::Down(since) => all.push(Standing {
                subject: subject(What::Down),
                level: Level::Critical,
                what: Wrong::Down(since),
            }),
            Verdict::Even | Verdict::NotEnough(_) | Verdict::NoAlternative => {}
        }
        let broken = watches.promised(&pool.id).map_or_else(Vec::new, |promised| promised.broken(&snapshot));
        all.extend(broken.into_iter().map(|broken| Standing {
            subject: subject(What::Contract(broken.breach.clause)),
            level: Level::Warning,
            what: Wrong::Contract(broken),
        }));
    }
    all
}

fn share(pool: &Arc<PoolCell>, symptom: Symptom, subject: impl Fn(What) -> Subject) -> Standing {
    let backend = symptom.latched.finding.backend;
    Standing {
        subject: subject(What::Share { dimension: words::dimension(symptom.dimension), backend }),
        level: symptom.level,
        what: Wrong::Share(Box::new(symptom), Arc::clone(pool)),
    }
}

impl Inner {
    /// Who tells, and where more can be read.
    pub(super) fn sender(&self, view: &View) -> Sender {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let listen = view.config.admin.as_ref().map(|admin| admin.listen).filter(|listen| listen.port() != 0);
        Sender {
            host: host.trim().to_owned(),
            link: listen.map(|listen| format!("http://{listen}/diagnose")),
        }
    }

    /// All that there is to say of it.
    pub(super) fn describe(&self, standing: &Standing) -> Details {
        match &standing.what {
            Wrong::Share(symptom, pool) => {
                let report = self.explained(symptom, pool);
                let since = symptom.latched.finding.since;
                Details {
                    backend: Some(report.backend),
                    dimension: Some(report.dimension),
                    cause: Some(report.cause),
                    observed: Some(report.share),
                    expected: Some(report.expected),
                    changed: report.changed,
                    advice: Some(report.advice),
                    ..self.bare("skew", standing, report.sentence, since)
                }
            }
            Wrong::Shared(since) => {
                self.bare("shared_dependency", standing, words::SHARED.to_owned(), *since)
            }
            Wrong::Down(since) => self.bare("down", standing, words::DOWN.to_owned(), *since),
            Wrong::Contract(broken) => {
                let Broken { breach, backend, sentence } = broken;
                Details {
                    backend: (!backend.is_empty()).then(|| backend.to_string()),
                    term: Some(breach.clause.as_str()),
                    observed: Some(breach.observed),
                    expected: Some(breach.expected),
                    advice: Some(words::mend(breach.clause).to_owned()),
                    ..self.bare("contract", standing, format!("contract broken: {sentence}"), breach.since)
                }
            }
        }
    }

    fn bare(&self, kind: &'static str, standing: &Standing, sentence: String, since: Nanos) -> Details {
        Details {
            kind,
            pool: standing.subject.pool.to_string(),
            backend: None,
            dimension: None,
            term: None,
            cause: None,
            level: standing.level,
            sentence,
            since: self.unix(since),
            observed: None,
            expected: None,
            changed: None,
            advice: None,
        }
    }
}
