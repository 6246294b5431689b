//! Asking the backends: whom, how often, and where the answers go.

use std::sync::Arc;

use super::snapshot::{Member, PoolSnapshot};
use crate::rng::Rng;
use crate::strategy::ProbePool;

impl PoolSnapshot {
    /// Where the answers to probes go; `None` unless the strategy is [probed](crate::Registration::probed).
    pub fn probes(&self) -> Option<&Arc<ProbePool>> {
        self.strategy().registration().probed.then_some(&self.probes)
    }

    /// How many probes to send now that one more request has come: 0 unless the strategy is
    /// [probed](crate::Registration::probed), and while there is nobody to compare. To be asked once per request.
    pub fn probes_due(&self) -> usize {
        if self.candidates.len() < 2 {
            return 0;
        }
        self.probes().map_or(0, |probes| probes.due() as usize)
    }

    /// Whom to send so many probes: different members that may be picked, at most [`PoolSnapshot::TARGETS_MAX`] of
    /// them, each as likely as any other.
    pub fn probe_targets<'a>(
        &'a self,
        count: usize,
        rng: &mut Rng,
    ) -> impl Iterator<Item = &'a Arc<Member>> + use<'a> {
        let members = self.candidates.len();
        let count = count.min(members).min(Self::TARGETS_MAX);
        // Floyd's algorithm (Bentley, "Programming pearls: a sample of brilliance", 1987).
        let mut drawn = [0; Self::TARGETS_MAX];
        for (filled, last) in (members - count..members).enumerate() {
            let position = rng.below(last as u32 + 1) as usize;
            drawn[filled] = if drawn[..filled].contains(&position) { last } else { position };
        }
        drawn.into_iter().take(count).map(|position| &self.candidates[position].member)
    }

    /// The most probes that one request can cause.
    pub const TARGETS_MAX: usize = 16;
}
