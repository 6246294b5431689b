//! Opens a connection to a backend.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::transport::Transport;

/// A connection to a backend.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) stream: Transport,
    /// When it was opened.
    pub(crate) opened: Instant,
    /// Whether it has carried a request before: then its peer may have closed it meanwhile.
    pub(crate) reused: bool,
}

/// Why no connection was opened. Nothing of a request has been sent.
#[derive(Debug)]
pub(crate) enum ConnectError {
    /// No answer in time.
    TimedOut,
    /// Nobody listens there.
    Refused,
    /// For another reason, such as no route.
    Failed,
    /// This process is out of files, ports or memory: says nothing about the backend.
    Local,
}

/// Opens a connection within `timeout`, and sends `first` on it: a PROXY header, or nothing.
pub(crate) async fn connect(
    address: SocketAddr,
    timeout: Duration,
    first: &[u8],
) -> Result<Upstream, ConnectError> {
    match tokio::time::timeout(timeout, open(address, first)).await {
        Ok(Ok(stream)) => {
            Ok(Upstream { stream: Transport::Plain(stream), opened: Instant::now(), reused: false })
        }
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Err(ConnectError::Refused),
        Ok(Err(error)) if is_local(&error) => Err(ConnectError::Local),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "cannot connect");
            Err(ConnectError::Failed)
        }
        Err(_) => Err(ConnectError::TimedOut),
    }
}

/// Whether a failure to connect is this process' own: out of files, ports or memory (connect(2), socket(2)).
pub(crate) fn is_local(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM, Errno::ADDRNOTAVAIL].contains(&errno)
    })
}

async fn open(address: SocketAddr, first: &[u8]) -> std::io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Heads and bodies are written whole; waiting to fill a segment only adds delay.
    socket.set_nodelay(true)?;
    let mut stream = socket.connect(address).await?;
    if !first.is_empty() {
        stream.write_all(first).await?;
    }
    Ok(stream)
}
