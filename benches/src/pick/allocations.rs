//! How often a pick, or the end of its lease, asks for memory: never.

use crate::case::{Case, Hand};

/// `strategy load backends picks in_picks in_ends`
pub(crate) fn print() {
    for case in Case::all() {
        let Counts { in_picks, in_ends } = count(case, BATCHES);
        let Case { strategy, load, backends } = case;
        let (load, picks) = (load.as_str(), BATCHES * case.batch(1));
        println!("{strategy} {load} {backends} {picks} {in_picks} {in_ends}");
    }
}

struct Counts {
    in_picks: u64,
    in_ends: u64,
}

/// Of this thread only.
fn count(case: Case, batches: usize) -> Counts {
    let bench = case.bench();
    let mut hand = Hand::new(1, case.batch(1));
    let mut counts = Counts { in_picks: 0, in_ends: 0 };
    for _ in 0..batches {
        hand.prepare(&bench);
        counts.in_picks += allocation_counter::measure(|| hand.pick(&bench)).count_total;
        counts.in_ends += allocation_counter::measure(|| hand.end()).count_total;
    }
    counts
}

const BATCHES: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_in_a_pick_nor_in_its_end() {
        for case in Case::all() {
            let counts = count(case, 3);
            assert_eq!((counts.in_picks, counts.in_ends), (0, 0), "{case:?}");
        }
    }
}
