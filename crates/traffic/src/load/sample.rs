//! What became of one request.

use serde::{Serialize, Serializer};

use crate::client::FailureClass;

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// There was no answer.
    Unanswered(FailureClass),
    /// It was answered with a status from 400 to 499.
    Status4xx,
    /// It was answered with a status from 500.
    Status5xx,
    /// It was due, but no connection became free for it until the run was over.
    Unsent,
}

/// One request, as it happened. Moments are in nanoseconds after the start of the run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// When it was to be sent.
    pub due: u64,
    /// When a connection took it.
    pub sent: u64,
    /// When its answer had ended, or it had failed.
    pub done: u64,
    /// Who answered, if anybody did and said so.
    pub backend: Option<&'a str>,
    /// How it failed, if it did.
    pub failure: Option<Class>,
    /// Length of the answer's content.
    pub bytes: u64,
}

/// How often requests failed, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures([u64; Class::ALL.len()]);

impl Class {
    /// Every class.
    pub const ALL: [Self; 11] = [
        Self::Unanswered(FailureClass::Resolve),
        Self::Unanswered(FailureClass::Refused),
        Self::Unanswered(FailureClass::Connect),
        Self::Unanswered(FailureClass::Tls),
        Self::Unanswered(FailureClass::Timeout),
        Self::Unanswered(FailureClass::Reset),
        Self::Unanswered(FailureClass::Closed),
        Self::Unanswered(FailureClass::Protocol),
        Self::Status4xx,
        Self::Status5xx,
        Self::Unsent,
    ];

    /// That of an answer with this status; `None` if that is no failure.
    pub fn of_status(status: u16) -> Option<Self> {
        match status {
            400..=499 => Some(Self::Status4xx),
            500.. => Some(Self::Status5xx),
            _ => None,
        }
    }

    /// Its name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unanswered(class) => class.as_str(),
            Self::Status4xx => "4xx",
            Self::Status5xx => "5xx",
            Self::Unsent => "unsent",
        }
    }

    /// What it means, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Unanswered(FailureClass::Resolve) => "the name has no address",
            Self::Unanswered(FailureClass::Refused) => "connection refused: nobody listens there",
            Self::Unanswered(FailureClass::Connect) => "connection not opened",
            Self::Unanswered(FailureClass::Tls) => "TLS handshake failed",
            Self::Unanswered(FailureClass::Timeout) => "no whole answer in time",
            Self::Unanswered(FailureClass::Reset) => "connection reset",
            Self::Unanswered(FailureClass::Closed) => "connection closed before the answer was whole",
            Self::Unanswered(FailureClass::Protocol) => "the answer breaks the rules of HTTP",
            Self::Status4xx => "answered with 4xx",
            Self::Status5xx => "answered with 5xx",
            Self::Unsent => "no connection was free until the end",
        }
    }

    /// Whether there was an answer, if one that nobody wants.
    pub fn is_answer(self) -> bool {
        matches!(self, Self::Status4xx | Self::Status5xx)
    }

    /// Whether it has a latency: an answer has one, and who gave up waiting has waited. A connection that was refused
    /// has failed fast, which must not look like speed.
    pub(super) fn is_timed(self) -> bool {
        self.is_answer() || matches!(self, Self::Unanswered(FailureClass::Timeout) | Self::Unsent)
    }
}

impl Failures {
    /// One more, if it is one.
    pub fn count(&mut self, failure: Option<Class>) {
        let index = failure.and_then(|class| Class::ALL.iter().position(|one| *one == class));
        if let Some(index) = index {
            self.0[index] += 1;
        }
    }

    /// As many more as others had.
    pub fn add(&mut self, others: Self) {
        self.0.iter_mut().zip(others.0).for_each(|(ours, theirs)| *ours += theirs);
    }

    /// Of all classes.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Those that occurred, and how often.
    pub fn classes(&self) -> impl Iterator<Item = (Class, u64)> {
        Class::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl Serialize for Failures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.classes().map(|(class, count)| (class.as_str(), count)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_is_counted_by_its_own_name() {
        let mut failures = Failures::default();
        for (index, class) in Class::ALL.into_iter().enumerate() {
            (0..=index).for_each(|_| failures.count(Some(class)));
        }
        failures.count(None);
        let counted: Vec<(Class, u64)> = failures.classes().collect();
        assert_eq!(counted, Class::ALL.into_iter().zip(1..).collect::<Vec<_>>());
        let names: std::collections::HashSet<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        assert_eq!((names.len(), failures.total()), (11, 66));
        assert!(FailureClass::ALL.iter().all(|class| Class::ALL.contains(&Class::Unanswered(*class))));
    }

    #[test]
    fn statuses_that_nobody_wants() {
        assert_eq!(
            [200, 304, 404, 503].map(Class::of_status),
            [None, None, Some(Class::Status4xx), Some(Class::Status5xx)]
        );
    }
}
