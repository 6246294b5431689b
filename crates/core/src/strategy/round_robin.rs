//! Weighted round robin, smooth and exact.

use std::sync::Arc;

use super::rotation::Rotation;
use super::{Ask, Picked, Picker, Registration, StrategyKind};
use crate::pool::Eligible;
use crate::rng::Rng;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::RoundRobin,
    name: "round_robin",
    summary: "takes turns in proportion to the weights, exactly; blind to how busy or slow a backend is",
    honours_weights: true,
    keyed: false,
    timed: false,
    probed: false,
    build: |input| Box::new(RoundRobin { rotation: Arc::clone(input.rotation) }),
};

#[derive(Debug)]
struct RoundRobin {
    rotation: Arc<Rotation>,
}

impl Picker for RoundRobin {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, _: Ask, _: &mut Rng) -> Picked {
        Picked::by_algorithm(self.rotation.next(from))
    }
}
