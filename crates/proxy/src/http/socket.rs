//! Reads and writes on a socket: one system call each, made directly.
//!
//! The C library's `recv` and `send` are points of cancellation, which costs a twentieth of the time that a request
//! spends in this process; rustix makes the system call itself, and reads into memory that nobody had to zero.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, recv, send, sendmsg};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Appends what has arrived to `into`, within its capacity, which must not be used up. `Ok(0)` is the end of the stream.
pub(crate) fn poll_recv(
    context: &mut Context<'_>,
    socket: &TcpStream,
    into: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let room = into.capacity() - into.len();
    debug_assert!(room > 0, "no room looks like the end of the stream");
    loop {
        ready!(socket.poll_read_ready(context))?;
        let receive = || Ok(recv(socket, spare_capacity(into), RecvFlags::empty())?.0);
        if let Some(received) = attempt(socket, Interest::READABLE, room, receive) {
            return Poll::Ready(received);
        }
    }
}

/// Writes the parts in order, as much as the kernel takes at once. There must be something to write.
pub(crate) fn poll_send<const N: usize>(
    context: &mut Context<'_>,
    socket: &TcpStream,
    parts: &[&[u8]; N],
) -> Poll<io::Result<usize>> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    debug_assert!(length > 0, "nothing written looks like a broken connection");
    loop {
        ready!(socket.poll_write_ready(context))?;
        if let Some(sent) = attempt(socket, Interest::WRITABLE, length, || Ok(send_parts(socket, parts)?)) {
            return Poll::Ready(sent);
        }
    }
}

fn send_parts<const N: usize>(socket: &TcpStream, parts: &[&[u8]; N]) -> rustix::io::Result<usize> {
    let mut non_empty = parts.iter().filter(|part| !part.is_empty());
    match (non_empty.next(), non_empty.next()) {
        (Some(only), None) => send(socket, only, SendFlags::NOSIGNAL),
        _ => {
            let slices = parts.map(IoSlice::new);
            sendmsg(socket, &slices, &mut SendAncillaryBuffer::default(), SendFlags::NOSIGNAL)
        }
    }
}

/// One system call on a socket that is said to be ready. `None` when it is not after all.
///
/// A call that moves less than `wanted` has emptied (or filled) the socket. Saying so now spares the call that would
/// find out: readiness comes back with the next event, as after `EWOULDBLOCK` (epoll(7), edge-triggered use).
fn attempt(
    socket: &TcpStream,
    interest: Interest,
    wanted: usize,
    mut call: impl FnMut() -> io::Result<usize>,
) -> Option<io::Result<usize>> {
    let mut short = None;
    let outcome = socket.try_io(interest, || match call() {
        Ok(count) if count > 0 && count < wanted => {
            short = Some(count);
            Err(io::ErrorKind::WouldBlock.into())
        }
        outcome => outcome,
    });
    match outcome {
        _ if short.is_some() => short.map(Ok),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => None,
        outcome => Some(outcome),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::upstream::is_silent;

    /// Two ends of a connection.
    pub(crate) async fn connection() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (near.unwrap(), far.unwrap().0)
    }

    #[tokio::test]
    async fn receives_up_to_the_capacity_then_the_rest_then_the_end() {
        let (near, mut far) = connection().await;
        far.write_all(b"hello, world").await.unwrap();
        let mut into = Vec::with_capacity(5);
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 5);
        assert_eq!(into, b"hello");
        into.reserve_exact(100);
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 7);
        assert_eq!(into, b"hello, world");
        // After a short read nothing is said to be there until something is.
        assert!(poll_fn(|context| Poll::Ready(poll_recv(context, &near, &mut into).is_pending())).await);
        far.write_all(b"!").await.unwrap();
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 1);
        drop(far);
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn silence_is_what_the_kernel_says() {
        let (near, mut far) = connection().await;
        let mut into = Vec::with_capacity(100);
        far.write_all(b"a").await.unwrap();
        poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap();
        assert!(is_silent(&near));
        // No event has been waited for since the short read.
        far.write_all(b"b").await.unwrap();
        assert!(!is_silent(&near));
        poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap();
        drop(far);
        assert!(!is_silent(&near), "its end is not silence");
    }

    #[tokio::test]
    async fn an_end_that_came_with_the_last_bytes_is_seen() {
        let (near, mut far) = connection().await;
        far.write_all(b"bye").await.unwrap();
        drop(far);
        let mut into = Vec::with_capacity(100);
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 3);
        assert_eq!(poll_fn(|context| poll_recv(context, &near, &mut into)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn sends_all_parts_and_goes_on_after_a_full_socket() {
        let (near, mut far) = connection().await;
        let large = vec![7_u8; 8 << 20];
        let reading = tokio::spawn(async move {
            let mut got = Vec::new();
            far.read_to_end(&mut got).await.unwrap();
            got
        });
        let mut sent = 0;
        while sent < large.len() + 2 {
            let parts = match sent {
                0 => [&b"a"[..], &large, b"", b"z"],
                _ => [&b""[..], &large[(sent - 1).min(large.len())..], b"", b"z"],
            };
            sent += poll_fn(|context| poll_send(context, &near, &parts)).await.unwrap();
        }
        drop(near);
        let got = reading.await.unwrap();
        assert_eq!((got.len(), got[0], got[got.len() - 1]), (large.len() + 2, b'a', b'z'));
    }

    #[tokio::test]
    async fn writing_to_a_reset_connection_is_an_error_not_a_signal() {
        let (near, far) = connection().await;
        socket2::SockRef::from(&far).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(far);
        let mut outcome = Ok(1);
        for _ in 0..3 {
            outcome = poll_fn(|context| poll_send(context, &near, &[b"x"])).await;
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        assert!(outcome.is_err());
    }
}
