//! Whether requests of one connection are balanced one by one.

use std::collections::HashMap;

/// Compares each answer with the one before it on the same connection.
#[derive(Debug, Default)]
pub(super) struct Mixing {
    last: HashMap<u64, String>,
    counts: HashMap<String, u64>,
    answers: u64,
    pairs: u64,
    changed: u64,
}

/// Pairs before anything is said.
const PAIRS_MIN: u64 = 30;
/// The part of the changes that chance would make, from which on requests are taken to be balanced one by one.
const ENOUGH: f64 = 0.5;

impl Mixing {
    /// An answer of `name` on a connection.
    pub(super) fn see(&mut self, connection: u64, name: &str) {
        self.answers += 1;
        match self.counts.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(name.to_owned(), 1);
            }
        }
        if let Some(before) = self.last.get_mut(&connection) {
            self.pairs += 1;
            if before != name {
                self.changed += 1;
                name.clone_into(before);
            }
        } else {
            self.last.insert(connection, name.to_owned());
        }
    }

    /// Whether it is too early to tell.
    pub(super) fn is_open(&self) -> bool {
        self.pairs < PAIRS_MIN
    }

    /// Whether another backend answers as often as it would if each request were balanced by itself: with shares p two
    /// answers in a row differ with probability 1 - Σp². Never while one backend answers everything.
    pub(super) fn by_request(&self) -> bool {
        let total = self.answers.max(1) as f64;
        let same: f64 = self.counts.values().map(|count| (*count as f64 / total).powi(2)).sum();
        !self.is_open() && self.changed as f64 > ENOUGH * self.pairs as f64 * (1.0 - same) && self.changed > 0
    }

    /// Whether no connection has ever changed its backend.
    pub(super) fn is_pinned(&self) -> bool {
        !self.is_open() && self.changed == 0
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_core::Rng;

    use super::*;

    fn mixing(answer: impl Fn(u64, &mut Rng) -> u32) -> Mixing {
        let (mut mixing, mut rng) = (Mixing::default(), Rng::from_seed(1));
        for _ in 0..20 {
            for connection in 0..10 {
                mixing.see(connection, &answer(connection, &mut rng).to_string());
            }
        }
        mixing
    }

    #[test]
    fn requests_or_connections() {
        let by_request = mixing(|_, rng| rng.below(3));
        assert!(by_request.by_request() && !by_request.is_pinned());
        let uneven = mixing(|_, rng| u32::from(rng.unit() > 0.9));
        assert!(uneven.by_request(), "{uneven:?}");
        let pinned = mixing(|connection, _| connection as u32 % 3);
        assert!(!pinned.by_request() && pinned.is_pinned());
        let one = mixing(|_, _| 7);
        assert!(!one.by_request() && one.is_pinned(), "nobody knows");
        let hardly =
            mixing(|connection, rng| if rng.unit() < 0.1 { rng.below(3) } else { connection as u32 % 3 });
        assert!(!hardly.by_request() && !hardly.is_pinned(), "{hardly:?}");
    }

    #[test]
    fn nothing_is_said_too_early() {
        let mut mixing = Mixing::default();
        for _ in 0..PAIRS_MIN {
            mixing.see(1, "a");
            assert!(mixing.is_open() && !mixing.is_pinned());
        }
        mixing.see(1, "b");
        assert!(!mixing.is_open() && mixing.by_request());
    }
}
