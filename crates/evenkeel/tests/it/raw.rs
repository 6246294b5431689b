//! Servers and clients below HTTP.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Metrics, PATIENCE, TempDir, run_to_end, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::Setup;

/// Where Debian has it.
pub(crate) const OPENSSL: &str = "/usr/bin/openssl";

/// A server that keeps the connections that it has accepted for the test to use. It stops with its owner.
#[derive(Debug)]
pub(crate) struct Server {
    name: String,
    address: SocketAddr,
    accepted: Arc<Mutex<Vec<TcpStream>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start(name: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let accepted = Arc::<Mutex<Vec<TcpStream>>>::default();
        let sink = Arc::clone(&accepted);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                sink.lock().expect("nobody panicked").push(stream);
            }
        });
        Self { name: name.to_owned(), address, accepted, accepting }
    }

    /// For `backends = [...]`.
    pub(crate) fn entry(&self) -> String {
        self.entry_with("weight = 1")
    }

    pub(crate) fn entry_with(&self, keys: &str) -> String {
        format!("{{ address = \"{}\", name = \"{}\", {keys} }}", self.address, self.name)
    }

    /// The oldest connection that has not been asked for.
    pub(crate) async fn connection(&self) -> TcpStream {
        until("a connection to the server", async || self.take()).await
    }

    pub(crate) fn take(&self) -> Option<TcpStream> {
        let mut accepted = self.accepted.lock().expect("nobody panicked");
        if accepted.is_empty() { None } else { Some(accepted.remove(0)) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A listener `web` of this protocol in front of these servers.
pub(crate) fn layer4<'a>(protocol: &str, servers: impl IntoIterator<Item = &'a Server>) -> Setup {
    Setup::of_entries(servers.into_iter().map(Server::entry)).listener(&format!("protocol = \"{protocol}\""))
}

/// A connection to the listener `web`.
pub(crate) async fn connect(evenkeel: &Evenkeel) -> TcpStream {
    TcpStream::connect(evenkeel.address("web")).await.expect("the listener accepts")
}

/// A client and the server's end of its connection.
pub(crate) async fn connected(evenkeel: &Evenkeel, server: &Server) -> (TcpStream, TcpStream) {
    let client = connect(evenkeel).await;
    (client, server.connection().await)
}

/// Connections that have ended in this way.
pub(crate) async fn await_ended(evenkeel: &Evenkeel, end: &str, count: f64) {
    let accept = |metrics: &Metrics| {
        metrics.get("evenkeel_relays_total", &[("listener", "web"), ("end", end)]) == Some(count)
    };
    evenkeel.await_metrics(&format!("{count} relays that ended with {end}"), accept).await;
}

/// Makes a key `k.pem` and a certificate `c.pem` of this name that nobody else vouches for.
pub(crate) async fn certificate(directory: &TempDir, name: &str) {
    let subject = format!("/CN={name}");
    let make =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -keyout k.pem -out c.pem -subj";
    let arguments: Vec<&str> = make.split(' ').chain([subject.as_str()]).collect();
    let made = run_to_end(OPENSSL, &arguments, directory.path(), PATIENCE).await;
    assert!(made.status.success(), "{made:?}");
}

/// A connection from this address of the loopback network.
pub(crate) async fn connect_from(source: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(SocketAddr::new(IpAddr::V4(source.into()), 0)).expect("all of 127/8 is ours");
    socket.connect(to).await.unwrap_or_else(|error| panic!("connect to {to}: {error}"))
}

/// Exactly `length` bytes.
pub(crate) async fn read(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read = timeout(PATIENCE, stream.read_exact(&mut bytes)).await;
    read.expect("bytes in time").unwrap_or_else(|error| panic!("{length} bytes: {error}"));
    bytes
}

/// Everything up to an end in good order.
pub(crate) async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    read.expect("an end in time").unwrap_or_else(|error| panic!("an end in good order: {error}"));
    bytes
}

/// Reads until the connection is reset.
pub(crate) async fn expect_reset(stream: &mut TcpStream) {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("a reset in time");
    let error = read.expect_err("a reset, not an end in good order");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

/// Makes dropping the connection a reset.
pub(crate) fn reset(stream: TcpStream) {
    stream.set_zero_linger().expect("an open socket");
    drop(stream);
}

/// Sends a word over the connections between two ends and back.
pub(crate) async fn exchange(one: &mut TcpStream, other: &mut TcpStream) {
    one.write_all(b"ping").await.expect("the way there");
    assert_eq!(read(other, 4).await, b"ping");
    other.write_all(b"pong").await.expect("the way back");
    assert_eq!(read(one, 4).await, b"pong");
}

/// That nothing arrives for a moment.
pub(crate) async fn expect_silence(stream: &mut TcpStream) {
    let mut byte = [0; 1];
    let read = timeout(Duration::from_millis(100), stream.peek(&mut byte)).await;
    assert!(read.is_err(), "something came: {read:?}");
}
