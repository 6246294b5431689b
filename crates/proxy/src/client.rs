//! Who is at the other end of a client's connection.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::TcpStream;

use crate::proxy_protocol::{Details, Ends, Header};

/// A client as far as is known before it says anything of its own protocol.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    /// Its address; behind a proxy whose PROXY header is believed, the one that stands there.
    pub(crate) address: SocketAddr,
    /// That header.
    pub(crate) header: Option<Box<Header>>,
    /// When its connection was accepted.
    pub(crate) since: Instant,
}

impl Client {
    /// Who has just connected.
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address, header: None, since: Instant::now() }
    }

    /// Both ends of its connection, for a header of our own. `None` when the connection is gone.
    pub(crate) fn ends(&self, tcp: &TcpStream) -> Option<Ends> {
        match self.header.as_ref().and_then(|header| header.ends) {
            Some(ends) => Some(ends),
            None => Some(Ends { source: self.address, destination: tcp.local_addr().ok()? }),
        }
    }

    /// What else its proxy said of it.
    pub(crate) fn details(&self) -> Details {
        self.header.as_ref().map(|header| header.details.clone()).unwrap_or_default()
    }
}
