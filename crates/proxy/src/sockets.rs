//! The sockets of the listeners: bound before anything else changes, closed without losing who has connected already.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_config::Config;

use crate::listen::{self, Listener};
use crate::proxy::StartError;
use crate::threads::Threads;

/// Listeners that accept, by name.
pub(crate) type Accepting = HashMap<String, Bound>;

/// A listener that accepts.
pub(crate) struct Bound {
    pub(crate) listener: Arc<Listener>,
    pub(crate) socket: TcpListener,
    /// As configured: port 0 stays the port it got.
    pub(crate) bind: SocketAddr,
    /// As bound.
    pub(crate) address: SocketAddr,
}

/// A socket that is ready for a listener, with a copy for each worker: nothing can fail any more.
pub(crate) struct Prepared {
    pub(crate) socket: TcpListener,
    pub(crate) copies: Vec<TcpListener>,
    pub(crate) address: SocketAddr,
}

/// Sockets for the listeners that are new or have moved. On failure those bound so far are closed again.
pub(crate) fn prepare(
    config: &Config,
    accepting: &Accepting,
    workers: usize,
) -> Result<HashMap<String, Prepared>, StartError> {
    let mut prepared = HashMap::new();
    for listener in &config.listeners {
        if accepting.get(&listener.name).is_some_and(|bound| bound.bind == listener.bind) {
            continue;
        }
        let socket = socket(listener.bind, accepting, workers).map_err(|source| StartError::Bind {
            listener: listener.name.clone(),
            address: listener.bind,
            source,
        })?;
        prepared.insert(listener.name.clone(), socket);
    }
    Ok(prepared)
}

/// A listener that is renamed, or two that swap addresses, take over the socket that is there.
fn socket(bind: SocketAddr, accepting: &Accepting, workers: usize) -> io::Result<Prepared> {
    let there = accepting.values().find(|bound| bound.bind == bind && bind.port() != 0);
    let socket = match there {
        Some(bound) => bound.socket.try_clone(),
        None => listen::bind(bind),
    }?;
    let copies = (0..workers).map(|_| socket.try_clone()).collect::<io::Result<_>>()?;
    Ok(Prepared { address: socket.local_addr()?, copies, socket })
}

/// Stops accepting on `bound`, whose name no longer stands for it, or for anything.
///
/// Clients whose connection the kernel has already completed are served: closing the socket would reset them. Unless
/// `taken_over`, when they wait for the listener that has the socket now.
pub(crate) fn close(threads: &Threads, bound: &Bound, taken_over: bool) {
    if !taken_over {
        listen::take_waiting(&bound.listener, &bound.socket, &threads.handles);
    }
}
