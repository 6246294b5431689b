//! Looking at the files of a configuration without running it.

use evenkeel_config::Config;

use super::certificates::Certificate;
use super::error::TlsError;
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
        Err(errors) => return TlsFindings { errors, warnings: Vec::new() },
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

fn doubt(warnings: &mut Vec<TlsError>, user: &str, certificate: &Certificate) {
    warnings.extend(certificate.doubts.iter().map(|problem| TlsError {
        user: user.to_owned(),
        file: certificate.file.clone(),
        problem: problem.clone(),
        help: "put a certificate there that is valid now, followed by those that vouch for it".to_owned(),
    }));
}
