//! Connections of clients over TLS 1.3.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::aws_lc_rs::{default_provider, kx_group::X25519};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::TLS13;
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme, StreamOwned,
};

use crate::Failure;

use super::certificate::NAME;

/// Handshake and data are done by the reads and writes of whoever has it.
pub(crate) type Stream = StreamOwned<ClientConnection, TcpStream>;

/// Whoever does not answer for so long will not.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Tickets that are kept: each is used once, and servers send two to four at a time.
const TICKETS: usize = 8;

/// Opens connections with the same offer, and the tickets of those before where sessions are resumed.
#[derive(Clone, Debug)]
pub(crate) struct Connector {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Connector {
    pub(crate) fn new(resumes: bool) -> Result<Self, Failure> {
        let provider = CryptoProvider {
            cipher_suites: vec![TLS13_AES_128_GCM_SHA256],
            kx_groups: vec![X25519],
            ..default_provider()
        };
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| format!("TLS: {error}"))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anybody))
            .with_no_client_auth();
        config.resumption =
            if resumes { Resumption::in_memory_sessions(TICKETS) } else { Resumption::disabled() };
        let name = ServerName::try_from(NAME).map_err(|error| format!("{NAME}: {error}"))?;
        Ok(Self { config: Arc::new(config), name })
    }

    /// A connection to a port of this machine; its handshake comes with the first bytes.
    pub(crate) fn open(&self, port: u16) -> io::Result<Stream> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        stream.set_write_timeout(Some(ANSWER_MAX))?;
        let session =
            ClientConnection::new(Arc::clone(&self.config), self.name.clone()).map_err(io::Error::other)?;
        Ok(StreamOwned::new(session, stream))
    }
}

/// Whether the handshake is over and continued an earlier session; an error where it agreed to something else than
/// [`super::certificate::AGREED`].
pub(crate) fn is_resumed(session: &ClientConnection) -> io::Result<bool> {
    let version = session.protocol_version();
    let cipher = session.negotiated_cipher_suite().map(|suite| suite.suite());
    let group = session.negotiated_key_exchange_group().map(SupportedKxGroup::name);
    let is_agreed = version == Some(TLS13.version)
        && cipher == Some(TLS13_AES_128_GCM_SHA256.suite())
        && group == Some(X25519.name());
    match session.handshake_kind() {
        Some(HandshakeKind::Full) if is_agreed => Ok(false),
        Some(HandshakeKind::Resumed) if is_agreed => Ok(true),
        kind => Err(io::Error::other(format!("negotiated {version:?} {cipher:?} {group:?} {kind:?}"))),
    }
}

/// Believes every certificate. Whose it is, is not the question here, and checking would take time from the core that
/// the backend needs.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 was not offered".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use rustls::crypto::aws_lc_rs::{ALL_CIPHER_SUITES, Ticketer};
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection};

    use super::*;
    use crate::bench::certificate::Certificate;

    /// A server that answers each connection with a byte; with tickets or without.
    fn server(name: &str, tickets: bool) -> u16 {
        let directory = std::env::temp_dir().join(format!("evenkeel-bench-{name}-{}", std::process::id()));
        let certificate = Certificate::below(&directory);
        certificate.make().unwrap();
        let chain = vec![CertificateDer::from_pem_file(certificate.chain()).unwrap()];
        let key = PrivateKeyDer::from_pem_file(certificate.key()).unwrap();
        std::fs::remove_dir_all(&directory).unwrap();
        let provider = CryptoProvider { cipher_suites: ALL_CIPHER_SUITES.to_vec(), ..default_provider() };
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.send_tls13_tickets = if tickets { 2 } else { 0 };
        config.ticketer = Ticketer::new().unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                let mut stream = StreamOwned::new(session, stream.unwrap());
                stream.read_exact(&mut [0]).unwrap();
                stream.write_all(b"y").unwrap();
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        });
        port
    }

    fn resumed(connector: &Connector, port: u16) -> bool {
        let mut stream = connector.open(port).unwrap();
        stream.write_all(b"x").unwrap();
        let mut got = Vec::new();
        stream.read_to_end(&mut got).unwrap();
        assert_eq!(got, b"y");
        is_resumed(&stream.conn).unwrap()
    }

    #[test]
    fn sessions_are_resumed_where_they_are_to_be_and_the_server_gives_tickets() {
        let port = server("tickets", true);
        let connector = Connector::new(true).unwrap();
        assert_eq!([0; 4].map(|_| resumed(&connector, port)), [false, true, true, true]);
        let connector = Connector::new(false).unwrap();
        assert_eq!([0; 3].map(|_| resumed(&connector, port)), [false; 3]);
        let port = server("no-tickets", false);
        let connector = Connector::new(true).unwrap();
        assert_eq!([0; 3].map(|_| resumed(&connector, port)), [false; 3]);
    }

    #[test]
    fn before_the_handshake_nothing_is_agreed() {
        let port = server("before", true);
        let stream = Connector::new(true).unwrap().open(port).unwrap();
        assert!(is_resumed(&stream.conn).is_err());
    }
}
