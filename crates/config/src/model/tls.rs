//! TLS towards clients and towards backends. Files are named here, not read: that is left to who uses them.

use std::path::PathBuf;

/// `tls = { ... }` of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// At least one, in file order; the first is for clients that name no server, or an unknown one.
    pub certificates: Vec<CertificateFiles>,
    /// Clients that speak only older versions are refused.
    pub min_version: TlsVersion,
    /// Certificates of clients; `None` asks for none.
    pub client_auth: Option<ClientAuth>,
    /// Whether clients get tickets to resume their session with.
    pub tickets: bool,
}

/// A certificate chain and its key, in PEM. Relative paths have been joined to the folder of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, then those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Versions of TLS, the older first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `"1.2"`
    V12,
    /// `"1.3"`
    V13,
}

/// `client_auth = { ... }`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// Certificates, in PEM, that clients' own must lead to.
    pub ca: PathBuf,
    /// Whether a client without a certificate is refused; one with a wrong certificate always is.
    pub required: bool,
}

/// `tls = { ... }` of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// Certificates, in PEM, that backends' own must lead to; `None` are those that the system trusts.
    pub ca: Option<PathBuf>,
    /// Host name or IP address that is asked for and that the certificate must be for; `None` is each backend's host.
    pub server_name: Option<String>,
    /// Whether certificates of backends are looked at.
    pub verify: bool,
    /// What this process shows to backends that ask for a certificate; `None` shows nothing.
    pub identity: Option<CertificateFiles>,
}
