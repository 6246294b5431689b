//! One look at everything, and what follows from it.

use std::time::Duration;

use serde_json::Value;

use super::super::frame::{Frame, Row};
use super::super::lately::Users;
use super::story::Story;

/// One look.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) frame: Frame,
    pub(super) users: Users,
    /// What `/diagnose` answers.
    pub(super) diagnosis: Value,
}

/// Users see what they saw before if it takes no more than so many times as long, and some.
const AS_BEFORE: f64 = 2.0;
const AS_BEFORE_MS: f64 = 40.0;
/// The share of a backend that should get nothing.
const NOTHING: f64 = 0.02;

impl Moment {
    /// Seconds since the load began.
    pub(super) fn at(&self) -> f64 {
        self.frame.elapsed.as_secs_f64()
    }

    /// Requests that have ended since then.
    pub(super) fn asked(&self) -> u64 {
        self.frame.answered + self.frame.failed
    }

    /// What users see: the 99th percentile.
    pub(super) fn p99_ms(&self) -> f64 {
        self.users.p99.map_or(0.0, millis)
    }

    /// What `diagnose` says first.
    pub(super) fn answer(&self) -> String {
        self.diagnosis["pools"][0]["answer"].as_str().unwrap_or_default().to_owned()
    }

    /// What `diagnose` names, if it is what the story is about.
    pub(super) fn cause_of(&self, story: &Story) -> Option<String> {
        let pool = &self.diagnosis["pools"][0];
        let named = match pool["verdict"].as_str()? {
            "skewed" => pool["symptoms"][0]["cause"].as_str()?,
            other => other,
        };
        story.causes.contains(&named).then(|| named.to_owned())
    }

    /// Whether shares are even, and users see what they saw before.
    pub(super) fn is_restored(&self, story: &Story, usual_ms: f64) -> bool {
        let even = |row: &Row| {
            let bound = if row.intended > 0.0 { story.tolerance * row.intended } else { NOTHING };
            (row.now - row.intended).abs() <= bound
        };
        let fast = self.p99_ms() <= AS_BEFORE * usual_ms + AS_BEFORE_MS;
        fast && self.users.failed == 0 && self.frame.rows.iter().all(even)
    }
}

/// In milliseconds.
pub(super) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;
    use serde_json::json;

    use super::super::story::{Fault, SHARED};
    use super::*;

    fn moment(verdict: &str, cause: &str) -> Moment {
        let pool = json!({ "verdict": verdict, "answer": "so", "symptoms": [{ "cause": cause }] });
        Moment { frame: Frame::default(), users: Users::default(), diagnosis: json!({ "pools": [pool] }) }
    }

    #[test]
    fn a_story_knows_its_cause_and_no_other() {
        for fault in Fault::value_variants() {
            let story = fault.story();
            for cause in story.causes {
                let said = if *cause == SHARED { moment(SHARED, "") } else { moment("skewed", cause) };
                assert_eq!(said.cause_of(story).as_deref(), Some(*cause), "{fault:?}");
            }
            assert_eq!(moment("skewed", "balancer_bug").cause_of(story), None);
            assert_eq!(moment("even", "").cause_of(story), None);
        }
    }

    #[test]
    fn evenness_is_of_shares_and_of_what_users_see() {
        let story = Fault::Weights.story();
        let row = |intended, now| Row { intended, now, ..Row::default() };
        let mut moment = moment("even", "");
        moment.users.p99 = Some(Duration::from_millis(60));
        moment.frame.rows = vec![row(0.5, 0.45), row(0.5, 0.55), row(0.0, 0.0)];
        assert!(moment.is_restored(story, 60.0));
        moment.frame.rows[2].now = 0.1;
        assert!(!moment.is_restored(story, 60.0), "who drains gets nothing");
        moment.frame.rows[2].now = 0.0;
        moment.frame.rows[0].now = 0.2;
        assert!(!moment.is_restored(story, 60.0));
        moment.frame.rows[0].now = 0.45;
        moment.users.p99 = Some(Duration::from_millis(600));
        assert!(!moment.is_restored(story, 60.0), "users wait");
        moment.users = Users { failed: 1, ..Users::default() };
        assert!(!moment.is_restored(story, 60.0), "requests fail");
    }
}
