//! Which part of all keys is at home at each backend, asked for once for each snapshot.

use std::collections::HashMap;

use crate::pool::PoolSnapshot;

/// By serial; empty where no key decides.
#[derive(Clone, Debug, Default)]
pub(super) struct Homes {
    epoch: Option<u64>,
    shares: HashMap<u64, f64>,
}

impl Homes {
    /// Goes along with the pool.
    pub(super) fn follow(&mut self, snapshot: &PoolSnapshot) {
        if self.epoch != Some(snapshot.epoch()) {
            self.epoch = Some(snapshot.epoch());
            self.shares = snapshot.homes().into_iter().collect();
        }
    }

    /// 0 for one that gets no keys; `None` where no key decides.
    pub(super) fn of(&self, serial: u64) -> Option<f64> {
        let known = !self.shares.is_empty();
        known.then(|| self.shares.get(&serial).copied().unwrap_or(0.0))
    }
}
