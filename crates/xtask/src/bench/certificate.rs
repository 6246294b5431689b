//! The certificate of all contenders, and what all clients offer.
//!
//! A handshake's cost is the curve's, the cipher's and the key's. So that contenders differ in nothing of it, clients
//! offer one version, one cipher and one group: whoever answers has agreed to the same as all the others.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;

/// The name in it, and in what clients ask for.
pub(crate) const NAME: &str = "localhost";
/// The only cipher that clients offer, in the words of OpenSSL.
pub(crate) const CIPHER: &str = "TLS_AES_128_GCM_SHA256";
/// The only group that they offer, in the words of OpenSSL.
pub(crate) const GROUP: &str = "X25519";
/// What is negotiated then.
pub(crate) const AGREED: &str = "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519";

/// A key of the P-256 curve, and a certificate that it signed itself, made by OpenSSL.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    directory: PathBuf,
}

impl Certificate {
    /// Where [`Self::make`] puts it below a directory.
    pub(crate) fn below(directory: &Path) -> Self {
        Self { directory: directory.join("tls") }
    }

    /// The certificate, PEM.
    pub(crate) fn chain(&self) -> PathBuf {
        self.directory.join("certificate.pem")
    }

    /// Its key, PEM.
    pub(crate) fn key(&self) -> PathBuf {
        self.directory.join("key.pem")
    }

    /// Certificate and key in one file, as HAProxy wants them.
    pub(crate) fn both(&self) -> PathBuf {
        self.directory.join("both.pem")
    }

    /// OpenSSL's configuration for clients that have no options of their own for what they offer: `OPENSSL_CONF`.
    pub(crate) fn clients(&self) -> PathBuf {
        self.directory.join("clients.cnf")
    }

    /// Makes all of them anew.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        let told = |error: std::io::Error| format!("{}: {error}", self.directory.display());
        fs::create_dir_all(&self.directory).map_err(told)?;
        let output = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "365", "-subj", &format!("/CN={NAME}")])
            .args(["-addext", &format!("subjectAltName=DNS:{NAME},IP:127.0.0.1"), "-keyout"])
            .arg(self.key())
            .arg("-out")
            .arg(self.chain())
            .output()
            .map_err(|error| format!("openssl: {error}"))?;
        if !output.status.success() {
            return Err(format!("openssl made no certificate: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let mut both = fs::read(self.chain()).map_err(told)?;
        both.extend(fs::read(self.key()).map_err(told)?);
        fs::write(self.both(), both).map_err(told)?;
        fs::write(self.clients(), clients()).map_err(told)
    }
}

/// An OpenSSL that reads this offers nothing else, in whatever program it is.
fn clients() -> String {
    format!(
        "openssl_conf = all\n[all]\nssl_conf = ssl\n[ssl]\nsystem_default = offer\n[offer]\n\
         MinProtocol = TLSv1.3\nCiphersuites = {CIPHER}\nGroups = {GROUP}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_offer_is_what_is_agreed_on() {
        let text = clients();
        for word in AGREED.split(' ') {
            assert!(text.lines().any(|line| line.ends_with(&format!(" = {word}"))), "{word}");
        }
    }
}
