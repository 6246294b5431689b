//! One TLS connection, of either side, over TCP.
//!
//! Reads and writes are made by the same task and seldom wait for each other, so one lock for both costs two
//! uncontended atomic operations and keeps everything `Send`.

use std::io::{self, BufRead, IoSlice, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, sendmsg};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use tokio::io::{Interest, ReadBuf};
use tokio::net::TcpStream;

use super::peer::Secured;

/// A connection whose handshake is over.
#[derive(Debug)]
pub(crate) struct Session {
    tcp: TcpStream,
    tls: Mutex<Connection>,
    /// Of a client.
    pub(super) secured: Option<Arc<Secured>>,
}

impl Session {
    /// Shakes hands with a client. It waits as long as the client does: bound the time.
    ///
    /// # Errors
    /// What was wrong, after the client has been told, with the connection that it was told on.
    pub(crate) async fn accept(
        tcp: TcpStream,
        config: Arc<ServerConfig>,
    ) -> Result<Self, (io::Error, TcpStream)> {
        match ServerConnection::new(config) {
            Ok(tls) => Self::shake(tcp, tls.into()).await,
            Err(error) => Err((io::Error::other(error), tcp)),
        }
    }

    /// Shakes hands with a server that is to be `name`. It waits as long as the server does: bound the time.
    ///
    /// # Errors
    /// What was wrong, its certificate for instance, after the server has been told.
    pub(crate) async fn connect(
        tcp: TcpStream,
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
    ) -> io::Result<Self> {
        let tls = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Self::shake(tcp, tls.into()).await.map_err(|(error, _)| error)
    }

    async fn shake(tcp: TcpStream, tls: Connection) -> Result<Self, (io::Error, TcpStream)> {
        let session = Self { tcp, tls: Mutex::new(tls), secured: None };
        match std::future::poll_fn(|context| session.poll_handshake(context)).await {
            Ok(()) => Ok(session),
            Err(error) => Err((error, session.tcp)),
        }
    }

    fn poll_handshake(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tls = self.lock();
        loop {
            ready!(self.poll_empty(context, &mut tls))?;
            if !tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_receive(context, &mut tls))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// What requests need to know of the client's handshake.
    pub(crate) fn secured(&self) -> Option<&Arc<Secured>> {
        self.secured.as_ref()
    }

    pub(crate) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// What is known of the peer and what was agreed on.
    pub(crate) fn with<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        read(&self.lock())
    }

    pub(crate) fn poll_recv(&self, context: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let room = into.capacity() - into.len();
        debug_assert!(room > 0, "no room looks like the end of the stream");
        self.poll_content(context, |content| {
            let taken = content.len().min(room);
            into.extend_from_slice(&content[..taken]);
            taken
        })
    }

    pub(crate) fn poll_read(
        &self,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let content = self.poll_content(context, |content| {
            let taken = content.len().min(into.remaining());
            into.put_slice(&content[..taken]);
            taken
        });
        content.map_ok(|_| ())
    }

    /// Shows content that has arrived to `take`, which says how much of it it took. `Ok(0)` without showing any is the
    /// end of the stream. An end that the peer did not announce is an error: somebody else may have made it.
    fn poll_content(
        &self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let mut tls = self.lock();
        loop {
            let mut reader = tls.reader();
            match reader.fill_buf() {
                Ok([]) => return Poll::Ready(Ok(0)),
                Ok(content) => {
                    let taken = take(content);
                    reader.consume(taken);
                    return Poll::Ready(Ok(taken));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            ready!(self.poll_receive(context, &mut tls))?;
        }
    }

    /// Reads once from the connection, and answers what the protocol itself wants answered. `Ok(0)` is its end.
    fn poll_receive(&self, context: &mut Context<'_>, tls: &mut Connection) -> Poll<io::Result<usize>> {
        let count = loop {
            ready!(self.tcp.poll_read_ready(context))?;
            let mut short = None;
            let received = self.tcp.try_io(Interest::READABLE, || {
                let mut raw = Raw { tcp: &self.tcp, was_short: false };
                let received = tls.read_tls(&mut raw);
                // As on a plain connection: saying so now spares the call that finds nothing.
                match received {
                    Ok(count) if raw.was_short => {
                        short = Some(count);
                        Err(io::ErrorKind::WouldBlock.into())
                    }
                    received => received,
                }
            });
            match (short, received) {
                (Some(count), _) => break count,
                (None, Err(error)) if is_passing(&error) => {}
                (None, received) => break received?,
            }
        };
        self.process(tls)?;
        Poll::Ready(Ok(count))
    }

    fn process(&self, tls: &mut Connection) -> io::Result<()> {
        let outcome = tls.process_new_packets();
        if tls.wants_write() {
            self.write_now(tls).ok();
        }
        outcome.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(())
    }

    pub(crate) fn poll_send<const N: usize>(
        &self,
        context: &mut Context<'_>,
        parts: &[&[u8]; N],
    ) -> Poll<io::Result<usize>> {
        self.poll_send_slices(context, &parts.map(IoSlice::new))
    }

    /// Encrypts and sends; what the kernel does not take yet is kept, and goes out before anything else.
    pub(crate) fn poll_send_slices(
        &self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut tls = self.lock();
        ready!(self.poll_empty(context, &mut tls))?;
        let taken = tls.writer().write_vectored(parts)?;
        match self.poll_empty(context, &mut tls) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(taken)),
        }
    }

    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_empty(context, &mut self.lock())
    }

    /// Hands over what is encrypted until nothing is left.
    fn poll_empty(&self, context: &mut Context<'_>, tls: &mut Connection) -> Poll<io::Result<()>> {
        while tls.wants_write() {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_io(Interest::WRITABLE, || self.write_now(tls)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Err(error) if !is_passing(&error) => return Poll::Ready(Err(error)),
                Ok(_) | Err(_) => {}
            }
        }
        Poll::Ready(Ok(()))
    }

    fn write_now(&self, tls: &mut Connection) -> io::Result<usize> {
        tls.write_tls(&mut Raw { tcp: &self.tcp, was_short: false })
    }

    pub(crate) fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.lock().reader().fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            _ => return Poll::Ready(Ok(())),
        }
        self.tcp.poll_read_ready(context)
    }

    /// Whether it is open and no content has arrived. Asks the kernel. What a server sends of itself, such as tickets, is
    /// taken in on the way.
    pub(crate) fn is_silent(&self) -> bool {
        let mut tls = self.lock();
        loop {
            match tls.reader().fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                _ => return false,
            }
            match tls.read_tls(&mut Raw { tcp: &self.tcp, was_short: false }) {
                Ok(count) if count > 0 && self.process(&mut tls).is_ok() => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                _ => return false,
            }
        }
    }

    pub(crate) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut tls = self.lock();
        // Once: a second call adds nothing.
        tls.send_close_notify();
        ready!(self.poll_empty(context, &mut tls))?;
        Poll::Ready(socket2::SockRef::from(&self.tcp).shutdown(std::net::Shutdown::Write))
    }

    /// Announces the end, if that can be done at once.
    pub(crate) fn farewell(&self) {
        let mut tls = self.lock();
        tls.send_close_notify();
        self.write_now(&mut tls).ok();
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.tls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connection as rustls sees it: one system call each.
struct Raw<'a> {
    tcp: &'a TcpStream,
    /// The last read did not fill its buffer, so there was no more.
    was_short: bool,
}

impl Read for Raw<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len();
        let count = recv(self.tcp, into, RecvFlags::DONTWAIT)?.0;
        self.was_short = count > 0 && count < room;
        Ok(count)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        Ok(sendmsg(self.tcp, parts, &mut SendAncillaryBuffer::default(), flags)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
#[path = "session_tests.rs"]
pub(super) mod tests;
