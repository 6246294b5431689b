//! TLS with clients and with backends, seen by openssl, curl and nginx.

mod authority;
mod client_certificates;
mod files;
mod handshakes;
mod hosts;
mod http2;
mod receivers;
mod resumption;
mod tunnels;
mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use evenkeel_testkit::{Backend, Evenkeel, Finished, run_to_end};

use crate::support::Setup;
use authority::Pair;

/// A listener with these certificates in front of these backends.
fn setup<'a>(backends: impl IntoIterator<Item = &'a Backend>, certificates: &[&Pair], more: &str) -> Setup {
    Setup::new(backends).listener(&listener(certificates, more))
}

/// Keys of an `https` listener; `more` are keys of its `tls`.
fn listener(certificates: &[&Pair], more: &str) -> String {
    let entries: Vec<String> = certificates.iter().map(|pair| pair.entry()).collect();
    format!("protocol = \"https\"\ntls = {{ certificates = [{}]{more} }}", entries.join(", "))
}

/// `openssl s_client` against a listener; it ends when hands have been shaken.
async fn s_client(evenkeel: &Evenkeel, arguments: &str) -> String {
    let command =
        format!("openssl s_client -connect {} {arguments} < /dev/null 2>&1", evenkeel.address("web"));
    shell(evenkeel.directory(), &command).await.stdout
}

/// `openssl s_client` that sends one request and waits for the end of the answer.
async fn s_client_get(evenkeel: &Evenkeel, arguments: &str) -> String {
    let command = format!(
        "printf 'GET / HTTP/1.1\\r\\nHost: a.example\\r\\nConnection: close\\r\\n\\r\\n' \
         | openssl s_client -connect {} -servername a.example -ign_eof {arguments} 2>&1",
        evenkeel.address("web")
    );
    shell(evenkeel.directory(), &command).await.stdout
}

/// `curl` with its output, headers included. `https://NAME/` goes to the listener whatever the name.
async fn curl(evenkeel: &Evenkeel, arguments: &str) -> Finished {
    let address = evenkeel.address("web");
    let command = format!("curl -sSi --max-time 15 --connect-to ::{address} {arguments}");
    shell(evenkeel.directory(), &command).await
}

async fn shell(directory: &Path, command: &str) -> Finished {
    run_to_end("/bin/sh", &["-c", command], directory, Duration::from_secs(30)).await
}

/// The subject that a server presented, as `openssl s_client` prints it.
fn subject(output: &str) -> &str {
    let line = output.lines().find_map(|line| line.trim_start().strip_prefix("subject="));
    line.unwrap_or_else(|| panic!("no certificate: {output}"))
}

/// Status code of the first response in the output of `curl -i`.
fn status(finished: &Finished) -> u16 {
    let code = finished.stdout.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    code.unwrap_or_else(|| panic!("no answer: {finished:?}"))
}

/// Handshakes of the listener by version and kind.
async fn handshakes(evenkeel: &Evenkeel, version: &str, kind: &str) -> f64 {
    let labels = [("listener", "web"), ("version", version), ("kind", kind)];
    evenkeel.metrics().await.value("evenkeel_tls_handshakes_total", &labels)
}

async fn failures(evenkeel: &Evenkeel, reason: &str) -> f64 {
    let labels = [("listener", "web"), ("reason", reason)];
    evenkeel.metrics().await.value("evenkeel_tls_handshake_failures_total", &labels)
}

/// A port of its own for an nginx that speaks TLS beside the plain one.
fn tls_server(port: u16, pair: &Pair, more: &str) -> (SocketAddr, String) {
    let directives = format!(
        "listen 127.0.0.1:{port} ssl; ssl_certificate {}; ssl_certificate_key {}; {more}",
        pair.cert.display(),
        pair.key.display()
    );
    (SocketAddr::from(([127, 0, 0, 1], port)), directives)
}
