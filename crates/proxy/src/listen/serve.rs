//! From an accepted connection to the protocol that is spoken on it.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::Guard;
use evenkeel_config::Protocol;
use tokio::net::TcpStream;

use crate::client::Client;
use crate::transport::Transport;
use crate::worker::{Ticket, Worker};
use crate::{http, l4};

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
    match protocol {
        Protocol::Tcp | Protocol::TlsPassthrough => l4::serve(tcp, client, listener, worker).await,
        _ => http::serve(Transport::Plain(tcp), client.address, listener, worker).await,
    }
}
