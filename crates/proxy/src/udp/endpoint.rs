//! Sockets for datagrams: one for each worker on the same address, and who reads from them.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};

use super::watch::Set;
use crate::proxy::lock;

/// Bytes that the kernel holds while a worker is busy; it lowers this to `net.core.rmem_max`, twice.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Names the listener's socket among the events of a worker. All other numbers are places of sessions.
pub(super) const LISTENER: u64 = u64::MAX;

/// An address with a socket for each worker. The kernel spreads clients over the sockets by a hash of both addresses, so
/// that a client stays with its worker for as long as none of them is closed: they are all closed at once.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    sockets: Box<[UdpSocket]>,
}

/// The time for which a listener has an endpoint.
#[derive(Debug)]
pub(crate) struct Opening {
    pub(super) endpoint: Arc<Endpoint>,
    phase: AtomicU8,
    /// When what is left of its sessions is cut.
    close_by: OnceLock<Instant>,
    /// Workers that have no session any more, and get none.
    done: AtomicUsize,
}

/// What is done with datagrams from clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// Sessions begin.
    Open,
    /// Sessions go on, and none begins.
    Closing,
    /// Another listener reads from the socket; replies are still sent.
    Displaced,
}

/// A worker's part of an opening, made where failing is still possible.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(super) opening: Arc<Opening>,
    pub(super) index: usize,
    /// Watches the listener's socket, and those of the sessions.
    pub(super) events: Set,
}

/// All openings that have not ended. Sockets that drain are still bound, and whoever wants their address takes them over.
#[derive(Debug, Default)]
pub(crate) struct Openings {
    all: Mutex<Vec<Weak<Opening>>>,
}

impl Endpoint {
    /// Binds a socket for each of `workers`.
    ///
    /// The first is bound alone, so that an address that another process has is refused. Another process of the same user
    /// that asks for a share of the port by itself could still get one.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn bind(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let first = socket(address)?;
        first.bind(&address.into())?;
        let first = UdpSocket::from(first);
        let address = first.local_addr()?;
        let mut sockets = vec![first];
        if workers > 1 {
            socket2::SockRef::from(&sockets[0]).set_reuse_port(true)?;
        }
        for _ in 1..workers {
            let next = socket(address)?;
            next.set_reuse_port(true)?;
            next.bind(&address.into())?;
            sockets.push(next.into());
        }
        Ok(Self { address, sockets: sockets.into() })
    }

    pub(super) fn socket(&self, index: usize) -> &UdpSocket {
        &self.sockets[index]
    }
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    if address.is_ipv6() {
        // `[::]` and `0.0.0.0` are two listeners, whatever the system's default.
        socket.set_only_v6(true)?;
    }
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    match address {
        SocketAddr::V4(address) if address.ip().is_unspecified() => {
            setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
        }
        SocketAddr::V6(address) if address.ip().is_unspecified() => {
            setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
        }
        _ => {}
    }
    Ok(socket)
}

impl Opening {
    /// No session begins from now on, and those that have not ended by themselves at `by` are cut.
    pub(crate) fn close(&self, by: Instant) {
        self.advance(Phase::Closing, by);
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Open,
            1 => Phase::Closing,
            _ => Phase::Displaced,
        }
    }

    /// `None` while it is open.
    pub(super) fn close_by(&self) -> Option<Instant> {
        self.close_by.get().copied()
    }

    /// One more worker has no session any more, and gets none.
    pub(super) fn one_done(&self) {
        self.done.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether that holds for all. Until then each goes on reading what its socket gets, to drop and count it.
    pub(super) fn all_done(&self) -> bool {
        self.done.load(Ordering::Acquire) >= self.endpoint.sockets.len()
    }

    /// Phases only move forward; the first time is the one that holds.
    fn advance(&self, phase: Phase, by: Instant) {
        self.close_by.get_or_init(|| by);
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
    }
}

impl Openings {
    /// Opens an endpoint for a listener: a seat for each worker. Nobody reads before [`Openings::take_over`] and the seats
    /// are taken.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn open(&self, endpoint: Arc<Endpoint>) -> io::Result<(Arc<Opening>, Vec<Seat>)> {
        let workers = endpoint.sockets.len();
        let opening = Arc::new(Opening {
            endpoint,
            phase: AtomicU8::new(Phase::Open as u8),
            close_by: OnceLock::new(),
            done: AtomicUsize::new(0),
        });
        let seats = (0..workers).map(|index| {
            let events = Set::new()?;
            events.add(opening.endpoint.socket(index), LISTENER)?;
            Ok(Seat { opening: Arc::clone(&opening), index, events })
        });
        let seats = seats.collect::<io::Result<_>>()?;
        let mut all = lock(&self.all);
        all.retain(|other| other.strong_count() > 0);
        all.push(Arc::downgrade(&opening));
        Ok((opening, seats))
    }

    /// The endpoint at an address, if one is bound, in use or draining.
    pub(crate) fn endpoint_at(&self, address: SocketAddr) -> Option<Arc<Endpoint>> {
        let all = lock(&self.all);
        let mut openings = all.iter().filter_map(Weak::upgrade);
        let found = openings.find(|opening| opening.endpoint.address == address)?;
        Some(Arc::clone(&found.endpoint))
    }

    /// From now on only `opening` reads from its sockets. What is left of others' sessions is cut at `by`.
    pub(crate) fn take_over(&self, opening: &Arc<Opening>, by: Instant) {
        for other in lock(&self.all).iter().filter_map(Weak::upgrade) {
            if !Arc::ptr_eq(&other, opening) && Arc::ptr_eq(&other.endpoint, &opening.endpoint) {
                other.advance(Phase::Displaced, by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_address_in_use_is_refused_and_its_own_sockets_share_it() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let endpoint = Endpoint::bind(any, 3).unwrap();
        let addresses = endpoint.sockets.iter().map(|socket| socket.local_addr().unwrap());
        assert!(addresses.eq([endpoint.address; 3]));
        let again = Endpoint::bind(endpoint.address, 3).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }

    /// The kernel hashes: of 2,000 clients each of two sockets gets 1,000 ± 22, and each client's all go to one.
    #[test]
    fn clients_are_spread_and_stay() {
        let endpoint = Endpoint::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 2).unwrap();
        let (mut counts, mut homes) = ([0; 2], [0; 2]);
        for _ in 0..500 {
            let clients: Vec<_> =
                (0..4).map(|_| UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
            for _ in 0..2 {
                for client in &clients {
                    client.send_to(b"x", endpoint.address).unwrap();
                }
            }
            let mut found = std::collections::HashMap::<_, Vec<usize>>::new();
            for (index, socket) in endpoint.sockets.iter().enumerate() {
                while let Ok((_, client)) = socket.recv_from(&mut [0; 8]) {
                    counts[index] += 1;
                    found.entry(client).or_default().push(index);
                }
            }
            for homes_of_one in found.values() {
                assert!(homes_of_one.iter().all(|home| *home == homes_of_one[0]));
                homes[homes_of_one[0]] += 1;
            }
        }
        assert_eq!((counts.iter().sum::<i32>(), homes.iter().sum::<i32>()), (4_000, 2_000));
        assert!((850..=1_150).contains(&homes[0]), "{homes:?}");
    }

    #[test]
    fn who_comes_last_reads() {
        let openings = Openings::default();
        let endpoint = Endpoint::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 1).unwrap();
        let address = endpoint.address;
        let (first, _seats) = openings.open(Arc::new(endpoint)).unwrap();
        let now = Instant::now();
        first.close(now);
        assert_eq!(first.phase(), Phase::Closing);
        let (second, _seats) = openings.open(openings.endpoint_at(address).unwrap()).unwrap();
        openings.take_over(&second, now + Duration::from_secs(1));
        assert_eq!((first.phase(), second.phase()), (Phase::Displaced, Phase::Open));
        assert_eq!((first.close_by(), second.close_by()), (Some(now), None));
        first.close(now);
        assert_eq!(first.phase(), Phase::Displaced, "not back");
    }

    #[test]
    fn what_has_ended_can_be_bound_again() {
        let openings = Openings::default();
        let endpoint = Endpoint::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), 2).unwrap();
        let address = endpoint.address;
        drop(openings.open(Arc::new(endpoint)).unwrap());
        assert!(openings.endpoint_at(address).is_none());
        Endpoint::bind(address, 2).unwrap();
    }
}
