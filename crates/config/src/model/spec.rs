//! What balancing is told of a pool.

use evenkeel_core::{HealthSpec, MemberSpec, PassiveSpec, PoolSpec};

use super::{Backend, BackendAddress, Pool};

impl Pool {
    /// The pool as the balancing core takes it. Members that are given by name have no address yet.
    pub fn spec(&self) -> PoolSpec {
        PoolSpec {
            id: self.id.clone(),
            strategy: self.strategy,
            settings: self.settings,
            members: self.backends.iter().map(Backend::spec).collect(),
            health: self.health.as_ref().map(|health| HealthSpec { rise: health.rise, fall: health.fall }),
            passive: self.passive.as_ref().map(|passive| PassiveSpec {
                consecutive: passive.consecutive,
                base: passive.base,
                max: passive.max,
                max_ejected: passive.max_ejected,
                error_share: passive.error_share,
            }),
            panic_threshold: self.panic_threshold,
            intent: self.intent,
            shaping: self.shaping.clone(),
        }
    }
}

impl Backend {
    fn spec(&self) -> MemberSpec {
        MemberSpec {
            id: self.id.clone(),
            address: match self.address {
                BackendAddress::Socket(address) => Some(address),
                BackendAddress::Name { .. } => None,
            },
            weight: self.weight,
            capacity: self.capacity,
            enabled: self.enabled,
            placement: self.placement.clone(),
        }
    }
}
