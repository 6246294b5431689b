//! Weighted round robin, smooth and exact.

use std::sync::Arc;

use super::rotation::Rotation;
use super::{PickKey, Picker, Registration, StrategyKind};
use crate::pool::{Eligible, MemberIdx};
use crate::rng::Rng;

pub(super) const REGISTRATION: Registration = Registration {
    kind: StrategyKind::RoundRobin,
    name: "round_robin",
    summary: "takes turns in proportion to the weights, exactly; blind to how busy or slow a backend is",
    honours_weights: true,
    build: |input| Box::new(RoundRobin { rotation: Arc::clone(input.rotation) }),
};

#[derive(Debug)]
struct RoundRobin {
    rotation: Arc<Rotation>,
}

impl Picker for RoundRobin {
    #[inline]
    fn pick(&self, from: &Eligible<'_>, _: PickKey, _: &mut Rng) -> MemberIdx {
        self.rotation.next(from)
    }
}
