//! Addresses of this process that get in its own way.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use evenkeel_config::{BackendAddress, Config};
use evenkeel_proxy::StartError;

use crate::admin::BindError;

/// An address that this process listens on, or is to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// The listener's name; `None` is the admin interface.
    pub(super) listener: Option<String>,
    pub(super) address: SocketAddr,
}

impl fmt::Display for Own {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.listener {
            Some(name) => write!(out, "listener {name} ({})", self.address),
            None => write!(out, "the admin interface ({})", self.address),
        }
    }
}

/// Where a configuration has this process listen.
pub(super) fn of(config: &Config) -> Vec<Own> {
    let listeners = config.listeners.iter();
    let listeners =
        listeners.map(|listener| Own { listener: Some(listener.name.clone()), address: listener.bind });
    let admin = config.admin.iter().map(|admin| Own { listener: None, address: admin.listen });
    listeners.chain(admin).collect()
}

/// Where this process listens.
pub(super) fn in_force(listeners: Vec<(String, SocketAddr)>, admin: Option<SocketAddr>) -> Vec<Own> {
    let listeners = listeners.into_iter().map(|(name, address)| Own { listener: Some(name), address });
    listeners.chain(admin.map(|address| Own { listener: None, address })).collect()
}

/// The one of `own` that has the address which `error` says is in use.
pub(super) fn holder<'a>(error: &(dyn Error + 'static), own: &'a [Own]) -> Option<&'a Own> {
    let (wanted, source) = wanted(error)?;
    let holds = |one: &&Own| **one != wanted && overlap(one.address, wanted.address);
    own.iter().find(holds).filter(|_| source.kind() == io::ErrorKind::AddrInUse)
}

/// The backend that is this process itself, and where in it a request sent there would arrive.
pub(super) fn to_itself(config: &Config) -> Option<(&BackendAddress, Own)> {
    let own = of(config);
    let backends = config.pools.iter().flat_map(|pool| &pool.backends);
    let mut pairs = backends.flat_map(|backend| own.iter().map(move |one| (&backend.address, one)));
    pairs.find(|(to, one)| leads_to(to, one.address, is_here)).map(|(to, one)| (to, one.clone()))
}

/// What could not be bound, and what the system said.
fn wanted<'a>(error: &'a (dyn Error + 'static)) -> Option<(Own, &'a io::Error)> {
    if let Some(BindError { address, source }) = error.downcast_ref() {
        return Some((Own { listener: None, address: *address }, source));
    }
    match error.downcast_ref()? {
        StartError::Bind { listener, address, source } => {
            Some((Own { listener: Some(listener.clone()), address: *address }, source))
        }
        _ => None,
    }
}

/// Whether both cannot be bound at once, port 0 aside. `[::]` may stand for every IPv4 address, too.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() == b.port() && a.port() != 0 && (any || a.ip() == b.ip())
}

/// Whether a connection to `to` arrives at a socket bound to `bind`. Of names only `localhost` is known for sure.
fn leads_to(to: &BackendAddress, bind: SocketAddr, is_here: impl Fn(IpAddr) -> bool) -> bool {
    let (addresses, port) = match to {
        BackendAddress::Socket(to) => (vec![destination(to.ip())], to.port()),
        BackendAddress::Name { host, port } if host.eq_ignore_ascii_case("localhost") => {
            (vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], *port)
        }
        BackendAddress::Name { .. } => return false,
    };
    let arrives = |ip: IpAddr| {
        let any = bind.ip().is_unspecified() && bind.is_ipv4() == ip.is_ipv4();
        ip == bind.ip().to_canonical() || any && (ip.is_loopback() || is_here(ip))
    };
    port == bind.port() && addresses.into_iter().any(arrives)
}

/// Linux connects to the loopback address where no address is given (ip(7)).
fn destination(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

/// Whether `ip` is an address of this machine: one can be bound, unless the administrator allows that for any.
fn is_here(ip: IpAddr) -> bool {
    let setting = match ip {
        IpAddr::V4(_) => "/proc/sys/net/ipv4/ip_nonlocal_bind",
        IpAddr::V6(_) => "/proc/sys/net/ipv6/ip_nonlocal_bind",
    };
    let only_own = std::fs::read_to_string(setting).is_ok_and(|value| value.trim() == "0");
    only_own && UdpSocket::bind((ip, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: &str = "10.1.1.1";

    fn leads(to: &str, bind: &str) -> bool {
        leads_to(&to.parse().unwrap(), bind.parse().unwrap(), |ip| ip.to_string() == MINE)
    }

    #[test]
    fn what_comes_back() {
        for (to, bind) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("127.0.0.1:80", "0.0.0.0:80"),
            ("127.0.0.2:80", "0.0.0.0:80"),
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "0.0.0.0:80"),
            ("10.1.1.1:80", "0.0.0.0:80"),
            ("10.1.1.1:80", "10.1.1.1:80"),
            ("localhost:80", "0.0.0.0:80"),
            ("LocalHost:80", "[::1]:80"),
            ("[::1]:80", "[::]:80"),
            ("[::ffff:127.0.0.1]:80", "127.0.0.1:80"),
        ] {
            assert!(leads(to, bind), "{to} {bind}");
        }
    }

    #[test]
    fn what_does_not() {
        for (to, bind) in [
            ("127.0.0.1:81", "127.0.0.1:80"),
            ("127.0.0.2:80", "127.0.0.1:80"),
            ("10.1.1.2:80", "0.0.0.0:80"),
            ("10.1.1.1:80", "127.0.0.1:80"),
            ("0.0.0.0:80", "10.1.1.1:80"),
            ("[::1]:80", "0.0.0.0:80"),
            ("app:80", "0.0.0.0:80"),
        ] {
            assert!(!leads(to, bind), "{to} {bind}");
        }
    }

    #[test]
    fn addresses_of_this_machine() {
        assert!(is_here(Ipv4Addr::LOCALHOST.into()));
        // Of a range for documentation (RFC 5737) that nobody has.
        assert!(!is_here(Ipv4Addr::new(203, 0, 113, 77).into()));
    }

    #[test]
    fn the_admin_interface_counts() {
        let to = BackendAddress::Socket("127.0.0.1:9901".parse().unwrap());
        let config = Config::quick("127.0.0.1:8080".parse().unwrap(), std::slice::from_ref(&to));
        let (found, own) = to_itself(&config).unwrap();
        assert_eq!((found, own.listener), (&to, None));
        let elsewhere = "127.0.0.1:9902".parse().unwrap();
        assert_eq!(to_itself(&Config::quick("127.0.0.1:8080".parse().unwrap(), &[elsewhere])), None);
    }

    #[test]
    fn who_holds_an_address_in_use() {
        let own = |listener: Option<&str>, address: &str| Own {
            listener: listener.map(str::to_owned),
            address: address.parse().unwrap(),
        };
        let all = [own(Some("web"), "0.0.0.0:80"), own(None, "127.0.0.1:80"), own(Some("x"), "127.0.0.1:81")];
        let error = |listener: &str, address: &str, kind: io::ErrorKind| StartError::Bind {
            listener: listener.to_owned(),
            address: address.parse().unwrap(),
            source: kind.into(),
        };
        let in_use = io::ErrorKind::AddrInUse;
        assert_eq!(holder(&error("web", "0.0.0.0:80", in_use), &all), Some(&all[1]));
        assert_eq!(holder(&error("web", "10.0.0.1:80", in_use), &all), Some(&all[0]), "where it was before");
        assert_eq!(holder(&error("x", "127.0.0.1:81", in_use), &all), None, "another process");
        assert_eq!(holder(&error("web", "0.0.0.0:80", io::ErrorKind::PermissionDenied), &all), None);
        let admin = BindError { address: "127.0.0.1:80".parse().unwrap(), source: in_use.into() };
        assert_eq!(holder(&admin, &all), Some(&all[0]));
    }
}
