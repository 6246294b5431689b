//! PEM files: certificates, keys, CAs.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::Fault;

/// The CAs of a whole system take a quarter of this.
const BYTES_MAX: u64 = 1024 * 1024;
/// What a PEM block begins with, whatever is in it.
const BEGIN: &[u8] = b"-----BEGIN ";

/// The certificates of a file, at least one, in its order.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let bytes = read(file)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let all = all.map_err(|error| damaged(file, &error))?;
    if all.is_empty() {
        return Err(without(file, &bytes, "certificate", "BEGIN CERTIFICATE"));
    }
    Ok(all)
}

/// The one private key of a file.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Fault> {
    let bytes = read(file)?;
    if contains(&bytes, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(&bytes, b"Proc-Type: 4,ENCRYPTED") {
        let help = "there is nobody to ask for a passphrase: `openssl pkey -in FILE -out PLAIN` takes it off";
        return Err(Fault::new(file, "the key is encrypted", help));
    }
    match PrivateKeyDer::from_pem_slice(&bytes) {
        Ok(key) => Ok(key),
        Err(pem::Error::NoItemsFound) => Err(without(file, &bytes, "private key", "BEGIN PRIVATE KEY")),
        Err(error) => Err(damaged(file, &error)),
    }
}

/// The CAs of a file, as what others' certificates are checked against.
pub(super) fn authorities(file: &Path) -> Result<RootCertStore, Fault> {
    let mut store = RootCertStore::empty();
    for (index, certificate) in certificates(file)?.into_iter().enumerate() {
        store.add(certificate).map_err(|error| {
            let problem = format!("certificate {} cannot be used as a CA: {error}", index + 1);
            Fault::new(file, problem, "give the certificates of CAs here, as PEM")
        })?;
    }
    Ok(store)
}

fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let read = File::open(file).and_then(|opened| opened.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(read) if read as u64 > BYTES_MAX => {
            let problem = format!("it is larger than {} KiB", BYTES_MAX / 1024);
            Err(Fault::new(file, problem, "give a PEM file with what is needed here, and nothing else"))
        }
        Ok(_) => Ok(bytes),
        Err(error) => {
            let help = match error.kind() {
                std::io::ErrorKind::NotFound => "put the file there, or give its path as seen from here",
                std::io::ErrorKind::PermissionDenied => "let the user that Evenkeel runs as read it",
                _ => "give a file that can be read",
            };
            Err(Fault::new(file, format!("cannot be read: {error}"), help))
        }
    }
}

fn damaged(file: &Path, error: &pem::Error) -> Fault {
    Fault::new(file, format!("is damaged: {error}"), "write the file anew")
}

fn without(file: &Path, bytes: &[u8], what: &str, block: &str) -> Fault {
    // DER is a SEQUENCE (X.690 section 8.9) of more than 127 bytes.
    if bytes.starts_with(&[0x30, 0x82]) {
        let help =
            "convert it: `openssl x509 -inform der` for certificates, `openssl pkey -inform der` for keys";
        return Fault::new(file, "it is DER, not PEM", help);
    }
    let problem = if contains(bytes, BEGIN) {
        format!("has no {what}, only something else")
    } else {
        format!("has no {what}")
    };
    Fault::new(file, problem, format!("give a PEM file with a `{block}` block"))
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(bytes, part).is_some()
}
