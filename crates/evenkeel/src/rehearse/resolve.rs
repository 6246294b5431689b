//! Looking host names up, as the balancer would.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Mutex;
use std::thread;

use evenkeel_config::{BackendAddress, Config};
use evenkeel_rehearse::Addresses;

/// Lookups at a time.
const AT_A_TIME: usize = 16;

/// Every host name of every pool.
pub(super) fn all(config: &Config) -> Addresses {
    let backends = config.pools.iter().flat_map(|pool| &pool.backends);
    let mut names: Vec<(String, u16)> = backends
        .filter_map(|backend| match &backend.address {
            BackendAddress::Name { host, port } => Some((host.clone(), *port)),
            BackendAddress::Socket(_) => None,
        })
        .collect();
    names.sort();
    names.dedup();
    let (names, found) = (Mutex::new(names), Mutex::new(Addresses::new()));
    let next = || names.lock().ok().and_then(|mut names| names.pop());
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(name) = next() {
                    let result = look_up(&name);
                    if let Ok(mut found) = found.lock() {
                        found.insert(name, result);
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_default()
}

/// The lowest address, IPv4 first, as the balancer takes it.
fn look_up((host, port): &(String, u16)) -> Result<SocketAddr, String> {
    let found = (host.as_str(), *port).to_socket_addrs().map_err(|error| error.to_string())?;
    found.min().ok_or_else(|| "it has no address".to_owned())
}
