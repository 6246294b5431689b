//! The TLS side of a listener.

use std::path::PathBuf;
use std::sync::Arc;

use evenkeel_config::{Listener, ServerTls as Settings, TlsVersion};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::certificates::Certificate;
use super::error::{Fault, TlsError};
use super::files::{Live, Look};
use super::table::Table;
use super::{pem, provider};

/// Sessions remembered for clients that resume without a ticket, those of TLS 1.2 mostly: half a KiB each.
const SESSIONS: usize = 4096;

/// What a listener presents and asks for. Its files are loaded anew when they change; a reload of the configuration makes
/// another one, which keeps the keys of the tickets.
#[derive(Debug)]
pub(crate) struct ServerTls {
    user: String,
    settings: Settings,
    /// Whether HTTP/2 is offered.
    http2: bool,
    live: Live<Loaded>,
}

/// What the files have come to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) table: Arc<Table>,
    resumption: Resumption,
}

/// What sessions are resumed with: the same for all workers, and for as long as the same clients are trusted. Somebody
/// whose CA has been taken out must not come back with a ticket from before.
#[derive(Clone, Debug)]
struct Resumption {
    trusted: Trusted,
    /// Its keys change every six hours, and are good for twice that.
    ticketer: Option<Arc<dyn ProducesTickets>>,
    sessions: Arc<dyn StoresServerSessions>,
}

/// Whose certificates clients may present, and whether they have to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Trusted {
    /// Subject and key of each CA.
    authorities: Vec<(Vec<u8>, Vec<u8>)>,
    required: bool,
}

impl ServerTls {
    /// Loads the files of a listener with TLS. `before` is what the listener of that name had.
    ///
    /// # Errors
    /// [`TlsError`] names the file and says what is wrong with it.
    pub(crate) fn load(
        listener: &Listener,
        settings: &Settings,
        before: Option<&Self>,
    ) -> Result<Self, TlsError> {
        let user = format!("listener {}", listener.name);
        let before = before.map(|before| before.live.get());
        let http2 = listener.http2.is_some();
        let load = || load(settings, http2, before.as_deref()).map_err(|fault| fault.of(&user));
        let live = Live::new(files(settings), load)?;
        Ok(Self { user, settings: settings.clone(), http2, live })
    }

    /// What connections are accepted with from now on.
    pub(crate) fn get(&self) -> Arc<Loaded> {
        self.live.get()
    }

    /// Loads what has changed. New certificates that nobody would take do not replace ones that are good.
    pub(super) fn look(&self) -> Look {
        self.live.look(|before| {
            let loaded =
                load(&self.settings, self.http2, Some(before)).map_err(|fault| fault.of(&self.user))?;
            keeps_time(before, &loaded).map_err(|fault| fault.of(&self.user))?;
            Ok(loaded)
        })
    }

    pub(crate) fn live(&self) -> &Live<Loaded> {
        &self.live
    }

    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether clients are asked for a certificate.
    pub(crate) fn asks_clients(&self) -> bool {
        self.settings.client_auth.is_some()
    }
}

fn files(settings: &Settings) -> Vec<PathBuf> {
    let pairs = settings.certificates.iter().flat_map(|files| [files.cert.clone(), files.key.clone()]);
    pairs.chain(settings.client_auth.iter().map(|auth| auth.ca.clone())).collect()
}

fn load(settings: &Settings, http2: bool, before: Option<&Loaded>) -> Result<Loaded, Fault> {
    let certificates: Result<Vec<_>, Fault> = settings.certificates.iter().map(Certificate::load).collect();
    let table = Arc::new(Table::new(certificates?));
    let roots = settings.client_auth.as_ref().map(|auth| pem::authorities(&auth.ca)).transpose()?;
    let trusted = match (&roots, &settings.client_auth) {
        (Some(roots), Some(auth)) => Trusted::new(roots, auth.required),
        _ => Trusted::default(),
    };
    let resumption = resumption(settings, trusted, before);
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(settings.min_version))
        .map_err(|error| general(settings, &error))?;
    let builder = match roots {
        Some(roots) => builder.with_client_cert_verifier(verifier(settings, roots)?),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(Arc::clone(&table) as _);
    let protocols: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config.session_storage = Arc::clone(&resumption.sessions);
    if let Some(ticketer) = &resumption.ticketer {
        config.ticketer = Arc::clone(ticketer);
    }
    Ok(Loaded { config: Arc::new(config), table, resumption })
}

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static FROM_12: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];
    match min {
        TlsVersion::V12 => &FROM_12,
        TlsVersion::V13 => &FROM_12[..1],
    }
}

fn verifier(settings: &Settings, roots: RootCertStore) -> Result<Arc<dyn ClientCertVerifier>, Fault> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let required = settings.client_auth.as_ref().is_some_and(|auth| auth.required);
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| {
        let file = settings.client_auth.as_ref().map(|auth| auth.ca.clone()).unwrap_or_default();
        Fault::new(
            &file,
            format!("cannot be used to check clients: {error}"),
            "give the CAs of the clients, as PEM",
        )
    })
}

fn resumption(settings: &Settings, trusted: Trusted, before: Option<&Loaded>) -> Resumption {
    let same = before.map(|before| &before.resumption).filter(|before| before.trusted == trusted);
    let sessions = match same {
        Some(before) => Arc::clone(&before.sessions),
        None => ServerSessionMemoryCache::new(SESSIONS),
    };
    let ticketer = settings.tickets.then(|| match same.and_then(|before| before.ticketer.clone()) {
        Some(ticketer) => Some(ticketer),
        None => rustls::crypto::aws_lc_rs::Ticketer::new()
            .inspect_err(|error| tracing::warn!(%error, "no session tickets: no randomness"))
            .ok(),
    });
    Resumption { trusted, ticketer: ticketer.flatten(), sessions }
}

/// A certificate whose time has passed, or has not come, is no replacement for one that clients take.
fn keeps_time(before: &Loaded, loaded: &Loaded) -> Result<(), Fault> {
    let now = std::time::SystemTime::now();
    let pairs = before.table.certificates().iter().zip(loaded.table.certificates());
    for (old, new) in pairs {
        if old.facts.is_valid_at(now) && !new.facts.is_valid_at(now) {
            let problem = "the new certificate is not valid now, the one in use is";
            return Err(Fault::new(&new.file, problem, "put a certificate there that is valid today"));
        }
    }
    Ok(())
}

fn general(settings: &Settings, error: &rustls::Error) -> Fault {
    let file = settings.certificates.first().map(|files| files.cert.clone()).unwrap_or_default();
    Fault::new(&file, format!("cannot be served: {error}"), "give another certificate")
}

impl Trusted {
    fn new(roots: &RootCertStore, required: bool) -> Self {
        let authorities = roots.roots.iter();
        let authorities =
            authorities.map(|root| (root.subject.to_vec(), root.subject_public_key_info.to_vec())).collect();
        Self { authorities, required }
    }
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Config, Source};
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::super::certificates::tests::Folder;
    use super::*;

    fn write(folder: &Folder, until: i32) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2001, 1, 1), date_time_ymd(until, 1, 1));
        folder.pair("a", &params.self_signed(&key).unwrap().pem(), &key.serialize_pem());
    }

    fn config(folder: &Folder) -> Config {
        let path = folder.path().display();
        let text = format!(
            "[listener.web]\nbind = \"127.0.0.1:0\"\nprotocol = \"https\"\npool = \"web\"\n\
             tls = {{ certificates = [{{ cert = \"{path}/a.pem\", key = \"{path}/a.key\" }}] }}\n\
             [pool.web]\nbackends = [\"127.0.0.1:1\"]\n"
        );
        evenkeel_config::load(&Source::new("f", text)).config.unwrap()
    }

    fn server(config: &Config, before: Option<&ServerTls>) -> ServerTls {
        let listener = &config.listeners[0];
        ServerTls::load(listener, listener.tls.as_ref().unwrap(), before).unwrap()
    }

    #[test]
    fn a_certificate_that_has_expired_does_not_replace_one_that_is_good() {
        let folder = Folder::new("replaced");
        write(&folder, 4000);
        let server = server(&config(&folder), None);
        let first = server.get().table.certificates()[0].facts.not_after;
        write(&folder, 2002);
        assert_eq!(server.look(), Look::Changing);
        let Look::Refused(error) = server.look() else { panic!("taken") };
        assert!(error.to_string().contains("is not valid now, the one in use is"), "{error}");
        assert_eq!(server.get().table.certificates()[0].facts.not_after, first);
        write(&folder, 4001);
        server.look();
        assert_eq!(server.look(), Look::Loaded);
        assert!(server.get().table.certificates()[0].facts.not_after > first);
    }

    #[test]
    fn keys_of_tickets_stay_over_reloads() {
        let folder = Folder::new("tickets");
        write(&folder, 4000);
        let config = config(&folder);
        let first = server(&config, None);
        let ticket = first.get().config.ticketer.encrypt(b"session").unwrap();
        let (next, other) = (server(&config, Some(&first)), server(&config, None));
        assert_eq!(next.get().config.ticketer.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(other.get().config.ticketer.decrypt(&ticket), None, "another listener's");
    }
}
