//! Whoever occurs most in a log, by name.

use evenkeel_core::skew::Popular as Counted;

/// Names that are remembered. Whoever has more than one request in so many is among them for certain.
const REMEMBERED: usize = 1024;
/// A longer name is known by its begin.
const NAME_MAX: usize = 128;

/// The most popular names, about how often they occurred, and where.
#[derive(Debug)]
pub(crate) struct Popular(Counted<Vec<u8>>);

/// A name that occurs often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Often<'a> {
    pub(crate) name: &'a [u8],
    /// At least so often.
    pub(crate) count: u64,
    /// The backend that most of that went to, and how much at least.
    pub(crate) place: (usize, u64),
}

impl Default for Popular {
    fn default() -> Self {
        Self(Counted::new(REMEMBERED))
    }
}

impl Popular {
    /// Counts a name that went to a backend.
    pub(crate) fn add(&mut self, name: &[u8], place: usize) {
        self.0.add(&name[..name.len().min(NAME_MAX)], place as u64, 1.0);
    }

    /// Forgets the least popular.
    pub(crate) fn forget(&mut self, left: usize) {
        self.0.forget(left);
    }

    /// Names that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Names that were counted, with repetition.
    pub(crate) fn total(&self) -> u64 {
        self.0.total() as u64
    }

    /// The most popular first, with counts that are certain.
    pub(crate) fn top(&self, most: usize) -> Vec<Often<'_>> {
        let often = self.0.top(most).into_iter().map(|often| Often {
            name: often.name,
            count: often.count as u64,
            place: (often.place.0 as usize, often.place.1 as u64),
        });
        often.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut() {
        let mut popular = Popular::default();
        popular.add(&[b'x'; 10_000], 3);
        let top = popular.top(1)[0];
        assert_eq!((top.name.len(), top.count, top.place), (NAME_MAX, 1, (3, 1)));
        assert_eq!((popular.total(), popular.len()), (1, 1));
    }
}
