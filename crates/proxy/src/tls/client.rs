//! The TLS side of a pool: how its backends are spoken to.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use evenkeel_config::{BackendAddress, Pool, UpstreamTls as Settings};
use evenkeel_core::BackendId;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;

use crate::transport::Transport;

use super::certificates::Certificate;
use super::error::{Fault, TlsError};
use super::files::{Live, Look};
use super::peer::fingerprint;
use super::session::Session;
use super::trusting::Trusting;
use super::{pem, provider};

/// Sessions remembered, by name of the backend.
const SESSIONS: usize = 1024;
/// At most one line of the log about failed handshakes in this time.
const WARN_EVERY: Duration = Duration::from_secs(10);

/// How connections to the backends of one pool are secured.
#[derive(Debug)]
pub(crate) struct ClientTls {
    user: String,
    settings: Settings,
    protocol: &'static [u8],
    /// Whose certificate is wanted of each backend.
    names: HashMap<BackendId, ServerName<'static>>,
    live: Live<Loaded>,
    started: Instant,
    /// Milliseconds after `started` of the last line of the log about a failed handshake; 0 before the first.
    warned: AtomicU64,
}

/// What the files have come to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ClientConfig>,
    /// Differs from that of every other: connections opened under one are not used under another.
    pub(crate) serial: u64,
    pub(crate) identity: Option<Certificate>,
    /// Of the contents of the files; `None` when they changed while they were read.
    digest: Option<String>,
}

/// One connection to be opened.
#[derive(Clone, Debug)]
pub(crate) struct Securely {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Differs from that of connections that were opened with other files or under another configuration; never 0, which
    /// stands for connections without TLS.
    pub(crate) serial: u64,
}

impl Securely {
    /// To speak HTTP/1.1, whatever requests are spoken in.
    pub(crate) fn over_http1(self) -> Self {
        let protocols = [b"http/1.1".to_vec()];
        if self.config.alpn_protocols == protocols {
            return self;
        }
        let mut config = ClientConfig::clone(&self.config);
        config.alpn_protocols = protocols.to_vec();
        Self { config: Arc::new(config), ..self }
    }

    /// Shakes hands.
    ///
    /// # Errors
    /// What was wrong; a [`rustls::Error`] is inside when it was not the connection.
    pub(crate) async fn over(self, tcp: TcpStream) -> std::io::Result<Transport> {
        let session = Session::connect(tcp, self.config, self.name).await?;
        Ok(Transport::Tls(Box::new(session)))
    }
}

impl ClientTls {
    /// Loads the files of a pool with TLS. Where they and the settings say what they said `before`, connections and
    /// sessions of then are good now: reloads cost backends no handshakes.
    ///
    /// # Errors
    /// [`TlsError`] names the file and says what is wrong with it.
    pub(crate) fn load(pool: &Pool, settings: &Settings, before: Option<&Self>) -> Result<Self, TlsError> {
        let user = format!("pool {}", pool.id);
        let protocol: &[u8] = match pool.protocol {
            evenkeel_config::UpstreamProtocol::Http1 => b"http/1.1",
            evenkeel_config::UpstreamProtocol::Http2 => b"h2",
        };
        let names = names(pool, settings).map_err(|fault| fault.of(&user))?;
        let before = before.filter(|before| {
            let same_name = |(id, name)| before.names.get(id).is_none_or(|before| before == name);
            before.settings == *settings && before.protocol == protocol && names.iter().all(same_name)
        });
        let live = Live::new(files(settings), || {
            let loaded = load(settings, protocol).map_err(|fault| fault.of(&user))?;
            Ok(loaded.or_before(before.map(|before| before.live.get())))
        })?;
        let settings = settings.clone();
        Ok(Self { user, settings, protocol, names, live, started: Instant::now(), warned: AtomicU64::new(0) })
    }

    /// How to connect to a backend at `address`.
    pub(crate) fn to(&self, backend: &BackendId, address: SocketAddr) -> Securely {
        let loaded = self.live.get();
        // One that has joined under another configuration is asked for by its address.
        let name = self.names.get(backend).cloned().unwrap_or_else(|| ServerName::from(address.ip()));
        Securely { config: Arc::clone(&loaded.config), name, serial: loaded.serial }
    }

    /// As in [`Securely`], of connections that are opened now.
    pub(crate) fn serial(&self) -> u64 {
        self.live.get().serial
    }

    /// Says in the log why a backend could not be spoken to: now and then, not once for each request.
    pub(crate) fn refused(&self, backend: &BackendId, error: &std::io::Error) {
        let now = (self.started.elapsed().as_millis() as u64).max(1);
        let last = self.warned.load(Ordering::Relaxed);
        let due = last == 0 || now.saturating_sub(last) >= WARN_EVERY.as_millis() as u64;
        if due && self.warned.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            tracing::warn!(used_by = self.user, %backend, %error, "TLS handshake with a backend failed");
        }
    }

    pub(super) fn look(&self) -> Look {
        self.live.look(|_| load(&self.settings, self.protocol).map_err(|fault| fault.of(&self.user)))
    }

    pub(crate) fn live(&self) -> &Live<Loaded> {
        &self.live
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }
}

/// How to speak to whoever is told of alarms: over HTTP/1.1, with the CAs of `ca` or those of this machine. `user` is whose
/// file that is.
///
/// # Errors
/// The file cannot be used, or no certificate can be for `host`.
pub(crate) fn to_receiver(user: &str, host: &str, ca: Option<&Path>) -> Result<Securely, TlsError> {
    let settings = Settings { ca: ca.map(Path::to_owned), server_name: None, verify: true, identity: None };
    let loaded = load(&settings, b"http/1.1").map_err(|fault| fault.of(user))?;
    let name = server_name(host).map_err(|fault| fault.of(user))?;
    Ok(Securely { config: loaded.config, name, serial: loaded.serial })
}

impl Loaded {
    /// What was there before, if it was made of the same.
    fn or_before(self, before: Option<Arc<Self>>) -> Self {
        match before.filter(|before| self.digest.is_some() && before.digest == self.digest) {
            Some(before) => Self { config: Arc::clone(&before.config), serial: before.serial, ..self },
            None => self,
        }
    }
}

/// The name whose certificate each backend must have: the configured one, or that in its address.
fn names(pool: &Pool, settings: &Settings) -> Result<HashMap<BackendId, ServerName<'static>>, Fault> {
    let configured = settings.server_name.as_deref().map(server_name).transpose()?;
    let named = pool.backends.iter().map(|backend| {
        let name = match (&configured, &backend.address) {
            (Some(name), _) => name.clone(),
            (None, BackendAddress::Socket(address)) => ServerName::from(address.ip()),
            (None, BackendAddress::Name { host, .. }) => server_name(host)?,
        };
        Ok((backend.id.clone(), name))
    });
    named.collect()
}

fn server_name(name: &str) -> Result<ServerName<'static>, Fault> {
    ServerName::try_from(name.to_owned()).map_err(|_| {
        let problem = format!("{name:?} is no name that a certificate can be for");
        Fault::new(&PathBuf::from("(tls.server_name)"), problem, "give a DNS name or an IP address")
    })
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    let identity = settings.identity.iter().flat_map(|files| [files.cert.clone(), files.key.clone()]);
    identity.chain(settings.ca.clone()).collect()
}

fn load(settings: &Settings, protocol: &[u8]) -> Result<Loaded, Fault> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let before = digest(settings);
    let identity = settings.identity.as_ref().map(Certificate::load).transpose()?;
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| cannot(settings, &error))?;
    let builder = if settings.verify {
        builder.with_root_certificates(roots(settings)?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Trusting::new(provider())))
    };
    let mut config = match &identity {
        Some(own) => builder.with_client_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(
            rustls::sign::CertifiedKey::clone(&own.key),
        ))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![protocol.to_vec()];
    config.resumption = Resumption::in_memory_sessions(SESSIONS);
    let serial = NEXT.fetch_add(1, Ordering::Relaxed);
    let digest = digest(settings).filter(|after| before.as_ref() == Some(after));
    Ok(Loaded { config: Arc::new(config), serial, identity, digest })
}

/// SHA-256 of what the files have in them, the system's where they are used. `None` when something cannot be read.
fn digest(settings: &Settings) -> Option<String> {
    let mut parts: Vec<Vec<u8>> =
        files(settings).iter().map(std::fs::read).collect::<std::io::Result<_>>().ok()?;
    if settings.verify && settings.ca.is_none() {
        parts.extend(rustls_native_certs::load_native_certs().certs.iter().map(|cert| cert.to_vec()));
    }
    let lengths = parts.iter().flat_map(|part| (part.len() as u64).to_be_bytes());
    let whole: Vec<u8> = lengths.chain(parts.iter().flatten().copied()).collect();
    Some(fingerprint(&whole))
}

fn roots(settings: &Settings) -> Result<RootCertStore, Fault> {
    match &settings.ca {
        Some(file) => pem::authorities(file),
        None => system_roots(),
    }
}

/// The CAs that this machine trusts.
fn system_roots() -> Result<RootCertStore, Fault> {
    let found = rustls_native_certs::load_native_certs();
    let mut store = RootCertStore::empty();
    // Systems keep some that are too old to be read; what counts is that there are others.
    store.add_parsable_certificates(found.certs);
    if !store.is_empty() {
        return Ok(store);
    }
    let why = found.errors.first().map_or_else(String::new, |error| format!(": {error}"));
    let help =
        "install them (Debian: ca-certificates), or name the CA of the backends with tls = { ca = \"FILE\" }";
    Err(Fault::new(&PathBuf::from("(the system's CAs)"), format!("there are none{why}"), help))
}

fn cannot(settings: &Settings, error: &rustls::Error) -> Fault {
    let file = settings.ca.clone().unwrap_or_default();
    Fault::new(&file, format!("cannot be used: {error}"), "give another file")
}
