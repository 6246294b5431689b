//! From an accepted connection to the protocol that is spoken on it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;

use crate::http;
use crate::transport::Transport;
use crate::worker::{Ticket, Worker};

use super::Listener;
use super::accept::Open;

/// Serves the connection in a task of the current runtime.
pub(super) fn start(tcp: TcpStream, peer: SocketAddr, mut ticket: Ticket, open: Open) {
    tokio::spawn(async move {
        ticket.register().await;
        let worker = Arc::clone(ticket.worker());
        serve(tcp, peer, Arc::clone(open.listener()), worker).await;
    });
}

async fn serve(tcp: TcpStream, peer: SocketAddr, listener: Arc<Listener>, worker: Arc<Worker>) {
    http::serve(Transport::Plain(tcp), peer, listener, worker).await;
}
