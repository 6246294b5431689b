//! A connection to a backend that speaks HTTP/2, run by a task of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{self, SendRequest};

use crate::http1::RESPONSE_HEADER_MAX;
use crate::http2::{Io, Link};
use crate::transport::Transport;

/// What a backend may send on one stream before its client has taken any: memory that a slow client can hold.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The largest window there is (RFC 9113 section 6.9.1).
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// Bytes of a request's body that wait for a slow backend on one stream.
const SEND_BUFFER: usize = 64 * 1024;

/// Begins to speak HTTP/2 on `stream`. The connection ends when the backend closes it, or when every clone of the handle
/// that this returns has been dropped and the last stream has ended. What is below tells whether anything is heard.
///
/// # Errors
/// The connection failed. A backend that speaks something else is noticed with the first request only.
pub(crate) async fn begin(
    stream: Transport,
    streams_max: u32,
    address: SocketAddr,
) -> Result<(SendRequest<Bytes>, Arc<Link>), h2::Error> {
    let link = Arc::new(Link::of_backend(stream));
    let mut builder = client::Builder::new();
    builder
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        // Room for every stream's window: a client that takes nothing must not hold up the others.
        .initial_connection_window_size(STREAM_WINDOW.saturating_mul(streams_max).min(WINDOW_MAX))
        .max_header_list_size(RESPONSE_HEADER_MAX as u32)
        .initial_max_send_streams(streams_max as usize)
        .max_send_buffer_size(SEND_BUFFER);
    let mut handshake = std::pin::pin!(builder.handshake::<_, Bytes>(Io(Arc::clone(&link))));
    let shaken = std::future::poll_fn(|context| {
        let shaken = handshake.as_mut().poll(context);
        hand_over(&link, context);
        shaken
    });
    let (send, connection) = shaken.await?;
    tokio::spawn(drive(connection, Arc::clone(&link), address));
    Ok((send, link))
}

async fn drive(mut connection: client::Connection<Io, Bytes>, link: Arc<Link>, address: SocketAddr) {
    let ended = std::future::poll_fn(|context| {
        let ended = Pin::new(&mut connection).poll(context);
        hand_over(&link, context);
        ended
    });
    if let Err(error) = ended.await {
        tracing::debug!(%address, %error, "a connection to a backend ended");
    }
}

/// Writes what the engine has said. What cannot be written now goes out when this is next called, for which the context
/// is woken; a failure shows in the engine's next read.
fn hand_over(link: &Link, context: &mut Context<'_>) {
    if let Poll::Ready(Err(error)) = link.poll_out(context) {
        tracing::debug!(%error, "cannot write to a backend");
    }
}
