//! From an accepted connection to the protocol that is spoken on it.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_config::Protocol;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::Client;
use crate::tls::{self, Session};
use crate::transport::Transport;
use crate::worker::{Ticket, Worker};
use crate::{http, http2, l4};

use super::Listener;
use super::accept::Open;
use super::proxy_header;

/// Serves the connection in a task of the current runtime.
pub(super) fn start(tcp: TcpStream, peer: SocketAddr, mut ticket: Ticket, open: Open) {
    tokio::spawn(async move {
        ticket.register().await;
        let worker = Arc::clone(ticket.worker());
        serve(tcp, Client::new(peer), Arc::clone(open.listener()), worker).await;
    });
}

async fn serve(tcp: TcpStream, mut client: Client, listener: Arc<Listener>, worker: Arc<Worker>) {
    let settings = listener.settings.load();
    let protocol = settings.protocol;
    if settings.accept_proxy.is_some() {
        // Its bounds may change while it waits; those that it began under hold.
        let settings = Guard::into_inner(settings);
        if !Box::pin(proxy_header::receive(&tcp, &mut client, &listener, &settings)).await {
            return;
        }
    } else {
        drop(settings);
    }
    // Each in a box of its own size: as parts of the task, all would weigh as much as the heaviest.
    match protocol {
        Protocol::Tcp | Protocol::TlsPassthrough => {
            Box::pin(l4::serve(tcp, client, listener, worker)).await;
        }
        Protocol::Https => Box::pin(https(tcp, client, listener, worker)).await,
        _ => Box::pin(http::serve(Transport::Plain(tcp), client.address, listener, worker)).await,
    }
}

async fn https(tcp: TcpStream, client: Client, listener: Arc<Listener>, worker: Arc<Worker>) {
    // A PROXY header has taken its part of the time.
    let deadline = Instant::from_std(client.since) + listener.settings.load().timeouts.handshake;
    // On the heap: what a handshake needs must not weigh on the connection afterwards.
    let handshake = Box::pin(tls::accept(tcp, &listener, worker.stage(), deadline)).await;
    let Some((stream, speaks_http2)) = handshake.map(agreed) else { return };
    if speaks_http2 {
        Box::pin(http2::serve(stream, Vec::new(), client.address, listener, worker)).await;
    } else {
        http::serve(stream, client.address, listener, worker).await;
    }
}

/// Whether HTTP/2 is spoken over a session. Apart from the task that serves it: what that borrows, it keeps room for.
fn agreed(session: Session) -> (Transport, bool) {
    let speaks_http2 = session.with(|tls| tls.alpn_protocol() == Some(b"h2"));
    (Transport::Tls(Box::new(session)), speaks_http2)
}
