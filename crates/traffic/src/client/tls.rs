//! TLS of the client's side.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::Failure;
use super::{Target, Version};

/// Whom to believe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// A PEM file with the CAs to believe, in place of the system's.
    pub ca: Option<PathBuf>,
    /// Take any certificate.
    pub insecure: bool,
    /// Ask for this name, in place of the URL's.
    pub server_name: Option<String>,
}

/// TLS, ready for use. Its files are read when the first connection needs them, once.
#[derive(Clone, Debug)]
pub struct Tls {
    settings: TlsSettings,
    ready: Arc<OnceLock<Result<Ready, TlsError>>>,
}

/// Why TLS cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

#[derive(Debug)]
struct Ready {
    http1: Arc<ClientConfig>,
    http2: Arc<ClientConfig>,
    name: Option<ServerName<'static>>,
}

/// Takes any certificate: nobody knows whom one speaks with, but that they have its key.
#[derive(Debug)]
struct Trusting {
    provider: Arc<CryptoProvider>,
}

/// The CAs of a whole system take a quarter of this.
const PEM_MAX: u64 = 1024 * 1024;

impl Tls {
    /// Nothing is read yet.
    pub fn new(settings: TlsSettings) -> Self {
        Self { settings, ready: Arc::default() }
    }

    /// Reads the files, if that has not happened yet.
    ///
    /// # Errors
    /// When a file cannot be used, or nobody is to be believed.
    pub fn load(&self) -> Result<(), TlsError> {
        self.ready().map(|_| ()).map_err(Clone::clone)
    }

    fn ready(&self) -> Result<&Ready, &TlsError> {
        self.ready.get_or_init(|| load(&self.settings)).as_ref()
    }

    /// Shakes hands.
    pub(super) async fn over(
        &self,
        tcp: TcpStream,
        target: &Target,
        version: Version,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        let ready = self.ready().map_err(|error| Failure::Tls(error.to_string()))?;
        let name = match &ready.name {
            Some(name) => name.clone(),
            None => name(&target.host).map_err(|error| Failure::Tls(error.to_string()))?,
        };
        let config = match version {
            Version::Http1 => &ready.http1,
            Version::Http2 => &ready.http2,
        };
        let shaken = TlsConnector::from(Arc::clone(config)).connect(name, tcp).await;
        let stream = shaken.map_err(|error| Failure::of_handshake(&error))?;
        let agreed = stream.get_ref().1.alpn_protocol();
        // Who ignores ALPN speaks HTTP/1.1.
        if version == Version::Http2 && agreed != Some(version.alpn()) {
            return Err(Failure::Tls("the server does not offer HTTP/2".to_owned()));
        }
        Ok(stream)
    }
}

fn load(settings: &TlsSettings) -> Result<Ready, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?;
    let builder = match (settings.insecure, &settings.ca) {
        (true, _) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting { provider })),
        (false, Some(file)) => builder.with_root_certificates(authorities(file)?),
        (false, None) => builder.with_root_certificates(system_authorities()?),
    };
    let mut config = builder.with_no_client_auth();
    // A session that is taken up again may lead to the server that began it.
    config.resumption = rustls::client::Resumption::disabled();
    let speaking = |version: Version| {
        let mut config = config.clone();
        config.alpn_protocols = vec![version.alpn().to_vec()];
        Arc::new(config)
    };
    let name = settings.server_name.as_deref().map(name).transpose()?;
    Ok(Ready { http1: speaking(Version::Http1), http2: speaking(Version::Http2), name })
}

fn name(text: &str) -> Result<ServerName<'static>, TlsError> {
    let refuse = |_| TlsError(format!("{text:?} is no name that a certificate can be for"));
    ServerName::try_from(text.to_owned()).map_err(refuse)
}

fn authorities(file: &Path) -> Result<RootCertStore, TlsError> {
    let refuse = |problem: &dyn std::fmt::Display| TlsError(format!("{}: {problem}", file.display()));
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(PEM_MAX + 1).read_to_end(&mut bytes));
    if read.map_err(|error| refuse(&error))? as u64 > PEM_MAX {
        return Err(refuse(&"it is larger than 1 MiB; give a PEM file with CAs and nothing else"));
    }
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&bytes) {
        let certificate = certificate.map_err(|error| refuse(&format_args!("is damaged: {error}")))?;
        store.add(certificate).map_err(|error| refuse(&format_args!("cannot be used as a CA: {error}")))?;
    }
    if store.is_empty() {
        return Err(refuse(&"has no certificate; give a PEM file with a `BEGIN CERTIFICATE` block"));
    }
    Ok(store)
}

fn system_authorities() -> Result<RootCertStore, TlsError> {
    let mut store = RootCertStore::empty();
    // Systems keep some that are too old to be read; what counts is that there are others.
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if store.is_empty() {
        let advice = "install them (Debian: ca-certificates), or name a CA";
        return Err(TlsError(format!("this machine has no CAs: {advice}")));
    }
    Ok(store)
}

impl ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}
