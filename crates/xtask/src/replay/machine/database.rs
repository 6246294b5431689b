//! What every server of a replay needs for every request: another server, asked over the network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Mutex, PoisonError};

use evenkeel_testkit::Client;

/// Connections to it, of which those that idle are kept.
#[derive(Debug)]
pub(super) struct Database {
    address: SocketAddr,
    idle: Mutex<Vec<Client>>,
}

impl Database {
    pub(super) fn new(port: u16) -> Self {
        Self { address: (Ipv4Addr::LOCALHOST, port).into(), idle: Mutex::default() }
    }

    /// One query.
    pub(super) async fn query(&self) -> io::Result<()> {
        let idle = self.lock().pop();
        let mut client = match idle {
            Some(client) => client,
            None => Client::try_connect(self.address).await?,
        };
        client.try_send("GET /query HTTP/1.1\r\nHost: db\r\n\r\n").await?;
        match client.try_response("GET").await?.status() {
            200 => {
                self.lock().push(client);
                Ok(())
            }
            _ => Err(io::ErrorKind::Other.into()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
