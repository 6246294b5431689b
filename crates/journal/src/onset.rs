//! What changed when something began.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::event::Event;
use crate::journal::Journal;
use crate::kinds::{Kind, What};

/// A change explains what begins so soon after it.
const BEFORE: Duration = Duration::from_secs(10);
/// When something began cannot be told more exactly.
const AFTER: Duration = Duration::from_secs(2);
/// A reload is noted when it is through, and may have waited so long for its first checks.
const RELOAD_MAX: Duration = Duration::from_secs(60);
/// More explain nothing.
const CHANGES_MAX: usize = 5;

/// Something that changed at about the time when a symptom began.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeReport {
    /// Number of the event.
    pub seq: u64,
    /// When it was noted, in seconds since 1970.
    pub at: f64,
    /// Kind of the event.
    pub kind: &'static str,
    /// What happened.
    pub text: String,
    /// Seconds from the beginning of the symptom to this; negative when this came first.
    pub seconds: f64,
}

impl Journal {
    /// What is remembered that may explain something that began in a pool; see [`onset`].
    pub fn onset(&self, pool: &str, backend: &str, began: SystemTime) -> Vec<ChangeReport> {
        let began = began.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (from, to) = (began.saturating_sub(BEFORE), began + AFTER + RELOAD_MAX);
        onset(&self.remembered(millis(from), millis(to)), pool, backend, millis(began))
    }
}

/// What may explain something that began in a pool at `began`, in milliseconds since 1970, most likely first: changes of the
/// pool itself before those of others, the nearest first, and those of the backend before those of its fellows.
pub fn onset(events: &[Arc<Event>], pool: &str, backend: &str, began: u64) -> Vec<ChangeReport> {
    let (from, to) = (began.saturating_sub(millis(BEFORE)), began.saturating_add(millis(AFTER)));
    let mut found: Vec<_> = events
        .iter()
        .filter(|event| explains(event) && concerns(event, pool))
        .filter(|event| event.at_ms >= from && first_ms(event) <= to)
        .collect();
    found.sort_by_key(|event| {
        let first = first_ms(event);
        let distance = if (first..=event.at_ms).contains(&began) { 0 } else { first.abs_diff(began) / 1000 };
        let other = event.backend.as_deref().is_some_and(|name| name != backend);
        (!names(event, pool), distance, event.kind() != Kind::ReloadApplied, other, event.seq)
    });
    found.truncate(CHANGES_MAX);
    found.into_iter().map(|event| report(event, began)).collect()
}

fn report(event: &Event, began: u64) -> ChangeReport {
    ChangeReport {
        seq: event.seq,
        at: event.at_ms as f64 / 1e3,
        kind: event.kind().as_str(),
        text: event.sentence(),
        seconds: (first_ms(event) as f64 - began as f64) / 1e3,
    }
}

/// When it had its first effect.
fn first_ms(event: &Event) -> u64 {
    match &event.what {
        What::ReloadApplied { took_ms, .. } => event.at_ms.saturating_sub(*took_ms),
        _ => event.at_ms,
    }
}

/// Whether shares may change with it. What is only seen, such as skew itself, explains nothing.
fn explains(event: &Event) -> bool {
    match event.kind() {
        Kind::Start
        | Kind::ReloadApplied
        | Kind::BackendUp
        | Kind::BackendDown
        | Kind::Ejected
        | Kind::Returned
        | Kind::DrainBegin
        | Kind::DrainEnd
        | Kind::MemberAdded
        | Kind::MemberRemoved
        | Kind::MemberUnresolved
        | Kind::MemberResolved
        | Kind::PanicEntered
        | Kind::PanicLeft
        | Kind::PoolEmpty
        | Kind::PoolServes
        | Kind::QueueFull => true,
        // A reload that changes weights is told as such.
        _ => false,
    }
}

fn concerns(event: &Event, pool: &str) -> bool {
    event.pool.as_deref().is_none_or(|name| name == pool)
}

/// Whether it is about this very pool.
fn names(event: &Event, pool: &str) -> bool {
    let line_of_pool = |line: &String| {
        line.strip_prefix("pool ")
            .is_some_and(|rest| rest.starts_with(pool) && rest[pool.len()..].starts_with(':'))
    };
    match &event.what {
        What::ReloadApplied { changes, more, .. } => {
            *more > 0 || changes.iter().any(|line| line_of_pool(line) || line.starts_with("routes:"))
        }
        _ => event.pool.is_some(),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;
    use crate::journal::Options;

    #[test]
    fn what_is_of_the_pool_comes_first_and_what_is_only_seen_not_at_all() {
        let journal = Journal::start(Options::default()).unwrap();
        let (told, heard) = channel();
        let _watching = journal.watch(move || told.send(()).unwrap_or_default());
        let reload =
            |change: &str| What::ReloadApplied { changes: vec![change.to_owned()], more: 0, took_ms: 0 };
        journal.record(None, None, reload("pool webs: strategy"));
        journal.record(Some("api"), Some("x"), What::Ejected { why: String::new() });
        journal.record(Some("web"), Some("a"), What::SharedSlow);
        journal.record(Some("web"), Some("b"), What::Ejected { why: "503".to_owned() });
        journal.record(Some("web"), Some("a"), What::Ejected { why: "503".to_owned() });
        journal.record(None, None, reload("pool web: strategy"));
        while journal.counts().iter().map(|(_, count)| count).sum::<u64>() < 6 {
            heard.recv_timeout(Duration::from_secs(10)).unwrap();
        }
        let now = SystemTime::now();
        let texts = |began| -> Vec<String> {
            journal.onset("web", "a", began).into_iter().map(|change| change.text).collect()
        };
        let found = texts(now + Duration::from_secs(1));
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found[0].contains("pool web: strategy"), "{found:?}");
        assert!(found[1].contains("backend a") && found[2].contains("backend b"), "{found:?}");
        assert!(found[3].contains("pool webs: strategy"), "{found:?}");
        assert_eq!(texts(now + Duration::from_secs(12)), Vec::<String>::new(), "too long ago");
        assert_eq!(texts(now - Duration::from_secs(4)), Vec::<String>::new(), "later");
    }
}
