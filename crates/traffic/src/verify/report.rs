//! What came out.

use std::collections::BTreeMap;

use serde::Serialize;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Had it been wrong by the factor that was looked for, that would have been found.
    AsExpected,
    /// Something is not as expected.
    Refused,
    /// Nothing is wrong so far, but there were too few requests to be sure.
    Undecided,
    /// Nothing can be said, however many requests are sent: answers do not tell who gave them, or there is nothing to
    /// compare with.
    Impossible,
}

/// What is balanced one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Requests.
    Request,
    /// Connections: requests go where theirs goes.
    Connection,
    /// Sessions.
    Session,
}

/// The whole result.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// 1; rises when a field changes its meaning.
    pub schema: u32,
    /// What was asked.
    pub url: String,
    /// The answer.
    pub verdict: Verdict,
    /// Why, one sentence each, weightiest first.
    pub reasons: Vec<String>,
    /// What else is worth knowing, one sentence each.
    pub notes: Vec<String>,
    /// What named the backends; `None` where nothing did.
    pub by: Option<String>,
    /// Whether that was found out from the first answers.
    pub by_guessed: bool,
    /// Which requests shared a connection.
    pub pattern: &'static str,
    /// What differed from one request to the next.
    pub vary: Option<String>,
    /// What `answers` of the backends counts, and what was tested.
    pub unit: Unit,
    /// Requests sent whose end was awaited.
    pub requests: u64,
    /// Requests without a whole answer, by class of failure.
    pub failures: BTreeMap<&'static str, u64>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Answers that do not tell who gave them.
    pub unnamed: u64,
    /// Everybody who is expected or has answered; empty where no answer has a name.
    pub backends: Vec<BackendReport>,
    /// How far off a share may be without meaning anything, as part of it.
    pub tolerance: f64,
    /// What would have been found.
    pub excluded: ExcludedReport,
    /// About so many requests are still needed; 0 when decided, `None` when no number would do.
    pub needed: Option<u64>,
    /// Sessions, where they were followed.
    pub sticky: Option<StickyReport>,
    /// Whether it was stopped from outside.
    pub interrupted: bool,
}

/// One backend.
#[derive(Clone, Debug, Serialize)]
pub struct BackendReport {
    /// Its name; `None` for one that is expected and never answered, where only their number is known.
    pub backend: Option<String>,
    /// How many units it answered.
    pub answers: u64,
    /// Of all, 0.0..=1.0.
    pub share: f64,
    /// What its share should be.
    pub expected: f64,
    /// Share over expected share; `None` where nothing was expected.
    pub ratio: Option<f64>,
    /// `above` or `below` when it was found to be outside.
    pub found: Option<&'static str>,
    /// Whether that is bad: twice or a tenth of its share, or more than half of all.
    pub critical: bool,
    /// Since which answer, counted from 0, as far as can be told.
    pub since: Option<u64>,
    /// Mean time to the first byte in milliseconds.
    pub mean_ms: Option<f64>,
}

/// What would have been found nine times in ten.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ExcludedReport {
    /// No backend has more than this many times its share.
    pub above: Option<f64>,
    /// No backend has less than this part of its share.
    pub below: Option<f64>,
}

/// Sessions.
#[derive(Clone, Debug, Serialize)]
pub struct StickyReport {
    /// How many were followed.
    pub sessions: u64,
    /// Answers that were compared with the first of their session.
    pub followed: u64,
    /// Sessions that another backend answered, too.
    pub moved: u64,
    /// Sessions that were given a cookie.
    pub cookies: u64,
}

impl Verdict {
    /// One word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AsExpected => "as expected",
            Self::Refused => "refused",
            Self::Undecided => "undecided",
            Self::Impossible => "impossible",
        }
    }
}

impl Unit {
    /// `answer`, `connection` or `session`, as often as there are.
    pub fn count(self, number: u64) -> String {
        let noun = match self {
            Self::Request => "answer",
            Self::Connection => "connection",
            Self::Session => "session",
        };
        if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
    }
}
