//! Whoever occurs most, in bounded memory.

use std::collections::HashMap;

/// Names that are remembered. Whoever has more than one request in so many is among them for certain.
const REMEMBERED: usize = 1024;
/// A longer name is known by its begin.
const NAME_MAX: usize = 128;
/// Backends of a name that are counted apart: enough for one that has most, and for pools of a few.
const PLACES: usize = 4;

/// The most popular names, about how often they occurred, and where: Space-Saving (Metwally, Agrawal, El Abbadi 2005). A
/// count is too high by at most the total over [`REMEMBERED`].
#[derive(Debug, Default)]
pub(crate) struct Popular {
    counts: HashMap<Box<[u8]>, Popularity>,
    total: u64,
    /// What those that were forgotten may have had at most.
    floor: u64,
}

/// How often a name occurred.
#[derive(Clone, Copy, Debug, Default)]
struct Popularity {
    count: u64,
    /// Backends and how often at each, at least (Misra, Gries 1982).
    places: [(u32, u64); PLACES],
}

/// A name that occurs often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Often<'a> {
    pub(crate) name: &'a [u8],
    /// At least so often.
    pub(crate) count: u64,
    /// The backend that most of that went to, and how much at least.
    pub(crate) place: (usize, u64),
}

impl Popularity {
    fn add(&mut self, place: u32) {
        self.count += 1;
        if let Some(known) = self.places.iter_mut().find(|(known, count)| *known == place && *count > 0) {
            known.1 += 1;
        } else if let Some(free) = self.places.iter_mut().find(|(_, count)| *count == 0) {
            *free = (place, 1);
        } else {
            self.places.iter_mut().for_each(|(_, count)| *count -= 1);
        }
    }
}

impl Popular {
    /// Counts a name that went to a backend.
    pub(crate) fn add(&mut self, name: &[u8], place: usize) {
        let name = &name[..name.len().min(NAME_MAX)];
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        self.total += 1;
        if let Some(known) = self.counts.get_mut(name) {
            known.add(place);
            return;
        }
        if self.counts.len() >= 2 * REMEMBERED {
            self.forget(REMEMBERED);
        }
        let mut new = Popularity { count: self.floor, ..Popularity::default() };
        new.add(place);
        self.counts.insert(name.into(), new);
    }

    /// Forgets the least popular in one go, which costs little a name; they may have had `floor` each.
    pub(crate) fn forget(&mut self, left: usize) {
        let mut counts: Vec<u64> = self.counts.values().map(|known| known.count).collect();
        if counts.len() <= left {
            return;
        }
        let index = counts.len() - left - 1;
        let (_, floor, _) = counts.select_nth_unstable(index);
        self.floor = self.floor.max(*floor);
        let floor = self.floor;
        self.counts.retain(|_, known| known.count > floor);
    }

    /// Names that are remembered.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// Names that were counted, with repetition.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The most popular first, with counts that are certain.
    pub(crate) fn top(&self, most: usize) -> Vec<Often<'_>> {
        let certain = self.counts.iter().map(|(name, known)| {
            let (place, there) = known.places.into_iter().max_by_key(|(_, count)| *count).unwrap_or_default();
            Often { name, count: known.count.saturating_sub(self.floor), place: (place as usize, there) }
        });
        let mut all: Vec<Often<'_>> = certain.filter(|often| often.count > 0).collect();
        all.sort_by(|one, other| other.count.cmp(&one.count).then(one.name.cmp(other.name)));
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
            popular.add(&number.to_be_bytes(), 0);
            if number % 10 == 0 {
                popular.add(b"often", 7);
            }
            if number % 50 == 0 {
                popular.add(b"sometimes", 0);
            }
        }
        let top = popular.top(2);
        assert_eq!((top[0].name, top[1].name), (&b"often"[..], &b"sometimes"[..]));
        assert!((19_000..=20_000).contains(&top[0].count), "{}", top[0].count);
        assert!((3_000..=4_000).contains(&top[1].count), "{}", top[1].count);
        assert_eq!(top[0].place, (7, 20_000));
        assert!(popular.len() <= 2 * REMEMBERED);
        popular.forget(10);
        assert!(popular.len() <= 10);
        assert_eq!(popular.top(1)[0].name, b"often");
    }

    #[test]
    fn who_comes_late_is_counted_from_then_on() {
        let mut popular = Popular::default();
        for number in 0..200_000_u32 {
            popular.add(&(number / 3).to_be_bytes(), 0);
        }
        (0..2_000).for_each(|_| popular.add(b"late", 1));
        let top = popular.top(1)[0];
        assert_eq!((top.name, top.count, top.place), (&b"late"[..], 2_000, (1, 2_000)));
    }

    #[test]
    fn few_are_counted_exactly() {
        let mut popular = Popular::default();
        for name in ["a", "b", "a"] {
            popular.add(name.as_bytes(), 3);
        }
        let (a, b) = (popular.top(5)[0], popular.top(5)[1]);
        assert_eq!((a.name, a.count, a.place), (&b"a"[..], 2, (3, 2)));
        assert_eq!((b.name, b.count), (&b"b"[..], 1));
        assert_eq!(popular.total(), 3);
    }

    #[test]
    fn who_is_everywhere_is_not_said_to_be_at_one_place() {
        let (mut sticks, mut roams) = (Popular::default(), Popular::default());
        for number in 0..10_000 {
            sticks.add(b"x", if number % 10 == 0 { number % 100 } else { 5 });
            roams.add(b"x", number % 100);
        }
        let (place, there) = sticks.top(1)[0].place;
        assert!(place == 5 && there > 8_000, "{there}");
        assert!(roams.top(1)[0].place.1 < 500, "{:?}", roams.top(1)[0].place);
    }

    #[test]
    fn long_names_are_cut() {
        let mut popular = Popular::default();
        popular.add(&[b'x'; 10_000], 0);
        assert_eq!(popular.top(1)[0].name.len(), NAME_MAX);
    }
}
