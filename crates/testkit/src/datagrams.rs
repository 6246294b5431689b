//! Both ends of UDP: a backend that answers, and a client.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use crate::wait::PATIENCE;

/// Answers each datagram with its own name, a colon, and what came. Stops, and closes its port, when dropped.
#[derive(Debug)]
pub struct UdpBackend {
    name: String,
    address: SocketAddr,
    shared: Arc<Shared>,
    task: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    datagrams: AtomicU64,
    /// To each datagram.
    replies: AtomicUsize,
    peers: Mutex<BTreeSet<SocketAddr>>,
}

/// A client with a port of its own, which takes replies from the address that it talks to and from no other.
#[derive(Debug)]
pub struct UdpClient {
    socket: UdpSocket,
}

impl UdpBackend {
    /// On any free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start(name: &str) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = socket.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            datagrams: AtomicU64::new(0),
            replies: AtomicUsize::new(1),
            peers: Mutex::default(),
        });
        let task = tokio::spawn(answer(socket, name.to_owned(), Arc::clone(&shared))).abort_handle();
        Self { name: name.to_owned(), address, shared, task }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A TOML inline table for `backends = [...]`, with these keys beside name and address.
    pub fn entry_with(&self, keys: &str) -> String {
        format!("{{ address = \"{}\", name = \"{}\", {keys} }}", self.address, self.name)
    }

    /// The same with a weight.
    pub fn entry(&self, weight: u32) -> String {
        self.entry_with(&format!("weight = {weight}"))
    }

    /// From now on it answers each datagram that often; 0 is not at all.
    pub fn set_replies(&self, replies: usize) {
        self.shared.replies.store(replies, Ordering::Relaxed);
    }

    /// Datagrams that have come.
    pub fn datagrams(&self) -> u64 {
        self.shared.datagrams.load(Ordering::Relaxed)
    }

    /// Addresses that they came from: one for each session.
    pub fn peers(&self) -> u64 {
        lock(&self.shared.peers).len() as u64
    }
}

impl Drop for UdpBackend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl UdpClient {
    /// Talks to `address` from a new port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connect(address: SocketAddr) -> Self {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        let socket = UdpSocket::bind((any, 0)).await.expect("a free port");
        socket.connect(address).await.expect("a way there");
        Self { socket }
    }

    /// The address that it talks from.
    ///
    /// # Panics
    /// Never: it is bound.
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket has an address")
    }

    /// Sends one datagram. That nobody is there, as an earlier one has shown, is not taken for a failure.
    ///
    /// # Panics
    /// On every other failure.
    pub async fn send(&self, content: &[u8]) {
        for _ in 0..2 {
            match self.socket.send(content).await {
                Ok(_) => return,
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {}
                Err(error) => panic!("cannot send: {error}"),
            }
        }
    }

    /// The next datagram.
    ///
    /// # Panics
    /// When there is none for a long time.
    pub async fn receive(&self) -> Vec<u8> {
        self.receive_within(PATIENCE).await.expect("a reply")
    }

    /// The next datagram that comes within `limit`.
    pub async fn receive_within(&self, limit: Duration) -> Option<Vec<u8>> {
        let mut content = vec![0; 65_536];
        let deadline = tokio::time::Instant::now() + limit;
        loop {
            // An earlier datagram may have been refused; the next reply may come all the same.
            if let Ok(length) =
                tokio::time::timeout_at(deadline, self.socket.recv(&mut content)).await.ok()?
            {
                content.truncate(length);
                return Some(content);
            }
        }
    }

    /// Sends `content`, and gives the name of the backend that sends it back.
    ///
    /// # Panics
    /// When nothing comes, or something else.
    pub async fn ask(&self, content: &[u8]) -> String {
        self.send(content).await;
        name_in(&self.receive().await, content)
    }

    /// The same, within `limit`.
    ///
    /// # Panics
    /// When something else comes.
    pub async fn ask_within(&self, content: &[u8], limit: Duration) -> Option<String> {
        self.send(content).await;
        Some(name_in(&self.receive_within(limit).await?, content))
    }
}

fn name_in(reply: &[u8], content: &[u8]) -> String {
    let name = reply.strip_suffix(content).and_then(|name| name.strip_suffix(b":"));
    let name = name.unwrap_or_else(|| panic!("{} bytes were not sent back as they were", content.len()));
    String::from_utf8_lossy(name).into_owned()
}

async fn answer(socket: UdpSocket, name: String, shared: Arc<Shared>) {
    let mut content = vec![0; 65_536];
    loop {
        // That a client is gone is told to whoever receives next.
        let Ok((length, peer)) = socket.recv_from(&mut content).await else { continue };
        shared.datagrams.fetch_add(1, Ordering::Relaxed);
        lock(&shared.peers).insert(peer);
        let reply = [name.as_bytes(), b":", &content[..length]].concat();
        for _ in 0..shared.replies.load(Ordering::Relaxed) {
            socket.send_to(&reply, peer).await.ok();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_asked_comes_back() {
        let backend = UdpBackend::start("a").await;
        let client = UdpClient::connect(backend.address()).await;
        for content in [&b""[..], b"x", &[7; 60_000]] {
            assert_eq!(client.ask(content).await, "a");
        }
        backend.set_replies(0);
        assert_eq!(client.ask_within(b"x", Duration::from_millis(50)).await, None);
        assert_eq!((backend.datagrams(), backend.peers()), (4, 1));
    }

    #[tokio::test]
    async fn one_that_is_gone_refuses() {
        let backend = UdpBackend::start("a").await;
        let client = UdpClient::connect(backend.address()).await;
        assert_eq!(client.ask(b"x").await, "a");
        drop(backend);
        // The port is closed when the task has been dropped.
        tokio::task::yield_now().await;
        client.socket.send(b"x").await.expect("nobody has said anything yet");
        let refused = tokio::time::timeout(PATIENCE, client.socket.recv(&mut [0; 8])).await;
        let refused = refused.expect("ICMP is fast").expect_err("nobody is there");
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    }
}
