//! The admin interface: read-only HTTP on a thread of its own, so that a scrape never takes time from a request.

mod events;
mod fault;
mod host;
mod routes;
mod serve;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use evenkeel_proxy::Proxy;
use tokio::sync::mpsc;

use crate::app::{Applied, Logging};
use routes::View;

/// The running interface. It ends when this is dropped.
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
    pub(crate) address: SocketAddr,
    pub(crate) source: io::Error,
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
    pub(crate) fn start(
        proxy: Proxy,
        logging: Option<Logging>,
        applied: Applied,
        socket: Socket,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (listeners, inbox) = mpsc::unbounded_channel();
        let view = Arc::new(View::new(proxy, logging, applied));
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

#[cfg(test)]
mod tests {
    use evenkeel_config::{BackendAddress, Config};
    use evenkeel_proxy::StartOptions;

    use super::*;
    use crate::client::Connection;

    fn settings(listen: &str) -> evenkeel_config::Admin {
        evenkeel_config::Admin { listen: listen.parse().unwrap() }
    }

    fn started() -> Admin {
        let backend = BackendAddress::Socket("127.0.0.1:1".parse().unwrap());
        let mut config = Config::quick("127.0.0.1:0".parse().unwrap(), &[backend]);
        config.runtime.workers = Some(1);
        let proxy = Proxy::start(config, StartOptions::default()).unwrap();
        Admin::start(proxy, None, Applied::default(), bind(Some(&settings("127.0.0.1:0"))).unwrap()).unwrap()
    }

    fn status(connection: &mut Connection) -> u16 {
        connection.get("/healthz").unwrap().status
    }

    #[test]
    fn moves_and_keeps_open_connections() {
        let mut admin = started();
        let before = admin.address().unwrap();
        let mut open = Connection::open(&before.to_string()).unwrap();
        assert_eq!(status(&mut open), 200);
        let same = settings("127.0.0.1:0");
        assert!(admin.prepare(Some(&same)).unwrap().is_none(), "the same settings keep the port");
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = admin.prepare(Some(&settings(&free.to_string()))).unwrap();
        admin.commit(socket);
        assert_eq!(admin.address(), Some(free));
        assert_eq!(status(&mut Connection::open(&free.to_string()).unwrap()), 200);
        assert_eq!(status(&mut open), 200, "whoever asked for the move learns of it");
        assert!(Connection::open(&before.to_string()).is_err(), "the old address is closed");
        let off = admin.prepare(None).unwrap();
        admin.commit(off);
        assert_eq!(admin.address(), None);
    }

    #[test]
    fn an_address_in_use_is_refused_and_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = started().prepare(Some(&settings(&address))).unwrap_err();
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[test]
    fn a_silent_client_is_closed_and_holds_nobody_up() {
        use std::io::{Read, Write};
        use std::time::Duration;

        let admin = started();
        let address = admin.address().unwrap();
        let mut silent: Vec<_> = (0..32).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        silent.iter_mut().for_each(|stream| stream.write_all(b"GET / HT").unwrap());
        assert_eq!(status(&mut Connection::open(&address.to_string()).unwrap()), 200);
        for mut stream in silent {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            // Closed, with or without a 408 before.
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
    }
}
