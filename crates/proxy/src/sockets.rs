//! The sockets of the listeners: bound before anything else changes, closed without losing who has connected already.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use evenkeel_config::{Config, Protocol};

use crate::listen::{self, Listener};
use crate::proxy::StartError;
use crate::threads::Threads;
use crate::udp::{Endpoint, Opening, Openings, Seat};

/// Listeners that accept, by name.
pub(crate) type Accepting = HashMap<String, Bound>;

/// A listener that accepts.
pub(crate) struct Bound {
    pub(crate) listener: Arc<Listener>,
    pub(crate) socket: Socket,
    /// As configured: port 0 stays the port it got.
    pub(crate) bind: SocketAddr,
    /// As bound.
    pub(crate) address: SocketAddr,
}

/// What a listener accepts on.
pub(crate) enum Socket {
    Stream(TcpListener),
    Datagrams(Arc<Opening>),
}

/// Sockets that are ready for a listener: nothing can fail any more.
pub(crate) struct Prepared {
    pub(crate) socket: Socket,
    pub(crate) parts: Parts,
    pub(crate) address: SocketAddr,
}

/// What each worker gets.
pub(crate) enum Parts {
    /// A copy of the socket.
    Copies(Vec<TcpListener>),
    Seats(Vec<Seat>),
}

impl Bound {
    /// Whether a listener of that protocol could use the socket.
    pub(crate) fn suits(&self, protocol: Protocol) -> bool {
        matches!(self.socket, Socket::Datagrams(_)) == (protocol == Protocol::Udp)
    }

    /// Whether both are at the same address, and so have the same socket.
    fn shares_socket_with(&self, other: &Self) -> bool {
        let same_kind =
            matches!(self.socket, Socket::Datagrams(_)) == matches!(other.socket, Socket::Datagrams(_));
        same_kind && self.address == other.address
    }
}

/// Sockets for the listeners that are new or have moved. On failure those bound so far are closed again.
pub(crate) fn prepare(
    config: &Config,
    accepting: &Accepting,
    openings: &Openings,
    workers: usize,
) -> Result<HashMap<String, Prepared>, StartError> {
    let mut prepared = HashMap::new();
    for listener in &config.listeners {
        let stays = |bound: &Bound| bound.bind == listener.bind && bound.suits(listener.protocol);
        if accepting.get(&listener.name).is_some_and(stays) {
            continue;
        }
        let sockets = match listener.protocol {
            Protocol::Udp => datagrams(listener.bind, openings, workers),
            _ => stream(listener.bind, accepting, workers),
        };
        let sockets = sockets.map_err(|source| StartError::Bind {
            listener: listener.name.clone(),
            address: listener.bind,
            source,
        })?;
        prepared.insert(listener.name.clone(), sockets);
    }
    Ok(prepared)
}

/// A listener that is renamed, or two that swap addresses, take over the socket that is there.
fn stream(bind: SocketAddr, accepting: &Accepting, workers: usize) -> io::Result<Prepared> {
    let there = accepting.values().find_map(|bound| match &bound.socket {
        Socket::Stream(socket) if bound.bind == bind && bind.port() != 0 => Some(socket),
        _ => None,
    });
    let socket = match there {
        Some(socket) => socket.try_clone(),
        None => listen::bind(bind),
    }?;
    let copies = (0..workers).map(|_| socket.try_clone()).collect::<io::Result<_>>()?;
    let address = socket.local_addr()?;
    Ok(Prepared { socket: Socket::Stream(socket), parts: Parts::Copies(copies), address })
}

/// Sockets that drain are there, too.
fn datagrams(bind: SocketAddr, openings: &Openings, workers: usize) -> io::Result<Prepared> {
    let there = if bind.port() == 0 { None } else { openings.endpoint_at(bind) };
    let endpoint = match there {
        Some(endpoint) => endpoint,
        None => Arc::new(Endpoint::bind(bind, workers)?),
    };
    let address = endpoint.address;
    let (opening, seats) = openings.open(endpoint)?;
    Ok(Prepared { socket: Socket::Datagrams(opening), parts: Parts::Seats(seats), address })
}

/// Accepts with every worker. Earlier sessions at the same address have until `drained` to end.
pub(crate) fn open(
    threads: &Threads,
    openings: &Openings,
    listener: &Arc<Listener>,
    prepared: Prepared,
    drained: Duration,
) -> (Socket, SocketAddr) {
    let Prepared { socket, parts, address } = prepared;
    if let Socket::Datagrams(opening) = &socket {
        openings.take_over(opening, Instant::now() + drained);
    }
    match parts {
        Parts::Copies(copies) => threads.open(listener, copies),
        Parts::Seats(seats) => threads.relay(listener, seats),
    }
    (socket, address)
}

/// Stops accepting on `bound`, whose name no longer stands for it, or for anything.
///
/// Clients whose connection the kernel has already completed are served: closing the socket would reset them. Unless
/// `taken_over`, when they wait for the listener that has the socket now. Sessions have until `drained` to end.
pub(crate) fn close(threads: &Threads, bound: &Bound, taken_over: bool, drained: Duration) {
    match &bound.socket {
        Socket::Stream(socket) if !taken_over => {
            listen::take_waiting(&bound.listener, socket, &threads.handles);
        }
        Socket::Stream(_) => {}
        Socket::Datagrams(opening) => opening.close(Instant::now() + drained),
    }
}

/// Whether another listener has the socket of `bound` now.
pub(crate) fn is_taken_over(accepting: &Accepting, bound: &Bound) -> bool {
    accepting.values().any(|other| other.shares_socket_with(bound))
}
