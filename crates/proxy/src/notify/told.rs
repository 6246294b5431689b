//! What one receiver has been told and not taken back.

use std::collections::HashMap;
use std::time::Duration;

use evenkeel_core::Nanos;
use evenkeel_core::skew::Level;

use super::message::{Details, Event, Subject};

/// Something that is wrong now.
pub(crate) trait Alarm {
    fn subject(&self) -> &Subject;
    fn level(&self) -> Level;
    /// Why; empty where there is nothing to tell apart.
    fn cause(&self) -> &'static str;
}

/// Alarms by what they are about.
#[derive(Debug, Default)]
pub(super) struct Told(HashMap<Subject, Known>);

#[derive(Debug)]
struct Known {
    details: Details,
    cause: &'static str,
    /// When it was told last.
    at: Nanos,
    /// Another cause, and since when it is given.
    other: Option<(&'static str, Nanos)>,
    gone_since: Option<Nanos>,
}

/// A cause that is given for less is a passing thought.
const CHANGED_AFTER: Duration = Duration::from_secs(5);
/// What has been gone for less may be back with the next tick.
const CLEARED_AFTER: Duration = Duration::from_secs(5);

impl Told {
    /// What is new about what stands now. What matters less than `least` is not told; what has been told is, whatever it
    /// has come to matter, until it is over. After `resend` it is told again.
    pub(super) fn look<A: Alarm>(
        &mut self,
        now: Nanos,
        standing: &[&A],
        least: Level,
        resend: Option<Duration>,
        describe: impl Fn(&A) -> Details,
    ) -> Vec<(Event, Details)> {
        let mut news = Vec::new();
        for alarm in standing {
            match self.0.get_mut(alarm.subject()) {
                Some(known) => {
                    let worse = known.is_worse(now, alarm.level()).then_some(Event::Changed);
                    if let Some(event) = known.still(now, alarm.cause(), resend).or(worse) {
                        known.details = describe(alarm).cut();
                        news.push((event, known.details.clone()));
                    }
                }
                None if alarm.level() >= least => {
                    let details = describe(alarm).cut();
                    news.push((Event::Raised, details.clone()));
                    let known =
                        Known { details, cause: alarm.cause(), at: now, other: None, gone_since: None };
                    self.0.insert(alarm.subject().clone(), known);
                }
                None => {}
            }
        }
        self.clear(now, standing, &mut news);
        news
    }

    fn clear<A: Alarm>(&mut self, now: Nanos, standing: &[&A], news: &mut Vec<(Event, Details)>) {
        let stands: std::collections::HashSet<&Subject> =
            standing.iter().map(|alarm| alarm.subject()).collect();
        self.0.retain(|subject, known| {
            if stands.contains(subject) {
                return true;
            }
            let gone_since = *known.gone_since.get_or_insert(now);
            let over = now.since(gone_since) >= CLEARED_AFTER;
            if over {
                news.push((Event::Cleared, known.details.clone()));
            }
            !over
        });
    }
}

impl Known {
    /// It matters more than has been told.
    fn is_worse(&mut self, now: Nanos, level: Level) -> bool {
        let worse = level > self.details.level;
        if worse {
            self.at = now;
        }
        worse
    }

    /// It stands, for this cause. What of that is to be told.
    fn still(&mut self, now: Nanos, cause: &'static str, resend: Option<Duration>) -> Option<Event> {
        self.gone_since = None;
        if cause == self.cause {
            self.other = None;
            let due = resend.is_some_and(|resend| now.since(self.at) >= resend);
            return due.then(|| {
                self.at = now;
                Event::Repeated
            });
        }
        let since = match self.other {
            Some((other, since)) if other == cause => since,
            _ => now,
        };
        self.other = Some((cause, since));
        (now.since(since) >= CHANGED_AFTER).then(|| {
            (self.cause, self.at, self.other) = (cause, now, None);
            Event::Changed
        })
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::PoolId;

    use super::super::message::What;
    use super::super::message::tests::details;
    use super::*;

    struct Standing(Subject, Level, &'static str);

    impl Alarm for Standing {
        fn subject(&self) -> &Subject {
            &self.0
        }
        fn level(&self) -> Level {
            self.1
        }
        fn cause(&self) -> &'static str {
            self.2
        }
    }

    fn standing(backend: u64, level: Level, cause: &'static str) -> Standing {
        let what = What::Share { dimension: "requests", backend };
        Standing(Subject { pool: PoolId::new("web"), what }, level, cause)
    }

    /// What is told, second by second.
    fn events(
        told: &mut Told,
        seconds: std::ops::Range<u64>,
        standing: &[Standing],
        resend: Option<u64>,
    ) -> Vec<Event> {
        let standing: Vec<&Standing> = standing.iter().collect();
        let resend = resend.map(Duration::from_secs);
        let look = |second| {
            told.look(Nanos::from_secs(second), &standing, Level::Warning, resend, |alarm| details(alarm.2))
        };
        seconds.flat_map(look).map(|(event, _)| event).collect()
    }

    #[test]
    fn an_alarm_is_told_once_and_once_when_it_is_over() {
        let mut told = Told::default();
        let one = [standing(1, Level::Warning, "weights")];
        assert_eq!(events(&mut told, 0..100, &one, None), [Event::Raised]);
        // It comes to matter less, and is the same.
        assert_eq!(events(&mut told, 100..200, &[standing(1, Level::Info, "weights")], None), []);
        assert_eq!(events(&mut told, 200..203, &[], None), [], "it may be back");
        assert_eq!(events(&mut told, 203..210, &one, None), []);
        assert_eq!(events(&mut told, 210..230, &[], None), [Event::Cleared]);
        assert_eq!(events(&mut told, 230..240, &one, None), [Event::Raised]);
        assert_eq!(
            events(&mut told, 240..250, &[standing(2, Level::Info, "fast_backend")], None),
            [Event::Cleared]
        );
    }

    #[test]
    fn another_cause_is_told_when_it_has_lasted() {
        let mut told = Told::default();
        let (weights, health) =
            ([standing(1, Level::Warning, "weights")], [standing(1, Level::Warning, "health")]);
        assert_eq!(events(&mut told, 0..10, &weights, None), [Event::Raised]);
        assert_eq!(events(&mut told, 10..13, &health, None), []);
        assert_eq!(events(&mut told, 13..20, &weights, None), []);
        assert_eq!(events(&mut told, 20..40, &health, None), [Event::Changed]);
    }

    #[test]
    fn what_still_stands_is_told_again_where_that_is_wanted() {
        let mut told = Told::default();
        let one = [standing(1, Level::Critical, "weights")];
        let events = events(&mut told, 0..65, &one, Some(30));
        assert_eq!(events, [Event::Raised, Event::Repeated, Event::Repeated]);
    }
}
