//! Whoever occurs most, in bounded memory.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Backends of a name that are counted apart: enough for one that has most, and for pools of a few.
const PLACES: usize = 4;
/// What has aged below this part of an occurrence is gone.
const GONE: f64 = 0.01;

/// The most popular names, about how often they occurred, and where: Space-Saving (Metwally, Agrawal, El Abbadi 2005).
/// A count is too high by at most the total over the number of names that are remembered, so whoever has more than one
/// occurrence in so many is among them for certain.
#[derive(Clone, Debug)]
pub struct Popular<K> {
    remembered: usize,
    counts: HashMap<K, Popularity>,
    total: f64,
    /// What those that were forgotten may have had at most.
    floor: f64,
}

/// How often a name occurred.
#[derive(Clone, Copy, Debug, Default)]
struct Popularity {
    count: f64,
    /// Backends and how often at each, at least (Misra, Gries 1982).
    places: [(u64, f64); PLACES],
}

/// A name that occurs often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Often<'a, K> {
    /// Which.
    pub name: &'a K,
    /// At least so often.
    pub count: f64,
    /// The backend that most of that went to, and how much at least.
    pub place: (u64, f64),
}

impl<K: Eq + Hash + Ord> Popular<K> {
    /// Remembers `remembered` names for certain, and up to twice as many.
    pub fn new(remembered: usize) -> Self {
        Self { remembered, counts: HashMap::new(), total: 0.0, floor: 0.0 }
    }

    /// Counts `weight` occurrences, above 0, of a name at a backend.
    pub fn add<Q>(&mut self, name: &Q, place: u64, weight: f64)
    where
        K: Borrow<Q>,
        Q: ?Sized + Eq + Hash + ToOwned<Owned = K>,
    {
        self.total += weight;
        if let Some(known) = self.counts.get_mut(name) {
            known.add(place, weight);
            return;
        }
        if self.counts.len() >= 2 * self.remembered {
            self.forget(self.remembered);
        }
        let mut new = Popularity { count: self.floor, ..Popularity::default() };
        new.add(place, weight);
        self.counts.insert(name.to_owned(), new);
    }

    /// Forgets the least popular in one go, which costs little a name; they may have had `floor` each.
    pub fn forget(&mut self, left: usize) {
        let mut counts: Vec<f64> = self.counts.values().map(|known| known.count).collect();
        if counts.len() <= left {
            return;
        }
        let index = counts.len() - left - 1;
        let (_, floor, _) = counts.select_nth_unstable_by(index, f64::total_cmp);
        self.floor = self.floor.max(*floor);
        let floor = self.floor;
        self.counts.retain(|_, known| known.count > floor);
    }

    /// Lets everything that was counted so far count `factor` times as much, 0.0..=1.0: what was lately is what matters.
    pub fn age(&mut self, factor: f64) {
        self.total *= factor;
        self.floor *= factor;
        for known in self.counts.values_mut() {
            known.count *= factor;
            known.places.iter_mut().for_each(|(_, count)| *count *= factor);
        }
        self.counts.retain(|_, known| known.count > GONE);
    }

    /// Names that are remembered.
    #[expect(clippy::len_without_is_empty, reason = "a figure, not a collection")]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Occurrences that were counted, of all names.
    pub fn total(&self) -> f64 {
        self.total
    }

    /// The most popular first, with counts that are certain.
    pub fn top(&self, most: usize) -> Vec<Often<'_, K>> {
        let certain = self.counts.iter().map(|(name, known)| {
            let most = known.places.into_iter().max_by(|one, other| one.1.total_cmp(&other.1));
            Often { name, count: known.count - self.floor, place: most.unwrap_or_default() }
        });
        let mut all: Vec<Often<'_, K>> = certain.filter(|often| often.count > 0.0).collect();
        all.sort_by(|one, other| other.count.total_cmp(&one.count).then(one.name.cmp(other.name)));
        all.truncate(most);
        all
    }
}

impl Popularity {
    fn add(&mut self, place: u64, weight: f64) {
        self.count += weight;
        if let Some(known) = self.places.iter_mut().find(|(known, count)| *known == place && *count > 0.0) {
            known.1 += weight;
            return;
        }
        let least = self.places.iter().map(|(_, count)| *count).fold(weight, f64::min);
        self.places.iter_mut().for_each(|(_, count)| *count -= least);
        let free = self.places.iter_mut().find(|(_, count)| *count <= 0.0);
        if let Some(free) = free.filter(|_| weight > least) {
            *free = (place, weight - least);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEMBERED: usize = 1024;

    fn none() -> Popular<Vec<u8>> {
        Popular::new(REMEMBERED)
    }

    #[test]
    fn the_popular_are_found_among_many_that_are_not() {
        let mut popular = none();
        for number in 0..200_000_u32 {
            popular.add(&number.to_be_bytes()[..], 0, 1.0);
            if number % 10 == 0 {
                popular.add(&b"often"[..], 7, 1.0);
            }
            if number % 50 == 0 {
                popular.add(&b"sometimes"[..], 0, 1.0);
            }
        }
        let top = popular.top(2);
        assert_eq!((&top[0].name[..], &top[1].name[..]), (&b"often"[..], &b"sometimes"[..]));
        assert!((19_000.0..=20_000.0).contains(&top[0].count), "{}", top[0].count);
        assert!((3_000.0..=4_000.0).contains(&top[1].count), "{}", top[1].count);
        assert_eq!(top[0].place, (7, 20_000.0));
        assert!(popular.len() <= 2 * REMEMBERED);
        popular.forget(10);
        assert!(popular.len() <= 10);
        assert_eq!(popular.top(1)[0].name, b"often");
    }

    #[test]
    fn who_comes_late_is_counted_from_then_on() {
        let mut popular = none();
        for number in 0..200_000_u32 {
            popular.add(&(number / 3).to_be_bytes()[..], 0, 1.0);
        }
        (0..2_000).for_each(|_| popular.add(&b"late"[..], 1, 1.0));
        let top = &popular.top(1)[0];
        assert_eq!((&top.name[..], top.count, top.place), (&b"late"[..], 2_000.0, (1, 2_000.0)));
    }

    #[test]
    fn few_are_counted_exactly() {
        let mut popular = Popular::new(64);
        for name in [1_u64, 2, 1] {
            popular.add(&name, 3, 2.0);
        }
        let top = popular.top(5);
        assert_eq!((*top[0].name, top[0].count, top[0].place), (1, 4.0, (3, 4.0)));
        assert_eq!((*top[1].name, top[1].count), (2, 2.0));
        assert_eq!(popular.total(), 6.0);
    }

    #[test]
    fn who_is_everywhere_is_not_said_to_be_at_one_place() {
        let (mut sticks, mut roams) = (none(), none());
        for number in 0..10_000 {
            sticks.add(&b"x"[..], if number % 10 == 0 { number % 100 } else { 5 }, 1.0);
            roams.add(&b"x"[..], number % 100, 1.0);
        }
        let (place, there) = sticks.top(1)[0].place;
        assert!(place == 5 && there > 8_000.0, "{there}");
        assert!(roams.top(1)[0].place.1 < 500.0, "{:?}", roams.top(1)[0].place);
    }

    #[test]
    fn what_has_aged_gives_way_to_what_is_lately() {
        let mut popular = Popular::new(64);
        (0..1_000).for_each(|_| popular.add(&1_u64, 0, 1.0));
        for _ in 0..60 {
            popular.age(0.9);
            (0..100).for_each(|_| popular.add(&2_u64, 1, 1.0));
        }
        let top = popular.top(2);
        assert_eq!(*top[0].name, 2);
        assert!((top[0].count / popular.total()) > 0.99, "{top:?}");
        (0..200).for_each(|_| popular.age(0.9));
        assert_eq!(popular.len(), 0, "nothing is kept of what nobody asks for");
    }
}
