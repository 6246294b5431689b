//! Whoever occurs most, in bounded memory.

use std::collections::HashMap;

/// Names that are remembered. Whoever has more than one request in so many is among them for certain.
const REMEMBERED: usize = 1024;

/// The most popular names and about how often they occurred: Space-Saving (Metwally, Agrawal, El Abbadi 2005). A count is
/// too high by at most the total over [`REMEMBERED`].
#[derive(Debug, Default)]
pub(crate) struct Popular {
    counts: HashMap<Box<[u8]>, u64>,
    total: u64,
    /// What those that were forgotten may have had at most.
    floor: u64,
}

impl Popular {
    pub(crate) fn add(&mut self, name: &[u8]) {
        self.total += 1;
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
            return;
        }
        if self.counts.len() >= 2 * REMEMBERED {
            self.forget_half();
        }
        self.counts.insert(name.into(), self.floor + 1);
    }

    /// Forgets the least popular half in one go, which costs little a name; they may have had `floor` each.
    fn forget_half(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let (_, median, _) = counts.select_nth_unstable(REMEMBERED);
        self.floor = *median;
        let floor = self.floor;
        self.counts.retain(|_, count| *count > floor);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The most popular first, with counts that are certain: at least so many.
    pub(crate) fn top(&self, most: usize) -> Vec<(&[u8], u64)> {
        let certain = self.counts.iter().map(|(name, &count)| (&**name, count.saturating_sub(self.floor)));
        let mut all: Vec<(&[u8], u64)> = certain.filter(|(_, count)| *count > 0).collect();
        all.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        all.truncate(most);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_popular_are_found_among_many_that_are_not() {
        let mut popular = Popular::default();
        for number in 0..200_000_u32 {
            popular.add(&number.to_be_bytes());
            if number % 10 == 0 {
                popular.add(b"often");
            }
            if number % 50 == 0 {
                popular.add(b"sometimes");
            }
        }
        let top = popular.top(2);
        assert_eq!((top[0].0, top[1].0), (&b"often"[..], &b"sometimes"[..]));
        assert!((19_000..=20_000).contains(&top[0].1), "{}", top[0].1);
        assert!((3_000..=4_000).contains(&top[1].1), "{}", top[1].1);
        assert!(popular.counts.len() <= 2 * REMEMBERED);
    }

    #[test]
    fn few_are_counted_exactly() {
        let mut popular = Popular::default();
        for name in ["a", "b", "a"] {
            popular.add(name.as_bytes());
        }
        assert_eq!(popular.top(5), [(&b"a"[..], 2), (&b"b"[..], 1)]);
        assert_eq!(popular.total(), 3);
    }
}
