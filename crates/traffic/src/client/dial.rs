//! How connections are opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream, lookup_host};

use super::failure::Failure;
use super::{Target, Tls};

/// What is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2: agreed on by ALPN over TLS, by prior knowledge in clear (RFC 9113, section 3.3).
    Http2,
}

/// How connections are opened, to one place or another.
#[derive(Clone, Debug)]
pub struct Dial {
    /// What is spoken.
    pub version: Version,
    /// For `https`.
    pub tls: Tls,
    /// Longest wait: for a connection with its handshakes, and again for each whole answer.
    pub timeout: Duration,
    /// Connect there, whatever the host of the URL: an address or a name, and a port.
    pub connect_to: Option<String>,
    /// Address of ours to connect from.
    pub source: Option<IpAddr>,
}

impl Version {
    /// As clients agree on it (RFC 7301).
    pub(super) fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http1 => b"http/1.1",
            Self::Http2 => b"h2",
        }
    }
}

impl Dial {
    /// HTTP/1.1, with 10 seconds for anything.
    pub fn new(tls: Tls) -> Self {
        let timeout = Duration::from_secs(10);
        Self { version: Version::Http1, tls, timeout, connect_to: None, source: None }
    }

    /// The addresses that stand for `target`, in the resolver's order.
    ///
    /// # Errors
    /// When the name has none.
    pub async fn resolve(&self, target: &Target) -> Result<Vec<SocketAddr>, Failure> {
        let failed = |error: String| {
            let name = self.connect_to.as_deref().unwrap_or(&target.host).to_owned();
            Failure::Resolve { name, error }
        };
        let named = (target.host.as_str(), target.port);
        let found: Vec<SocketAddr> = match &self.connect_to {
            Some(place) => lookup_host(place.as_str()).await.map(Iterator::collect),
            None => lookup_host(named).await.map(Iterator::collect),
        }
        .map_err(|error| failed(error.to_string()))?;
        if found.is_empty() {
            return Err(failed("it has no address".to_owned()));
        }
        Ok(found)
    }

    /// A TCP connection to the first address that takes one.
    pub(super) async fn tcp(&self, target: &Target) -> Result<TcpStream, Failure> {
        let mut failure = None;
        for address in self.resolve(target).await? {
            match self.tcp_to(address).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failure = Some(Failure::Connect { address, error }),
            }
        }
        Err(failure.unwrap_or(Failure::Closed))
    }

    async fn tcp_to(&self, address: SocketAddr) -> std::io::Result<TcpStream> {
        let stream = match self.source {
            None => TcpStream::connect(address).await?,
            Some(source) => {
                let socket = if source.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
                socket.bind(SocketAddr::new(source, 0))?;
                socket.connect(address).await?
            }
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}
