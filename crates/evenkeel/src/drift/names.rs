//! What the names of backends resolve to, here and now.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use evenkeel_config::{BackendAddress, Config};

/// Names that are looked up; beyond that nothing is said of the others.
const MOST: usize = 256;
/// All of them together: a resolver that is down must not hold the report up.
const PATIENCE: Duration = Duration::from_secs(5);

/// Addresses by name and port as written; nothing of names that are not known, or not in time.
pub(super) type Lookups = BTreeMap<String, Vec<SocketAddr>>;

/// Looks every name up, all at once.
pub(super) fn look_up(config: &Config) -> Lookups {
    let backends = config.pools.iter().flat_map(|pool| &pool.backends);
    let names: BTreeSet<(String, u16)> = backends
        .filter_map(|backend| match &backend.address {
            BackendAddress::Name { host, port } => Some((host.clone(), *port)),
            BackendAddress::Socket(_) => None,
        })
        .take(MOST)
        .collect();
    let (tell, told) = mpsc::channel();
    for (host, port) in names {
        let tell = tell.clone();
        // The system's resolver cannot be interrupted: a thread that waits for it is left behind.
        std::thread::spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            tell.send((format!("{host}:{port}"), found.unwrap_or_default())).ok();
        });
    }
    drop(tell);
    let deadline = Instant::now() + PATIENCE;
    let mut lookups = Lookups::new();
    while let Ok((name, addresses)) = told.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        lookups.insert(name, addresses);
    }
    lookups
}
