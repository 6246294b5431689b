//! Opens a connection to a backend.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpSocket, TcpStream};

use crate::tls::Securely;
use crate::transport::Transport;

/// A connection to a backend.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) stream: Transport,
    /// When it was opened.
    pub(crate) opened: Instant,
    /// Whether it has carried a request before: then its peer may have closed it meanwhile.
    pub(crate) reused: bool,
    /// How it is secured: [`Securely::serial`], 0 without TLS.
    pub(crate) secured: u64,
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
    /// The connection opened, but TLS did not come about.
    Tls(TlsFault, std::io::Error),
    /// This process is out of files, ports or memory: says nothing about the backend.
    Local,
}

/// What was wrong with a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsFault {
    /// The backend's certificate is not trusted, or is somebody else's.
    Certificate,
    /// The backend said no.
    Alert,
    /// Anything else: the backend does not speak TLS, for instance.
    Protocol,
}

/// Opens a connection within `timeout`, sends `first` on it (a PROXY header, or nothing), and shakes hands.
pub(crate) async fn connect(
    address: SocketAddr,
    timeout: Duration,
    first: &[u8],
    securely: Option<Securely>,
) -> Result<Upstream, ConnectError> {
    let opened = async {
        let tcp = open(address, first).await?;
        let Some(securely) = securely else { return Ok(Ok((Transport::Plain(tcp), 0))) };
        let serial = securely.serial;
        std::io::Result::Ok(Box::pin(securely.over(tcp)).await.map(|stream| (stream, serial)))
    };
    match tokio::time::timeout(timeout, opened).await {
        Ok(Ok(Ok((stream, secured)))) => {
            Ok(Upstream { stream, opened: Instant::now(), reused: false, secured })
        }
        Ok(Ok(Err(error))) => Err(ConnectError::Tls(TlsFault::of(&error), error)),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => Err(ConnectError::Refused),
        Ok(Err(error)) if is_local(&error) => Err(ConnectError::Local),
        Ok(Err(error)) => {
            tracing::debug!(%address, %error, "cannot connect");
            Err(ConnectError::Failed)
        }
        Err(_) => Err(ConnectError::TimedOut),
    }
}

impl TlsFault {
    fn of(error: &std::io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::InvalidCertificate(_)) => Self::Certificate,
            Some(rustls::Error::AlertReceived(_)) => Self::Alert,
            _ => Self::Protocol,
        }
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
