//! Ports that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A loopback address that refuses connections for as long as this lives: the port is bound, so nobody else gets
/// it, and nobody listens.
#[derive(Debug)]
pub struct ClosedPort {
    socket: TcpSocket,
    address: SocketAddr,
}

impl ClosedPort {
    /// Takes any free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn new() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free port")
    }

    /// Takes the port of `address`, even right after a listener on it has gone.
    pub(crate) fn at(address: SocketAddr) -> std::io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The address that refuses.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on it accepts.
    pub(crate) fn listen(self) -> std::io::Result<tokio::net::TcpListener> {
        self.socket.listen(4096)
    }
}

impl Default for ClosedPort {
    fn default() -> Self {
        Self::new()
    }
}

/// A port that was free a moment ago, for a program that cannot be told to take any. Somebody may take it in
/// between: callers try again.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn refuses_until_it_listens() {
        let port = ClosedPort::new();
        let address = port.address();
        let refused = tokio::net::TcpStream::connect(address).await.expect_err("nobody listens");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        let _listener = port.listen().expect("the port is ours");
        tokio::net::TcpStream::connect(address).await.expect("now somebody listens");
    }
}
