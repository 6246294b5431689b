//! Maglev hashing: one look into a table, filled so that shares follow the weights.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::keyed::{HashOrder, Keyed};
use super::{BuildInput, Registration, StrategyKind, hash};
use crate::id::BackendId;
use crate::pool::MemberIdx;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::Maglev,
    name: "maglev",
    summary: "the request's key decides, by a table: shares are exact; a change moves some keys of others, too",
    honours_weights: true,
    keyed: true,
    timed: false,
    probed: false,
    build: |input| Box::new(Keyed::new(Maglev::new(input), input)),
};

/// Eisenbud et al., "Maglev: a fast and reliable software network load balancer", NSDI 2016, section 3.4. Each member
/// has a permutation of the table from two hashes of its name. In rounds, each takes the first free entry of its
/// permutation; one of weight w takes part in a round whenever w / max(w) has added up to one more. So shares are exact
/// to an entry, and every member has at least one as long as there are entries for all.
///
/// A change moves keys of others, too, because who comes first to an entry depends on what all have taken before. When
/// one goes, or gets twice its weight, for every key that must move there are, with the default of 65,537 entries, 0.02
/// others in a pool of 10 and 0.6 in a pool of 100; in one of 1,000 it is 5, and 3 with 655,373 entries, 0.8 with
/// 5,000,011. That is the price of shares exact to an entry: left to draw independently, as in rendezvous, a thousand
/// members of 655,373 entries are 8 % off, and tuning the rates at which they draw until nobody is more than 1 % off
/// moves 1.2 others.
///
/// Built for 1,000 members in 2 ms, with 655,373 entries in 60.
///
/// A member that is passed over, tried or at its bound, is followed by the entry of another hash of the key: the
/// neighbour in the table would be the same for all keys of an entry, and get all of them.
#[derive(Debug)]
enum Maglev {
    Small(Box<[u16]>),
    Large(Box<[u32]>),
}

/// Members of equal weight, by name. They take part in the same rounds.
#[derive(Debug, Default)]
struct Class {
    /// In parts of [`UNIT`].
    weight: u64,
    /// Of `max(w)`, toward taking part.
    credit: u64,
    walkers: Vec<Walker>,
}

/// A member on its way through its permutation.
#[derive(Debug)]
struct Walker {
    member: u32,
    at: usize,
    skip: usize,
}

impl Maglev {
    fn new(input: &BuildInput<'_>) -> Self {
        let table = filled(input.scaled, input.ids, input.settings.table_size);
        if input.ids.len() <= usize::from(u16::MAX) {
            Self::Small(table.into_iter().map(|member| member as u16).collect())
        } else {
            Self::Large(table.into())
        }
    }

    #[inline]
    fn entry(&self, hash: u64) -> MemberIdx {
        MemberIdx::new(match self {
            Self::Small(table) => u32::from(table[hash::place(hash, table.len())]),
            Self::Large(table) => table[hash::place(hash, table.len())],
        })
    }
}

impl HashOrder for Maglev {
    #[inline]
    fn first(&self, key: u64, open: impl Fn(MemberIdx) -> bool) -> Option<MemberIdx> {
        let mut hash = key;
        for _ in 0..STEPS {
            let idx = self.entry(hash);
            if open(idx) {
                return Some(idx);
            }
            hash = hash::again(hash);
        }
        None
    }
}

/// The member of each entry. Ends because a permutation of a prime size visits every entry.
fn filled(weights: &[f64], ids: &[&BackendId], size: u32) -> Vec<u32> {
    let size = prime_from(size.clamp(SIZE_MIN, SIZE_MAX)) as usize;
    let mut classes = classes(weights, ids, size);
    let heaviest = classes.first().map_or(1, |class| class.weight);
    let (mut table, mut free) = (vec![FREE; size], size);
    loop {
        for class in &mut classes {
            class.credit += class.weight;
            if class.credit < heaviest {
                continue;
            }
            class.credit -= heaviest;
            for walker in &mut class.walkers {
                walker.take(&mut table);
                free -= 1;
                if free == 0 {
                    return table;
                }
            }
        }
    }
}

/// The heaviest first; the order in which members are configured makes no difference.
fn classes(weights: &[f64], ids: &[&BackendId], size: usize) -> Vec<Class> {
    let mut by_name: Vec<usize> = (0..ids.len()).collect();
    by_name.sort_by_key(|i| ids[*i]);
    let whole = |i: usize| ((weights[i] * UNIT).round() as u64).max(1);
    let heaviest = (0..weights.len()).map(whole).max().unwrap_or(1);
    let mut classes: BTreeMap<Reverse<u64>, Class> = BTreeMap::new();
    for i in by_name {
        let weight = whole(i);
        let class = classes.entry(Reverse(weight)).or_default();
        // So that everybody takes part in the first round.
        (class.weight, class.credit) = (weight, heaviest - weight);
        class.walkers.push(Walker {
            member: i as u32,
            at: hash::place(hash::name(ids[i], OFFSET), size),
            skip: 1 + hash::place(hash::name(ids[i], SKIP), size - 1),
        });
    }
    classes.into_values().collect()
}

impl Walker {
    #[inline]
    fn take(&mut self, table: &mut [u32]) {
        while table[self.at] != FREE {
            self.at += self.skip;
            if self.at >= table.len() {
                self.at -= table.len();
            }
        }
        table[self.at] = self.member;
    }
}

/// The least prime that is not below; a table of any other size would have permutations with holes.
fn prime_from(size: u32) -> u32 {
    let is_prime = |n: &u32| (2..).take_while(|by| by * by <= *n).all(|by| !n.is_multiple_of(by));
    (size..).find(is_prime).unwrap_or(SIZE_MAX)
}

/// Both are primes.
const SIZE_MIN: u32 = 251;
const SIZE_MAX: u32 = 5_000_011;
const FREE: u32 = u32::MAX;
/// What scaled weights are rounded to parts of: a multiple of all leaves the table as it is, so whole ones stay exact.
const UNIT: f64 = 4096.0;
/// Purposes of hashes of a name.
const OFFSET: u64 = 1;
const SKIP: u64 = 2;
/// Entries looked at for one pick. Where four fifths of the weight are at their bound, one pick in 1,300 finds nobody
/// in as many.
const STEPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn table(members: &[(String, u32)], size: u32) -> Vec<u32> {
        let ids: Vec<BackendId> = members.iter().map(|(id, _)| BackendId::new(id.as_str())).collect();
        let weights: Vec<f64> = members.iter().map(|(_, weight)| f64::from(*weight)).collect();
        filled(&weights, &ids.iter().collect::<Vec<_>>(), size)
    }

    fn named(weights: impl IntoIterator<Item = u32>) -> Vec<(String, u32)> {
        weights.into_iter().enumerate().map(|(i, weight)| (format!("backend-{i}"), weight)).collect()
    }

    fn counts(table: &[u32], members: usize) -> Vec<f64> {
        let mut counts = vec![0.0; members];
        table.iter().for_each(|member| counts[*member as usize] += 1.0);
        counts
    }

    #[test]
    fn shares_are_exact_to_an_entry() {
        let mut rng = Rng::from_seed(1);
        for size in [251, 1_021, 65_537] {
            for most in [1, 9, 1_000, 65_535] {
                let members = named((0..=rng.below(40)).map(|_| 1 + rng.below(most)));
                let total: f64 = members.iter().map(|(_, weight)| f64::from(*weight)).sum();
                let table = table(&members, size);
                assert_eq!(table.len(), size as usize);
                for (count, (_, weight)) in counts(&table, members.len()).iter().zip(&members) {
                    let exact = f64::from(*weight) / total * f64::from(size);
                    // One more for those whose first entry is more than their part, which others pay for by weight.
                    let paid = members.len() as f64 * f64::from(*weight) / total;
                    assert!(
                        *count >= 1.0 && (count - exact).abs() <= 1.0 + paid,
                        "{count} for {exact} of {members:?}"
                    );
                }
            }
        }
    }

    /// NSDI 2016, section 5.3: with a hundred entries a member, shares differ by no more than a hundredth.
    #[test]
    fn a_hundred_entries_a_member_are_enough() {
        for (members, size) in [(1_000, 655_373), (650, 65_537)] {
            let counts = counts(&table(&named((0..members).map(|_| 1)), size), members);
            let mean = f64::from(size) / members as f64;
            assert!(counts.iter().all(|count| (count / mean - 1.0).abs() <= 0.01), "{counts:?}");
        }
    }

    /// Entries that belong to another member, those from or to the one that changed left out; as a part of the latter.
    fn needless(before: &[(String, u32)], after: &[(String, u32)], size: u32, changed: &str) -> f64 {
        let owner = |members: &[(String, u32)]| -> Vec<String> {
            table(members, size).iter().map(|member| members[*member as usize].0.clone()).collect()
        };
        let (mut forced, mut needless) = (0.0, 0.0);
        for (before, after) in owner(before).into_iter().zip(owner(after)).filter(|(a, b)| a != b) {
            *(if before == changed || after == changed { &mut forced } else { &mut needless }) += 1.0;
        }
        needless / forced
    }

    /// Instances may list the members in any order; most entries would be the same even if that made a difference.
    #[test]
    fn the_order_of_the_members_makes_none() {
        let members = named((0..500).map(|i| 1 + i % 3));
        let mut reversed = members.clone();
        reversed.reverse();
        let (table, other) = (table(&members, 65_537), table(&reversed, 65_537));
        assert!(table.iter().zip(other).all(|(member, other)| *member == 499 - other));
    }

    #[test]
    fn few_entries_move_needlessly() {
        for (members, size, most) in [(10, 65_537, 0.04), (100, 65_537, 0.7), (1_000, 655_373, 3.6)] {
            let all = named((0..members).map(|_| 1));
            let (mut without, mut heavier) = (all.clone(), all.clone());
            without.remove(members / 2);
            heavier[members / 2].1 = 2;
            let changed = format!("backend-{}", members / 2);
            for (after, what) in [(&without, "gone"), (&heavier, "heavier")] {
                let needless = needless(&all, after, size, &changed);
                assert!(needless <= most, "{members} in {size}, one {what}: {needless}");
            }
        }
    }

    /// More members than two bytes can tell apart.
    #[test]
    fn a_table_may_have_many_members() {
        let members = named((0..66_000).map(|_| 1));
        let table = table(&members, 70_001);
        assert!(counts(&table, members.len()).iter().all(|count| (1.0..=2.0).contains(count)));
    }

    #[test]
    fn a_size_becomes_a_prime() {
        assert_eq!([251, 252, 1_000, 65_536, SIZE_MAX].map(prime_from), [251, 257, 1_009, 65_537, SIZE_MAX]);
        assert_eq!(table(&named([1, 1]), 0).len(), 251);
    }
}
