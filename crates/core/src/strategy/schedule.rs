//! One cycle of smooth weighted round robin, written out.

use std::collections::BTreeMap;

use crate::units::Weight;

/// The order in which members with these weights take turns: positions in `weights`, each as often as its
/// weight says (divided by what all weights have in common), spread so that no prefix is a whole turn away
/// from the exact shares.
///
/// Smooth weighted round robin as nginx does it: at each turn every member gains its weight, the one that has
/// most takes the turn and pays the sum of all weights; ties go to the first. `{5, 1, 1}` gives `a a b a c a
/// a`.
///
/// Weights whose sum exceeds 4096 (32 turns a member in pools above 128) are rounded to that sum by largest
/// remainder, none below one turn. A share is then off by less than one turn, and the heaviest pay for those
/// that would have had none.
pub fn schedule(weights: &[Weight]) -> Box<[u32]> {
    let turns = turns(weights);
    let cycle: i64 = turns.iter().map(|t| i64::from(*t)).sum();
    let mut classes = classes(&turns);
    (0..cycle)
        .filter_map(|_| {
            classes.iter_mut().for_each(|class| class.credit += class.weight);
            let next =
                classes.iter_mut().max_by_key(|class| (class.credit, std::cmp::Reverse(class.front())))?;
            Some(next.take(cycle))
        })
        .collect()
}

/// Members of equal weight. They gain the same at every turn, so they take theirs in a circle, and only the
/// one in front needs comparing: a cycle costs turns × different weights, not turns × members.
struct Class {
    weight: i64,
    members: Vec<u32>,
    next: usize,
    /// Of the member in front.
    credit: i64,
}

impl Class {
    fn front(&self) -> u32 {
        self.members[self.next]
    }

    fn take(&mut self, cycle: i64) -> u32 {
        let taken = self.front();
        self.next += 1;
        if self.next == self.members.len() {
            // Once round: the one in front again has paid like all the others.
            self.next = 0;
            self.credit -= cycle;
        }
        taken
    }
}

fn classes(turns: &[u32]) -> Vec<Class> {
    let mut by_weight: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (position, weight) in turns.iter().enumerate() {
        by_weight.entry(*weight).or_default().push(position as u32);
    }
    let class = |(weight, members)| Class { weight: i64::from(weight), members, next: 0, credit: 0 };
    by_weight.into_iter().map(class).collect()
}

/// How many turns each member has in one cycle.
fn turns(weights: &[Weight]) -> Vec<u32> {
    let exact = reduced(weights.iter().map(|weight| weight.get()).collect());
    let limit = cycle_max(weights.len());
    if exact.iter().map(|turns| u64::from(*turns)).sum::<u64>() <= limit {
        exact
    } else {
        reduced(rounded(&exact, limit))
    }
}

/// The longest cycle of so many members, in turns.
pub(crate) fn cycle_max(members: usize) -> u64 {
    TURNS_MAX.max(members as u64 * TURNS_PER_MEMBER)
}

fn reduced(mut turns: Vec<u32>) -> Vec<u32> {
    let common = turns.iter().copied().fold(0, gcd).max(1);
    turns.iter_mut().for_each(|turns| *turns /= common);
    turns
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// In proportion to `exact`, none of them 0, with this sum: by largest remainder, with at least one turn each.
pub(crate) fn rounded(exact: &[u32], limit: u64) -> Vec<u32> {
    let (mut slots, mut sum) = (limit, exact.iter().map(|turns| u64::from(*turns)).sum::<u64>());
    // Those worth less than a turn get one; what is left is for the others, which may make more of them too
    // light.
    let mut raised = vec![false; exact.len()];
    loop {
        let light = |i: &usize| !raised[*i] && u64::from(exact[*i]) * slots < sum;
        let lifted: Vec<usize> = (0..exact.len()).filter(light).collect();
        if lifted.is_empty() {
            break;
        }
        for i in lifted {
            raised[i] = true;
            slots -= 1;
            sum -= u64::from(exact[i]);
        }
    }
    let part = |i: usize| u64::from(exact[i]) * slots;
    let mut turns: Vec<u32> =
        (0..exact.len()).map(|i| if raised[i] { 1 } else { (part(i) / sum) as u32 }).collect();
    let mut by_remainder: Vec<usize> = (0..exact.len()).filter(|i| !raised[*i]).collect();
    by_remainder.sort_by_key(|i| std::cmp::Reverse(part(*i) % sum));
    let given: u64 = turns.iter().map(|turns| u64::from(*turns)).sum();
    for i in by_remainder.into_iter().take((limit - given) as usize) {
        turns[i] += 1;
    }
    turns
}

/// The longest cycle of a small pool: 16 KiB, built in well under a millisecond.
const TURNS_MAX: u64 = 4096;
/// Large pools need more, or rounding alone would shift a backend's share by tens of percent.
const TURNS_PER_MEMBER: u64 = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn weights(numbers: &[u32]) -> Vec<Weight> {
        numbers.iter().map(|n| Weight::new(*n).unwrap()).collect()
    }

    /// The definition, word for word.
    fn by_definition(weights: &[u32]) -> Vec<u32> {
        let total: i64 = weights.iter().map(|w| i64::from(*w)).sum();
        let mut credit = vec![0_i64; weights.len()];
        let turn = |_| {
            credit.iter_mut().zip(weights).for_each(|(credit, weight)| *credit += i64::from(*weight));
            let most = *credit.iter().max().unwrap();
            let next = credit.iter().position(|c| *c == most).unwrap();
            credit[next] -= total;
            next as u32
        };
        (0..total).map(turn).collect()
    }

    #[test]
    fn five_one_one_is_smooth() {
        assert_eq!(*schedule(&weights(&[5, 1, 1])), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(*schedule(&weights(&[500, 100, 100])), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(*schedule(&weights(&[7, 7, 7])), [0, 1, 2]);
        assert_eq!(*schedule(&weights(&[9])), [0]);
    }

    #[test]
    fn classes_change_nothing_about_the_order() {
        let mut rng = Rng::from_seed(3);
        for _ in 0..300 {
            let mut numbers: Vec<u32> = (0..=rng.below(12)).map(|_| rng.below(9) + 1).collect();
            numbers.push(1); // nothing in common to divide by
            assert_eq!(*schedule(&weights(&numbers)), *by_definition(&numbers), "{numbers:?}");
        }
    }

    #[test]
    fn no_prefix_is_a_whole_turn_off() {
        let mut rng = Rng::from_seed(4);
        for _ in 0..100 {
            let numbers: Vec<u32> = (0..=rng.below(9)).map(|_| rng.below(100) + 1).collect();
            let total = f64::from(numbers.iter().sum::<u32>());
            let mut counts = vec![0.0; numbers.len()];
            for (n, member) in schedule(&weights(&numbers)).iter().enumerate() {
                counts[*member as usize] += 1.0;
                for (count, weight) in counts.iter().zip(&numbers) {
                    let off = count - (n + 1) as f64 * f64::from(*weight) / total;
                    assert!(off.abs() < 1.0, "{numbers:?} is off by {off} after {n}");
                }
            }
        }
    }

    #[test]
    fn rounding_keeps_everyone_and_every_share() {
        for numbers in [vec![65_535, 1], vec![60_000, 4_999, 1, 1, 1, 65_535], (5_000..5_100).collect()] {
            let cycle = schedule(&weights(&numbers));
            assert!(cycle.len() <= 4096, "{}", cycle.len());
            let total: f64 = numbers.iter().map(|w| f64::from(*w)).sum();
            for (i, weight) in numbers.iter().enumerate() {
                let turns = cycle.iter().filter(|turn| **turn as usize == i).count();
                let share = turns as f64 / cycle.len() as f64;
                assert!(
                    turns > 0 && (share - f64::from(*weight) / total).abs() < 2.0 / 4096.0,
                    "{numbers:?}[{i}]"
                );
            }
        }
    }

    #[test]
    fn large_pools_keep_their_proportions() {
        let numbers: Vec<u32> = (0..1000).map(|i| 100 + i % 101).collect();
        let cycle = schedule(&weights(&numbers));
        let total = f64::from(numbers.iter().sum::<u32>());
        let mut turns = vec![0.0; numbers.len()];
        cycle.iter().for_each(|turn| turns[*turn as usize] += 1.0);
        for (turns, weight) in turns.iter().zip(&numbers) {
            let ratio = turns / cycle.len() as f64 / (f64::from(*weight) / total);
            assert!((ratio - 1.0).abs() < 0.025, "{weight}: {ratio}");
        }
    }
}
