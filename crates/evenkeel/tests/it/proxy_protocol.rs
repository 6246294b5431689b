//! The PROXY protocol, both ways: with real senders and receivers, and with headers that nobody should believe.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use evenkeel_testkit::{
    Backend, Client, Evenkeel, Json, Nginx, PATIENCE, TempDir, free_port, run_to_end, until,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::raw::{Server, certificate, connect_from, exchange, layer4, read, read_to_end};
use crate::support::{BINARY, Setup};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const ACCEPT: &str = "accept_proxy = { from = [\"127.0.0.1\"] }";
const REQUIRE: &str =
    "accept_proxy = { from = [\"127.0.0.1\"], required = true }\ntimeouts = { handshake = \"500ms\" }";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    [SIGNATURE, &[command, family], &(rest.len() as u16).to_be_bytes(), rest].concat()
}

/// 192.0.2.7:5555 to 10.0.0.1:443.
const ADDRESSES: &[u8] = &[192, 0, 2, 7, 10, 0, 0, 1, 0x15, 0xb3, 1, 0xbb];

/// Sends `bytes` and gives back everything that comes.
async fn ask(evenkeel: &Evenkeel, source: [u8; 4], bytes: &[u8]) -> String {
    let mut stream = connect_from(source, evenkeel.address("web")).await;
    stream.write_all(bytes).await.expect("it listens");
    let mut got = Vec::new();
    let read = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut got);
    tokio::time::timeout(Duration::from_secs(20), read).await.expect("an end").ok();
    String::from_utf8_lossy(&got).into_owned()
}

async fn result(evenkeel: &Evenkeel, result: &str) -> f64 {
    let labels = [("listener", "web"), ("result", result)];
    evenkeel.metrics().await.value("evenkeel_proxy_header_total", &labels)
}

/// The client that the backend was told of by the last request.
fn told(backend: &Backend) -> String {
    let received = backend.received();
    let head = &received.last().expect("a request").head;
    head.field("x-forwarded-for").unwrap_or_default().to_owned()
}

/// HAProxy in front of, or behind, what a test is about.
struct Haproxy {
    child: Child,
    port: u16,
    _directory: TempDir,
}

impl Haproxy {
    /// `PORT` in the text stands for the port that it is to listen on.
    async fn start(sections: &str) -> Self {
        let (directory, port) = (TempDir::new("haproxy"), free_port());
        let text = format!(
            "defaults\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n{}\n",
            sections.replace("PORT", &port.to_string())
        );
        let config = directory.write("haproxy.cfg", &text);
        let child = Command::new("/usr/sbin/haproxy")
            .args(["-db", "-q", "-f"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("haproxy is installed");
        until("haproxy", async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await;
        Self { child, port, _directory: directory }
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[tokio::test]
async fn real_senders_are_understood() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener(ACCEPT).start().await;
    let to = evenkeel.address("web");
    let mut clients = 0.0;
    for option in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"] {
        let sections = format!(
            "listen l\n mode tcp\n bind 127.0.0.1:PORT\n unique-id-format %[uuid()]\n server e {to} source 127.0.0.1 {option}"
        );
        let haproxy = Haproxy::start(&sections).await;
        let mut client = connect_from([127, 0, 0, 9], ([127, 0, 0, 1], haproxy.port).into()).await;
        client.write_all(GET).await.expect("it listens");
        let answer = String::from_utf8(read_to_end(&mut client).await).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200"), "{option}: {answer}");
        assert_eq!(told(&backend), "127.0.0.9", "{option}");
        clients += 1.0;
    }
    assert!(result(&evenkeel, "client").await >= clients);
    let sender = Nginx::start_stream(&format!("proxy_pass {to}; proxy_protocol on;")).await;
    let mut client = connect_from([127, 0, 0, 8], sender.address()).await;
    client.write_all(GET).await.expect("it listens");
    read_to_end(&mut client).await;
    assert_eq!(told(&backend), "127.0.0.8", "nginx");
}

#[tokio::test]
async fn a_trusted_header_is_the_client() {
    let backend = Backend::start("a").await;
    let log = "[log]\naccess = { path = \"access.log\", format = \"json\" }";
    let evenkeel = Setup::new([&backend]).listener(REQUIRE).top(log).start().await;
    let headers = [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n".to_vec(),
        v2(0x21, 0x11, ADDRESSES),
        v2(0x21, 0x11, &[ADDRESSES, &[0x04, 0, 3, 0, 0, 0], &[0xea, 0, 1, 9]].concat()),
    ];
    for header in &headers {
        let answer = ask(&evenkeel, [127, 0, 0, 1], &[header, GET].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(told(&backend), "192.0.2.7");
    }
    // In pieces, too.
    let mut slow = connect_from([127, 0, 0, 1], evenkeel.address("web")).await;
    slow.set_nodelay(true).expect("an open socket");
    for byte in [&headers[1], GET].concat() {
        slow.write_all(&[byte]).await.expect("it listens");
        tokio::task::yield_now().await;
    }
    assert!(String::from_utf8_lossy(&read_to_end(&mut slow).await).starts_with("HTTP/1.1 200"));
    // A proxy's own connection has no other client than the proxy.
    for header in [v2(0x20, 0, b""), b"PROXY UNKNOWN\r\n".to_vec(), v2(0x21, 0x31, &[0; 216])] {
        let answer = ask(&evenkeel, [127, 0, 0, 1], &[header.as_slice(), GET].concat()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(told(&backend), "127.0.0.1");
    }
    assert_eq!((result(&evenkeel, "client").await, result(&evenkeel, "own").await), (4.0, 3.0));
    let path = evenkeel.directory().join("access.log");
    let logged = until("the access log", async || {
        let lines = std::fs::read_to_string(&path).ok()?;
        let lines: Vec<Json> = lines.lines().filter_map(|line| line.parse().ok()).collect();
        (lines.len() == 7).then_some(lines)
    });
    assert_eq!(logged.await[0]["client"], "192.0.2.7");
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener(ACCEPT).start().await;
    let header = b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n";
    let answer = ask(&evenkeel, [127, 0, 0, 2], &[header, GET].concat()).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "a stranger's header is his request: {answer}");
    let answer = ask(&evenkeel, [127, 0, 0, 2], GET).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(told(&backend), "127.0.0.2");
    let answer = ask(&evenkeel, [127, 0, 0, 1], GET).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "it may do without: {answer}");
    assert_eq!(told(&backend), "127.0.0.1");
    assert_eq!((result(&evenkeel, "absent").await, result(&evenkeel, "client").await), (1.0, 0.0));
}

#[tokio::test]
async fn where_it_is_required_nothing_else_is_served() {
    let backend = Backend::start("a").await;
    let evenkeel = Setup::new([&backend]).listener(REQUIRE).start().await;
    let valid = b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\r\n";
    for (source, bytes) in
        [([127, 0, 0, 1], GET.to_vec()), ([127, 0, 0, 2], [valid, GET].concat()), ([127, 0, 0, 1], vec![])]
    {
        assert_eq!(ask(&evenkeel, source, &bytes).await, "", "{source:?}: {bytes:?}");
    }
    assert_eq!(result(&evenkeel, "missing").await, 3.0);
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn hostile_headers_are_refused() {
    let backend = Backend::start("a").await;
    let listener = format!("{ACCEPT}\ntimeouts = {{ handshake = \"500ms\" }}");
    let evenkeel = Setup::new([&backend]).listener(&listener).start().await;
    let wrong_checksum = [ADDRESSES, &[3, 0, 4, 1, 2, 3, 4]].concat();
    let invalid = [
        b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 99999\r\n".to_vec(),
        b"PROXY TCP4 999.0.2.7 10.0.0.1 5555 443\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 10.0.0.1 5555 443\n".to_vec(),
        b"PROXY TCP4 192.0.2.7\r\n".to_vec(),
        [b"PROXY ".as_slice(), &[b'A'; 200]].concat(),
        v2(0x21, 0x11, &ADDRESSES[..5]),
        v2(0x21, 0x51, ADDRESSES),
        v2(0x31, 0x11, ADDRESSES),
        v2(0x2f, 0x11, ADDRESSES),
        v2(0x21, 0x11, &[0; 5000]),
        v2(0x21, 0x11, &wrong_checksum),
        v2(0x21, 0x11, &[ADDRESSES, &[1, 0xff, 0xff]].concat()),
    ];
    for header in &invalid {
        assert_eq!(ask(&evenkeel, [127, 0, 0, 1], &[header, GET].concat()).await, "", "{header:?}");
    }
    assert_eq!(result(&evenkeel, "invalid").await, invalid.len() as f64);
    for part in [b"PROXY TCP4 192.0.2.7 10.".as_slice(), &SIGNATURE[..7], &v2(0x21, 0x11, ADDRESSES)[..20]] {
        assert_eq!(ask(&evenkeel, [127, 0, 0, 1], part).await, "", "{part:?}");
    }
    assert_eq!(result(&evenkeel, "incomplete").await, 3.0);
    assert_eq!(backend.requests(), 0);
    assert!(ask(&evenkeel, [127, 0, 0, 1], GET).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn real_receivers_understand_us() {
    let page = "location / { return 200 $proxy_protocol_addr; }";
    for version in ["v1", "v2"] {
        let port = free_port();
        let nginx = Nginx::start_with(&format!("listen 127.0.0.1:{port} proxy_protocol; {page}")).await;
        let haproxy = Haproxy::start(
            "frontend f\n mode http\n bind 127.0.0.1:PORT accept-proxy\n http-request return status 200 content-type text/plain lf-string %[src]",
        )
        .await;
        for port in [port, haproxy.port] {
            let pool = format!("health = false\npassive = false\nsend_proxy = \"{version}\"");
            let entry = format!("\"127.0.0.1:{port}\"");
            for protocol in ["tcp", "http"] {
                let setup = Setup::of_entries([entry.clone()]).pool(&pool);
                let evenkeel = setup.listener(&format!("protocol = \"{protocol}\"")).start().await;
                let answer = ask(&evenkeel, [127, 0, 0, 9], GET).await;
                assert!(answer.contains("127.0.0.9"), "{version}, {protocol}, port {port}: {answer}");
            }
        }
        drop(nginx);
    }
}

#[tokio::test]
async fn clients_share_no_connection_that_names_one_of_them() {
    let server = Server::start("a").await;
    let pool = "health = false\npassive = false\nsend_proxy = \"v1\"";
    let evenkeel = Setup::of_entries([server.entry()]).pool(pool).start().await;
    let port = evenkeel.address("web").port();
    for host in [1, 2, 2] {
        let client = connect_from([127, 0, 0, host], evenkeel.address("web")).await;
        let from = client.local_addr().expect("an open socket").port();
        let request = tokio::spawn(async move {
            let mut client = client;
            client.write_all(GET).await.expect("it listens");
            read_to_end(&mut client).await
        });
        let mut backend = server.connection().await;
        let header = format!("PROXY TCP4 127.0.0.{host} 127.0.0.1 {from} {port}\r\n");
        assert_eq!(String::from_utf8(read(&mut backend, header.len()).await).expect("text"), header);
        assert_eq!(read(&mut backend, 4).await, b"GET ");
        backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("open");
        assert!(request.await.expect("an answer").ends_with(b"ok"));
    }
    let idle = evenkeel.metrics().await.value("evenkeel_upstream_idle_connections", &[]);
    assert_eq!(idle, 0.0);
}

#[tokio::test]
async fn a_request_is_named_as_in_its_fields() {
    let server = Server::start("a").await;
    let pool = "health = false\npassive = false\nsend_proxy = \"v2\"";
    let evenkeel = Setup::of_entries([server.entry()]).pool(pool).start().await;
    let mut client = connect_from([127, 0, 0, 7], evenkeel.address("web")).await;
    client.write_all(GET).await.expect("it listens");
    let mut backend = server.connection().await;
    let header = read(&mut backend, 16 + 12 + 3 + 32).await;
    assert_eq!(header[12..20], [0x21, 0x11, 0, 12 + 3 + 32, 127, 0, 0, 7]);
    assert_eq!(header[28..31], [5, 0, 32], "one field: the unique id");
    let id = String::from_utf8(header[31..].to_vec()).expect("text");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(read(&mut backend, 1).await);
    }
    let head = String::from_utf8(head).expect("text");
    assert!(head.contains(&format!("\r\nX-Request-Id: {id}\r\n")), "{id}: {head}");
}

#[tokio::test]
async fn a_client_behind_tls_is_told_of_with_its_tls() {
    let (server, keys) = (Server::start("a").await, TempDir::new("keys"));
    certificate(&keys, "a.example").await;
    let at = keys.path().display();
    let tls = format!("tls = {{ certificates = [{{ cert = \"{at}/c.pem\", key = \"{at}/k.pem\" }}] }}");
    let listener =
        format!("protocol = \"https\"\n{tls}\naccept_proxy = {{ from = [\"127.0.0.1\"], required = true }}");
    let pool = "health = false\npassive = false\nsend_proxy = \"v2\"";
    let evenkeel = Setup::of_entries([server.entry()]).listener(&listener).pool(pool).start().await;
    let to = evenkeel.address("web");
    let sections =
        format!("listen l\n mode tcp\n bind 127.0.0.1:PORT\n server e {to} source 127.0.0.1 send-proxy-v2");
    let haproxy = Haproxy::start(&sections).await;
    let connect_to = format!("a.example:443:127.0.0.1:{}", haproxy.port);
    let options =
        "-sSk --http1.1 --tlsv1.3 --max-time 15 --interface 127.0.0.9 https://a.example/ --connect-to";
    let options: Vec<&str> = options.split(' ').chain([connect_to.as_str()]).collect();
    let answered = async {
        let mut backend = server.connection().await;
        let fixed = read(&mut backend, 16).await;
        let rest = read(&mut backend, usize::from(u16::from_be_bytes([fixed[14], fixed[15]]))).await;
        assert_eq!(read(&mut backend, 4).await, b"GET ");
        backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.expect("open");
        (backend, fixed, rest)
    };
    let curl = run_to_end("/usr/bin/curl", &options, keys.path(), PATIENCE);
    let ((_backend, fixed, rest), page) = tokio::join!(answered, curl);
    assert_eq!(page.stdout, "ok", "{page:?}");
    assert_eq!((&fixed[12..14], &rest[..4]), (&[0x21, 0x11][..], &[127, 0, 0, 9][..]));
    let mut expected = vec![b"\x01\0\x08http/1.1".to_vec(), b"\x02\0\x09a.example".to_vec()];
    expected.push([b"\x05\0\x20".as_slice(), &rest[12 + 11 + 12 + 3..][..32]].concat());
    expected.push(b"\x20\0\x0f\x01\0\0\0\x01\x21\0\x07TLSv1.3".to_vec());
    assert_eq!(rest[12..], expected.concat(), "{:?}", String::from_utf8_lossy(&rest[12..]));
}

#[tokio::test]
async fn health_checks_say_that_nobody_stands_behind_them() {
    for (version, header) in [("v1", b"PROXY UNKNOWN\r\n".to_vec()), ("v2", v2(0x20, 0, b""))] {
        let server = Server::start("a").await;
        let pool = format!("send_proxy = \"{version}\"\nhealth = {{ path = \"/healthz\" }}");
        let setup = Setup::of_entries([server.entry()]).pool(&pool);
        let answered = async {
            let mut check = server.connection().await;
            let begun = read(&mut check, header.len() + 4).await;
            check.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("open");
            (begun, check)
        };
        let (evenkeel, (begun, _check)) = tokio::join!(setup.start(), answered);
        assert_eq!(begun, [header.as_slice(), b"GET "].concat(), "{version}");
        evenkeel.await_eligible("web", 1).await;
    }
}

#[tokio::test]
async fn what_is_known_of_a_client_goes_on_to_the_next() {
    let server = Server::start("a").await;
    let pool = "health = false\npassive = false\nsend_proxy = \"v2\"";
    let evenkeel =
        layer4("tcp", [&server]).listener(&format!("protocol = \"tcp\"\n{ACCEPT}")).pool(pool).start().await;
    let fields =
        [&[1, 0, 2][..], b"h2", &[2, 0, 9], b"a.example", &[5, 0, 2], b"id", &[0x20, 0, 5, 1, 0, 0, 0, 0]];
    let header = v2(0x21, 0x11, &[ADDRESSES, &fields.concat()].concat());
    let mut client = TcpStream::connect(evenkeel.address("web")).await.expect("it listens");
    client.write_all(&header).await.expect("it listens");
    let mut backend = server.connection().await;
    assert_eq!(read(&mut backend, header.len()).await, header, "the same, in the same order");
    exchange(&mut client, &mut backend).await;
}

#[tokio::test]
async fn the_source_behind_a_proxy_is_hashed() {
    let servers = [Server::start("a").await, Server::start("b").await];
    let pool = "strategy = \"maglev\"\nhash = { source = true }\nhealth = false\npassive = false";
    let text = layer4("tcp", &servers).listener(&format!("protocol = \"tcp\"\n{ACCEPT}")).pool(pool).text();
    let evenkeel = Evenkeel::start(BINARY, &text).await;
    let mut used = [0; 2];
    for host in 1..=20 {
        let mut homes = Vec::new();
        for _ in 0..2 {
            let mut client = TcpStream::connect(evenkeel.address("web")).await.expect("it listens");
            let header = format!("PROXY TCP4 192.0.2.{host} 10.0.0.1 1 2\r\n");
            client.write_all(header.as_bytes()).await.expect("it listens");
            let home = until("a backend", async || servers.iter().position(|server| server.take().is_some()));
            homes.push(home.await);
        }
        assert_eq!(homes[0], homes[1], "192.0.2.{host}");
        used[homes[0]] += 1;
    }
    assert!(used.iter().all(|&count| count > 3), "all come from one proxy, and from 20 clients: {used:?}");
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_without_a_header() {
    let server = Server::start("a").await;
    let listener = format!("protocol = \"tcp\"\n{ACCEPT}\ntimeouts = {{ handshake = \"300ms\" }}");
    let evenkeel = layer4("tcp", [&server]).listener(&listener).start().await;
    let mut client = Client::connect(evenkeel.address("web")).await;
    let mut backend = server.connection().await;
    backend.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("open");
    assert_eq!(client.response().await.status(), 200);
}
