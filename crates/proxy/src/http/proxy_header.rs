//! What a connection to a backend begins with, where the backend is to be told of its client below HTTP.

use std::net::SocketAddr;

use evenkeel_config::ProxyVersion;
use rustls::{Connection as Tls, ProtocolVersion};

use crate::proxy_protocol::{self, ClientTls, Details, Ends};
use crate::transport::Transport;

/// The PROXY header for a request of this client; nothing where none is sent. It names the request, too: there is no other
/// on the connection.
pub(super) fn proxy_header(
    version: Option<ProxyVersion>,
    client: &Transport,
    peer: SocketAddr,
    request_id: &[u8],
) -> Vec<u8> {
    let mut header = Vec::new();
    if let Some(version) = version
        && let Ok(destination) = client.tcp().local_addr()
    {
        let known = match client {
            Transport::Plain(_) => Details::default(),
            Transport::Tls(session) => session.with(details),
        };
        let details = Details { unique_id: Some(request_id.into()), ..known };
        proxy_protocol::write(&mut header, version, Ends { source: peer, destination }, &details);
    }
    header
}

/// What the client's TLS has come to.
fn details(tls: &Tls) -> Details {
    let version = match tls.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let authority = match tls {
        Tls::Server(server) => server.server_name().map(|name| name.as_bytes().into()),
        Tls::Client(_) => None,
    };
    let client = ClientTls { version, has_certificate: tls.peer_certificates().is_some() };
    Details {
        alpn: tls.alpn_protocol().map(Into::into),
        authority,
        unique_id: None,
        tls: Some(proxy_protocol::client_tls(client)),
    }
}
