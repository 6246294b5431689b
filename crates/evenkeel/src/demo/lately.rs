//! What users have seen of late.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::frame::NOW;

/// More answers than come within [`NOW`] at any rate of the demo.
const ANSWERS_MAX: usize = 4_096;

/// The newest answers.
#[derive(Debug, Default)]
pub(super) struct Lately(VecDeque<Seen>);

#[derive(Clone, Copy, Debug)]
struct Seen {
    at: Instant,
    took: Duration,
    ok: bool,
}

/// What users see now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Users {
    /// Half of the answers took longer; `None` when there were none.
    pub(super) p50: Option<Duration>,
    /// One answer of a hundred took longer.
    pub(super) p99: Option<Duration>,
    /// Requests that failed.
    pub(super) failed: usize,
}

impl Lately {
    pub(super) fn add(&mut self, at: Instant, took: Duration, ok: bool) {
        self.0.push_back(Seen { at, took, ok });
        let old = |seen: &Seen| at.saturating_duration_since(seen.at) > NOW;
        while self.0.len() > ANSWERS_MAX || self.0.front().is_some_and(old) {
            self.0.pop_front();
        }
    }

    pub(super) fn users(&self, now: Instant) -> Users {
        let new = |seen: &&Seen| now.saturating_duration_since(seen.at) <= NOW;
        let (answered, failed): (Vec<&Seen>, Vec<&Seen>) =
            self.0.iter().filter(new).partition(|seen| seen.ok);
        let mut took: Vec<Duration> = answered.iter().map(|seen| seen.took).collect();
        took.sort_unstable();
        let quantile = |part: f64| took.get((part * took.len() as f64) as usize).copied();
        Users { p50: quantile(0.5), p99: quantile(0.99), failed: failed.len() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_does_not_count() {
        let (mut lately, now) = (Lately::default(), Instant::now());
        assert_eq!(lately.users(now), Users::default());
        lately.add(now, Duration::from_secs(9), true);
        lately.add(now, Duration::from_secs(9), false);
        let later = now + NOW + Duration::from_millis(1);
        (1..=100).for_each(|millis| lately.add(later, Duration::from_millis(millis), true));
        let users = lately.users(later);
        assert_eq!(
            (users.p50, users.p99),
            (Some(Duration::from_millis(51)), Some(Duration::from_millis(100)))
        );
        assert_eq!(users.failed, 0);
        assert_eq!(lately.users(now).failed, 0, "it is gone");
        let silent = later + NOW + Duration::from_millis(1);
        assert_eq!(lately.users(silent), Users::default(), "nothing new has come");
    }
}
