//! Looks at the first bytes of a connection and leaves them where they are: whoever serves it then reads all of them.

use std::io;

use rustix::buffer::spare_capacity;
use rustix::net::{RecvFlags, recv};
use tokio::io::Interest;
use tokio::net::TcpStream;

/// Why there is nothing to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Bytes that had come before.
    pub(crate) after: usize,
}

/// Shows the first bytes of the stream, at most `max`, to `look` whenever there are more of them, until it finds
/// something. It must find something in `max` bytes.
///
/// # Errors
/// [`Ended`] when the connection ended or broke before that.
pub(crate) async fn peek_until<T>(
    tcp: &TcpStream,
    max: usize,
    mut look: impl FnMut(&[u8]) -> Option<T>,
) -> Result<T, Ended> {
    let mut seen = 0;
    loop {
        let ready = tcp.ready(Interest::READABLE).await.map_err(|_| Ended { after: seen })?;
        let bytes = match peek(tcp, seen, max) {
            Ok(bytes) if bytes.is_empty() => return Err(Ended { after: seen }),
            Ok(bytes) => bytes,
            // All that will ever come has been seen.
            Err(error) if is_passing(&error) && ready.is_read_closed() => return Err(Ended { after: seen }),
            Err(error) if is_passing(&error) => continue,
            Err(_) => return Err(Ended { after: seen }),
        };
        if let Some(found) = look(&bytes) {
            return Ok(found);
        }
        seen = bytes.len();
    }
}

/// Drops the first `count` bytes, which must have been peeked at.
pub(crate) fn skip(tcp: &TcpStream, count: usize) -> io::Result<()> {
    let mut sink = vec![0; count];
    let mut left = count;
    while left > 0 {
        let received =
            tcp.try_io(Interest::READABLE, || Ok(recv(tcp, &mut sink[..left], RecvFlags::empty())?.0))?;
        if received == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        left -= received;
    }
    Ok(())
}

/// What has arrived, if that is more than `seen` bytes or the end. Without that the socket counts as empty, so that the
/// next event is waited for although there are bytes in it.
fn peek(tcp: &TcpStream, seen: usize, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(max);
    tcp.try_io(Interest::READABLE, || {
        let (count, _) = recv(tcp, spare_capacity(&mut bytes), RecvFlags::PEEK)?;
        if count > 0 && count == seen { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
    })?;
    Ok(bytes)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::http::socket::tests::connection;

    #[tokio::test]
    async fn shows_more_as_it_comes_and_takes_nothing() {
        let (mut far, mut near) = connection().await;
        let sending = tokio::spawn(async move {
            for byte in b"hello!" {
                far.write_all(&[*byte]).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            far
        });
        let mut shown = Vec::new();
        let found = peek_until(&near, 100, |bytes| {
            shown.push(bytes.len());
            bytes.ends_with(b"!").then(|| bytes.to_vec())
        });
        assert_eq!(found.await, Ok(b"hello!".to_vec()));
        assert!(shown.is_sorted_by(|one, next| one < next), "nothing is shown twice: {shown:?}");
        skip(&near, 2).unwrap();
        drop(sending.await.unwrap());
        let mut rest = String::new();
        near.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "llo!");
    }

    #[tokio::test]
    async fn an_end_is_found_before_and_behind_the_first_bytes() {
        for sent in [&b""[..], b"abc"] {
            for together in [true, false] {
                let (mut far, near) = connection().await;
                far.write_all(sent).await.unwrap();
                let ending = tokio::spawn(async move {
                    if !together {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    drop(far);
                });
                let found = peek_until(&near, 100, |_| None::<()>);
                let found = tokio::time::timeout(Duration::from_secs(5), found).await.expect("no waiting");
                assert_eq!(found, Err(Ended { after: sent.len() }));
                ending.await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn waiting_for_more_costs_nothing() {
        let (mut far, near) = connection().await;
        far.write_all(b"abc").await.unwrap();
        let mut looks = 0;
        let found = peek_until(&near, 100, |_| {
            looks += 1;
            None::<()>
        });
        tokio::time::timeout(Duration::from_millis(100), found).await.unwrap_err();
        assert_eq!(looks, 1);
    }
}
