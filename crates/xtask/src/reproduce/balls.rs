//! Balls into bins: as many requests that do not end as there are members.

use evenkeel_core::PickKey;

use super::pools::{Asked, pool, strategy};
use super::row::{Effort, Found, Row};

pub(super) const ROWS: &[Row] = &[
    Row {
        name: "max_load_1",
        claim: "n requests over n backends by lot: the most that one has",
        source: "Gonnet 1981: ln n / ln ln n (1 + o(1)); n = 100,000",
        target: "7 to 9",
        strategies: &["random"],
        check: one_choice,
    },
    Row {
        name: "max_load_2",
        claim: "n requests over n backends, the better of two: the most that one has",
        source: "Azar et al. 1994; Mitzenmacher 2001: ln ln n / ln 2 + O(1); n = 100,000",
        target: "3 to 5",
        strategies: &["p2c"],
        check: two_choices,
    },
];

/// At 100,000 the most is outside of 7..=9 with a chance of 1 in 100; at 10,000 outside of 5..=8 about as rarely.
fn one_choice(effort: Effort) -> Found {
    let most = most("random", effort);
    let (least, greatest) = effort.pick((7, 9), (5, 8));
    Found { got: most.to_string(), pass: (least..=greatest).contains(&most) }
}

fn two_choices(effort: Effort) -> Found {
    let most = most("p2c", effort);
    Found { got: most.to_string(), pass: (3..=5).contains(&most) }
}

fn most(name: &str, effort: Effort) -> u32 {
    let n = effort.pick(100_000, 10_000);
    let mut asked = Asked::new(pool(strategy(name), &vec![1; n]), 1);
    let held: Vec<_> = (0..n).filter_map(|_| asked.hold(PickKey::NONE)).collect();
    let most = asked.snapshot.members().iter().map(|view| view.member.load.in_flight()).max();
    drop(held);
    most.unwrap_or_default()
}
