//! Certificates with their chains and keys, loaded and checked.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use evenkeel_config::CertificateFiles;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::error::Fault;
use super::facts::Facts;
use super::{pem, provider};

/// One certificate that can be presented.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) file: PathBuf,
    pub(crate) key: Arc<CertifiedKey>,
    pub(crate) facts: Facts,
    /// What is odd about it without making it useless.
    pub(crate) doubts: Vec<String>,
}

impl Certificate {
    /// Reads both files. The first certificate must be that of the key; the rest is its chain.
    pub(super) fn load(files: &CertificateFiles) -> Result<Self, Fault> {
        let chain = pem::certificates(&files.cert)?;
        let all = facts(files, &chain)?;
        let key = pem::key(&files.key)?;
        let key = provider().key_provider.load_private_key(key).map_err(|error| {
            let help =
                "give an RSA key of 2048 bits or more, an ECDSA key on P-256, P-384 or P-521, or Ed25519";
            Fault::new(&files.key, format!("the key cannot be used: {error}"), help)
        })?;
        let certified = CertifiedKey::new(chain, key);
        fit(files, &certified, &all)?;
        let mut doubts = chain_doubts(&all);
        let [own, ..] = all.as_slice() else { return Err(unreadable(files, 0)) };
        doubts.extend(time_doubt(own, SystemTime::now()));
        Ok(Self { file: files.cert.clone(), key: Arc::new(certified), facts: own.clone(), doubts })
    }
}

fn facts(files: &CertificateFiles, chain: &[CertificateDer<'_>]) -> Result<Vec<Facts>, Fault> {
    let read =
        |(index, der): (usize, &CertificateDer<'_>)| Facts::of(der).ok_or_else(|| unreadable(files, index));
    chain.iter().enumerate().map(read).collect()
}

fn unreadable(files: &CertificateFiles, index: usize) -> Fault {
    let problem = format!("certificate {} in it is not X.509", index + 1);
    Fault::new(&files.cert, problem, "write the file anew, as your CA gave it")
}

/// Whether the key is that of the first certificate, and if not, whose it is.
fn fit(files: &CertificateFiles, certified: &CertifiedKey, all: &[Facts]) -> Result<(), Fault> {
    match certified.keys_match() {
        // A kind of key whose public half the library does not tell.
        Ok(()) | Err(Error::InconsistentKeys(InconsistentKeys::Unknown)) => return Ok(()),
        Err(_) => {}
    }
    let alone =
        |der: &CertificateDer<'static>| CertifiedKey::new(vec![der.clone()], Arc::clone(&certified.key));
    let owner = certified.cert.iter().position(|der| alone(der).keys_match().is_ok());
    Err(match owner {
        Some(index) => {
            let problem = format!(
                "the key {} belongs to certificate {} of the file ({}), not to the first ({})",
                files.key.display(),
                index + 1,
                all[index].subject,
                all[0].subject
            );
            Fault::new(
                &files.cert,
                problem,
                "put the server's own certificate first, then who issued it, and so on",
            )
        }
        None => {
            let problem = format!("the key {} is not that of this certificate", files.key.display());
            let help = "give the key that the certificate was made with: `openssl pkey -pubout` of the key and \
                        `openssl x509 -pubkey -noout` of the certificate must print the same";
            Fault::new(&files.cert, problem, help)
        }
    })
}

/// Clients follow the chain from one certificate to the next; not all of them sort it themselves.
fn chain_doubts(all: &[Facts]) -> Vec<String> {
    let steps = all.windows(2).enumerate().filter(|(_, pair)| pair[0].issuer != pair[1].subject);
    let doubt = |(index, pair): (usize, &[Facts])| {
        format!(
            "certificate {} ({}) was issued by {}, but {} comes next; some clients will not trust it",
            index + 1,
            pair[0].subject,
            pair[0].issuer,
            pair[1].subject
        )
    };
    steps.map(doubt).collect()
}

/// Whoever renews certificates does so when a third of their time is left. With less than a fifth left something has gone
/// wrong, whether they live for a year or for six days.
const NEAR_END: i64 = 5;

fn time_doubt(own: &Facts, now: SystemTime) -> Option<String> {
    let left = own.seconds_left(now);
    let days = left / 86_400;
    if left < 0 {
        Some(format!("it has been expired for {} days; clients refuse it", -days))
    } else if !own.is_valid_at(now) {
        Some("it is not valid yet; clients refuse it".to_owned())
    } else if left < own.not_after.saturating_sub(own.not_before) / NEAR_END {
        let left = if days < 3 { format!("{} hours", left / 3600) } else { format!("{days} days") };
        Some(format!("it ends in {left}, and then clients refuse it; see why it has not been renewed"))
    } else {
        None
    }
}

#[cfg(test)]
#[path = "certificates_tests.rs"]
pub(super) mod tests;
