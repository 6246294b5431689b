//! The admin interface: read-only HTTP on a thread of its own, so that a scrape never takes time from a request.

mod host;
mod routes;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_proxy::Proxy;
use tokio::sync::mpsc;

use crate::app::Logging;
use routes::View;

/// A handle on the running interface. It ends with the process.
#[derive(Debug)]
pub(crate) struct Admin {
    /// As configured: port 0 stays the port it got.
    configured: Option<SocketAddr>,
    address: Option<SocketAddr>,
    listeners: mpsc::UnboundedSender<Option<TcpListener>>,
}

/// A bound socket, or none, with the address that asked for it.
#[derive(Debug)]
pub(crate) struct Socket {
    configured: Option<SocketAddr>,
    listener: Option<TcpListener>,
}

/// The address of the admin interface cannot be bound.
#[derive(Debug, thiserror::Error)]
#[error("admin: cannot bind {address}")]
pub(crate) struct BindError {
    address: SocketAddr,
    source: io::Error,
}

/// Binds what the configuration asks for.
pub(crate) fn bind(config: Option<&evenkeel_config::Admin>) -> Result<Socket, BindError> {
    let configured = config.map(|admin| admin.listen);
    let listener = match configured {
        None => None,
        Some(address) => {
            let bound = TcpListener::bind(address).and_then(|listener| {
                listener.set_nonblocking(true)?;
                Ok(listener)
            });
            Some(bound.map_err(|source| BindError { address, source })?)
        }
    };
    Ok(Socket { configured, listener })
}

impl Admin {
    /// Answers on `socket` from now on.
    pub(crate) fn start(proxy: Proxy, logging: Option<Logging>, socket: Socket) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (listeners, inbox) = mpsc::unbounded_channel();
        let view = Arc::new(View::new(proxy, logging));
        std::thread::Builder::new()
            .name("admin".to_owned())
            .spawn(move || runtime.block_on(serve::serve(view, inbox)))?;
        let mut admin = Self { configured: None, address: None, listeners };
        admin.adopt(socket);
        Ok(admin)
    }

    /// Where it can be reached.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Binds the address of a new configuration, if it is another one; `None` when nothing moves.
    pub(crate) fn prepare(
        &self,
        config: Option<&evenkeel_config::Admin>,
    ) -> Result<Option<Socket>, BindError> {
        if config.map(|admin| admin.listen) == self.configured {
            return Ok(None);
        }
        bind(config).map(Some)
    }

    /// Moves to a prepared socket. Connections that are open stay, so that whoever asked for the reload over one of
    /// them learns how it went.
    pub(crate) fn commit(&mut self, prepared: Option<Socket>) {
        let Some(socket) = prepared else {
            return;
        };
        self.adopt(socket);
        match self.address {
            Some(address) => tracing::info!(listener = "admin", %address, "listening"),
            None => tracing::info!("the admin interface is off"),
        }
    }

    fn adopt(&mut self, socket: Socket) {
        self.configured = socket.configured;
        self.address = socket.listener.as_ref().and_then(|listener| listener.local_addr().ok());
        if self.listeners.send(socket.listener).is_err() {
            tracing::error!("the admin thread has ended");
        }
    }
}
