//! A byte stream to a client or a backend: TCP, or TLS over it.
//!
//! Shared by both directions of one task, so everything works on `&self`.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::http::socket;
use crate::tls::{Secured, Session};
use crate::upstream::is_silent;

/// What bytes go over.
#[derive(Debug)]
pub(crate) enum Transport {
    Plain(TcpStream),
    Tls(Box<Session>),
}

impl Transport {
    /// The connection below, for what concerns it alone: peeking, addresses, options.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(session) => session.tcp(),
        }
    }

    /// The connection, if its bytes are the very bytes of the stream: only those may be spliced.
    pub(crate) fn plain(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(tcp) => Some(tcp),
            Self::Tls(_) => None,
        }
    }

    /// What is known of a client from its handshake.
    pub(crate) fn secured(&self) -> Option<&Arc<Secured>> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(session) => session.secured(),
        }
    }

    /// Appends what has arrived to `into`, within its capacity, which must not be used up. `Ok(0)` is the end of the
    /// stream.
    #[inline]
    pub(crate) fn poll_recv(&self, context: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => socket::poll_recv(context, tcp, into),
            Self::Tls(session) => session.poll_recv(context, into),
        }
    }

    /// Writes the parts in order, as much as is taken at once. There must be something to write. What was taken may
    /// still be on its way to the kernel: see [`Self::poll_flush`].
    #[inline]
    pub(crate) fn poll_send<const N: usize>(
        &self,
        context: &mut Context<'_>,
        parts: &[&[u8]; N],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(tcp) => socket::poll_send(context, tcp, parts),
            Self::Tls(session) => session.poll_send(context, parts),
        }
    }

    /// Until the kernel has everything that was sent.
    #[inline]
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(session) => session.poll_flush(context),
        }
    }

    /// Until there may be something to read, or the end, without reading it. A hint: there may be nothing after all.
    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => tcp.poll_read_ready(context),
            Self::Tls(session) => session.poll_readable(context),
        }
    }

    /// Whether it is open and nothing has arrived. `certain` asks the kernel instead of relying on events that have
    /// already arrived, for one system call.
    pub(crate) fn is_silent(&self, certain: bool) -> bool {
        match self {
            Self::Tls(session) => session.is_silent(),
            Self::Plain(tcp) if certain => is_silent(tcp),
            Self::Plain(tcp) => {
                let mut byte = [0_u8; 1];
                let peeked =
                    tcp.poll_peek(&mut Context::from_waker(Waker::noop()), &mut ReadBuf::new(&mut byte));
                peeked.is_pending()
            }
        }
    }

    /// Tells the peer, as far as that goes without waiting, that nothing more comes. For a connection that is about to be
    /// dropped in good order.
    pub(crate) fn farewell(&self) {
        if let Self::Tls(session) = self {
            session.farewell();
        }
    }

    /// Ends the sending side: the peer reads the end of the stream, and can still be read from.
    pub(crate) fn poll_finish(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(tcp) => Poll::Ready(socket2::SockRef::from(tcp).shutdown(std::net::Shutdown::Write)),
            Self::Tls(session) => session.poll_shutdown(context),
        }
    }

    /// Makes dropping it a reset: what the peer has got is not all there was.
    pub(crate) fn reset_on_close(&self) {
        socket2::SockRef::from(self.tcp()).set_linger(Some(Duration::ZERO)).ok();
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, into),
            Self::Tls(session) => session.poll_read(context, into),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() { Poll::Ready(Ok(0)) } else { self.poll_send(context, &[bytes]) }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if parts.iter().all(|part| part.is_empty()) {
            return Poll::Ready(Ok(0));
        }
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(context, parts),
            Self::Tls(session) => session.poll_send_slices(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&self, context)
    }

    /// Ends the sending side.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(session) => session.poll_shutdown(context),
        }
    }
}
