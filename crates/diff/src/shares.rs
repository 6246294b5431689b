//! What a pool gives each of its backends.

use std::net::{Ipv4Addr, SocketAddr};

use evenkeel_config::{BackendAddress, Pool};
use evenkeel_core::{Nanos, PoolEvent, PoolState};

/// Where a schedule begins makes no difference to the shares.
const SEED: u64 = 1;
/// Stands for what a name resolves to (RFC 5737): nothing is looked up here.
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The pool as it is once every name is resolved, every check has passed and every slow start is over.
pub(crate) fn steady(pool: &Pool) -> PoolState {
    let mut state = PoolState::new(pool.spec(), SEED, Nanos::ZERO);
    let resolved = pool.backends.iter().filter_map(|backend| match backend.address {
        BackendAddress::Socket(_) => None,
        BackendAddress::Name { port, .. } => {
            let address = SocketAddr::from((SOMEWHERE, port));
            Some(PoolEvent::Resolved { id: backend.id.clone(), result: Ok(address) })
        }
    });
    state.apply_all(resolved, Nanos::ZERO);
    if pool.health.is_some() {
        let passed = |id: &evenkeel_core::BackendId| PoolEvent::Probed { id: id.clone(), result: Ok(()) };
        state.apply_all(pool.backends.iter().map(|backend| passed(&backend.id)), Nanos::ZERO);
    }
    state
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Source, load};
    use evenkeel_core::Mode;

    use super::*;

    #[test]
    fn checked_and_named_backends_have_their_share() {
        let text = "[listener.web]\nbind = \":80\"\npool = \"web\"\n[pool.web]\nhealth = { path = \"/\" }\n\
                    slow_start = \"30s\"\nbackends = [\"10.0.0.1:80\", \"app.internal:80\"]\n";
        let config = load(&Source::new("f", text)).config.unwrap();
        let snapshot = steady(&config.pools[0]).snapshot();
        assert_eq!(snapshot.mode(), Mode::Normal);
        assert!(snapshot.members().iter().all(|one| one.plan == 0.5), "{snapshot:?}");
    }
}
