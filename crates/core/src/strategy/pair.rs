//! Two different candidates, drawn by weight.

use super::alias::Alias;
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;
use crate::units::Weight;

/// Draws them in constant time.
#[derive(Debug)]
pub(super) struct Pair {
    table: Alias,
}

impl Pair {
    pub(super) fn new(weights: &[Weight]) -> Self {
        Self { table: Alias::new(weights) }
    }

    /// The first, exactly by weight, whoever is excluded: it is who is picked while nothing speaks against it.
    #[inline]
    pub(super) fn first(&self, from: &Eligible<'_>, rng: &mut Rng) -> MemberIdx {
        self.table.draw_open(from, rng)
    }

    /// Another than the first; `None` when there is nobody else. By weight, but where that gives the first again, or
    /// one that is excluded, any of the others: drawing on until it is another takes for ever where one has nearly all
    /// the weight, and drawing once more would let such a one be compared with nobody.
    #[inline]
    pub(super) fn second(&self, from: &Eligible<'_>, first: MemberIdx, rng: &mut Rng) -> Option<MemberIdx> {
        let second = self.table.draw(rng);
        if second != first && !from.excluded(second) {
            return Some(second);
        }
        any_other(from, first, rng)
    }
}

/// The first from a random position on that will do: at most one step more than members have been tried.
fn any_other(from: &Eligible<'_>, first: MemberIdx, rng: &mut Rng) -> Option<MemberIdx> {
    let others = from.len() as u32 - 1;
    let start = rng.below(others);
    // Positions after the first, round to it again.
    let other = |step: u32| {
        let position = (first.get() as u32 + 1 + (start + step) % others) % (others + 1);
        MemberIdx::new(position)
    };
    (0..others).map(other).find(|idx| !from.excluded(*idx))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::fixture::Members;

    /// How often each pair is drawn, in whatever order.
    fn pairs(members: &Members, draws: u32) -> Vec<Vec<u32>> {
        let (pair, mut rng) = (Pair::new(&members.weights()), Rng::from_seed(3));
        let mut counts = vec![vec![0; members.len()]; members.len()];
        members.eligible(|from| {
            for _ in 0..draws {
                let first = pair.first(from, &mut rng);
                let second = pair.second(from, first, &mut rng).expect("there are others");
                assert_ne!(first, second);
                counts[first.get()][second.get()] += 1;
            }
        });
        counts
    }

    #[test]
    fn equal_members_are_drawn_in_all_pairs_alike() {
        let counts = pairs(&Members::new(&[1; 5]), 100_000);
        // 20 ordered pairs, 5,000 each; standard deviation 69.
        for (first, second) in (0..5).flat_map(|i| (0..5).map(move |j| (i, j))).filter(|(i, j)| i != j) {
            assert!((4_650..5_350).contains(&counts[first][second]), "{counts:?}");
        }
    }

    #[test]
    fn the_first_is_by_weight_and_the_second_another_even_if_one_has_it_all() {
        let counts = pairs(&Members::new(&[8, 1, 1]), 100_000);
        let firsts: Vec<u32> = counts.iter().map(|row| row.iter().sum()).collect();
        assert!((79_300..80_700).contains(&firsts[0]), "{firsts:?}");
        let counts = pairs(&Members::new(&[65_535, 1, 1]), 10_000);
        assert!((4_700..5_300).contains(&counts[0][1]), "{counts:?}");
    }

    #[test]
    fn there_is_no_second_of_one() {
        let members = Members::new(&[3]);
        let pair = Pair::new(&members.weights());
        members.eligible(|from| {
            assert_eq!(pair.second(from, MemberIdx::new(0), &mut Rng::from_seed(1)), None);
        });
    }
}
