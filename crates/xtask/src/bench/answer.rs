//! What a contender answers, looked at before anything is measured.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::Failure;

use super::certificate::{AGREED, NAME};
use super::grpc_echo;
use super::measure::{PORT, Setup};
use super::scenario::{Load, Protocol, Scenario};
use super::secure::Connector;

/// Whoever listens answers within this time.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether anything comes back from the port.
pub(crate) fn is_there(protocol: Protocol, port: u16) -> bool {
    match protocol {
        Protocol::Http | Protocol::Tcp => TcpStream::connect(("127.0.0.1", port))
            .and_then(|mut stream| {
                stream.set_read_timeout(Some(PATIENCE))?;
                says_something(&mut stream)
            })
            .unwrap_or(false),
        Protocol::Https => Connector::new(false)
            .map_err(io::Error::other)
            .and_then(|connector| says_something(&mut connector.open(port)?))
            .unwrap_or(false),
        Protocol::Udp => comes_back(port, b"there?").unwrap_or(false),
    }
}

fn says_something(stream: &mut (impl Read + Write)) -> io::Result<bool> {
    stream.write_all(b"GET / HTTP/1.0\r\nHost: host0.example\r\n\r\n")?;
    Ok(stream.read(&mut [0; 16])? > 0)
}

fn comes_back(port: u16, datagram: &[u8]) -> io::Result<bool> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(("127.0.0.1", port))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(datagram)?;
    // One byte more than may come shows that too much came.
    let mut got = vec![0; datagram.len() + 1];
    let count = socket.recv(&mut got)?;
    Ok(&got[..count] == datagram)
}

/// The right status, length and protocol come back; returns what TLS negotiated.
pub(crate) fn check(setup: &Setup, scenario: &Scenario) -> Result<Option<String>, Failure> {
    match scenario.load {
        Load::Datagrams { bytes, .. } => match comes_back(PORT, &vec![b'x'; bytes]) {
            Ok(true) => {}
            other => return Err(format!("a datagram does not come back: {other:?}")),
        },
        Load::Calls { bytes, .. } => check_call(setup, scenario, bytes)?,
        _ => check_response(scenario)?,
    }
    if scenario.protocol != Protocol::Https {
        return Ok(None);
    }
    let negotiated = negotiated(setup, scenario.http_version())?;
    let expected = format!("{AGREED} {}", alpn(scenario.http_version()));
    if negotiated == expected { Ok(Some(negotiated)) } else { Err(format!("negotiates {negotiated}")) }
}

fn check_response(scenario: &Scenario) -> Result<(), Failure> {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-k", "-o", "/dev/null", "-w", "%{http_code} %{size_download} %{http_version}"]);
    curl.arg(version(scenario));
    if scenario.protocol != Protocol::Https {
        curl.args(["-H", "Host: host0.example"]);
    }
    if let Load::Post { bytes } = scenario.load {
        curl.args(["--data-binary", &"x".repeat(bytes)]);
    }
    let output = curl.arg(scenario.url(PORT)).output().map_err(|error| format!("curl: {error}"))?;
    let got = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = format!("200 {} {}", scenario.response_bytes(), scenario.http_version());
    if got == expected { Ok(()) } else { Err(format!("answers {got:?}, not {expected:?}")) }
}

/// The message comes back, and after it the status of the call.
fn check_call(setup: &Setup, scenario: &Scenario, bytes: usize) -> Result<(), Failure> {
    let message = grpc_echo::message(bytes);
    let (sent, got) = (setup.directory.join("message"), setup.directory.join("answer"));
    fs::write(&sent, &message).map_err(|error| error.to_string())?;
    let output = Command::new("curl")
        .args(["-s", "-k", "-D", "-", version(scenario), "-o"])
        .arg(&got)
        .args(grpc_echo::FIELDS.iter().flat_map(|field| ["-H", field]))
        .args(["--data-binary", &format!("@{}", sent.display())])
        .arg(scenario.url(PORT))
        .output()
        .map_err(|error| format!("curl: {error}"))?;
    let head = String::from_utf8_lossy(&output.stdout).into_owned();
    if !head.starts_with("HTTP/2 200") || !head.lines().any(|line| line == grpc_echo::STATUS) {
        return Err(format!("answers a call with {head:?}"));
    }
    let got = fs::read(&got).map_err(|error| error.to_string())?;
    if got == message { Ok(()) } else { Err(format!("sends back {} bytes of a message", got.len())) }
}

/// Version, cipher, group and protocol of the application, of a client that offers what all the others offer.
fn negotiated(setup: &Setup, version: &str) -> Result<String, Failure> {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{PORT}"), "-servername", NAME])
        .args(["-alpn", alpn(version)])
        .env("OPENSSL_CONF", setup.certificate().clients())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("openssl: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    parsed(&text).ok_or_else(|| format!("openssl tells nothing of a session:\n{text}"))
}

fn parsed(text: &str) -> Option<String> {
    let line = |begin: &str| text.lines().find_map(|line| line.trim().strip_prefix(begin));
    let (version, cipher) = line("New, ")?.split_once(", Cipher is ")?;
    // Whose key it is, OpenSSL says in other words since 3.5.
    let group = line("Server Temp Key: ").or_else(|| line("Peer Temp Key: "))?.split(',').next()?;
    Some(format!("{version} {cipher} {group} {}", line("ALPN protocol: ").unwrap_or("-")))
}

fn alpn(version: &str) -> &'static str {
    if version == "2" { "h2" } else { "http/1.1" }
}

fn version(scenario: &Scenario) -> &'static str {
    if scenario.http_version() == "2" { "--http2" } else { "--http1.1" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: &str = "CONNECTED(00000003)\n---\nPeer signature type: ECDSA\nServer Temp Key: X25519, 253 bits\n---\n\
                           New, TLSv1.3, Cipher is TLS_AES_128_GCM_SHA256\nALPN protocol: h2\nEarly data was not sent\n";

    #[test]
    fn what_was_negotiated_is_read() {
        assert_eq!(parsed(SESSION), Some(format!("{AGREED} h2")));
        assert_eq!(parsed(&SESSION.replace("Server Temp", "Peer Temp")), Some(format!("{AGREED} h2")));
        let without = SESSION.replace("ALPN protocol: h2", "No ALPN negotiated");
        assert_eq!(parsed(&without), Some(format!("{AGREED} -")));
        assert_ne!(parsed(&SESSION.replace("128", "256")), Some(format!("{AGREED} h2")));
        assert_eq!(parsed("New, (NONE), Cipher is (NONE)\n"), None);
    }

    #[test]
    fn a_datagram_that_comes_back_changed_did_not_come_back() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let mut got = [0; 16];
            for more in [0, 1] {
                let (count, from) = server.recv_from(&mut got).unwrap();
                server.send_to(&got[..count + more], from).unwrap();
            }
        });
        assert!(comes_back(port, b"one").unwrap());
        assert!(!comes_back(port, b"two").unwrap());
    }
}
