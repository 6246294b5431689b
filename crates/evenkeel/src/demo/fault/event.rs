//! What happens in a story, and how things stand in between: what every view is made of.

use serde::Serialize;
use serde_json::Value;

use super::moment::{Moment, millis};

/// The part of a story that is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Act {
    /// All is well.
    #[default]
    Even,
    /// Somebody has done something.
    Fault,
    /// `diagnose` has named it.
    Verdict,
    /// Somebody does what it advised.
    Mend,
    /// All is well again.
    End,
}

/// Something that has happened. Times are seconds since the load began.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Event {
    /// The story begins.
    Start { fault: String, about: String, backends: usize, balancer: String, admin: String },
    /// An act, or a step of one, begins.
    Act { act: Act, at: f64, caption: String },
    /// How things are.
    Shares(Shares),
    /// `diagnose` says something else than before.
    Says { at: f64, verdict: String, cause: Option<String>, answer: String },
    /// It names what happened.
    Verdict {
        at: f64,
        /// Since the fault.
        seconds: f64,
        /// Since the fault.
        requests: u64,
        cause: String,
        answer: String,
        /// What `evenkeel diagnose` prints.
        text: String,
        /// What `/diagnose` answers.
        diagnosis: Value,
    },
    /// Shares are even again, and users see what they saw before.
    Restored { at: f64, seconds: f64 },
    /// It has been told, or not.
    End(super::record::Record),
}

/// Who has which share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Shares {
    pub(super) at: f64,
    /// Requests a second.
    pub(super) rate: f64,
    pub(super) p50_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    /// Requests that failed, of late.
    pub(super) failed: usize,
    pub(super) backends: Vec<Share>,
}

/// One backend's, 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) share: f64,
    pub(super) intended: f64,
    pub(super) in_flight: u32,
    pub(super) errors: u64,
    pub(super) phase: &'static str,
}

/// What is on the screen.
#[derive(Clone, Debug, Default)]
pub(super) struct Scene {
    pub(super) title: String,
    /// What can be tried meanwhile.
    pub(super) hint: String,
    pub(super) act: Act,
    pub(super) caption: String,
    pub(super) moment: Option<Moment>,
    /// Worth reading below the bars.
    pub(super) text: String,
}

/// Moves of a share by less are no change.
const MOVE: f64 = 0.08;
/// Nor is a latency that grows by less.
const GROWTH: f64 = 1.5;

impl Shares {
    pub(super) fn of(moment: &Moment) -> Self {
        let backends = moment.frame.rows.iter().map(|row| Share {
            name: row.name.clone(),
            share: row.now,
            intended: row.intended,
            in_flight: row.in_flight,
            errors: row.errors,
            phase: row.phase,
        });
        Self {
            at: moment.at(),
            rate: moment.frame.rate,
            p50_ms: moment.users.p50.map(millis),
            p99_ms: moment.users.p99.map(millis),
            failed: moment.users.failed,
            backends: backends.collect(),
        }
    }

    /// Whether somebody who has seen `before` would want to see this.
    pub(super) fn differ(&self, before: &Self) -> bool {
        let moved = |(now, before): (&Share, &Share)| {
            (now.share - before.share).abs() >= MOVE
                || (now.intended - before.intended).abs() >= MOVE
                || now.phase != before.phase
        };
        let ratio =
            |now: Option<f64>, before: Option<f64>| now.unwrap_or(1.0) / before.unwrap_or(1.0).max(1.0);
        let slower =
            ratio(self.p99_ms, before.p99_ms) >= GROWTH || ratio(before.p99_ms, self.p99_ms) >= GROWTH;
        let fails = (self.failed > 0) != (before.failed > 0);
        slower || fails || self.backends.iter().zip(&before.backends).any(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_changed_is_news() {
        let share = |share| Share {
            name: "web1".to_owned(),
            share,
            intended: 0.5,
            in_flight: 1,
            errors: 0,
            phase: "serving",
        };
        let shares = |p99_ms, failed, now| Shares {
            at: 0.0,
            rate: 160.0,
            p50_ms: None,
            p99_ms: Some(p99_ms),
            failed,
            backends: vec![share(now)],
        };
        let before = shares(60.0, 0, 0.5);
        assert!(!shares(80.0, 0, 0.55).differ(&before));
        assert!(shares(60.0, 0, 0.6).differ(&before), "a share has moved");
        assert!(shares(120.0, 0, 0.5).differ(&before), "users wait longer");
        assert!(before.differ(&shares(120.0, 0, 0.5)), "users wait less");
        assert!(shares(60.0, 1, 0.5).differ(&before), "requests fail");
        let mut drains = before.clone();
        drains.backends[0].phase = "draining";
        assert!(drains.differ(&before));
    }
}
