//! Looking at the files of a configuration without running it.

use std::path::Path;

use evenkeel_config::{CertificateFiles, Config};

use super::certificates::Certificate;
use super::error::TlsError;
use super::pem;
use super::plan::TlsPlan;

/// What is wrong, and what is odd, about the files that a configuration names for TLS.
#[derive(Clone, Debug, Default)]
pub struct TlsFindings {
    /// The configuration would be refused.
    pub errors: Vec<TlsError>,
    /// It would run, but some clients would not be served: a certificate has expired, for instance.
    pub warnings: Vec<TlsError>,
}

/// Loads every certificate, key and CA as a start would, and forgets them again. Reads files.
pub fn check_tls(config: &Config) -> TlsFindings {
    let plan = match TlsPlan::load(config, None) {
        Ok(plan) => plan,
        Err(errors) => return TlsFindings { errors: every_file(config, errors), warnings: Vec::new() },
    };
    let mut warnings = Vec::new();
    for (_, server) in &plan.servers {
        server.get().table.certificates().iter().for_each(|one| doubt(&mut warnings, server.user(), one));
    }
    for pool in &config.pools {
        if let Some(client) = plan.client(&pool.id) {
            client.live().get().identity.iter().for_each(|one| doubt(&mut warnings, client.user(), one));
        }
    }
    TlsFindings { errors: Vec::new(), warnings }
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
