//! Looking at the files of a configuration without running it.

use std::path::Path;
use std::sync::Arc;

use evenkeel_config::{CertificateFiles, Config, HostMatch, Listener, Protocol};

use crate::notify;

use super::certificates::Certificate;
use super::error::TlsError;
use super::pem;
use super::plan::TlsPlan;
use super::server::ServerTls;

/// What is wrong, and what is odd, about the files that a configuration names for TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFindings {
    /// The configuration would be refused.
    pub errors: Vec<TlsError>,
    /// It would run, but some clients would not be served: a certificate has expired, for instance.
    pub warnings: Vec<TlsError>,
}

/// Loads every certificate, key and CA as a start would, and what receivers of alarms have in files, and forgets them
/// again. Reads files.
pub fn check_tls(config: &Config) -> TlsFindings {
    let receivers = notify::load(config).err().unwrap_or_default();
    let plan = match TlsPlan::load(config, None) {
        Ok(plan) => plan,
        Err(errors) => {
            let errors = every_file(config, errors).into_iter().chain(receivers).collect();
            return TlsFindings { errors, warnings: Vec::new() };
        }
    };
    let mut warnings = Vec::new();
    for (_, server) in &plan.servers {
        server.get().table.certificates().iter().for_each(|one| doubt(&mut warnings, server.user(), one));
    }
    warnings.extend(uncovered(config, &plan));
    for pool in &config.pools {
        if let Some(client) = plan.client(&pool.id) {
            client.live().get().identity.iter().for_each(|one| doubt(&mut warnings, client.user(), one));
        }
    }
    TlsFindings { errors: receivers, warnings }
}

/// Of each listener, the first host that a route of it is for and no certificate. A route of every listener may be
/// there for one that speaks in clear, or for another one whose certificates it is in.
fn uncovered(config: &Config, plan: &TlsPlan) -> Vec<TlsError> {
    let clear =
        |listener: &&Listener| listener.protocol == Protocol::Http && listener.https_redirect.is_none();
    let in_clear = config.listeners.iter().any(|listener| clear(&listener));
    let covers = |server: &ServerTls, host: &str| server.get().table.covers(host);
    let elsewhere = |host: &str| in_clear || plan.servers.iter().any(|(_, server)| covers(server, host));
    let of = |(listener, server): &(String, Arc<ServerTls>)| {
        let host = config.routes_on(listener).find_map(|route| match &route.host {
            HostMatch::Exact(host) if covers(server, host) => None,
            HostMatch::Exact(host) if route.listener.is_none() && elsewhere(host) => None,
            HostMatch::Exact(host) => Some(host),
            HostMatch::Any | HostMatch::Wildcard(_) => None,
        })?;
        let live = server.get();
        // One that names nobody is not meant for clients that look at names.
        let first = live.table.certificates().first().filter(|first| !first.facts.names.is_empty())?;
        Some(TlsError {
            user: server.user().to_owned(),
            file: first.file.clone(),
            problem: format!(
                "neither it nor another certificate is for {host}, which a route is for; clients refuse it"
            ),
            help: format!("add a certificate for {host}, or name the listener of the route that it is for"),
        })
    };
    plan.servers.iter().filter_map(of).collect()
}

/// What is wrong with each file by itself, and what else has been found. A start needs to know of one only; whoever writes
/// a file wants to know of all.
fn every_file(config: &Config, found: Vec<TlsError>) -> Vec<TlsError> {
    let mut all = Vec::new();
    for (listener, tls) in config.listeners.iter().filter_map(|one| Some((one, one.tls.as_ref()?))) {
        let user = format!("listener {}", listener.name);
        let ca = tls.client_auth.as_ref().map(|auth| auth.ca.as_path());
        all.extend(faults(&user, &tls.certificates, ca));
    }
    for (pool, tls) in config.pools.iter().filter_map(|one| Some((one, one.tls.as_ref()?))) {
        let ca = tls.ca.as_deref().filter(|_| tls.verify);
        all.extend(faults(&format!("pool {}", pool.id), tls.identity.as_slice(), ca));
    }
    let others: Vec<TlsError> = found.into_iter().filter(|error| !all.contains(error)).collect();
    all.extend(others);
    all
}

fn faults(user: &str, certificates: &[CertificateFiles], ca: Option<&Path>) -> Vec<TlsError> {
    let certificates = certificates.iter().filter_map(|files| Certificate::load(files).err());
    let ca = ca.and_then(|ca| pem::authorities(ca).err());
    certificates.chain(ca).map(|fault| fault.of(user)).collect()
}

fn doubt(warnings: &mut Vec<TlsError>, user: &str, certificate: &Certificate) {
    warnings.extend(certificate.doubts.iter().map(|problem| TlsError {
        user: user.to_owned(),
        file: certificate.file.clone(),
        problem: problem.clone(),
        help: "put a certificate there that is valid now, followed by those that vouch for it".to_owned(),
    }));
}

#[cfg(test)]
mod tests {
    use evenkeel_config::{Source, load};
    use rcgen::PKCS_ECDSA_P256_SHA256;

    use super::super::certificates::tests::{Folder, made};
    use super::*;

    /// What is said of an https listener with a certificate for `*.example.com`, with this in its file too.
    fn warnings(folder: &str, more: &str) -> Vec<String> {
        let folder = Folder::new(folder);
        let (cert, key) = made(&["*.example.com"], &PKCS_ECDSA_P256_SHA256);
        let files = folder.pair("wild", &cert, &key);
        let text = format!(
            "[listener.web]\nbind = ':443'\nprotocol = 'https'\npool = 'web'\ntls = {{ certificates = [{{ cert = '{}', \
             key = '{}' }}] }}\n{more}\n[pool.web]\nhealth = {{}}\nbackends = ['10.0.0.1:80', '10.0.0.2:80']\n",
            files.cert.display(),
            files.key.display()
        );
        let config = load(&Source::new("f", text)).config.expect("a sound file");
        check_tls(&config).warnings.into_iter().map(|found| found.problem).collect()
    }

    #[test]
    fn a_host_of_a_route_that_no_certificate_is_for_is_told() {
        let route =
            |host: &str, more: &str| format!("[[route]]\nhost = '{host}'\npath = '/x'\npool = 'web'\n{more}");
        let plain = "[listener.plain]\nbind = ':80'\npool = 'web'";
        let redirect = "[listener.plain]\nbind = ':80'\nhttps_redirect = true";
        for (folder, more, told) in [
            ("covered", route("a.example.com", ""), false),
            ("uncovered", route("a.b.example.com", ""), true),
            ("pattern", route("*.example.org", ""), false),
            ("in-clear", route("example.org", plain), false),
            ("own", route("example.org", &format!("listener = 'web'\n{plain}")), true),
            ("redirected", route("example.org", redirect), true),
        ] {
            assert_eq!(!warnings(folder, &more).is_empty(), told, "{folder}");
        }
    }
}
