//! TLS passed through by the name that the client asks for: real clients and servers, and clients that are neither.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{Evenkeel, Finished, Json, TempDir, free_port, run_to_end, until};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::raw::{OPENSSL, Server, certificate, exchange, expect_silence, layer4, read, read_to_end};
use crate::support::{BINARY, Setup};

const PATIENCE: Duration = Duration::from_secs(20);

/// A TLS server with a certificate of its name, and the name as the content of every page.
struct TlsServer {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl TlsServer {
    async fn start(name: &str, protocols: &str) -> Self {
        let directory = TempDir::new("tls");
        certificate(&directory, name).await;
        let port = free_port();
        let accept = format!("127.0.0.1:{port}");
        let serve =
            ["s_server", "-accept", &accept, "-cert", "c.pem", "-key", "k.pem", "-alpn", protocols, "-www"];
        let child = Command::new(OPENSSL)
            .args(serve)
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        until("openssl's server", async || TcpStream::connect(&accept).await.ok()).await;
        Self { child, port, _directory: directory }
    }

    fn pool(&self, name: &str) -> String {
        let port = self.port;
        format!("[pool.{name}]\nhealth = false\nbackends = [\"127.0.0.1:{port}\"]\n")
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What openssl's client says of a connection with these options.
async fn dial(evenkeel: &Evenkeel, options: &[&str]) -> Finished {
    let address = evenkeel.address("web").to_string();
    let arguments = [&["s_client", "-brief", "-connect", &address], options].concat();
    run_to_end(OPENSSL, &arguments, Path::new("/"), PATIENCE).await
}

/// Whom openssl's client found.
async fn met(evenkeel: &Evenkeel, options: &[&str]) -> String {
    let finished = dial(evenkeel, options).await;
    let line = finished.stderr.lines().find(|line| line.starts_with("Peer certificate:"));
    let line = line.unwrap_or_else(|| panic!("{options:?}: {finished:?}"));
    line.rsplit([' ', '=']).next().unwrap_or_default().to_owned()
}

/// A route of `web` with these keys.
fn route(keys: &str, pool: &str) -> String {
    format!("[[route]]\nlistener = \"web\"\n{keys}\npool = \"{pool}\"\n")
}

/// What a client that is real says first when it asks for this name.
async fn hello(name: &str) -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let client = Command::new(OPENSSL)
        .args(["s_client", "-connect", &address, "-servername", name, "-alpn", "h2,http/1.1"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut client = client.expect("openssl is installed");
    let (mut stream, _) = listener.accept().await.expect("it connects");
    let mut bytes = read(&mut stream, 5).await;
    let length = usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
    bytes.extend(read(&mut stream, length).await);
    client.kill().ok();
    client.wait().ok();
    bytes
}

async fn connect(evenkeel: &Evenkeel) -> TcpStream {
    let stream = TcpStream::connect(evenkeel.address("web")).await.expect("the listener accepts");
    stream.set_nodelay(true).expect("an open socket");
    stream
}

async fn ended(evenkeel: &Evenkeel, end: &str) -> f64 {
    evenkeel.metrics().await.value("evenkeel_relays_total", &[("end", end)])
}

async fn log_line(evenkeel: &Evenkeel) -> Json {
    let path = evenkeel.directory().join("access.log");
    until("a line of the access log", async || {
        std::fs::read_to_string(&path).ok()?.lines().next()?.parse().ok()
    })
    .await
}

#[tokio::test]
async fn names_and_protocols_choose_the_server() {
    let exact = TlsServer::start("exact", "h2,http/1.1").await;
    let wild = TlsServer::start("wild", "http/1.1").await;
    let acme = TlsServer::start("acme", "acme-tls/1").await;
    let rest = TlsServer::start("rest", "http/1.1").await;
    let top = [
        route("host = \"a.example\"", "exact"),
        route("host = \"a.example\"\nalpn = \"acme-tls/1\"", "acme"),
        route("host = \"*.example\"", "wild"),
        exact.pool("exact"),
        wild.pool("wild"),
        acme.pool("acme"),
    ];
    let entry = format!("\"127.0.0.1:{}\"", rest.port);
    let setup = Setup::of_entries([entry]).listener("protocol = \"tls_passthrough\"").top(&top.concat());
    let evenkeel = setup.start().await;
    for (options, expected) in [
        (&["-servername", "a.example"][..], "exact"),
        (&["-servername", "A.EXAMPLE"], "exact"),
        (&["-servername", "a.example", "-tls1_2"], "exact"),
        (&["-servername", "a.example", "-alpn", "h2,http/1.1"], "exact"),
        (&["-servername", "a.example", "-alpn", "acme-tls/1"], "acme"),
        (&["-servername", "b.example"], "wild"),
        (&["-servername", "deep.b.example"], "wild"),
        (&["-servername", "example"], "rest"),
        (&["-servername", "elsewhere.test"], "rest"),
        (&["-noservername"], "rest"),
    ] {
        assert_eq!(met(&evenkeel, options).await, expected, "{options:?}");
    }
    let nameless = evenkeel.metrics().await.value("evenkeel_tls_hello_without_name_total", &[]);
    assert_eq!(nameless, 1.0);
}

#[tokio::test]
async fn a_page_comes_through_whole() {
    let server = TlsServer::start("pages", "http/1.1").await;
    let entry = format!("\"127.0.0.1:{}\"", server.port);
    let log = "[log]\naccess = { path = \"access.log\", format = \"json\" }";
    let setup = Setup::of_entries([entry]).listener("protocol = \"tls_passthrough\"").top(log);
    let evenkeel = setup.start().await;
    let port = evenkeel.address("web").port();
    let (url, connect_to) =
        (format!("https://shop.example:{port}/"), format!("shop.example:{port}:127.0.0.1:{port}"));
    let arguments = ["-sSk", "--http1.1", "--max-time", "15", "--connect-to", &connect_to, &url];
    let page = run_to_end("/usr/bin/curl", &arguments, Path::new("/"), PATIENCE).await;
    assert!(page.status.success() && page.stdout.contains("s_server"), "{page:?}");
    let line = log_line(&evenkeel).await;
    for (field, expected) in [
        ("protocol", "tls_passthrough"),
        ("server_name", "shop.example"),
        ("client", "127.0.0.1"),
        ("pool", "web"),
    ] {
        assert_eq!(line[field], expected, "{field} in {line}");
    }
    assert!(line["response_bytes"].as_u64() > Some(page.stdout.len() as u64), "{line}");
}

#[tokio::test]
async fn a_name_without_a_route_is_told_so() {
    let server = Server::start("a").await;
    let text = layer4("tls_passthrough", [&server]).top(&route("host = \"a.example\"", "web")).text();
    let text = text.replace("pool = \"web\"\nprotocol", "protocol");
    let evenkeel = Evenkeel::start(BINARY, &text).await;
    for options in [&["-servername", "b.example"][..], &["-noservername"]] {
        let finished = dial(&evenkeel, options).await;
        assert!(finished.stderr.contains("unrecognized name"), "{finished:?}");
    }
    assert_eq!(ended(&evenkeel, "name_unknown").await, 2.0);
    assert!(server.take().is_none(), "a backend was connected to");
}

#[tokio::test]
async fn a_hello_may_come_in_pieces_of_any_size() {
    let (by_name, other) = (Server::start("named").await, Server::start("other").await);
    let pool = format!("[pool.named]\nhealth = false\nbackends = [{}]\n", by_name.entry());
    let top = route("host = \"a.example\"", "named") + &pool;
    let evenkeel = layer4("tls_passthrough", [&other]).top(&top).start().await;
    let whole = hello("a.example").await;
    let message = &whole[5..];
    let in_records: Vec<u8> =
        message.chunks(7).flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat()).collect();
    for bytes in [whole.clone(), in_records] {
        let mut client = connect(&evenkeel).await;
        let (last, first) = bytes.split_last().expect("a hello");
        for byte in first {
            client.write_all(&[*byte]).await.expect("it listens");
            tokio::task::yield_now().await;
        }
        expect_silence(&mut client).await;
        assert!(by_name.take().is_none(), "connected before the hello was whole");
        client.write_all(&[*last]).await.expect("it listens");
        let mut backend = by_name.connection().await;
        assert_eq!(read(&mut backend, bytes.len()).await, bytes);
        exchange(&mut client, &mut backend).await;
    }
    assert!(other.take().is_none());
}

#[tokio::test]
async fn what_is_no_hello_reaches_nobody() {
    let server = Server::start("a").await;
    let text = layer4("tls_passthrough", [&server]).text();
    let text = text.replace("protocol =", "timeouts = { handshake = \"500ms\" }\nprotocol =");
    let evenkeel = Evenkeel::start(BINARY, &text).await;
    let whole = hello("a.example").await;
    let mut two_names = whole.clone();
    // The length of the message is that of all that follows, so the end of the extensions is missing.
    two_names[8] -= 1;
    let endless: Vec<u8> =
        (0..40).flat_map(|_| [&[22, 3, 1, 2, 0, 1, 0, 0x30, 0][..], &[0; 508]].concat()).collect();
    for bytes in
        [b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec(), two_names, endless, vec![22, 3, 1, 0, 0]]
    {
        let mut client = connect(&evenkeel).await;
        client.write_all(&bytes).await.expect("it listens");
        client.shutdown().await.expect("it listens");
        assert_eq!(read_to_end(&mut client).await, [21, 3, 3, 0, 2, 2, 50], "{:?}", &bytes[..5]);
    }
    assert_eq!(ended(&evenkeel, "hello_invalid").await, 4.0);
    let mut slow = connect(&evenkeel).await;
    slow.write_all(&whole[..whole.len() - 1]).await.expect("it listens");
    let mut byte = [0; 1];
    let cut = tokio::time::timeout(PATIENCE, tokio::io::AsyncReadExt::read(&mut slow, &mut byte)).await;
    assert!(matches!(cut, Ok(Ok(0) | Err(_))), "{cut:?}");
    assert_eq!(ended(&evenkeel, "hello_invalid").await, 5.0);
    let mut leaves = connect(&evenkeel).await;
    leaves.write_all(&whole[..9]).await.expect("it listens");
    drop(leaves);
    until("the end of it", async || (ended(&evenkeel, "client_gone").await == 1.0).then_some(())).await;
    assert!(server.take().is_none(), "a backend was connected to");
}
