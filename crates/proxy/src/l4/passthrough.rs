//! TLS that is passed through: the hello says where to, and stays where it is until the relay reads it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::Client;
use crate::listen::{Listener, ListenerSettings};
use crate::peek::peek_until;

use super::account::Ending;
use super::client_hello::{self, ClientHello, HELLO_MAX, Unread};

/// Fatal alerts (RFC 8446 section 6.2; RFC 6066 section 3): a record of two bytes.
const DECODE_ERROR: u8 = 50;
const UNRECOGNIZED_NAME: u8 = 112;
/// A client that was refused gets so long to read why: closing at once could destroy it under way.
const FAREWELL: Duration = Duration::from_secs(1);
/// What it sends meanwhile is dropped, up to so much.
const FAREWELL_BYTES: usize = 256 * 1024;

/// Waits for the client's hello, as long as its handshake may take.
pub(super) async fn hello(
    tcp: &TcpStream,
    client: &Client,
    listener: &Listener,
    settings: &ListenerSettings,
) -> Result<ClientHello, Ending> {
    let look = peek_until(tcp, HELLO_MAX, |bytes| match client_hello::read(bytes) {
        Err(Unread::Partial) => None,
        read => Some((read, bytes.len())),
    });
    let until = tokio::time::Instant::from_std(client.since) + settings.timeouts.handshake;
    let read = match tokio::time::timeout_at(until, look).await {
        Err(_) => return Err(Ending::HelloTimeout),
        Ok(Err(_)) => return Err(Ending::ClientGone),
        Ok(Ok((read, _))) => read,
    };
    let hello = read.map_err(|_| Ending::HelloInvalid)?;
    if hello.server_name.is_none() {
        listener.counts.relays.nameless.fetch_add(1, Ordering::Relaxed);
    }
    Ok(hello)
}

/// Tells the client in the words of its protocol why it is refused, if it speaks it at all.
pub(super) async fn refuse(mut tcp: TcpStream, ending: Ending) {
    let description = match ending {
        Ending::HelloInvalid => DECODE_ERROR,
        Ending::NameUnknown => UNRECOGNIZED_NAME,
        _ => return,
    };
    let farewell = async {
        tcp.write_all(&[21, 3, 3, 0, 2, 2, description]).await.ok()?;
        tcp.shutdown().await.ok()?;
        let mut sink = vec![0; 4096];
        let mut dropped = 0;
        while dropped < FAREWELL_BYTES {
            match tcp.read(&mut sink).await {
                Ok(count) if count > 0 => dropped += count,
                _ => break,
            }
        }
        Some(())
    };
    tokio::time::timeout(FAREWELL, farewell).await.ok();
}
