//! Whether sessions keep their backend.

use std::collections::HashMap;

/// Sessions and who answered them.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    of: HashMap<u64, String>,
    moved: HashMap<u64, Move>,
    followed: u64,
}

/// A session that came to another backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Move {
    pub(super) session: u64,
    pub(super) from: String,
    pub(super) to: String,
}

impl Sessions {
    /// An answer of `name` to a request of a session.
    pub(super) fn see(&mut self, session: u64, name: &str) {
        let Some(before) = self.of.get(&session) else {
            self.of.insert(session, name.to_owned());
            return;
        };
        self.followed += 1;
        if before != name {
            let (from, to) = (before.clone(), name.to_owned());
            self.moved.entry(session).or_insert(Move { session, from, to });
        }
    }

    /// Sessions that had an answer.
    pub(super) fn number(&self) -> u64 {
        self.of.len() as u64
    }

    /// Answers after the first of their session.
    pub(super) fn followed(&self) -> u64 {
        self.followed
    }

    /// How many have moved.
    pub(super) fn moved(&self) -> u64 {
        self.moved.len() as u64
    }

    /// The first ones that moved.
    pub(super) fn examples(&self, number: usize) -> Vec<Move> {
        let mut all: Vec<Move> = self.moved.values().cloned().collect();
        all.sort_by_key(|one| one.session);
        all.truncate(number);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_comes_to_another_backend_has_moved() {
        let mut sessions = Sessions::default();
        for (session, name) in [(1, "a"), (2, "b"), (1, "a"), (2, "a"), (2, "b"), (3, "c")] {
            sessions.see(session, name);
        }
        assert_eq!((sessions.number(), sessions.followed(), sessions.moved()), (3, 3, 1));
        let moved = Move { session: 2, from: "b".to_owned(), to: "a".to_owned() };
        assert_eq!(sessions.examples(5), [moved]);
    }
}
