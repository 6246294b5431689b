//! Fixed loops for callgrind, which counts what runs inside of [`counted`] and writes the count down after each
//! [`lap`]. Laps come in pairs of as many batches, half as large in the first: what a batch takes beside its picks (or
//! ends) cancels in their difference.
//!
//! Threads take turns under valgrind, so only one is measured.

use crate::case::{Bench, Case, Hand};

/// `strategy load backends part count`, a line for each lap, in the order in which they run. `count` is how many
/// picks or ends were counted.
pub(crate) fn print() {
    for case in Case::all() {
        let bench = case.bench();
        let whole = case.batch(1);
        let batches = PICKS / whole;
        for part in [Part::Pick, Part::End] {
            for batch in [whole / 2, whole] {
                lap(&bench, &mut Hand::new(1, batch), part, batches);
                let Case { strategy, load, backends } = case;
                let (load, part, count) = (load.as_str(), part.as_str(), batches * batch);
                println!("{strategy} {load} {backends} {part} {count}");
            }
        }
    }
}

/// What is counted.
#[derive(Clone, Copy)]
enum Part {
    Pick,
    End,
}

impl Part {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pick => "pick",
            Self::End => "end",
        }
    }
}

/// Known to callgrind by name.
#[inline(never)]
fn lap(bench: &Bench, hand: &mut Hand, part: Part, batches: usize) {
    for _ in 0..batches {
        match part {
            Part::Pick => {
                hand.prepare(bench);
                counted(|| hand.pick(bench));
                hand.end();
            }
            Part::End => {
                hand.prepare(bench);
                hand.pick(bench);
                counted(|| hand.end());
            }
        }
    }
}

/// Known to callgrind by name.
#[inline(never)]
fn counted(section: impl FnOnce()) {
    section();
}

const PICKS: usize = 20_000;
