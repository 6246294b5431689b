//! Weighted random.

use super::alias::Alias;
use super::{Ask, Picked, Picker, Registration, StrategyKind};
use crate::pool::Eligible;
use crate::rng::Rng;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::Random,
    name: "random",
    summary: "draws lots in proportion to the weights; even over many requests, uneven over few",
    honours_weights: true,
    keyed: false,
    timed: false,
    probed: false,
    build: |input| Box::new(Random { table: Alias::new(input.weights) }),
};

#[derive(Debug)]
struct Random {
    table: Alias,
}

impl Picker for Random {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, _: Ask, rng: &mut Rng) -> Picked {
        Picked::by_algorithm(self.table.draw_open(from, rng))
    }
}
